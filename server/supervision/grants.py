"""Ways into a case for a time: breaking the glass, inspections, and which of them is open right now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.events import Tag
from consent.keys import Purpose
from consent.ledger import account_actor, append
from consent.policy import Grant, Role
from server.accounts.tables import Account
from server.cases.service import Doer
from server.cases.tables import Case
from server.supervision.tables import AccessGrant

PURPOSES = {Grant.INSPECTION: Purpose.INSPECT, Grant.EMERGENCY: Purpose.BREAK_GLASS}
"""What a case is opened for by somebody who is there for a time only, whatever they do in it."""
EMERGENCY_HOURS = (1, 4, 12)
"""What somebody who breaks the glass may choose from."""
LONGEST_INSPECTION = timedelta(days=92)
REASON_MIN, REASON_MAX = 10, 1_000
"""Characters of a reason: "because" is none."""

GrantCode = Literal["reason_too_short", "reason_too_long", "too_long", "not_an_inspector", "case_unknown"]


class GrantError(Exception):
    """A way in that cannot be opened; ``code`` is stable and says why."""

    def __init__(self, code: GrantCode) -> None:
        super().__init__(code)
        self.code: GrantCode = code


async def opens(session: AsyncSession, account_id: str, case_id: str, purpose: Purpose) -> bool:
    """Whether a way in that is open now is one for this purpose; what ``consent.keys.open_case`` asks."""
    grant = await of(session, account_id, case_id, datetime.now(UTC))
    return grant is not None and PURPOSES[grant] is purpose


async def of(session: AsyncSession, account_id: str, case_id: str, now: datetime) -> Grant | None:
    """The way in that is open to this account on this case now, or None."""
    kind = await session.scalar(
        select(AccessGrant.kind)
        .where(AccessGrant.account_id == account_id, AccessGrant.case_id == case_id, *_open(now))
        .order_by(AccessGrant.kind.desc())  # an inspection before an emergency
        .limit(1)
    )
    return Grant(kind) if kind else None


async def break_glass(
    session: AsyncSession, doer: Doer, case_id: str, *, reason: str, hours: int, now: datetime
) -> AccessGrant:
    """Open a case of another team for reading, at once, and tell the supervisors. Raises GrantError.

    The reason is kept under the case's key, and the supervisors see it on their desk until one of them says so.
    """
    reason = _checked(reason)
    if hours not in EMERGENCY_HOURS:
        raise GrantError("too_long")
    if await session.get(Case, case_id) is None:
        raise GrantError("case_unknown")
    grant = AccessGrant(
        case_id=case_id,
        account_id=doer.id,
        kind=Grant.EMERGENCY.value,
        reason=reason,
        given_by=doer.id,
        since=now,
        until=now + timedelta(hours=hours),
    )
    session.add(grant)
    await session.flush()
    _note(session, Tag.GLASS_BROKEN, doer, grant, now, reason=reason, until=grant.until.isoformat())
    return grant


async def admit_inspector(
    session: AsyncSession, doer: Doer, case_id: str, *, inspector: str, reason: str, until: datetime, now: datetime
) -> AccessGrant:
    """Name a case to an inspector until a moment. Raises GrantError."""
    reason = _checked(reason)
    if not now < until <= now + LONGEST_INSPECTION:
        raise GrantError("too_long")
    account = await session.get(Account, inspector)
    if account is None or account.disabled_at is not None or account.role != Role.INSPECTOR.value:
        raise GrantError("not_an_inspector")
    if await session.get(Case, case_id) is None:
        raise GrantError("case_unknown")
    grant = AccessGrant(
        case_id=case_id,
        account_id=inspector,
        kind=Grant.INSPECTION.value,
        reason=reason,
        given_by=doer.id,
        since=now,
        until=until,
    )
    session.add(grant)
    await session.flush()
    told = {"inspector": inspector, "name": account.name, "reason": reason, "until": until.isoformat()}
    _note(session, Tag.INSPECTOR_ADMITTED, doer, grant, now, **told)
    return grant


def end(session: AsyncSession, doer: Doer, grant: AccessGrant, now: datetime) -> None:
    """Close a way in before its time; one that is over stays as it is."""
    if grant.ended_at is None and now < grant.until:
        grant.ended_at = now
        _note(session, Tag.GRANT_ENDED, doer, grant, now, account=grant.account_id, kind=grant.kind)


def acknowledge(session: AsyncSession, doer: Doer, grant: AccessGrant, now: datetime) -> None:
    """A supervisor says that they know of it; a second one changes nothing."""
    if grant.kind == Grant.EMERGENCY.value and grant.seen_at is None:
        grant.seen_at, grant.seen_by = now, doer.id
        _note(session, Tag.GLASS_SEEN, doer, grant, now, account=grant.account_id)


async def unseen(session: AsyncSession) -> Sequence[AccessGrant]:
    """Broken glass that no supervisor has acknowledged, latest first."""
    return (await session.scalars(select(AccessGrant).where(*_UNSEEN).order_by(AccessGrant.since.desc()))).all()


async def count_unseen(session: AsyncSession) -> int:
    """How much of it there is: shown on every page of a supervisor."""
    return await session.scalar(select(func.count()).select_from(AccessGrant).where(*_UNSEEN)) or 0


async def running(session: AsyncSession, kind: Grant, now: datetime) -> Sequence[AccessGrant]:
    """All ways in of one kind that are open now, those that end first before."""
    return (
        await session.scalars(
            select(AccessGrant).where(AccessGrant.kind == kind.value, *_open(now)).order_by(AccessGrant.until)
        )
    ).all()


async def named_to(session: AsyncSession, account_id: str, now: datetime) -> Sequence[AccessGrant]:
    """The ways in that are open to one account now."""
    return (
        await session.scalars(
            select(AccessGrant)
            .where(AccessGrant.account_id == account_id, *_open(now))
            .order_by(AccessGrant.until, AccessGrant.id)
        )
    ).all()


_UNSEEN = (AccessGrant.kind == Grant.EMERGENCY.value, AccessGrant.seen_at.is_(None))


def _open(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        AccessGrant.since <= now,
        AccessGrant.until > now,
        or_(AccessGrant.ended_at.is_(None), AccessGrant.ended_at > now),
    )


def _checked(reason: str) -> str:
    reason = reason.strip()
    if len(reason) < REASON_MIN:
        raise GrantError("reason_too_short")
    if len(reason) > REASON_MAX:
        raise GrantError("reason_too_long")
    return reason


def _note(session: AsyncSession, tag: Tag, doer: Doer, grant: AccessGrant, now: datetime, **details: str) -> None:
    append(
        session,
        tag,
        actor=account_actor(doer.id),
        at=now,
        case_id=grant.case_id,
        details={"grant": grant.id, "by": doer.name, **details},
    )
