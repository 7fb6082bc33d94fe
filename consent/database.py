"""The database: one engine, a reading and a writing session, for SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from consent import ledger, sealed
from consent.keyring import FOLDER, KEYRING, WRITING, Keyring, data_key_now
from consent.keys import BELONGS, Belongs

BUSY_TIMEOUT_S = 5
CHECKPOINTS = 3
"""How often the log is asked to go, each time as long as the timeout."""

log = logging.getLogger("poruch.database")


class DatabaseBusy(Exception):
    """Somebody else holds the write lock for longer than we wait, or the server is away: nothing was written."""


class SealingSession(Session):
    """A session whose flush seals what is personal, and whose commit seals what was appended to the ledger."""


sealed.install(SealingSession, data_key_now)
ledger.install(SealingSession)


class Database:
    """Hands out sessions.

    A writing session holds the write lock from its start (SQLite: BEGIN IMMEDIATE, because a read transaction that
    upgrades fails at once, whatever the timeout), so never await the network inside one.
    """

    def __init__(self, url: str, keyring: Keyring, belongs: Belongs | None = None) -> None:
        self._sqlite = make_url(url).get_backend_name() == "sqlite"
        self.keyring = keyring
        self._belongs = belongs
        self.clock: Callable[[], datetime] | None = None
        """What the ledger takes for now; this machine's clock unless it is set."""
        # A server that was started anew has closed every connection that we still keep.
        self.engine: AsyncEngine = create_async_engine(url, pool_pre_ping=not self._sqlite)
        if self._sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)

    @classmethod
    def in_file(cls, path: Path, belongs: Belongs | None = None) -> Database:
        """The embedded database in one file, its keys in a folder beside it."""
        return cls(f"sqlite+aiosqlite:///{path}", Keyring.in_folder(path.parent / FOLDER), belongs)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session that sees one moment and is always rolled back. Raises DatabaseBusy when the server is away."""
        async with self._session(self.engine, writing=False) as session:
            if not self._sqlite:
                await _reached(session)
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A session that commits when the block ends well. Raises DatabaseBusy when the lock cannot be had."""
        engine = self.engine.execution_options(poruch_write=True)
        try:
            async with self._session(engine, writing=True) as session, session.begin():
                await _reached(session)  # in SQLite this takes the lock before the first read
                yield session
        except OperationalError as error:
            if "database is locked" in str(error):
                raise DatabaseBusy from error
            raise

    def _session(self, engine: AsyncEngine, *, writing: bool) -> AsyncSession:
        info = {KEYRING: self.keyring, BELONGS: self._belongs, WRITING: writing, ledger.CLOCK: self.clock}
        return AsyncSession(engine, sync_session_class=SealingSession, expire_on_commit=False, info=info)

    async def forget_traces(self) -> None:
        """Write over what was deleted (SQLite): after an erasure no page or log of the file holds the key any more."""
        if self._sqlite:
            for _ in range(CHECKPOINTS):
                if await asyncio.to_thread(
                    _run_alone, str(self.engine.url.database), "PRAGMA wal_checkpoint(TRUNCATE)"
                ):
                    return
            log.warning("somebody reads all the time: what was deleted leaves the log with a later purge")

    async def compact(self) -> None:
        """Write the file anew without what was deleted (SQLite); PostgreSQL's VACUUM FULL is its administrator's."""
        if self._sqlite:
            await asyncio.to_thread(_run_alone, str(self.engine.url.database), "VACUUM")
            await self.forget_traces()

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


async def _reached(session: AsyncSession) -> None:
    """Connect before anything else, so that what fails later is about what was asked."""
    try:
        await session.connection()
    except (OSError, InterfaceError) as error:
        raise DatabaseBusy from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we send BEGIN ourselves
    cursor = connection.cursor()
    pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
    for pragma in (*pragmas, f"busy_timeout={BUSY_TIMEOUT_S * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _run_alone(path: str, statement: str) -> bool:
    """Whether it was done: a checkpoint that others are in the way of says so in its first column."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        row = connection.execute(statement).fetchone()
        return row is None or row[0] == 0
    except sqlite3.OperationalError as error:
        raise DatabaseBusy from error
    finally:
        connection.close()


def _begin_sqlite(connection: Any) -> None:
    write = connection.get_execution_options().get("poruch_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
