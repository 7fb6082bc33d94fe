"""What others learn of the rooms: news for connections, and numbers for lists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from rooms.registry import Live
from rooms.seat import Phase
from rooms.view import View


@dataclass(frozen=True)
class Outlet:
    """Where the rooms' news go; none of these may wait for a room."""

    state: Callable[[str, View], Awaitable[None]]
    closed: Callable[[str, str], Awaitable[None]]
    transport_closed: Callable[[str, str], Awaitable[None]]
    consumer_held: Callable[[str, str, bool], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Door:
    """Who stands at one meeting's door, and who could hear it there."""

    appointment_id: str
    knocks: tuple[str, ...]
    """A name for each knock: who comes again knocks anew."""
    inside: frozenset[str]
    """The seats whose people are in the meeting."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How many people are at the door and inside."""

    waiting: int
    present: int


def summary(live: Live | None) -> Summary:
    """Who is at the door and inside; nobody of a room that is not live."""
    seats = live.room.seats.values() if live else ()
    return Summary(
        waiting=sum(seat.knock is not None for seat in seats),
        present=sum(seat.phase is Phase.IN for seat in seats),
    )


def doors(rooms: Iterable[Live]) -> list[Door]:
    """The doors at which somebody stands."""
    found = []
    for live in rooms:
        seats = live.room.seats.values()
        knocks = tuple(f"{seat.id}-{seat.knock.since.timestamp():.3f}" for seat in seats if seat.knock)
        if knocks:
            inside = frozenset(seat.id for seat in seats if seat.phase is Phase.IN)
            found.append(Door(live.room.plan.appointment_id, knocks, inside))
    return found
