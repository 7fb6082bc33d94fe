"""What can be done with appointments: plan, move, cancel, restore, end; and what a live meeting must know of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.events import Tag
from consent.keys import CaseErased, Purpose
from consent.ledger import account_actor, append
from consent.policy import Action, Reach, Role, reach
from rooms.plan import MeetingPlan, PlannedSeat, PlanStatus
from server.accounts.tables import Account
from server.appointments import links, seats
from server.appointments.tables import Appointment, Seat, Status
from server.cases.service import Doer
from server.cases.tables import Case, TeamMember
from server.consents import suitability

START_GRACE = timedelta(minutes=5)
"""How long ago a new appointment may have begun: whoever plans "now" needs a moment to fill in the form."""

DURATIONS_MIN = (15, 30, 45, 60, 90, 120, 180)

AppointmentCode = Literal[
    "case_closed", "cancelled", "not_cancelled", "over", "time_past", "no_client", "duration_unknown", "not_suitable"
]


class AppointmentError(Exception):
    """Something that cannot be done with an appointment as it is; ``code`` is stable and says why."""

    def __init__(self, code: AppointmentCode) -> None:
        super().__init__(code)
        self.code: AppointmentCode = code


@dataclass(frozen=True)
class When:
    """When a meeting is, and in which zone people speak of it."""

    starts_at: datetime
    duration_min: int
    time_zone: str


@dataclass(frozen=True)
class SeatInfo:
    """One invited person, as everybody in the meeting may know them."""

    seat_id: str
    role: Role
    name: str
    by_link: bool


@dataclass(frozen=True)
class SeatContext:
    """Everything that the page of one seat needs to know about its appointment."""

    appointment_id: str
    case_id: str
    seat_id: str
    role: Role
    name: str
    kind: Literal["staff", "link"]
    language: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    help_phone: str
    status: Status
    """ENDED also when its time, and the hours in which people may come back, have passed."""
    moved_from: datetime | None
    link_version: int
    revoked: bool
    seats: tuple[SeatInfo, ...]
    """Everybody who is invited now, this seat too."""


async def find(session: AsyncSession, appointment_id: str) -> Appointment | None:
    """The appointment with this id, if there is one."""
    return await session.get(Appointment, appointment_id)


async def plan(
    session: AsyncSession,
    doer: Doer,
    case: Case,
    *,
    when: When,
    help_phone: str,
    purpose: str,
    people: Sequence[seats.NewSeat],
    now: datetime,
) -> Appointment:
    """A new appointment with a seat for each person. Raises AppointmentError."""
    if case.closed_at is not None:
        raise AppointmentError("case_closed")
    _check_when(when, now)
    if not any(person.role is Role.CLIENT for person in people):
        raise AppointmentError("no_client")
    if await suitability.why_not(session, case.id, now) is not None:
        raise AppointmentError("not_suitable")
    appointment = Appointment(
        case_id=case.id,
        starts_at=when.starts_at,
        duration_min=when.duration_min,
        time_zone=when.time_zone,
        help_phone=help_phone,
        purpose=purpose,
        status=Status.PLANNED.value,
        created_by=doer.id,
        created_at=now,
    )
    session.add(appointment)
    await session.flush()
    _note(session, Tag.PLANNED, doer, appointment, at=now, details=_told(appointment))
    await seats.invite(session, doer, appointment, people, now)
    return appointment


def move(session: AsyncSession, doer: Doer, appointment: Appointment, when: When, now: datetime) -> None:
    """Another time; every link stays and says the new one. Raises AppointmentError."""
    _refuse_unless_ahead(appointment, now)
    _check_when(when, now)
    if when == When(appointment.starts_at, appointment.duration_min, appointment.time_zone):
        return
    before = appointment.starts_at
    appointment.moved_from = before
    appointment.starts_at = when.starts_at
    appointment.duration_min = when.duration_min
    appointment.time_zone = when.time_zone
    _note(session, Tag.MOVED, doer, appointment, at=now, details=_told(appointment) | {"from": before.isoformat()})


def cancel(session: AsyncSession, doer: Doer, appointment: Appointment, now: datetime) -> None:
    """Call it off; the links say so. Raises AppointmentError."""
    _refuse_unless_ahead(appointment, now)
    appointment.status = Status.CANCELLED.value
    _note(session, Tag.CANCELLED, doer, appointment, at=now, details={})


def restore(session: AsyncSession, doer: Doer, appointment: Appointment, now: datetime) -> None:
    """Take a cancellation back while the planned time is not over. Raises AppointmentError."""
    if appointment.status != Status.CANCELLED.value:
        raise AppointmentError("not_cancelled")
    if now >= appointment.ends_at:
        raise AppointmentError("over")
    appointment.status = Status.PLANNED.value
    _note(session, Tag.RESTORED, doer, appointment, at=now, details={})


async def end(session: AsyncSession, appointment_id: str, at: datetime) -> None:
    """Follow the meeting's end, in the transaction that records it; a second end changes nothing."""
    appointment = await session.get(Appointment, appointment_id)
    if appointment is not None and appointment.status == Status.PLANNED.value:
        appointment.status = Status.ENDED.value
        appointment.ended_at = at


async def seat_context(session: AsyncSession, seat_id: str, now: datetime | None = None) -> SeatContext:
    """What the page of this seat needs. Raises LinkError ``link_unknown``. By link, use ``link_context``."""
    found = (
        await session.execute(
            select(Seat, Appointment).join(Appointment, Appointment.id == Seat.appointment_id).where(Seat.id == seat_id)
        )
    ).one_or_none()
    if found is None:
        raise links.LinkError("link_unknown")
    seat, appointment = found
    try:
        await keys.open_case(session, keys.SYSTEM, appointment.case_id, Purpose.SYSTEM)
    except CaseErased:
        raise links.LinkError("link_unknown") from None
    everybody = await seats.of_appointment(session, appointment.id, revoked=False)
    account = await session.get(Account, seat.account_id) if seat.account_id else None
    over = appointment.is_over(now or datetime.now(UTC)) and appointment.status != Status.CANCELLED.value
    return SeatContext(
        appointment_id=appointment.id,
        case_id=appointment.case_id,
        seat_id=seat.id,
        role=Role(seat.role),
        name=seat.name,
        kind="link" if seat.by_link else "staff",
        language=seat.language,
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        time_zone=appointment.time_zone,
        help_phone=appointment.help_phone,
        status=Status.ENDED if over else Status(appointment.status),
        moved_from=appointment.moved_from,
        link_version=seat.link_version,
        revoked=seat.revoked_at is not None or (account is not None and account.disabled_at is not None),
        seats=tuple(SeatInfo(each.id, Role(each.role), each.name, each.by_link) for each in everybody),
    )


async def link_context(session: AsyncSession, key: bytes, token: str, now: datetime | None = None) -> SeatContext:
    """The same by invitation link; ``key`` is ``secrets.derive(links.KEY_PURPOSE)``. Raises LinkError."""
    link = links.parse(key, token)
    context = await seat_context(session, link.seat_id, now)
    if context.kind != "link":
        raise links.LinkError("link_unknown")
    if context.revoked or link.version != context.link_version:
        raise links.LinkError("link_revoked")
    return context


async def load_meeting(session: AsyncSession, appointment_id: str) -> MeetingPlan | None:
    """What the live meeting needs to know: who is invited, when, and whom to phone; None for what is not there."""
    appointment = await session.get(Appointment, appointment_id)
    if appointment is None:
        return None
    try:
        await keys.open_case(session, keys.SYSTEM, appointment.case_id, Purpose.SYSTEM)
    except CaseErased:
        return None
    invited = await seats.of_appointment(session, appointment_id, revoked=False)
    return MeetingPlan(
        appointment_id=appointment.id,
        case_id=appointment.case_id,
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        seats=tuple(PlannedSeat(seat.id, Role(seat.role), seat.name, seat.by_link) for seat in invited),
        help_phone=appointment.help_phone,
        status=PlanStatus(appointment.status),
    )


async def of_case(session: AsyncSession, case_id: str) -> Sequence[Appointment]:
    """All appointments of a case, earliest first."""
    return (
        await session.scalars(select(Appointment).where(Appointment.case_id == case_id).order_by(Appointment.starts_at))
    ).all()


async def around(session: AsyncSession, case_id: str, now: datetime, most: int) -> tuple[Sequence[Appointment], bool]:
    """The next appointments of a case and the last ones, at most so many of each, earliest first; and whether that is
    not all of them.
    """
    line = now - timedelta(days=1)  # what runs now is among the next ones
    theirs = select(Appointment).where(Appointment.case_id == case_id)
    ahead = theirs.where(Appointment.starts_at >= line).order_by(Appointment.starts_at, Appointment.id)
    been = theirs.where(Appointment.starts_at < line).order_by(Appointment.starts_at.desc(), Appointment.id)
    nearest = (await session.scalars(ahead.limit(most + 1))).all()
    last = (await session.scalars(been.limit(most + 1))).all()
    return [*reversed(last[:most]), *nearest[:most]], len(nearest) > most or len(last) > most


async def lies_ahead(session: AsyncSession, case_id: str, now: datetime) -> bool:
    """Whether people still count on an appointment of this case."""
    planned = select(Appointment).where(
        Appointment.case_id == case_id,
        Appointment.status == Status.PLANNED.value,
        Appointment.starts_at >= now - timedelta(days=2),
    )
    return any(each.is_ahead(now) for each in await session.scalars(planned))


async def of_person(session: AsyncSession, doer: Doer, since: datetime) -> Sequence[tuple[Appointment, Case]]:
    """A worker's appointments: those they are invited to, and those of cases which they may read as their team."""
    seated = select(Seat.appointment_id).where(Seat.account_id == doer.id, Seat.revoked_at.is_(None))
    concerned = [Appointment.id.in_(seated)]
    if reach(doer.role, Action.READ_CASE) is Reach.TEAM:
        mine = select(TeamMember.case_id).where(TeamMember.account_id == doer.id, TeamMember.until.is_(None))
        concerned.append(Appointment.case_id.in_(mine))
    found = await session.execute(
        select(Appointment, Case)
        .join(Case, Case.id == Appointment.case_id)
        .where(Appointment.starts_at >= since, Case.erased_at.is_(None), or_(*concerned))
        .order_by(Appointment.starts_at)
    )
    return [(appointment, case) for appointment, case in found]


def _check_when(when: When, now: datetime) -> None:
    if when.duration_min not in DURATIONS_MIN:
        raise AppointmentError("duration_unknown")
    if when.starts_at < now - START_GRACE:
        raise AppointmentError("time_past")


def _refuse_unless_ahead(appointment: Appointment, now: datetime) -> None:
    if appointment.status == Status.CANCELLED.value:
        raise AppointmentError("cancelled")
    if appointment.is_over(now):
        raise AppointmentError("over")


def _told(appointment: Appointment) -> dict[str, str | int]:
    return {
        "starts_at": appointment.starts_at.isoformat(),
        "duration_min": appointment.duration_min,
        "time_zone": appointment.time_zone,
    }


def _note(
    session: AsyncSession,
    tag: Tag,
    doer: Doer,
    appointment: Appointment,
    *,
    at: datetime,
    details: dict[str, str | int],
) -> None:
    append(
        session,
        tag,
        actor=account_actor(doer.id),
        at=at,
        case_id=appointment.case_id,
        session_id=appointment.id,
        details=details | {"by": doer.name},
    )
