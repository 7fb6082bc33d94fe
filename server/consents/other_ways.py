"""Other ways: a phone call, a visit or a meeting in person instead of video, with an owner and a date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.events import Tag
from consent.gate import Reason
from consent.keys import CaseKey
from consent.ledger import SYSTEM, account_actor, append
from consent.policy import MANAGERS
from server.cases.service import Doer
from server.cases.tables import TeamMember
from server.consents import suitability
from server.consents.tables import OtherWay

Way = Literal["phone", "visit", "in_person"]
WAYS: tuple[Way, ...] = ("phone", "visit", "in_person")
"""``in_person``: a meeting at the service, where home and telephone may not be safe."""
SAFE: tuple[Way, ...] = ("in_person",)
"""What is left where somebody may be in danger: nobody rings or comes to where the danger may be."""


async def possible(session: AsyncSession, case_id: str, now: datetime) -> tuple[Way, ...]:
    """The ways in which the people of a case may be reached now."""
    return SAFE if await suitability.why_not(session, case_id, now) is Reason.DANGER else WAYS


async def open_for(
    session: AsyncSession,
    key: CaseKey,
    client_id: str | None,
    because: str,
    now: datetime,
    *,
    way: Way = "phone",
) -> OtherWay:
    """One open way for a client: the one there is, or a new one that belongs to the case manager and has no date yet.

    A way without a date alarms until somebody has set one. Where somebody may be in danger, it is a meeting in person.
    """
    known = await open_of(session, key.case_id, client_id)
    if known is not None:
        key.unlock(known)
        return known
    ways = await possible(session, key.case_id, now)
    row = OtherWay(
        case_id=key.case_id,
        client_id=client_id,
        way=way if way in ways else ways[0],
        because=because,
        owner_id=await _manager(session, key.case_id),
        due_on=None,
        note=None,
        created_at=now,
    )
    session.add(row)
    await session.flush()
    _note(session, row, Tag.OTHER_WAY_OPENED, actor=SYSTEM, at=now, because=because)
    return row


async def wish(session: AsyncSession, key: CaseKey, client_id: str, way: Way, *, actor: str, now: datetime) -> OtherWay:
    """The person says which way they would rather have; the date stays with whoever owns it.

    Where somebody may be in danger the wish changes nothing: it may not be the person who holds the telephone.
    """
    row = await open_for(session, key, client_id, "wished", now, way=way)
    if row.way != way and way in await possible(session, key.case_id, now):
        row.way = way
        _note(session, row, Tag.OTHER_WAY_PLANNED, actor=actor, at=now, wish=way)
    return row


async def plan(
    session: AsyncSession,
    key: CaseKey,
    doer: Doer,
    row: OtherWay,
    *,
    way: Way,
    owner_id: str,
    due_on: datetime,
    note: str | None,
    now: datetime,
) -> None:
    """Say who does it, how, and by when."""
    key.unlock(row)
    row.way, row.owner_id, row.due_on, row.note = way, owner_id, due_on, note
    _note(
        session,
        row,
        Tag.OTHER_WAY_PLANNED,
        actor=account_actor(doer.id),
        at=now,
        owner=owner_id,
        due_on=due_on.isoformat(),
        by=doer.name,
    )


async def finish(session: AsyncSession, key: CaseKey, doer: Doer, row: OtherWay, now: datetime) -> None:
    """It has been done; doing it twice changes nothing."""
    if row.done_at is not None:
        return
    key.unlock(row)
    row.done_at, row.done_by = now, doer.id
    _note(session, row, Tag.OTHER_WAY_DONE, actor=account_actor(doer.id), at=now, by=doer.name)


async def not_needed(session: AsyncSession, key: CaseKey, client_id: str | None, now: datetime) -> None:
    """The person agreed after all before anybody had set a date: nobody has to phone."""
    row = await open_of(session, key.case_id, client_id)
    if row is not None and row.due_on is None:
        row.done_at = now
        _note(session, row, Tag.OTHER_WAY_DONE, actor=SYSTEM, at=now, because="agreed")


async def in_danger(session: AsyncSession, key: CaseKey, now: datetime) -> None:
    """Somebody may be in danger: one meeting in person for the case, and nobody rings or visits any more.

    What was planned in another way becomes a meeting in person without a date, and so alarms.
    """
    await open_for(session, key, None, "danger", now)
    for row in await of_case(session, key.case_id):
        if row.done_at is None and row.way not in SAFE:
            key.unlock(row)
            row.way, row.because, row.due_on = SAFE[0], "danger", None
            _note(session, row, Tag.OTHER_WAY_PLANNED, actor=SYSTEM, at=now, because="danger")


async def open_of(session: AsyncSession, case_id: str, client_id: str | None) -> OtherWay | None:
    """The open way of a client (or of the whole case), if there is one."""
    whose = OtherWay.client_id.is_(None) if client_id is None else OtherWay.client_id == client_id
    return await session.scalar(
        select(OtherWay).where(OtherWay.case_id == case_id, whose, OtherWay.done_at.is_(None)).limit(1)
    )


async def of_case(session: AsyncSession, case_id: str) -> Sequence[OtherWay]:
    """All ways of a case, the open ones first, then the newest."""
    return (
        await session.scalars(
            select(OtherWay)
            .where(OtherWay.case_id == case_id)
            .order_by(OtherWay.done_at.is_not(None), OtherWay.created_at.desc())
        )
    ).all()


async def due(session: AsyncSession, account_id: str, now: datetime) -> Sequence[OtherWay]:
    """What is overdue, or has no date yet, of this worker: their own, and those of their cases that nobody owns."""
    mine = select(TeamMember.case_id).where(
        TeamMember.account_id == account_id,
        TeamMember.until.is_(None),
        TeamMember.role.in_([role.value for role in MANAGERS]),
    )
    theirs = or_(OtherWay.owner_id == account_id, OtherWay.case_id.in_(mine))
    late = or_(OtherWay.due_on.is_(None), OtherWay.due_on <= now)
    return (
        await session.scalars(
            select(OtherWay).where(OtherWay.done_at.is_(None), theirs, late).order_by(OtherWay.created_at)
        )
    ).all()


async def _manager(session: AsyncSession, case_id: str) -> str | None:
    return await session.scalar(
        select(TeamMember.account_id)
        .where(
            TeamMember.case_id == case_id,
            TeamMember.until.is_(None),
            TeamMember.role.in_([role.value for role in MANAGERS]),
        )
        .order_by(TeamMember.since, TeamMember.id)
        .limit(1)
    )


def _note(session: AsyncSession, row: OtherWay, tag: Tag, *, actor: str, at: datetime, **more: str) -> None:
    details = {"way_id": row.id, "client": row.client_id, "way": row.way, **more}
    append(session, tag, actor=actor, at=at, case_id=row.case_id, details=details)
