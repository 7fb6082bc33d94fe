"""Visits and phone calls: entered by whoever had them, and marked as self-reported wherever they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.events import Tag
from consent.ledger import account_actor, append
from server.cases.service import Doer
from server.cases.tables import Case
from server.sessions import notes
from server.sessions.tables import Contact

DURATION_MAX_MIN = 24 * 60
WITH_WHOM_MAX = 200
OLDEST = timedelta(days=366)
"""How long ago a contact may have been when it is entered."""

ContactCode = Literal["case_closed", "in_the_future", "too_long_ago", "duration_unknown", "nobody"]


class Way(StrEnum):
    """How people met without the server."""

    VISIT = "visit"
    PHONE = "phone"


class ContactError(Exception):
    """A contact that cannot be entered; ``code`` is stable and says why."""

    def __init__(self, code: ContactCode) -> None:
        super().__init__(code)
        self.code: ContactCode = code


async def enter(
    session: AsyncSession,
    doer: Doer,
    case: Case,
    *,
    way: Way,
    happened_at: datetime,
    duration_min: int,
    time_zone: str,
    with_whom: str,
    texts: notes.Texts | None,
    now: datetime,
) -> Contact:
    """A new contact, with what was agreed if anything was written. Raises ContactError, NoteError."""
    if case.closed_at is not None:
        raise ContactError("case_closed")
    if happened_at > now:
        raise ContactError("in_the_future")
    if happened_at < now - OLDEST:
        raise ContactError("too_long_ago")
    if not 1 <= duration_min <= DURATION_MAX_MIN:
        raise ContactError("duration_unknown")
    if not 0 < len(with_whom) <= WITH_WHOM_MAX:
        raise ContactError("nobody")
    contact = Contact(
        case_id=case.id,
        way=way.value,
        happened_at=happened_at,
        duration_min=duration_min,
        time_zone=time_zone,
        with_whom=with_whom,
        entered_by=doer.id,
        entered_at=now,
    )
    session.add(contact)
    await session.flush()
    append(
        session,
        Tag.CONTACT_ENTERED,
        actor=account_actor(doer.id),
        at=now,
        case_id=case.id,
        session_id=contact.id,
        details={
            "way": way.value,
            "happened_at": happened_at.isoformat(),
            "duration_min": duration_min,
            "time_zone": time_zone,
            "with_whom": with_whom,
            "by": doer.name,
            "self_reported": True,
        },
    )
    if texts is not None:
        await notes.write(session, doer, case_id=case.id, session_id=contact.id, texts=texts, after=0, now=now)
    return contact


async def of_case(session: AsyncSession, case_id: str, most: int) -> tuple[Sequence[Contact], bool]:
    """The last contacts of a case, the latest first; and whether there are more."""
    theirs = select(Contact).where(Contact.case_id == case_id).order_by(Contact.happened_at.desc(), Contact.id)
    found = (await session.scalars(theirs.limit(most + 1))).all()
    return found[:most], len(found) > most
