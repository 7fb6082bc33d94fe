"""Session records from the ledger: one record, and the list that a supervisor looks through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys, ledger
from consent.keys import CaseKey
from consent.policy import Action, Reach, reach
from server.accounts.tables import Account
from server.appointments.tables import Appointment, Seat
from server.cases.service import Doer, reader_of
from server.cases.tables import Case, TeamMember
from server.sessions.record import Fact, SessionRecord, build

PAGE = 25


@dataclass(frozen=True)
class Search:
    """What the list is narrowed to; moments in UTC, ``until`` not included, pages from 1."""

    since: datetime | None = None
    until: datetime | None = None
    worker: str | None = None
    """An account id."""
    page: int = 1


@dataclass(frozen=True)
class Found:
    """One session of the list."""

    appointment: Appointment
    case: Case
    record: SessionRecord


@dataclass(frozen=True)
class Results:
    """One page of the list."""

    sessions: list[Found]
    total: int
    pages: int


async def facts(session: AsyncSession, key: CaseKey, appointment_id: str) -> list[Fact]:
    """The ledger's entries about one appointment of an open case, in order. Raises LedgerBroken."""
    entries = await ledger.entries(session, key, session_id=appointment_id)
    return [Fact(entry.at, entry.tag, entry.actor, entry.details) for entry in entries]


async def record(session: AsyncSession, key: CaseKey, appointment_id: str, now: datetime) -> SessionRecord:
    """The record of one appointment's meeting, of an open case."""
    return build(await facts(session, key, appointment_id), now)


async def search(session: AsyncSession, doer: Doer, wanted: Search, now: datetime) -> Results:
    """Sessions that have begun by now and which this person may read, latest first."""
    kept = select(Case.id).where(Case.erased_at.is_(None))
    conditions = [Appointment.starts_at <= now, Appointment.case_id.in_(kept)]
    if reach(doer.role, Action.READ_RECORD) is not Reach.EVERYWHERE:
        mine = select(TeamMember.case_id).where(TeamMember.account_id == doer.id, TeamMember.until.is_(None))
        conditions.append(Appointment.case_id.in_(mine))
    if wanted.since is not None:
        conditions.append(Appointment.starts_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Appointment.starts_at < wanted.until)
    if wanted.worker is not None:
        seated = select(Seat.appointment_id).where(Seat.account_id == wanted.worker)
        conditions.append(or_(Appointment.id.in_(seated), Appointment.created_by == wanted.worker))
    total = await session.scalar(select(func.count()).select_from(Appointment).where(*conditions)) or 0
    pages = max(1, -(-total // PAGE))
    page = min(max(wanted.page, 1), pages)
    rows = await session.execute(
        select(Appointment, Case)
        .join(Case, Case.id == Appointment.case_id)
        .where(*conditions)
        .order_by(Appointment.starts_at.desc(), Appointment.id)
        .limit(PAGE)
        .offset((page - 1) * PAGE)
    )
    listed = [(appointment, case) for appointment, case in rows]
    opened = await keys.open_cases(session, reader_of(doer), [case.id for _, case in listed])
    found = [
        Found(appointment, case, await record(session, opened[case.id], appointment.id, now))
        for appointment, case in listed
    ]
    return Results(found, total, pages)


async def workers(session: AsyncSession) -> Sequence[Account]:
    """Everybody who has ever been invited to an appointment with an account, by name."""
    return (
        await session.scalars(
            select(Account)
            .where(Account.id.in_(select(Seat.account_id).where(Seat.account_id.is_not(None))))
            .order_by(Account.name)
        )
    ).all()
