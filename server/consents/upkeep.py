"""Upkeep: what happens to consents without anybody at a page: expired guardians, and the erasure of a case."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from aiohttp import web
from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.database import Database, DatabaseBusy
from server.appointments.tables import Appointment, Seat
from server.cases.tables import Case
from server.consents import representation
from server.consents.tables import (
    ConsentRow,
    OtherWay,
    RepresentationRow,
    RepresentativeSeat,
    SuitabilityRow,
)
from server.http.context import DATABASE

EVERY = timedelta(minutes=15)

log = logging.getLogger("poruch.consents")


async def offer_ways(session: AsyncSession, now: datetime) -> int:
    """Open a call for everybody whose guardian's document has run out; returns for how many cases it looked."""
    expired = (
        select(RepresentationRow.case_id)
        .join(Case, Case.id == RepresentationRow.case_id)
        .where(
            RepresentationRow.kind == "guardian",
            RepresentationRow.ended_at.is_(None),
            RepresentationRow.valid_until <= now,
            Case.closed_at.is_(None),
            Case.erased_at.is_(None),
        )
        .distinct()
    )
    case_ids = (await session.scalars(expired)).all()
    for case_id in case_ids:
        key = await keys.open_case(session, keys.SYSTEM, case_id, keys.Purpose.SYSTEM)
        await representation.offer_ways(session, key, now)
    return len(case_ids)


async def erase(session: AsyncSession, case_id: str) -> None:
    """Delete what is kept of a case's consents, after which nothing in it says who agreed to what."""
    seats = (
        select(Seat.id).join(Appointment, Appointment.id == Seat.appointment_id).where(Appointment.case_id == case_id)
    )
    await session.execute(delete(RepresentativeSeat).where(RepresentativeSeat.seat_id.in_(seats)))
    for table in (ConsentRow, OtherWay, RepresentationRow, SuitabilityRow):
        await session.execute(delete(table).where(table.case_id == case_id))


def install(app: web.Application) -> None:
    """Look every quarter of an hour; several nodes may do so, the second finds nothing to do."""

    async def running(app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_forever(app[DATABASE]))
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    app.cleanup_ctx.append(running)


async def _forever(database: Database) -> None:
    while True:
        try:
            async with database.write() as session:
                await offer_ways(session, datetime.now(UTC))
        except (DatabaseBusy, OperationalError):
            log.warning("expired guardians could not be looked for; it is tried again")
        await asyncio.sleep(EVERY.total_seconds())
