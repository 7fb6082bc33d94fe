"""The supervisor's desk: what asks to be seen or decided, from tables that hold no contents but for the alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.keys import Purpose
from consent.policy import Grant
from server.cases.service import Doer, reader_of
from server.cases.tables import Case
from server.consents.tables import OtherWay, SuitabilityRow
from server.sessions import search
from server.sessions.opening import names_of
from server.sessions.unusual import Unusual
from server.supervision import grants, samples
from server.supervision.draw import Month
from server.supervision.tables import AccessGrant

LOOK_BACK = timedelta(days=30)
LOOK_AHEAD = timedelta(days=14)
"""How long before its day a decision that is due stands on the desk."""
SHOWN = 50
"""At most so many lines of one kind, the most pressing first."""


@dataclass(frozen=True)
class DueCase:
    """A case whose suitability decision is due, or that never had one."""

    case: Case
    by: datetime | None
    """None: nobody has ever decided."""


@dataclass(frozen=True)
class Late:
    """A call or a visit that was promised instead of video and has not happened."""

    way: OtherWay
    case: Case


@dataclass(frozen=True)
class Desk:
    """Everything on the desk."""

    alarms: Sequence[AccessGrant]
    """Broken glass that no supervisor has acknowledged."""
    running: Sequence[AccessGrant]
    """Broken glass that is acknowledged and still open, and inspections."""
    unusual: Mapping[Unusual, int]
    due: Sequence[DueCase]
    late: Sequence[Late]
    owed: int
    """Reviews that the month before still asks for."""
    cases: Mapping[str, Case]
    names: Mapping[str, str]
    """Staff by account id."""


async def of(session: AsyncSession, doer: Doer, now: datetime) -> Desk:
    """The desk of one supervisor, in a writing session: naming a case on it is an entry."""
    alarms = (await grants.unseen(session))[:SHOWN]
    seen = {alarm.id for alarm in alarms}
    running = [grant for kind in Grant for grant in await grants.running(session, kind, now) if grant.id not in seen][
        :SHOWN
    ]
    due, late = await _due(session, now), await _late(session, now)
    month = Month.of(now).before
    owed = sum(each.owed for each in await samples.month_view(session, month, now))
    await keys.open_cases(session, reader_of(doer), {alarm.case_id for alarm in alarms}, Purpose.SUPERVISE, now=now)
    listed = {grant.case_id for grant in running} | set(due) | {way.case_id for way in late}
    await keys.open_cases(session, reader_of(doer), listed, Purpose.LISTED, now=now)
    cases = await _cases(session, listed | {alarm.case_id for alarm in alarms})
    people = {grant.account_id for grant in (*alarms, *running)} | {way.owner_id for way in late if way.owner_id}
    return Desk(
        alarms=[alarm for alarm in alarms if alarm.case_id in cases],
        running=[grant for grant in running if grant.case_id in cases],
        unusual=await search.unusual_counts(session, now - LOOK_BACK, now),
        due=[DueCase(cases[case_id], by) for case_id, by in due.items() if case_id in cases],
        late=[Late(way, cases[way.case_id]) for way in late if way.case_id in cases],
        owed=owed,
        cases=cases,
        names=await names_of(session, people),
    )


async def _due(session: AsyncSession, now: datetime) -> dict[str, datetime | None]:
    """Open cases whose last decision is to be looked at again soon, or runs out, or was never made."""
    last = (
        select(SuitabilityRow.case_id, func.max(SuitabilityRow.decided_at).label("at"))
        .group_by(SuitabilityRow.case_id)
        .subquery()
    )
    decided = (
        select(SuitabilityRow.case_id, SuitabilityRow.review_at, SuitabilityRow.expires_at)
        .join(last, (last.c.case_id == SuitabilityRow.case_id) & (last.c.at == SuitabilityRow.decided_at))
        .subquery()
    )
    soon = now + LOOK_AHEAD
    found = await session.execute(
        select(Case.id, decided.c.review_at, decided.c.expires_at)
        .outerjoin(decided, decided.c.case_id == Case.id)
        .where(
            Case.closed_at.is_(None),
            Case.erased_at.is_(None),
            or_(decided.c.case_id.is_(None), decided.c.review_at <= soon, decided.c.expires_at <= soon),
        )
        .order_by(decided.c.review_at, Case.id)
        .limit(SHOWN)
    )
    return {case_id: min(review_at, expires_at) if review_at else None for case_id, review_at, expires_at in found}


async def _late(session: AsyncSession, now: datetime) -> Sequence[OtherWay]:
    return (
        await session.scalars(
            select(OtherWay)
            .where(OtherWay.done_at.is_(None), or_(OtherWay.due_on.is_(None), OtherWay.due_on <= now))
            .order_by(OtherWay.created_at)
            .limit(SHOWN)
        )
    ).all()


async def _cases(session: AsyncSession, case_ids: set[str]) -> dict[str, Case]:
    """These cases, without those that were erased: nothing of them can be named any more."""
    found = await session.scalars(select(Case).where(Case.id.in_(case_ids), Case.erased_at.is_(None)))
    return {case.id: case for case in found}
