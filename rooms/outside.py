"""What happens to a room from outside: its plan changes, invitations go, the server stops and starts, time passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from consent.events import Tag
from rooms.consents import OPEN, gate
from rooms.effects import Close, Detach, Effect, about, closing
from rooms.plan import Gate, MeetingPlan, PlanStatus
from rooms.room import Room
from rooms.seat import GRACE, Phase, Seat

EARLY = timedelta(minutes=60)
"""How long before the start the waiting room opens."""
OVERTIME = timedelta(minutes=60)
"""How long after the planned end a room without people is kept."""


def change_plan(room: Room, plan: MeetingPlan, now: datetime) -> list[Effect]:
    """The appointment was moved, cancelled, restored, ended, its invitations changed, or what its clients agree to."""
    known = {planned.seat_id for planned in plan.seats}
    effects: list[Effect] = []
    for seat_id in [each for each in room.seats if each not in known]:
        effects += close_seat(room, seat_id, "revoked", now)
        del room.seats[seat_id]
    room.plan = plan
    for planned in plan.seats:
        before = room.seats.get(planned.seat_id, Seat(planned))
        room.put(replace(before, plan=planned))
        effects += _stop_media(before, room.seats[planned.seat_id])
    if plan.status == PlanStatus.ENDED and room.ended_at is None:
        return effects + room.finish(None, now)
    if room.cancelled:
        for seat in list(room.seats.values()):
            effects += _send_away(room, seat, "cancelled", now)
    elif now < plan.starts_at - EARLY:
        for seat in [each for each in room.seats.values() if each.phase is Phase.WAITING]:
            effects += _send_away(room, seat, "moved", now)
    for seat in list(room.seats.values()):
        if gate(seat) is Gate.REFUSE:
            effects += _send_away(room, seat, "other_way", now)
        elif gate(seat) is Gate.ASK and seat.knock:
            # Who has taken back what they had agreed to does not wait for anything; who is in stays, without media.
            effects.append(Close(seat.knock.arrival.conn, "consent_missing"))
            room.put(seat.unwaiting() if seat.phase is Phase.WAITING else replace(seat, knock=None))
    return effects + room.settle(now)


def _stop_media(before: Seat, after: Seat) -> list[Effect]:
    """All media of a client whose consent became narrower ends at once; what is still allowed is made anew."""
    narrower = gate(before) is Gate.ALLOW and gate(after) is not Gate.ALLOW
    shut = gate(before) in OPEN and gate(after) not in OPEN
    return [Detach(after.conn)] if after.conn and (narrower or shut) else []


def close_seat(room: Room, seat_id: str, code: str, now: datetime) -> list[Effect]:
    """The invitation was taken back: earlier tickets are void, a new link may come again."""
    if (seat := room.seats.get(seat_id)) is None:
        return []
    effects = closing(seat, code)
    if seat.phase in {Phase.IN, Phase.LOST}:
        effects.insert(0, about(Tag.REMOVED, seat, now, by=None, reason=code))
    room.put(Seat(seat.plan, not_before=now))
    return effects + room.settle(now)


def suspend(room: Room, now: datetime) -> list[Effect]:
    """The server stops: who is in is lost through no fault of theirs, who waits may wait again."""
    effects: list[Effect] = []
    for seat in list(room.seats.values()):
        if seat.phase is Phase.IN:
            effects.append(about(Tag.DROPPED, seat, now, by=None, reason="server"))
            room.put(replace(seat, phase=Phase.LOST, since=now, conn=None, knock=None, returns_until=None))
        elif seat.phase is Phase.WAITING:
            room.put(seat.unwaiting())
        else:
            room.put(replace(seat, conn=None, knock=None))
    return effects + room.settle(now)


def restore(room: Room, now: datetime) -> list[Effect]:
    """The server starts again: whoever was with it when it stopped has a whole grace time from now."""
    effects = suspend(room, now)
    for seat in list(room.seats.values()):
        waited = seat.phase is Phase.EXPECTED and seat.waited_since is not None
        if (seat.phase is Phase.LOST or waited) and seat.returns_until is None:
            room.put(replace(seat, returns_until=now + GRACE))
    return effects


def next_tick(room: Room) -> datetime | None:
    """When ``tick`` has something to do, as far as is known now."""
    if room.ended_at is not None or room.cancelled or room.people():
        return None
    due = room.plan.ends_at + OVERTIME
    return due if room.empty_since is None else max(due, room.empty_since + GRACE)


def tick(room: Room, now: datetime) -> list[Effect]:
    """End a room that nobody came back to, once its time is long over."""
    due = next_tick(room)
    return room.finish(None, now) if due is not None and now >= due else []


def _send_away(room: Room, seat: Seat, code: str, now: datetime) -> list[Effect]:
    effects = closing(seat, code)
    if seat.phase in {Phase.IN, Phase.LOST}:
        effects.insert(0, about(Tag.LEFT, seat, now, by=None, reason=code))
        room.put(replace(seat.emptied(), phase=Phase.LEFT, since=now))
    elif seat.phase is Phase.WAITING:
        room.put(seat.unwaiting())
    else:
        room.put(replace(seat, knock=None))
    return effects
