"""One seat of a live room: where the person is, from which device, and who stands at its door."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from rooms.plan import PlannedSeat

GRACE = timedelta(seconds=60)
"""How long the same device may come back without asking."""


class Phase(StrEnum):
    """Where a person is, for everybody who may see it."""

    EXPECTED = "expected"
    WAITING = "waiting"
    IN = "in"
    LOST = "lost"
    LEFT = "left"
    REMOVED = "removed"


class KnockKind(StrEnum):
    """Why somebody stands at the door."""

    FIRST = "first"
    RETURNING = "returning"
    NEW_DEVICE = "new_device"
    CONSENT = "consent"  # until the clients who are there have agreed to this person; then they come in by themselves


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the device check found, and whether the browser takes VP9 beside VP8."""

    audio: bool = True
    video: bool = True
    vp9: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """A connection that wants to come to its seat. ``device`` names the browser, ``issued_at`` dates its ticket."""

    conn: str
    seat_id: str
    device: str
    issued_at: datetime
    with_helper: bool | None = None
    abilities: Abilities = Abilities()


@dataclass(frozen=True, slots=True)
class Knock:
    """A connection at the door, since when, and why."""

    kind: KnockKind
    arrival: Arrival
    since: datetime


@dataclass(frozen=True, slots=True)
class Seat:
    """What the room knows about one invited person. ``conn`` is the connection inside, never one that knocks."""

    plan: PlannedSeat
    phase: Phase = Phase.EXPECTED
    since: datetime | None = None
    order: int = 0
    """Grows with each coming in; the host is chosen by it."""
    device: str | None = None
    conn: str | None = None
    knock: Knock | None = None
    admitted_by: str | None = None
    """The seat that let this person in last; None for whoever came in without asking."""
    returns_until: datetime | None = None
    """Until when ``device`` comes back by itself; None in a lost seat: the server itself went away."""
    waited_since: datetime | None = None
    """When the interrupted stay in the waiting room began."""
    with_helper: bool | None = None
    muted: bool = False
    abilities: Abilities = Abilities()
    declined_at: datetime | None = None
    not_before: datetime | None = None
    """Tickets made earlier are void."""

    @property
    def id(self) -> str:
        """The seat's id."""
        return self.plan.seat_id

    @property
    def newcomer(self) -> bool:
        """Whether this person has not been admitted yet."""
        return self.phase in {Phase.EXPECTED, Phase.WAITING}

    def returns(self, device: str, now: datetime) -> bool:
        """Whether this device is still within its time to come back by itself."""
        return device == self.device and self.returns_until is not None and now <= self.returns_until

    def unwaiting(self, returns_until: datetime | None = None) -> Seat:
        """Back to being expected, remembering since when they waited."""
        return replace(
            self,
            phase=Phase.EXPECTED,
            since=None,
            knock=None,
            returns_until=returns_until,
            waited_since=self.since,
        )

    def emptied(self) -> Seat:
        """Without connections, and with no way back by itself."""
        return replace(self, conn=None, knock=None, returns_until=None)
