"""What a room asks its surroundings to do after a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from consent.events import Tag
from consent.policy import Action
from rooms.seat import Seat

Json = str | int | bool | None | list[str]


class RoomError(Exception):
    """What the room does not allow; ``code`` is stable, ``action`` is named when the policy said no."""

    def __init__(self, code: str, action: Action | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.action = action


@dataclass(frozen=True, slots=True)
class Record:
    """Write this to the ledger; ``actor`` is a seat id, or None for the server itself."""

    tag: Tag
    at: datetime
    actor: str | None = None
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Close:
    """End this connection and say why."""

    conn: str
    code: str


@dataclass(frozen=True, slots=True)
class Detach:
    """Close all media of this connection."""

    conn: str


@dataclass(frozen=True, slots=True)
class Mute:
    """Pause this connection's microphones."""

    conn: str


@dataclass(frozen=True, slots=True)
class PauseMedia:
    """Nobody hears or sees anybody until ResumeMedia."""


@dataclass(frozen=True, slots=True)
class ResumeMedia:
    """Media flows again."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The meeting is over for good."""

    at: datetime


Effect = Record | Close | Detach | Mute | PauseMedia | ResumeMedia | Ended


def about(tag: Tag, seat: Seat, at: datetime, by: str | None = "", **details: Json) -> Record:
    """An entry about a seat, done ``by`` another seat, by the server (None), or by the seat itself."""
    actor = seat.id if by == "" else by
    return Record(tag, at, actor, {"seat": seat.id, "role": seat.plan.role.value, **details})


def closing(seat: Seat, code: str) -> list[Effect]:
    """Everything that connects this seat ends."""
    effects: list[Effect] = []
    if seat.conn:
        effects += [Detach(seat.conn), Close(seat.conn, code)]
    if seat.knock:
        effects.append(Close(seat.knock.arrival.conn, code))
    return effects
