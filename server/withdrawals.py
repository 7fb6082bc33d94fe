"""What people took back: written at once, or kept in the spool until the database takes it, even over a kill."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.database import Database
from consent.keys import CaseErased, CaseKey, Purpose
from consent.spool import Spool
from consent.tables import SpooledFact
from rooms.withdrawal import Keep, Recording
from server.consents import spooled as entered
from server.consents.entry import EntryError
from server.consents.service import ConsentError
from server.evidence.job import SPOOL
from server.http.context import database, rooms
from server.person import spooled as own_page
from server.person.service import PersonError
from server.seats import spooled as in_call

Write = Callable[[AsyncSession, CaseKey, dict[str, Any]], Awaitable[None]]

WRITES: Mapping[str, Write] = {
    in_call.KIND: in_call.write,
    own_page.KIND: own_page.write,
    entered.KIND: entered.write,
}
NOTHING_LEFT = (ConsentError, PersonError, EntryError, CaseErased, LookupError)
"""Nothing of that kind is given any more, so nothing is left to take back."""

log = logging.getLogger("poruch.withdrawals")


async def in_case(request: web.Request, case_id: str, seats: Collection[str], kind: str, item: dict[str, Any]) -> bool:
    """The media of these seats ends in all meetings of the case, then it is written: False while it is only kept."""
    record, keep = _both(request, kind, item)
    return await rooms(request).withdraw_in_case(case_id, seats, record, keep)


async def in_meeting(
    request: web.Request, appointment_id: str, seats: Collection[str], kind: str, item: dict[str, Any]
) -> bool:
    """As ``in_case``, in one meeting."""
    record, keep = _both(request, kind, item)
    return await rooms(request).withdraw(appointment_id, seats, record, keep)


def _both(request: web.Request, kind: str, item: dict[str, Any]) -> tuple[Recording, Keep]:
    record = partial(write, database(request), kind, item)
    return record, keeper(request.app[SPOOL], record, kind, item)


def keeper(spool: Spool, record: Callable[..., Awaitable[None]], kind: str, item: dict[str, Any]) -> Keep:
    """Keeps one item in the spool; ``record`` is told under which id, so that it is never written twice."""

    def keep() -> tuple[Recording, Callable[[], None]]:
        try:
            kept_id = spool.put(kind, item)
        except OSError:
            # The disk is as full as the database: it stays in memory, and is tried until it is written.
            log.error("a withdrawal could not be spooled", extra={"code": "spool"})
            return record, lambda: None
        return partial(record, kept_id=kept_id), partial(spool.done, kept_id)

    return keep


async def write(to: Database, kind: str, item: dict[str, Any], *, kept_id: str | None = None) -> None:
    """Write one in a transaction of its own; ``kept_id`` is the spool's. Raises DatabaseBusy and ``NOTHING_LEFT``.

    The server opens the case for it: whoever asked was looked at before, and is shown nothing of it.
    """
    async with to.write() as session:
        if kept_id is not None:
            if await session.get(SpooledFact, kept_id) is not None:
                return
            session.add(SpooledFact(id=kept_id, at=datetime.now(UTC)))
        key = await keys.open_case(session, keys.SYSTEM, item["case"], Purpose.SYSTEM)
        await WRITES[kind](session, key, item)


async def replay(spool: Spool, to: Database) -> None:
    """Write what a server that was killed had kept. Raises DatabaseBusy."""
    for kept in [each for each in spool.waiting if each.kind in WRITES]:
        try:
            await write(to, kept.kind, kept.item, kept_id=kept.id)
        except NOTHING_LEFT:
            log.warning("a withdrawal from before the restart had nothing left to take back")
        spool.done(kept.id)
