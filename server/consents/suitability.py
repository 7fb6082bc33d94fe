"""Suitability: a supervisor's dated decision whether remote work is possible on a case, and the danger flag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.events import Tag
from consent.gate import Reason, Suitability, suitability_reason
from consent.ledger import account_actor, append
from server.cases.service import Doer
from server.consents.tables import SuitabilityRow


class NotSuitable(Exception):
    """Remote work is not possible on this case now: no invitation, link or ring exists. ``reason`` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True)
class NewDecision:
    """A decision as a supervisor wrote it."""

    suitable: bool
    reason: str
    expires_at: datetime
    review_at: datetime
    danger: bool = False


async def history(session: AsyncSession, case_id: str) -> Sequence[SuitabilityRow]:
    """All decisions and flags of a case, newest first."""
    return (
        await session.scalars(
            select(SuitabilityRow)
            .where(SuitabilityRow.case_id == case_id)
            .order_by(SuitabilityRow.decided_at.desc(), SuitabilityRow.danger.desc(), SuitabilityRow.id)
        )
    ).all()


async def latest(session: AsyncSession, case_id: str, now: datetime) -> Suitability | None:
    """The decision that counts at this moment, or None."""
    row = await session.scalar(
        select(SuitabilityRow)
        .where(SuitabilityRow.case_id == case_id, SuitabilityRow.decided_at <= now)
        .order_by(SuitabilityRow.decided_at.desc(), SuitabilityRow.danger.desc(), SuitabilityRow.id)
        .limit(1)
    )
    return as_decision(row) if row is not None else None


def as_decision(row: SuitabilityRow) -> Suitability:
    """A stored decision as the gate knows it."""
    return Suitability(row.suitable, row.danger, row.decided_at, row.expires_at, row.review_at)


async def why_not(session: AsyncSession, case_id: str, now: datetime) -> Reason | None:
    """Why remote work is impossible on a case now, or None when it is possible."""
    return suitability_reason(await latest(session, case_id, now), danger=False, now=now)


async def require(session: AsyncSession, case_id: str, now: datetime) -> None:
    """Pass only while a decision says *suitable*. Raises NotSuitable."""
    reason = await why_not(session, case_id, now)
    if reason is not None:
        raise NotSuitable(reason)


async def decide(session: AsyncSession, doer: Doer, case_id: str, new: NewDecision, now: datetime) -> SuitabilityRow:
    """A supervisor's decision; the one before it stays readable. A dangerous case is never suitable (ValueError)."""
    if new.danger and new.suitable:
        raise ValueError("a case in which somebody may be in danger is not suitable")
    if not now < new.expires_at or not new.review_at <= new.expires_at:
        raise ValueError("a decision ends in the future, and is reviewed before it ends")
    return await _write(session, doer, case_id, new, now=now, tag=Tag.SUITABILITY_DECIDED)


async def flag_danger(session: AsyncSession, doer: Doer, case_id: str, reason: str, now: datetime) -> SuitabilityRow:
    """Somebody of the team has learned of violence: nothing works from now on; only a new decision changes that."""
    flag = NewDecision(suitable=False, reason=reason, expires_at=now, review_at=now, danger=True)
    return await _write(session, doer, case_id, flag, now=now, tag=Tag.DANGER_FLAGGED)


async def _write(
    session: AsyncSession, doer: Doer, case_id: str, new: NewDecision, *, now: datetime, tag: Tag
) -> SuitabilityRow:
    row = SuitabilityRow(
        case_id=case_id,
        suitable=new.suitable,
        danger=new.danger,
        reason=new.reason,
        decided_by=doer.id,
        decided_at=now,
        expires_at=new.expires_at,
        review_at=new.review_at,
    )
    session.add(row)
    await session.flush()
    append(
        session,
        tag,
        actor=account_actor(doer.id),
        at=now,
        case_id=case_id,
        details={
            "decision": row.id,
            "suitable": new.suitable,
            "danger": new.danger,
            "reason": new.reason,
            "expires_at": new.expires_at.isoformat(),
            "review_at": new.review_at.isoformat(),
            "by": doer.name,
        },
    )
    return row
