"""What the ledger costs: ``python -m bench.ledger [--entries N]`` writes bench/results/ledger.json.

Compared are the same facts written into the same database in the same run, with the ledger and without it (a plain
table of the same columns), so what differs is the price of canonical spelling, commitment, sealing, hashing and places.
Verification is set beside the least that it could cost: hashing as many leaves of the same length and building a tree.
Everything is the product's own code, on SQLite as it is served, in a directory that is given or made.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.machine import machine
from consent import export
from consent.checkpoint import Signer
from consent.checkpointer import Checkpointer, Outside
from consent.database import Database
from consent.events import Tag
from consent.keys import SYSTEM, Purpose, open_case
from consent.ledger import append
from consent.merkle import leaf_hash, root_of
from consent.tables import Base
from consent.tree import Tree
from consent.verify import verify

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results" / "ledger.json"
BATCH = 500
SINGLE = 2_000
PLAIN = 100_000
CASES, SESSIONS_A_CASE = 500, 20
LEAST = "the least: hashing as many leaves, and the tree"
Timed = dict[str, dict[str, float]]


@contextmanager
def timed(result: Timed, name: str) -> Iterator[None]:
    """Seconds that the block took, by the clock and of the processor: the second says less about other work."""
    started, worked = time.perf_counter(), time.process_time()
    yield
    result[name] = {
        "seconds": round(time.perf_counter() - started, 3),
        "processor": round(time.process_time() - worked, 3),
    }
    print(f"{name}: {result[name]}", flush=True)


def check(held: bool) -> None:
    """Stop where a figure would be about something that did not work."""
    if not held:
        raise SystemExit("what was measured did not work: there is no figure")


def fact(number: int) -> dict[str, Any]:
    """A fact as a meeting writes it: a case, a session, a seat, a role."""
    case = number * 7919 % CASES
    return {
        "case_id": f"{case:016x}",
        "session_id": f"{case:08x}{number % SESSIONS_A_CASE:08x}",
        "actor": f"seat:{number % 100_000:016x}",
        "details": {"seat": f"{number % 100_000:016x}", "role": "client", "by": None},
    }


async def appended(database: Database, start: int, count: int, batch: int) -> None:
    """So many entries, ``batch`` in a transaction."""
    for first in range(start, start + count, batch):
        async with database.write() as session:
            for number in range(first, min(first + batch, start + count)):
                append(session, Tag.JOINED, **fact(number))


async def plain(database: Database, count: int, batch: int) -> None:
    """The same facts in a plain table."""
    async with database.engine.begin() as connection:
        await connection.execute(text("DROP TABLE IF EXISTS plain"))
        await connection.execute(
            text(
                "CREATE TABLE plain (sequence INTEGER PRIMARY KEY, at TEXT, tag TEXT, actor TEXT, case_id TEXT, "
                "session_id TEXT, details TEXT)"
            )
        )
        await connection.execute(text("CREATE INDEX plain_case ON plain (case_id, sequence)"))
        await connection.execute(text("CREATE INDEX plain_session ON plain (session_id, sequence)"))
    statement = text(
        "INSERT INTO plain (sequence, at, tag, actor, case_id, session_id, details) "
        "VALUES (:sequence, :at, :tag, :actor, :case_id, :session_id, :details)"
    )
    for first in range(0, count, batch):
        async with database.write() as session:
            rows = []
            for number in range(first, min(first + batch, count)):
                now = datetime.now(UTC).isoformat()
                given = fact(number)
                rows.append(
                    {**given, "details": json.dumps(given["details"]), "sequence": number, "at": now, "tag": "x"}
                )
            await session.execute(statement, rows)


def floor(count: int) -> Callable[[], None]:
    """Hash that many leaves of a usual length and build the tree: what no verifier can do without."""

    def run() -> None:
        body = b"x" * 420
        root_of(leaf_hash(number.to_bytes(8) + body) for number in range(count))

    return run


async def measure(folder: Path, count: int) -> dict[str, Any]:
    """Every figure of one run."""
    seconds: Timed = {}
    database = Database.in_file(folder / "poruch.sqlite3")
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    other = Database.in_file(folder / "plain.sqlite3")
    with timed(seconds, f"plain: {SINGLE} facts, one a transaction"):
        await plain(other, SINGLE, 1)
    with timed(seconds, f"ledger: {SINGLE} facts, one a transaction"):
        await appended(database, 0, SINGLE, 1)
    fewer = min(count, PLAIN)
    with timed(seconds, f"plain: {fewer} facts, {BATCH} a transaction"):
        await plain(other, fewer, BATCH)
    with timed(seconds, f"ledger: the rest of {count}, {BATCH} a transaction"):
        await appended(database, SINGLE, count - SINGLE, BATCH)
    with timed(seconds, f"ledger full: {SINGLE} more facts, one a transaction"):
        await appended(database, count, SINGLE, 1)
    total = count + SINGLE
    checkpointer = Checkpointer(database, b"s" * 32, Outside(folder / "last-checkpoint"), "bench")
    with timed(seconds, f"first checkpoint over {total} entries"):
        made = await checkpointer.make(datetime.now(UTC))
    check(made is not None)
    await appended(database, total, 60, 1)
    with timed(seconds, "next checkpoint, 60 entries later"):
        check(await checkpointer.make(datetime.now(UTC)) is not None)
    total += 60
    with timed(seconds, "1000 inclusion proofs, each read anew"):
        for number in range(1000):
            async with database.read() as session:
                await Tree(session).inclusion(number * 997 % total, total)
    log = (await checkpointer.signer() or Signer("none", bytes(32))).verifier
    case_id = fact(1)["case_id"]
    with timed(seconds, "export of one case"):
        async with database.write() as session:
            key = await open_case(session, SYSTEM, case_id, Purpose.SYSTEM)
            case_lines = [line async for line in export.part(session, key, log, datetime.now(UTC))]
    with timed(seconds, "verification of that case"):
        report = verify(case_lines)
    check(report.intact)
    file = folder / "ledger.jsonl"
    with timed(seconds, "export of the whole log"):
        async with database.read() as session:
            with file.open("w") as out:
                async for line in export.whole(session, log, datetime.now(UTC)):
                    out.write(line)
    with timed(seconds, "verification of the whole log"), file.open("rb") as lines:
        whole = verify(lines)
    check(whole.intact)
    with timed(seconds, LEAST):
        floor(total)()
    await database.close()
    await other.close()
    return {
        "entries": total,
        "verified": whole.entries,
        "case_entries": report.entries,
        "seconds": seconds,
        "bytes": {
            "database": (folder / "poruch.sqlite3").stat().st_size,
            "plain": (folder / "plain.sqlite3").stat().st_size,
            "export": file.stat().st_size,
        },
        "peak_memory_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


def main() -> None:
    """Measure once and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--least", action="store_true", help="only what no verifier can do without, into the last file")
    given = parser.parse_args()
    about = machine(sqlite=sqlite3.sqlite_version)
    if given.least:
        kept = json.loads(RESULTS.read_text())
        least: Timed = {}
        with timed(least, LEAST):
            floor(kept["entries"])()
        kept["least_measured_apart"] = {**about, **least}
        RESULTS.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        found = asyncio.run(measure(Path(folder), given.entries))
    about["load_after"] = os.getloadavg()
    RESULTS.write_text(json.dumps({"machine": about, **found}, indent=2) + "\n")
    print(f"kept in {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
