"""When a case may be erased ◇: from its retention class, its end, the reason, and what was held in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Literal

from server.cases.tables import Retention


class Reason(StrEnum):
    """Why a case is to be erased; a choice and no text, so that the ledger's entry about it holds nothing personal."""

    TIME_OVER = "time_over"
    PERSON_ASKED = "person_asked"
    BY_MISTAKE = "by_mistake"


Code = Literal["not_closed", "on_hold", "too_early", "must_be_kept", "was_used"]


@dataclass(frozen=True)
class Refusal:
    """Why not; ``until`` is the first day on which it may be, where there is one."""

    code: Code
    until: date | None = None


@dataclass(frozen=True)
class Kept:
    """What is known of the case."""

    retention: Retention
    closed_at: datetime | None
    sessions: int
    """How many meetings have taken place, or were entered by hand."""


Years = Mapping[Retention, int]
"""How many years after its end a case of a class is kept."""


def refusal(case: Kept, reason: Reason, years: Years, now: datetime) -> Refusal | None:
    """Why this case may not be erased for this reason now, or None when it may."""
    if case.closed_at is None:
        return Refusal("not_closed")
    if case.retention is Retention.HOLD:
        return Refusal("on_hold")
    if reason is Reason.BY_MISTAKE:
        return Refusal("was_used") if case.sessions else None
    if case.retention is Retention.ON_REQUEST:
        return None
    until = kept_until(case.closed_at, years[case.retention])
    if now.astimezone(UTC).date() >= until:
        return None
    return Refusal("must_be_kept" if reason is Reason.PERSON_ASKED else "too_early", until)


def kept_until(closed_at: datetime, years: int) -> date:
    """The first day on which a case that was closed then need not be kept any more (29 February counts as 1 March)."""
    day = closed_at.astimezone(UTC).date()
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
