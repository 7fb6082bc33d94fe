"""The writing side of a room: its record and its state, in one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from consent.database import Database
from consent.ledger import SYSTEM, append, seat_actor
from consent.tables import SpooledFact
from rooms import tables
from rooms.effects import Effect, Ended, Record
from rooms.room import Room

EndedHook = Callable[[AsyncSession, str, datetime], Awaitable[None]]
"""(session, appointment id, when), in the transaction that records the end."""


async def write(
    database: Database,
    before: Room,
    after: Room,
    effects: Sequence[Effect],
    ended: EndedHook | None,
    *,
    kept_id: str | None = None,
) -> None:
    """Write what led from one state to the other. Raises DatabaseBusy, and then nothing was written.

    ``kept_id`` names it in the spool, where it waited.
    """
    plan = after.plan
    async with database.write() as session:
        if kept_id is not None:
            session.add(SpooledFact(id=kept_id, at=datetime.now(UTC)))
        for effect in effects:
            match effect:
                case Record(tag, at, actor, details):
                    append(
                        session,
                        tag,
                        actor=seat_actor(actor) if actor else SYSTEM,
                        at=at,
                        case_id=plan.case_id,
                        session_id=plan.appointment_id,
                        details=dict(details),
                    )
                case Ended(at) if ended is not None:
                    await ended(session, plan.appointment_id, at)
                case _:
                    pass  # for the surroundings, after the commit
        await tables.save(session, before, after)
