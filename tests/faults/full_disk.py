"""A process on a small disk that fills it; ``python -m tests.faults.full_disk FOLDER`` prints what it found."""

from __future__ import annotations

import asyncio
import errno
import json
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from consent.database import Database
from consent.events import Tag
from consent.ledger import append
from consent.spool import Spool
from consent.tables import Base
from tests.faults.writer import CASE, SPOOL_KEY, checkpointer, replay

BALLAST = 4 * 1024 * 1024


def counts(folder: Path) -> list[int]:
    """How many facts, entries, and pairs of both."""
    connection = sqlite3.connect(folder / "facts.sqlite3")
    both = "SELECT count(*) FROM facts JOIN ledger_entries ON session_id = fact"
    found = [connection.execute(each).fetchone()[0] for each in (*COUNTS, both)]
    connection.close()
    return found


COUNTS = ("SELECT count(*) FROM facts", "SELECT count(*) FROM ledger_entries")


async def run(folder: Path) -> dict[str, object]:
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(BALLAST))
    database = Database.in_file(folder / "facts.sqlite3")
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.exec_driver_sql("CREATE TABLE facts (fact TEXT, body TEXT)")
    spool = Spool(folder / "spool", SPOOL_KEY)
    refused = ""
    for number in range(10_000):
        try:
            async with database.write() as session:
                fact = f"{number:016x}"
                await session.execute(text("INSERT INTO facts VALUES (:f, :b)"), {"f": fact, "b": "x" * 20_000})
                append(session, Tag.JOINED, actor="seat:1", case_id=CASE, session_id=fact, details={"fact": fact})
        except OperationalError as error:
            refused = str(error.orig)
            break
    at_full = counts(folder)
    try:
        (folder / "more").write_bytes(bytes(256 * 1024))
        room_left = True
    except OSError as error:
        room_left = error.errno != errno.ENOSPC
    for number in range(50):
        spool.put("fact", {"fact": f"f{number:015x}"})
    spooled = len(spool.waiting)
    (folder / "more").unlink()
    ballast.unlink()
    await replay(database, spool)
    made = await checkpointer(database, folder).make(datetime.now(UTC))
    audited = await checkpointer(database, folder).audit()
    await database.close()
    return {
        "refused": refused,
        "at_full": at_full,
        "room_left": room_left,
        "spooled": spooled,
        "after": counts(folder),
        "signed": made.size if made else 0,
        "audited": audited,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(Path(sys.argv[1])))))
