"""Reading and writing sessions on SQLite, and a server that is not there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from consent import database as module
from consent.database import Database, DatabaseBusy
from consent.keyring import Keyring


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.in_file(tmp_path / "x.sqlite3")
    async with opened.write() as session:
        await session.execute(text("CREATE TABLE t (n INTEGER)"))
    yield opened
    await opened.close()


async def count(database: Database) -> int:
    async with database.read() as session:
        return int((await session.execute(text("SELECT count(*) FROM t"))).scalar_one())


async def test_it_keeps_all_or_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as session:
            await session.execute(text("INSERT INTO t VALUES (1)"))
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        await fail()
    assert await count(database) == 0


async def test_writers_wait_for_each_other_and_lose_nothing(database: Database) -> None:
    async def add() -> None:
        async with database.write() as session:
            seen = (await session.execute(text("SELECT count(*) FROM t"))).scalar_one()
            await session.execute(text("INSERT INTO t VALUES (:n)"), {"n": seen})

    await asyncio.gather(*(add() for _ in range(8)))
    async with database.read() as session:
        assert list(await session.scalars(text("SELECT n FROM t ORDER BY n"))) == list(range(8))


async def test_a_reader_sees_one_moment_while_others_write(database: Database) -> None:
    async with database.read() as session:
        before = (await session.execute(text("SELECT count(*) FROM t"))).scalar_one()
        async with database.write() as writing:
            await writing.execute(text("INSERT INTO t VALUES (1)"))
        after = (await session.execute(text("SELECT count(*) FROM t"))).scalar_one()
    assert (before, after) == (0, 0)
    assert await count(database) == 1


async def test_a_reader_cannot_keep_what_it_writes(database: Database) -> None:
    async with database.read() as session:
        await session.execute(text("INSERT INTO t VALUES (1)"))
    assert await count(database) == 0


async def test_it_says_busy_when_somebody_else_holds_the_lock(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0)
    other = Database.in_file(tmp_path / "x.sqlite3")
    async with database.write():
        with pytest.raises(DatabaseBusy):
            async with other.write():
                pass
    async with other.write() as session:
        await session.execute(text("INSERT INTO t VALUES (1)"))
    await other.close()


async def test_it_survives_a_power_cut_as_far_as_sqlite_can(database: Database) -> None:
    async with database.read() as session:
        modes = [
            (await session.execute(text(f"PRAGMA {each}"))).scalar_one() for each in ("journal_mode", "synchronous")
        ]
    assert modes == ["wal", 2]


async def test_a_server_that_is_away_is_busy_and_not_a_mistake(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = probe.getsockname()[1]
    database = Database(f"postgresql+asyncpg://poruch@127.0.0.1:{nobody}/poruch", Keyring.in_folder(tmp_path / "keys"))
    for way in (database.write, database.read):
        with pytest.raises(DatabaseBusy):
            async with way():
                pytest.fail("there is no server")
    await database.close()
