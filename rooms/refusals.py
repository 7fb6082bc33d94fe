"""Which refusals go to the record: each person and action once in a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from consent.events import Tag
from rooms.effects import Record, RoomError
from rooms.registry import Change, Live

REPEATS = timedelta(minutes=10)


def entry(live: Live, conn: str | None, error: RoomError, now: datetime) -> Change | None:
    """What writes down that the policy said no to this connection's person; None when it did not, or has been told."""
    seat = live.room.inside(conn) if conn is not None else None
    if seat is None or error.action is None:
        return None
    last = live.refused.get((seat.id, error.action))
    if last is not None and now < last + REPEATS:
        return None
    live.refused[seat.id, error.action] = now
    refusal = Record(Tag.ACCESS_REFUSED, now, seat.id, {"seat": seat.id, "action": error.action.value})
    return lambda _: [refusal]
