"""The plan of a meeting as the live room needs it: who is invited, when, whom to phone, and what clients agreed to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consent.policy import Role


class PlanStatus(StrEnum):
    """What became of the appointment."""

    PLANNED = "planned"
    CANCELLED = "cancelled"
    ENDED = "ended"


class Gate(StrEnum):
    """How far a client's consent opens a meeting to them."""

    ALLOW = "allow"
    EXPLAIN = "explain"  # sound and picture with those who explain, and with nobody else
    ASK = "ask"  # the client has not agreed, or has taken it back
    REFUSE = "refuse"  # nobody in front of the screen can change it


@dataclass(frozen=True, slots=True)
class SeatConsent:
    """What a client has agreed to for this meeting. Without an answer nothing is allowed."""

    gate: Gate = Gate.ASK
    apart: frozenset[str] = frozenset()
    """Seats of people with whom this client shares no media: not asked yet, refused, or not those who explain."""
    asked: frozenset[str] = frozenset()
    """Those of them about whom the client has yet to be asked."""
    stopped: tuple[str, ...] = ()
    """Purposes that the client has taken back, for those who may know them."""


@dataclass(frozen=True, slots=True)
class PlannedSeat:
    """One invited person; ``by_link`` people knock, everybody else has signed in and comes in directly."""

    seat_id: str
    role: Role
    name: str
    by_link: bool
    consent: SeatConsent = SeatConsent()
    """Looked at for clients only."""


@dataclass(frozen=True, slots=True)
class MeetingPlan:
    """One appointment; ``seats`` are those whose invitation stands."""

    appointment_id: str
    case_id: str
    starts_at: datetime
    ends_at: datetime
    seats: tuple[PlannedSeat, ...]
    help_phone: str
    status: str = PlanStatus.PLANNED
    """One of PlanStatus, as the planning side stores it."""
