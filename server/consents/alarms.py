"""Alarms of the day for whoever manages cases: ways without a date or overdue, documents and decisions that end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.ledger import account_actor
from consent.policy import MANAGERS
from server.cases.service import Doer
from server.cases.tables import Case, CaseClient, TeamMember
from server.consents import other_ways, representation, upkeep
from server.consents.representation import Warned
from server.consents.tables import OtherWay, SuitabilityRow

DECISION_SOON = timedelta(days=14)
"""How long before its end a decision about suitability is spoken of."""


@dataclass(frozen=True)
class LateWay:
    """A call, visit or meeting that has no date, or whose day has passed."""

    way: OtherWay
    case: str
    client: str | None


@dataclass(frozen=True)
class EndingPaper:
    """A representative's document that ends soon, or has ended."""

    warned: Warned
    case: str
    client: str


@dataclass(frozen=True)
class EndingDecision:
    """A case whose decision about suitability ends soon, or has ended."""

    case_id: str
    case: str
    expires_at: datetime


@dataclass(frozen=True)
class Alarms:
    """What has to be looked at today."""

    ways: Sequence[LateWay]
    papers: Sequence[EndingPaper]
    decisions: Sequence[EndingDecision]

    def __bool__(self) -> bool:
        return bool(self.ways or self.papers or self.decisions)


async def of_worker(session: AsyncSession, doer: Doer, now: datetime) -> Alarms:
    """The alarms of this worker's cases; whoever has lost their guardian's word is offered another way first."""
    warned = await representation.ending(session, doer.id, now)
    if any(each.expired for each in warned):
        await upkeep.offer_ways(session, now)
    ways = await other_ways.due(session, doer.id, now)
    decisions = await _ending_decisions(session, doer.id, now)
    concerned = {way.case_id for way in ways} | {each.row.case_id for each in warned} | {each[0] for each in decisions}
    if not concerned:
        return Alarms((), (), ())
    reader = keys.Reader(account_actor(doer.id), doer.role, doer.name)
    opened = await keys.open_cases(session, reader, concerned)
    names = {case.id: case.alias for case in await session.scalars(select(Case).where(Case.id.in_(opened)))}
    people = await session.scalars(select(CaseClient).where(CaseClient.case_id.in_(opened)))
    clients = {client.id: client.alias for client in people}
    return Alarms(
        ways=[
            LateWay(way, names[way.case_id], clients.get(way.client_id or "")) for way in ways if way.case_id in names
        ],
        papers=[
            EndingPaper(each, names[each.row.case_id], clients[each.row.client_id])
            for each in warned
            if each.row.case_id in names
        ],
        decisions=[
            EndingDecision(case_id, names[case_id], expires_at) for case_id, expires_at in decisions if case_id in names
        ],
    )


async def _ending_decisions(session: AsyncSession, account_id: str, now: datetime) -> list[tuple[str, datetime]]:
    """Open cases which this worker manages and whose last decision, a suitable one, ends within a fortnight."""
    last = (
        select(SuitabilityRow.case_id, func.max(SuitabilityRow.decided_at).label("at"))
        .group_by(SuitabilityRow.case_id)
        .subquery()
    )
    found = await session.execute(
        select(SuitabilityRow.case_id, SuitabilityRow.expires_at)
        .join(last, (last.c.case_id == SuitabilityRow.case_id) & (last.c.at == SuitabilityRow.decided_at))
        .join(Case, Case.id == SuitabilityRow.case_id)
        .join(TeamMember, TeamMember.case_id == Case.id)
        .where(
            Case.closed_at.is_(None),
            TeamMember.account_id == account_id,
            TeamMember.until.is_(None),
            TeamMember.role.in_([role.value for role in MANAGERS]),
            SuitabilityRow.suitable.is_(True),
            SuitabilityRow.expires_at <= now + DECISION_SOON,
        )
        .order_by(SuitabilityRow.expires_at)
    )
    return [(row.case_id, row.expires_at) for row in found]
