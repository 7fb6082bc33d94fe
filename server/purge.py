"""The purge: what is left of a meeting's connections goes on day 90 at the latest, with the traces of what went."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from aiohttp import web
from sqlalchemy import CursorResult, Delete, delete, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger
from consent.database import Database, DatabaseBusy
from consent.events import Tag
from consent.keys import READ_AGAIN_AFTER
from consent.tables import CaseReading
from rooms.tables import LiveRoom, LiveSeat
from server.appointments.tables import Appointment
from server.http.context import DATABASE, SETTINGS
from server.vault.tables import VaultEntry

EVERY = timedelta(hours=6)

log = logging.getLogger("poruch.purge")


async def purge(session: AsyncSession, days: int, now: datetime) -> int:
    """Delete what the session record does not need, of meetings that began so many days ago; returns how many rows.

    Devices that held seats, when they dropped and came back (``live_seats``), the room's state, and the sealed secrets
    of old links; also the marks by which repeated readings are one. The record itself lives in the ledger.
    """
    before = now - timedelta(days=days) + EVERY  # the next run would come too late
    over = select(Appointment.id).where(Appointment.starts_at < before)
    deleted = 0
    for table in (LiveSeat, LiveRoom, VaultEntry):
        deleted += await _rows(session, delete(table).where(table.appointment_id.in_(over)))
    await _rows(session, delete(CaseReading).where(CaseReading.at < now - READ_AGAIN_AFTER))
    if deleted:
        ledger.append(session, Tag.TRANSPORT_PURGED, actor=ledger.SYSTEM, at=now, details={"rows": deleted})
    return deleted


async def _rows(session: AsyncSession, gone: Delete) -> int:
    done = await session.execute(gone)
    assert isinstance(done, CursorResult)  # noqa: S101 - SQLAlchemy types it wider
    return done.rowcount


async def once(database: Database, days: int, now: datetime) -> None:
    """One run of the job."""
    async with database.write() as session:
        await purge(session, days, now)
    await database.forget_traces()


def install(app: web.Application) -> None:
    """Run the job at the start and every six hours; several nodes may do so, the second finds nothing."""

    async def running(app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_forever(app[DATABASE], app[SETTINGS].transport_days))
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    app.cleanup_ctx.append(running)


async def _forever(database: Database, days: int) -> None:
    while True:
        try:
            await once(database, days, datetime.now(UTC))
        except (DatabaseBusy, OperationalError):
            log.warning("the purge could not run; it is tried again")
        await asyncio.sleep(EVERY.total_seconds())
