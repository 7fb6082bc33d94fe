"""How long the supervisor's search takes over a million sessions, beside one reading of the same table from end to end.

`python -m bench.search [SESSIONS]` fills a new SQLite database (the embedded default, its pragmas as in service) with
invented summaries: five years, 250 workers, two of them in a session, one session in twelve unusual. Then every search
that the page offers is asked ``RUNS`` times, the first page and one far back, through the same function as the page,
accounts' names included. Fair, because nothing is kept between two searches but what SQLite and the machine keep for
everybody; "one reading" is what a search without its index would have to do at least. Prints and keeps
bench/results/search.json.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import server.schema  # noqa: F401 - knows all tables
from consent.database import Database
from consent.policy import Role
from consent.tables import Base
from server.accounts.tables import Account
from server.http.paging import Place
from server.sessions.search import Wanted, search, unusual_counts
from server.sessions.unusual import Unusual
from tests.support.casework import Worker

SESSIONS = 1_000_000
WORKERS = 250
RUNS = 15
END = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
YEARS = timedelta(days=5 * 365)
ROLES = (Role.CASE_MANAGER, Role.SOCIAL_WORKER, Role.PSYCHOLOGIST, Role.LAWYER, Role.REHABILITATION)
RESULT = Path(__file__).parent / "results" / "search.json"


def rows(count: int) -> Iterator[tuple[tuple[object, ...], list[tuple[str, str, str]]]]:
    """Invented summaries with their facets, the same in every run."""
    chance = random.Random(20270115)  # noqa: S311 - invented data
    for number in range(count):
        at = END - YEARS * ((count - number) / count)
        stored = at.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
        session_id = f"{chance.getrandbits(64):016x}"
        team = chance.sample(range(WORKERS), 2)
        facets = {"way:video", *(f"worker:{one:016x}" for one in team), *(f"held:{one:016x}" for one in team)}
        facets |= {f"role:{ROLES[one % len(ROLES)].value}" for one in team}
        if chance.random() < 1 / 12:
            facets.add(f"unusual:{chance.choice(list(Unusual)).value}")
        summary = (session_id, f"{number // 20:016x}", "video", "ended", stored, stored, stored, 1, None)
        yield summary, [(facet, stored, session_id) for facet in sorted(facets)]


def fill(path: Path, count: int) -> None:
    """Write them past the models, facets in the order of their key and other indexes last: only reading is measured."""
    connection = sqlite3.connect(path)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-300000", "temp_store=FILE"):
        connection.execute(f"PRAGMA {pragma}")
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name LIKE 'session_%'"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    connection.execute("CREATE TEMP TABLE unsorted (facet TEXT, starts_at TEXT, session_id TEXT)")
    batch: list[tuple[object, ...]] = []
    facets: list[tuple[str, str, str]] = []

    def flush() -> None:
        connection.executemany("INSERT INTO session_summaries VALUES (?,?,?,?,?,?,?,?,?)", batch)
        connection.executemany("INSERT INTO unsorted VALUES (?,?,?)", facets)
        batch.clear()
        facets.clear()

    for summary, own in rows(count):
        batch.append(summary)
        facets += own
        if len(batch) == 50_000:
            flush()
    flush()
    connection.execute("INSERT INTO session_facets SELECT * FROM unsorted ORDER BY facet, starts_at, session_id")
    connection.execute("DROP TABLE unsorted")
    for _, sql in indexes:
        connection.execute(sql)
    connection.commit()
    connection.close()


def asked(half: Place) -> dict[str, Wanted]:
    """The searches, by what a supervisor would call them."""
    worker, month = f"{7:016x}", END - timedelta(days=30)
    return {
        "everything, first page": Wanted(),
        "everything, two and a half years back": Wanted(after=half),
        "one worker": Wanted(worker=worker),
        "one worker, two and a half years back": Wanted(worker=worker, after=half),
        "one worker, last month": Wanted(worker=worker, since=month),
        "one field of work": Wanted(role=Role.PSYCHOLOGIST.value),
        "consent taken back": Wanted(unusual=Unusual.WITHDRAWN),
        "consent taken back, one worker": Wanted(worker=worker, unusual=Unusual.WITHDRAWN),
        "consent taken back, one field of work": Wanted(unusual=Unusual.WITHDRAWN, role=Role.PSYCHOLOGIST.value),
        "all of it at once, nothing matches": Wanted(
            worker=worker, unusual=Unusual.ALONE, role=Role.LAWYER.value, way="phone", since=month
        ),
    }


async def timed(database: Database, wanted: Wanted) -> tuple[list[float], int]:
    """Milliseconds of each run, and how many sessions the page says there are."""
    doer = Worker("0" * 16, "supervisor", Role.SUPERVISOR)
    took: list[float] = []
    total = 0
    for _ in range(RUNS):
        began = time.perf_counter()
        async with database.read() as session:
            total = (await search(session, doer, wanted, END)).total
        took.append((time.perf_counter() - began) * 1000)
    return took, total


def read_through(path: Path) -> float:
    """Milliseconds of one reading of the summaries from end to end, the best of three."""
    connection = sqlite3.connect(path)
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        connection.execute("SELECT count(*), max(ended_at), max(case_id) FROM session_summaries NOT INDEXED").fetchone()
        best = min(best, (time.perf_counter() - began) * 1000)
    connection.close()
    return best


async def measure(count: int) -> dict[str, object]:
    """Fill, ask, and say what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.sqlite3"
        database = Database.in_file(path)
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with database.write() as session:
            for number in range(WORKERS):
                session.add(
                    Account(
                        id=f"{number:016x}",
                        email=f"{number}@example.org",
                        name=f"Worker {number}",
                        role=ROLES[number % len(ROLES)].value,
                        language="uk",
                        time_zone="Europe/Kyiv",
                        created_at=END - YEARS,
                    )
                )
        await database.close()  # the journal can be switched off only while nobody else is connected
        await asyncio.to_thread(fill, path, count)
        searches = {}
        for name, wanted in asked(Place(END - YEARS / 2, "f" * 16)).items():
            took, total = await timed(database, wanted)
            searches[name] = {
                "median_ms": round(statistics.median(took), 1),
                "lowest_ms": round(min(took), 1),
                "highest_ms": round(max(took), 1),
                "total": total,
            }
        began = time.perf_counter()
        async with database.read() as session:
            await unusual_counts(session, END - timedelta(days=30), END)
        marks_ms = round((time.perf_counter() - began) * 1000, 1)
        await database.close()
        whole_ms = read_through(path)
        size = path.stat().st_size
    return {
        "sessions": count,
        "database_bytes": size,
        "searches": searches,
        "marks_of_30_days_ms": marks_ms,
        "one_reading_ms": round(whole_ms, 1),
        "runs": RUNS,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": os.getloadavg()[0],
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def main() -> None:
    """Measure, print and keep."""
    result = asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS))
    text = json.dumps(result, indent=1, ensure_ascii=False)
    print(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text + "\n")


if __name__ == "__main__":
    main()
