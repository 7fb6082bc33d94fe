"""The plan of a meeting as the live room needs it: who is invited, when, and whom to phone."""

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


@dataclass(frozen=True, slots=True)
class PlannedSeat:
    """One invited person; ``by_link`` people knock, everybody else has signed in and comes in directly."""

    seat_id: str
    role: Role
    name: str
    by_link: bool


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
