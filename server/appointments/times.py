"""Local times: from what a person wrote in a time zone to one moment, through both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

Which = Literal["first", "second"]
"""Of the two moments which one local time names when the clocks go back."""

TimeCode = Literal["time_nonexistent", "time_ambiguous", "zone_unknown"]


class LocalTimeError(Exception):
    """A local time that is not one moment; ``code`` is stable and says why."""

    def __init__(self, code: TimeCode) -> None:
        super().__init__(code)
        self.code: TimeCode = code


@cache
def zones() -> tuple[str, ...]:
    """The names of places whose time can be chosen, sorted; links to old names and fixed offsets are left out."""
    areas = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")
    return tuple(sorted(name for name in available_timezones() if name.startswith(areas)))


def moment(day: date, clock: time, zone: str, which: Which | None = None) -> datetime:
    """The UTC moment at which a clock in this zone shows this day and time.

    Raises LocalTimeError: ``time_nonexistent`` where the clocks jump over it, ``time_ambiguous`` where they show it
    twice and ``which`` does not say which one is meant, ``zone_unknown``.
    """
    if zone not in zones():
        raise LocalTimeError("zone_unknown")
    local = datetime.combine(day, clock, ZoneInfo(zone))
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    # In a gap the two readings come out in reverse order (PEP 495), and neither reads back as what was written.
    if first > second:
        raise LocalTimeError("time_nonexistent")
    if which is None:
        raise LocalTimeError("time_ambiguous")
    return first if which == "first" else second
