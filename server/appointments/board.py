"""The board: appointments as lines of a list, with what can be said about each right now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from consent.policy import Role
from rooms.service import Rooms, Summary
from server.appointments import seats
from server.appointments.tables import Appointment, Seat, Status
from server.cases.service import Doer
from server.cases.tables import Case
from server.i18n import N_

SOON = timedelta(minutes=30)


class State(StrEnum):
    """What an appointment is at this moment, for a list."""

    LATER = "later"
    SOON = "soon"
    DUE = "due"  # its time has come and nobody is there yet
    WAITING = "waiting"  # somebody waits to be let in
    RUNNING = "running"
    ENDED = "ended"
    PASSED = "passed"  # its time went by without an end
    CANCELLED = "cancelled"


LABELS = {
    State.LATER: N_("planned"),
    State.SOON: N_("soon"),
    State.DUE: N_("now"),
    State.WAITING: N_("someone is waiting"),
    State.RUNNING: N_("in progress"),
    State.ENDED: N_("ended"),
    State.PASSED: N_("over"),
    State.CANCELLED: N_("cancelled"),
}

TONES = {
    State.SOON: "accent",
    State.DUE: "accent",
    State.WAITING: "warn",
    State.RUNNING: "ok",
    State.CANCELLED: "danger",
}


@dataclass(frozen=True)
class Line:
    """One appointment in a list."""

    appointment: Appointment
    case: Case
    state: State
    people: Sequence[Seat]
    mine: Seat | None
    """The reader's own seat, if they are invited."""
    past: bool
    can_join: bool

    @property
    def clients(self) -> list[str]:
        """The names of the invited clients."""
        return [seat.name for seat in self.people if seat.role == Role.CLIENT.value]

    @property
    def label(self) -> str:
        """The state in words, untranslated."""
        return LABELS[self.state]

    @property
    def tone(self) -> str:
        """The state's tone for the ``status`` macro."""
        return TONES.get(self.state, "neutral")


def state_of(appointment: Appointment, now: datetime, *, waiting: int, present: int) -> State:
    """What an appointment is now; ``waiting`` and ``present`` count the people at its door and inside."""
    if appointment.status != Status.PLANNED.value:
        return State.CANCELLED if appointment.status == Status.CANCELLED.value else State.ENDED
    if waiting or present:
        return State.WAITING if waiting else State.RUNNING
    if now >= appointment.starts_at:
        return State.PASSED if now >= appointment.ends_at else State.DUE
    return State.SOON if now >= appointment.starts_at - SOON else State.LATER


async def lines(
    session: AsyncSession, rooms: Rooms, doer: Doer, found: Sequence[tuple[Appointment, Case]], now: datetime
) -> list[Line]:
    """The board's lines in the given order."""
    invited = await seats.of_appointments(session, [appointment.id for appointment, _ in found])
    return [
        _line(appointment, case, invited[appointment.id], doer, now=now, live=rooms.summary(appointment.id))
        for appointment, case in found
    ]


def _line(
    appointment: Appointment, case: Case, people: Sequence[Seat], doer: Doer, *, now: datetime, live: Summary
) -> Line:
    mine = next((seat for seat in people if seat.account_id == doer.id), None)
    state = state_of(appointment, now, waiting=live.waiting, present=live.present)
    in_time = appointment.open_to_team_from <= now and not appointment.is_over(now)
    return Line(
        appointment=appointment,
        case=case,
        state=state,
        people=people,
        mine=mine,
        past=state in {State.ENDED, State.PASSED} or (state is State.CANCELLED and now >= appointment.ends_at),
        can_join=mine is not None and state is not State.CANCELLED and in_time,
    )
