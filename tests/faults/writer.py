"""A process that writes facts and is killed: it forks a writer for each line it reads, so that many die in little time.

``python -m tests.faults.writer FOLDER`` reads lines ``kind seed`` and prints each writer's process id. A writer prints
one line for each fact that it has acknowledged, and dies by its own hand in the middle of a statement where its seed
says so; otherwise it writes until somebody kills it.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import event, text

from consent.checkpointer import Checkpointer, Outside
from consent.database import Database, DatabaseBusy
from consent.datakey import DataKey
from consent.events import Tag
from consent.ledger import append
from consent.spool import Spool
from consent.tables import Base, SpooledFact

CASE = "c" * 16
SPOOL_KEY = DataKey(b"k" * 32)


def checkpointer(database: Database, folder: Path) -> Checkpointer:
    return Checkpointer(database, b"s" * 32, Outside(folder / "last-checkpoint"), "writer")


async def write(database: Database, fact: str, kept_id: str | None = None) -> None:
    """One fact with its entry; the entry's session names the fact, so that both can be matched from outside."""
    async with database.write() as session:
        if kept_id is not None:
            if await session.get(SpooledFact, kept_id) is not None:
                return
            session.add(SpooledFact(id=kept_id, at=datetime.now(UTC)))
        await session.execute(text("INSERT INTO facts (fact) VALUES (:fact)"), {"fact": fact})
        append(session, Tag.JOINED, actor="seat:1", case_id=CASE, session_id=fact, details={"fact": fact})


async def replay(database: Database, spool: Spool) -> None:
    """What a server does when it starts."""
    for kept in spool.waiting:
        await write(database, kept.item["fact"], kept.id)
        spool.done(kept.id)


def say(line: str) -> None:
    """One write for a whole line: writers share this pipe, and an unbuffered print writes its newline apart."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def dies_at(database: Database, dice: random.Random) -> None:
    """Kill -9 of itself before or after the n-th statement."""
    left, before = dice.randrange(1, 60), dice.random() < 0.5

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine.sync_engine, "before_cursor_execute" if before else "after_cursor_execute", count)


async def run(kind: str, seed: int, folder: Path) -> None:
    dice = random.Random(seed)
    database = Database.in_file(folder / "facts.sqlite3")
    if kind == "itself":
        dies_at(database, dice)
    spool = Spool(folder / "spool", SPOOL_KEY) if kind == "spool" else None
    if spool is not None:
        await replay(database, spool)
    for number in range(1000):
        fact = f"{seed:08x}{number:08x}"
        try:
            if spool is not None:
                kept_id = spool.put("fact", {"fact": fact})
                say(fact)  # from here on it must survive
                if dice.random() < 0.7:
                    await write(database, fact, kept_id)
                    spool.done(kept_id)
            else:
                await write(database, fact)
                say(fact)
            if dice.random() < 0.1:
                await checkpointer(database, folder).make(datetime.now(UTC))
        except DatabaseBusy:
            continue


def main() -> None:
    folder = Path(sys.argv[1])

    async def make() -> None:
        database = Database.in_file(folder / "facts.sqlite3")
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
            await connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS facts (fact TEXT)")
        await database.close()

    asyncio.run(make())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    say("ready")
    for line in sys.stdin:
        kind, seed = line.split()
        child = os.fork()
        if child == 0:
            if kind == "nothing":
                os._exit(0)
            asyncio.run(run(kind, int(seed), folder))
            os._exit(0)
        say(f"pid {child}")


if __name__ == "__main__":
    main()
