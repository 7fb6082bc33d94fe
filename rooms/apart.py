"""Keeping apart in a live room whom its clients keep apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from consent.events import Tag
from rooms.consents import gate, has_media, refused_by, unasked_by
from rooms.effects import Close, Detach, Effect, about, closing
from rooms.plan import Gate
from rooms.seat import Arrival, Knock, KnockKind, Phase, Seat

if TYPE_CHECKING:
    from rooms.room import Room


def keep_apart(room: Room, now: datetime) -> list[Effect]:
    """Nobody is there whom a present client has not agreed to; whoever waited for the agreement comes in."""
    effects: list[Effect] = []
    for seat_id in list(room.seats):
        seat = room.seats[seat_id]  # whoever came in just now has changed others
        if refused_by(seat, room.seats):
            effects += _turn_away(room, seat, now)
        elif seat.conn and seat.phase is Phase.IN and unasked_by(seat, room.seats):
            effects += _send_to_the_door(room, seat, seat.conn, now)
        elif seat.knock and seat.knock.kind is KnockKind.CONSENT and not unasked_by(seat, room.seats):
            effects += room.come_in(seat, seat.knock.arrival, now)
        elif seat.conn and gate(seat) is Gate.EXPLAIN and not has_media(seat, room.seats):
            effects.append(Detach(seat.conn))
    return effects


def _turn_away(room: Room, seat: Seat, now: datetime) -> list[Effect]:
    """A client does not want this person there: they go, and may come again once the client agrees."""
    inside = seat.phase in {Phase.IN, Phase.LOST}
    if not inside and not seat.knock:
        return []
    tag = Tag.LEFT if inside else Tag.DECLINED
    if inside:
        room.put(replace(seat.emptied(), phase=Phase.LEFT, since=now))
    else:
        room.put(seat.unwaiting() if seat.phase is Phase.WAITING else replace(seat, knock=None))
    return [about(tag, seat, now, by=None, reason="not_agreed"), *closing(seat, "not_agreed")]


def _send_to_the_door(room: Room, seat: Seat, conn: str, now: datetime) -> list[Effect]:
    """A client is there who was not asked about this person: they wait outside for the answer."""
    arrival = Arrival(conn, seat.id, seat.device or "", now, seat.with_helper, seat.abilities)
    left = replace(seat, phase=Phase.LEFT, since=now, conn=None, returns_until=None)
    room.put(replace(left, knock=Knock(KnockKind.CONSENT, arrival, now)))
    waits = about(Tag.WAITED, seat, now, knock=KnockKind.CONSENT.value)
    elsewhere: list[Effect] = [Close(seat.knock.arrival.conn, "other_tab")] if seat.knock else []
    return [*elsewhere, Detach(conn), about(Tag.LEFT, seat, now, by=None, reason="consent"), waits]
