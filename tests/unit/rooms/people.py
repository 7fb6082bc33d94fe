"""People, devices and times for the tests of rooms."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from consent.events import Tag
from consent.policy import Role
from rooms.effects import Close, Effect, Record
from rooms.plan import Gate, MeetingPlan, PlannedSeat, SeatConsent
from rooms.room import Room
from rooms.seat import Arrival, Phase

NOON = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)

MANAGER, PSYCHOLOGIST, INTERPRETER, CLIENT, GUEST = (f"{number:016x}" for number in range(1, 6))
ROLES = {
    MANAGER: Role.CASE_MANAGER,
    PSYCHOLOGIST: Role.PSYCHOLOGIST,
    INTERPRETER: Role.INTERPRETER,
    CLIENT: Role.CLIENT,
    GUEST: Role.AGENCY_GUEST,
}

AGREED = SeatConsent(Gate.ALLOW)


def at(seconds: float) -> datetime:
    """So many seconds after the planned start."""
    return NOON + timedelta(seconds=seconds)


def plan(**changes: object) -> MeetingPlan:
    """An appointment of 45 minutes at noon with five invited people."""
    seats = tuple(
        PlannedSeat(seat, role, f"Name of the {role.value}", by_link=seat in {CLIENT, GUEST}, consent=AGREED)
        for seat, role in ROLES.items()
    )
    given = {
        "appointment_id": "a" * 16,
        "case_id": "c" * 16,
        "starts_at": NOON,
        "ends_at": NOON + timedelta(minutes=45),
        "seats": seats,
        "help_phone": "+380 44 000 00 00",
    }
    return MeetingPlan(**(given | changes))  # type: ignore[arg-type]  # tests name the fields they change


def arrival(seat: str, conn: str, device: str | None = None, **more: object) -> Arrival:
    """A connection of a seat; the same device unless another is named."""
    given = {"conn": conn, "seat_id": seat, "device": device or f"device of {seat}", "issued_at": NOON}
    return Arrival(**(given | more))  # type: ignore[arg-type]  # as above


def running(*, client: bool = True, psychologist: bool = False) -> Room:
    """A room in which the case manager ("m") and, by default, the client ("c") are."""
    room = Room(plan())
    room.arrive(arrival(MANAGER, "m"), at(0))
    if client:
        room.arrive(arrival(CLIENT, "c"), at(1))
        room.admit("m", CLIENT, at(2))
    if psychologist:
        room.arrive(arrival(PSYCHOLOGIST, "p"), at(3))
    return room


def tags(effects: Iterable[Effect]) -> list[Tag]:
    """The tags of what is written down."""
    return [effect.tag for effect in effects if isinstance(effect, Record)]


def closed(effects: Iterable[Effect]) -> dict[str, str]:
    """Which connections are ended, and why."""
    return {effect.conn: effect.code for effect in effects if isinstance(effect, Close)}


def phase(room: Room, seat: str) -> Phase:
    """Where a person is."""
    return room.seats[seat].phase
