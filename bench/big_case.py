"""What a very large case costs: ``python -m bench.big_case [--entries N]`` writes bench/results/big_case.json.

All entries are of one session of one case. Measured is what a person can ask for: a page of readers, the record's page
(which refuses), the export with proof, and its verification; each with the memory that the process had at most until
then. The limit beside them is the same number of entries in memory at once, as the export was made before it streamed.
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
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.ledger import BATCH, ROOT, check
from bench.machine import machine
from consent import export, ledger
from consent.checkpoint import Signer
from consent.checkpointer import Checkpointer, Outside
from consent.database import Database
from consent.events import Tag
from consent.keys import SYSTEM, Purpose, open_case
from consent.tables import Base
from consent.verify import verify
from server.sessions import opening, readers

RESULTS = ROOT / "bench" / "results" / "big_case.json"
CASE, SESSION = "c" * 16, "e" * 16
READ_EVERY = 100
"""One entry in so many is a reading."""


def peak_mb() -> int:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@contextmanager
def step(result: dict[str, Any], name: str) -> Iterator[None]:
    """Seconds by the clock and of the processor, and the peak of memory afterwards."""
    began, worked = time.perf_counter(), time.process_time()
    yield
    result[name] = {
        "seconds": round(time.perf_counter() - began, 3),
        "processor": round(time.process_time() - worked, 3),
        "peak_mb": peak_mb(),
    }
    print(f"{name}: {result[name]}", flush=True)


async def fill(database: Database, count: int) -> None:
    """The whole case, written through the product's own code."""
    for first in range(0, count, BATCH):
        async with database.write() as session:
            for number in range(first, min(first + BATCH, count)):
                reading = number % READ_EVERY == 0
                ledger.append(
                    session,
                    Tag.CASE_READ if reading else Tag.NETWORK,
                    actor=f"account:{number % 50:016x}",
                    case_id=CASE,
                    session_id=SESSION,
                    details={"purpose": "read", "by": "Reader", "role": "supervisor"} if reading else {"n": number},
                )


async def refused(database: Database) -> bool:
    """Whether the record is refused as too long for a page."""
    async with database.write() as session:
        key = await open_case(session, SYSTEM, CASE, Purpose.SYSTEM)
        try:
            await ledger.entries(session, key, session_id=SESSION, at_most=opening.MOST_ENTRIES)
        except ledger.TooMany:
            return True
    return False


async def measure(folder: Path, count: int) -> dict[str, Any]:
    """Every figure of one run."""
    result: dict[str, Any] = {}
    database = Database.in_file(folder / "poruch.sqlite3")
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    with step(result, "written"):
        await fill(database, count)
    checkpointer = Checkpointer(database, b"s" * 32, Outside(folder / "last-checkpoint"), "bench")
    with step(result, "first checkpoint"):
        check(await checkpointer.make(datetime.now(UTC)) is not None)
    log = (await checkpointer.signer() or Signer("none", bytes(32))).verifier
    async with database.write() as session:
        key = await open_case(session, SYSTEM, CASE, Purpose.SYSTEM)
        with step(result, "the last page of readers"):
            page = await readers.of_case(session, key, most=readers.PAGE)
        check(len(page.shown) == readers.PAGE and page.next is not None)
        with step(result, "the first page of readers"):
            check((await readers.of_case(session, key, most=readers.PAGE, before=READ_EVERY * 10)).next is None)
    with step(result, "a record that is too long, refused"):
        check(await refused(database))
    file = folder / "case.jsonl"
    with step(result, "export with proof, as it is sent"), file.open("w") as out:
        async with database.read() as session:
            key = await open_case(session, SYSTEM, CASE, Purpose.SYSTEM)
            async for line in export.part(session, key, log, datetime.now(UTC)):
                out.write(line)
    with step(result, "verification of that file"), file.open("rb") as lines:
        report = verify(lines)
    check(report.intact and report.entries == count)
    with step(result, "limit: all of it in memory at once"):
        async with database.write() as session:
            key = await open_case(session, SYSTEM, CASE, Purpose.SYSTEM)
            check(len(await ledger.entries(session, key)) == count)
    await database.close()
    return {"entries": count, "export_bytes": file.stat().st_size, "steps": result}


def main() -> None:
    """Measure once and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=400_000)
    given = parser.parse_args()
    about = machine(sqlite=sqlite3.sqlite_version)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), given.entries))
    about["load_after"] = os.getloadavg()
    RESULTS.write_text(json.dumps({"machine": about, **found}, indent=2) + "\n")
    print(f"kept in {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
