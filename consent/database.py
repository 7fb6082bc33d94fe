"""The database: one engine, a reading and a writing session, for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

BUSY_TIMEOUT_S = 5


class DatabaseBusy(Exception):
    """Somebody else holds the write lock for longer than we wait: nothing was written, try again."""


class Database:
    """Hands out sessions.

    A writing session holds the write lock from its start (SQLite: BEGIN IMMEDIATE, because a read transaction that
    upgrades fails at once, whatever the timeout), so never await the network inside one.
    """

    def __init__(self, url: str) -> None:
        self._sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine: AsyncEngine = create_async_engine(url)
        if self._sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)

    @classmethod
    def in_file(cls, path: Path) -> Database:
        """The embedded database in one file."""
        return cls(f"sqlite+aiosqlite:///{path}")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session that sees one moment and is always rolled back."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A session that commits when the block ends well. Raises DatabaseBusy when the lock cannot be had."""
        engine = self.engine.execution_options(poruch_write=True)
        try:
            async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
                if self._sqlite:
                    await session.connection()  # takes the lock before the first read
                yield session
        except OperationalError as error:
            if "database is locked" in str(error):
                raise DatabaseBusy from error
            raise

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we send BEGIN ourselves
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_S * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    write = connection.get_execution_options().get("poruch_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
