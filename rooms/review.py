"""When a meeting's plan is read anew although nobody said that it changed ◇: what it stands on can end by the clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from zlib import crc32

from consent.policy import Role
from rooms.room import Room
from rooms.seat import Phase

LATEST = timedelta(minutes=1)
SPREAD_S = 15
"""So many seconds earlier at most, each meeting at its own time, so that they do not all read at once."""


def due(room: Room, read_at: datetime) -> datetime | None:
    """When the plan that was read then is read again; None while no client is there, at the door, or expected back.

    Whoever comes later is let in by a plan that is read as they come.
    """
    if room.ended_at is not None or not any(
        seat.plan.role is Role.CLIENT and (seat.knock or seat.phase in {Phase.WAITING, Phase.IN, Phase.LOST})
        for seat in room.seats.values()
    ):
        return None
    return read_at + LATEST - timedelta(seconds=crc32(room.plan.appointment_id.encode()) % SPREAD_S)
