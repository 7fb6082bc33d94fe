"""What one connection may see of a room: the data of a snapshot."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from consent.policy import Action, Role, allows
from rooms import consents
from rooms.plan import Gate
from rooms.room import Room, may
from rooms.seat import Abilities, KnockKind, Phase, Seat

RIGHTS = (
    Action.ADMIT,
    Action.MUTE_OTHERS,
    Action.REMOVE,
    Action.LOCK,
    Action.CORRECT_HELPER,
    Action.END_MEETING,
)
"""What a client needs to know that it may do, in this order."""


@dataclass(frozen=True, slots=True)
class You:
    """The seat that looks."""

    seat: str
    role: Role
    name: str
    phase: Phase
    knock: KnockKind | None
    host: bool
    can: tuple[Action, ...]
    muted_by_host: bool
    consent: Gate | None
    """How far a client's own consent goes; None for everybody else."""
    asked: tuple[str, ...]
    """People at the door about whom this client is asked now."""


@dataclass(frozen=True, slots=True)
class RoomView:
    """The room as a whole."""

    phase: str
    reason: str | None
    locked: bool
    media_epoch: int
    host: str | None
    help_phone: str
    starts_at: datetime
    """As planned now: it may be moved while somebody waits."""
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class Person:
    """One seat as others see it."""

    seat: str
    name: str
    role: Role
    phase: Phase
    since: datetime | None
    with_helper: bool | None
    knock: KnockKind | None
    knock_since: datetime | None
    admitted_by: str | None
    """The seat that let them in: its device adds them to the encrypted group."""
    muted_by_host: bool
    abilities: Abilities
    consent: Gate | None
    """How far a client's consent goes now; None for everybody else."""
    took_back: bool
    """Whether a client has taken back something for this meeting; everybody sees that."""
    stopped: tuple[str, ...]
    """What it was, for those who may know it."""
    waits_for: tuple[str, ...]
    """Clients whose agreement this person waits for at the door."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One producer that can be consumed."""

    id: str
    seat: str
    kind: str
    source: str
    paused: bool


@dataclass(frozen=True, slots=True)
class View:
    """A whole snapshot for one connection."""

    revision: int
    now: datetime
    you: You
    room: RoomView
    people: tuple[Person, ...]
    producers: tuple[Stream, ...]


def look(
    room: Room,
    conn: str,
    streams: Sequence[Stream],
    *,
    media_epoch: int,
    revision: int,
    now: datetime,
    halted: Collection[str] = (),
) -> View | None:
    """The snapshot for this connection; None when it is neither in the room nor at its door.

    ``halted`` are seats whose media has ended already, before the reason is in the plan.
    """
    inside = room.inside(conn)
    seat = inside or room.knocking(conn)
    if seat is None:
        return None
    # A restored phase "lost" is for the others: who looks is there.
    phase = Phase.IN if inside else Phase.WAITING
    visible = [each for each in room.seats.values() if inside or not each.plan.by_link or each.id == seat.id]
    return View(
        revision=revision,
        now=now,
        you=You(
            seat=seat.id,
            role=seat.plan.role,
            name=seat.plan.name,
            phase=phase,
            knock=None if inside or seat.knock is None else seat.knock.kind,
            host=inside is not None and room.host == seat.id,
            can=tuple(action for action in RIGHTS if may(seat, action)) if inside else (),
            muted_by_host=seat.muted,
            consent=_consent(seat, halted),
            asked=tuple(consents.asked_now(seat, room.seats)) if inside else (),
        ),
        room=RoomView(
            phase="paused" if room.paused else "open",
            reason="no_staff" if room.paused else None,
            locked=room.locked,
            media_epoch=media_epoch,
            host=room.host,
            help_phone=room.plan.help_phone,
            starts_at=room.plan.starts_at,
            started_at=room.started_at,
        ),
        people=tuple(_person(room, each, seat, halted) for each in visible),
        producers=tuple(stream for stream in streams if _meets(room, seat, stream, halted)) if inside else (),
    )


def _meets(room: Room, seat: Seat, stream: Stream, halted: Collection[str]) -> bool:
    other = room.seats.get(stream.seat)
    if other is None or seat.id in halted or other.id in halted:
        return False
    return other.id == seat.id or consents.may_meet(seat, other, room.seats)


def _consent(seat: Seat, halted: Collection[str]) -> Gate | None:
    if seat.plan.role is not Role.CLIENT:
        return None
    return Gate.ASK if seat.id in halted else consents.gate(seat)


def _person(room: Room, seat: Seat, looks: Seat, halted: Collection[str]) -> Person:
    return Person(
        seat=seat.id,
        name=seat.plan.name,
        role=seat.plan.role,
        phase=seat.phase,
        since=seat.since,
        with_helper=seat.with_helper,
        knock=seat.knock.kind if seat.knock else None,
        knock_since=seat.knock.since if seat.knock else None,
        admitted_by=seat.admitted_by,
        muted_by_host=seat.muted,
        abilities=seat.abilities,
        consent=_consent(seat, halted),
        took_back=bool(seat.plan.consent.stopped),
        stopped=seat.plan.consent.stopped if _may_know(looks, seat) else (),
        waits_for=tuple(consents.unasked_by(seat, room.seats)) if seat.knock else (),
    )


def _may_know(looks: Seat, seat: Seat) -> bool:
    """Whether this person sees what it was; everybody sees that something was taken back."""
    return allows(looks.plan.role, Action.KNOW_REFUSALS, on_team=True, own=looks.id == seat.id)
