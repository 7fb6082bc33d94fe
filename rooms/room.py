"""One live meeting: who is in it, who waits, who hosts, and what may happen next. No socket, clock or database."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from consent.events import Tag
from consent.policy import HOSTS, Action, Role, allows
from rooms.apart import keep_apart
from rooms.consents import OPEN, gate, refused_by, sent_away_by, unasked_by
from rooms.effects import (
    Close,
    Detach,
    Effect,
    Ended,
    Mute,
    PauseMedia,
    Record,
    ResumeMedia,
    RoomError,
    about,
    closing,
)
from rooms.plan import Gate, MeetingPlan, PlanStatus
from rooms.seat import GRACE, Abilities, Arrival, Knock, KnockKind, Phase, Seat

DECLINED_WAIT = timedelta(seconds=30)


@dataclass
class Room:
    """A meeting's state. Every method checks first and changes then: RoomError means that nothing has changed."""

    plan: MeetingPlan
    seats: dict[str, Seat] = field(default_factory=dict)
    locked: bool = False
    paused: bool = True
    pause_told: bool = False
    """Whether the present pause is in the record; the one before the first host came is not."""
    host: str | None = None
    last_host: str | None = None
    started_at: datetime | None = None
    client_came_at: datetime | None = None
    """When the first client came in. Before that people of the team may be there, but no conversation runs."""
    ended_at: datetime | None = None
    empty_since: datetime | None = None
    arrivals: int = 0

    def __post_init__(self) -> None:
        for planned in self.plan.seats:
            self.seats.setdefault(planned.seat_id, Seat(planned))

    def copy(self) -> Room:
        """A draft to change; the seats themselves are immutable."""
        return replace(self, seats=dict(self.seats))

    @property
    def cancelled(self) -> bool:
        """Whether the appointment will not take place."""
        return self.plan.status == PlanStatus.CANCELLED

    def inside(self, conn: str) -> Seat | None:
        """The seat whose connection in the room this is."""
        return next((seat for seat in self.seats.values() if seat.conn == conn), None)

    def knocking(self, conn: str) -> Seat | None:
        """The seat at whose door this connection stands."""
        return next((seat for seat in self.seats.values() if seat.knock and seat.knock.arrival.conn == conn), None)

    # coming and going

    def arrive(self, arrival: Arrival, now: datetime) -> list[Effect]:
        """Somebody opens the door of their seat: they come in, or they wait.

        Raises RoomError: not_invited, link_revoked, cancelled, room_ended, removed, room_locked, declined_wait,
        consent_missing, other_way, not_agreed.
        """
        seat = self._welcome(arrival)
        continues = seat.returns(arrival.device, now)
        if seat.newcomer and self.locked and not seat.knock and not continues and not may(seat, Action.LOCK):
            raise RoomError("room_locked")
        here = seat.conn is not None and seat.device == arrival.device
        if not seat.plan.by_link or here or (seat.phase is Phase.LOST and continues):
            if unasked_by(seat, self.seats):
                return self._wait(seat, arrival, now, continues=continues, kind=KnockKind.CONSENT)
            return self.come_in(seat, arrival, now)
        if seat.declined_at is not None and now < seat.declined_at + DECLINED_WAIT:
            raise RoomError("declined_wait")
        return self._wait(seat, arrival, now, continues=continues)

    def lost(self, conn: str, at: datetime) -> list[Effect]:
        """The connection broke at this moment. Unknown connections are nobody's loss."""
        if seat := self.inside(conn):
            effects: list[Effect] = [Detach(conn)]
            if seat.phase is Phase.IN:
                effects.append(about(Tag.DROPPED, seat, at))
                seat = replace(seat, phase=Phase.LOST, since=at)
            self.put(replace(seat, conn=None, returns_until=at + GRACE))
            return effects + self.settle(at)
        if seat := self.knocking(conn):
            if seat.phase is not Phase.WAITING:
                self.put(replace(seat, knock=None))
                return []
            self.put(seat.unwaiting(returns_until=at + GRACE))
            return [about(Tag.DROPPED, seat, at, phase="waiting")]
        return []

    def media_lost(self, conn: str, at: datetime) -> list[Effect]:
        """The person's media broke while the connection still stands."""
        seat = self.inside(conn)
        if seat is None or seat.phase is not Phase.IN:
            return []
        self.put(replace(seat, phase=Phase.LOST, since=at))
        return [about(Tag.DROPPED, seat, at, reason="media"), *self.settle(at)]

    def media_back(self, conn: str, now: datetime) -> list[Effect]:
        """The person's media works again."""
        seat = self.inside(conn)
        if seat is None or seat.phase is not Phase.LOST:
            return []
        self._seat_inside(seat, now)
        return [about(Tag.RETURNED, seat, now, reason="media"), *self.settle(now)]

    def leave(self, conn: str, now: datetime) -> list[Effect]:
        """The person goes by the button. Raises RoomError out_of_order when this connection is nowhere."""
        if seat := self.inside(conn):
            self.put(replace(seat, phase=Phase.LEFT, since=now, conn=None, returns_until=None))
            return [Detach(conn), about(Tag.LEFT, seat, now), *self.settle(now)]
        if seat := self.knocking(conn):
            if seat.phase is not Phase.WAITING:
                self.put(replace(seat, knock=None))
                return []
            self.put(seat.unwaiting())
            return [about(Tag.LEFT, seat, now, phase="waiting")]
        raise RoomError("out_of_order")

    def update(
        self, conn: str, now: datetime, with_helper: bool | None = None, abilities: Abilities | None = None
    ) -> list[Effect]:
        """What a person says about themself; None leaves it as it was."""
        seat = self.inside(conn) or self.knocking(conn)
        if seat is None:
            raise RoomError("out_of_order")
        if seat.knock and seat.knock.arrival.conn == conn:
            arrival = seat.knock.arrival
            arrival = replace(
                arrival,
                with_helper=arrival.with_helper if with_helper is None else with_helper,
                abilities=abilities or arrival.abilities,
            )
            seat = replace(seat, knock=replace(seat.knock, arrival=arrival))
            self.put(seat)
            if seat.phase is not Phase.WAITING:
                return []
        self.put(replace(seat, abilities=abilities or seat.abilities))
        return self._state_helper(seat.id, with_helper, seat.id, now)

    # what the host does

    def admit(self, conn: str, seat_id: str, now: datetime) -> list[Effect]:
        """Let in whoever stands at this seat's door.

        Raises RoomError forbidden, unknown_seat, not_waiting, consent_missing (a client has yet to agree to them),
        kept_apart (they do not want another client there, or none of those who could stay with them).
        """
        actor, seat = self._actor(conn, Action.ADMIT), self._seat(seat_id)
        if seat.knock is None:
            raise RoomError("not_waiting")
        if gate(seat) not in OPEN or unasked_by(seat, self.seats):
            raise RoomError("consent_missing")
        going = sent_away_by(seat, self.seats)
        staying = [each for each in self.people() if each not in going and each.plan.role in HOSTS]
        if going and (not staying or any(each.plan.role is Role.CLIENT for each in going)):
            raise RoomError("kept_apart")
        record = about(Tag.ADMITTED, seat, now, by=actor, knock=seat.knock.kind.value)
        return [record, *self.come_in(replace(seat, admitted_by=actor), seat.knock.arrival, now)]

    def decline(self, conn: str, seat_id: str, now: datetime) -> list[Effect]:
        """Send away whoever stands at this seat's door. Raises RoomError forbidden, unknown_seat, not_waiting."""
        actor, seat = self._actor(conn, Action.ADMIT), self._seat(seat_id)
        if seat.knock is None:
            raise RoomError("not_waiting")
        knock = seat.knock
        left = seat.unwaiting() if seat.phase is Phase.WAITING else replace(seat, knock=None)
        self.put(replace(left, declined_at=now))
        record = about(Tag.DECLINED, seat, now, by=actor, knock=knock.kind.value)
        return [record, Close(knock.arrival.conn, "declined")]

    def mute(self, conn: str, seat_id: str, now: datetime) -> list[Effect]:
        """Silence a person for all. Raises RoomError forbidden, unknown_seat, not_present."""
        actor, seat = self._actor(conn, Action.MUTE_OTHERS), self._seat(seat_id)
        if seat.phase not in {Phase.IN, Phase.LOST}:
            raise RoomError("not_present")
        if seat.muted:
            return []
        self.put(replace(seat, muted=True))
        effects: list[Effect] = [about(Tag.MUTED, seat, now, by=actor)]
        return [*effects, Mute(seat.conn)] if seat.conn else effects

    def unmute(self, conn: str) -> list[Effect]:
        """A person takes back being muted."""
        if (seat := self.inside(conn)) and seat.muted:
            self.put(replace(seat, muted=False))
        return []

    def remove(self, conn: str, seat_id: str, now: datetime) -> list[Effect]:
        """Send a person away for good. Raises RoomError forbidden, unknown_seat, not_present."""
        actor, seat = self._actor(conn, Action.REMOVE), self._seat(seat_id)
        if seat.id == actor:
            raise RoomError("forbidden", Action.REMOVE)
        if seat.phase in {Phase.EXPECTED, Phase.REMOVED}:
            raise RoomError("not_present")
        self.put(replace(seat.emptied(), phase=Phase.REMOVED, since=now))
        return [about(Tag.REMOVED, seat, now, by=actor), *closing(seat, "removed"), *self.settle(now)]

    def correct_helper(self, conn: str, seat_id: str, with_helper: bool, now: datetime) -> list[Effect]:
        """The host says whether somebody sits beside this person. Raises RoomError forbidden, unknown_seat."""
        actor, seat = self._actor(conn, Action.CORRECT_HELPER), self._seat(seat_id)
        return self._state_helper(seat.id, with_helper, actor, now)

    def lock(self, conn: str, locked: bool, now: datetime) -> list[Effect]:
        """Close the room to newcomers, or open it again. Raises RoomError forbidden."""
        actor = self._actor(conn, Action.LOCK)
        if locked == self.locked:
            return []
        self.locked = locked
        return [Record(Tag.LOCKED if locked else Tag.UNLOCKED, now, actor)]

    def show_screen(self, conn: str) -> list[Effect]:
        """A person begins to show their screen; nobody asks more of the room for it. Raises RoomError forbidden."""
        self._actor(conn, Action.SHARE_SCREEN)
        return []

    def end(self, conn: str, now: datetime) -> list[Effect]:
        """End the meeting for all. Raises RoomError forbidden."""
        return self.finish(self._actor(conn, Action.END_MEETING), now)

    # inner steps

    def _welcome(self, arrival: Arrival) -> Seat:
        seat = self.seats.get(arrival.seat_id)
        if seat is None:
            raise RoomError("not_invited")
        if self.cancelled:
            raise RoomError("cancelled")
        if self.ended_at is not None:
            raise RoomError("room_ended")
        if seat.not_before is not None and arrival.issued_at < seat.not_before:
            raise RoomError("link_revoked")
        if seat.phase is Phase.REMOVED:
            raise RoomError("removed")
        match gate(seat):
            case Gate.REFUSE:
                raise RoomError("other_way")
            case Gate.ASK:
                raise RoomError("consent_missing")
        if refused_by(seat, self.seats):
            raise RoomError("not_agreed")
        return seat

    def _wait(
        self, seat: Seat, arrival: Arrival, now: datetime, *, continues: bool, kind: KnockKind | None = None
    ) -> list[Effect]:
        effects: list[Effect] = []
        since = now
        again = continues and seat.phase is Phase.EXPECTED
        if seat.knock:
            same = seat.knock.arrival.device == arrival.device
            effects.append(Close(seat.knock.arrival.conn, "other_tab" if same else "moved_device"))
            since = seat.knock.since if same else now
        else:
            same = False
            since = seat.waited_since or now if again else now
        if seat.newcomer:
            kind = kind or KnockKind.FIRST
            seat = replace(seat, phase=Phase.WAITING, since=since, device=arrival.device, abilities=arrival.abilities)
        elif kind is None:
            kind = KnockKind.RETURNING if arrival.device == seat.device else KnockKind.NEW_DEVICE
        self.put(replace(seat, knock=Knock(kind, arrival, since), declined_at=None))
        if again:
            effects.append(about(Tag.RETURNED, seat, now, phase="waiting"))
        elif not same:
            effects.append(about(Tag.WAITED, seat, now, knock=kind.value))
        if seat.newcomer:
            effects += self._state_helper(seat.id, arrival.with_helper, seat.id, now)
        return effects

    def come_in(self, seat: Seat, arrival: Arrival, now: datetime) -> list[Effect]:
        """Let this connection take its seat inside; whoever may let it in has been asked."""
        effects: list[Effect] = []
        same = seat.device == arrival.device
        knock = seat.knock
        if knock and (knock.arrival.device == arrival.device or knock.arrival.conn == arrival.conn):
            if knock.arrival.conn != arrival.conn:
                effects.append(Close(knock.arrival.conn, "other_tab"))
            knock = None
        if seat.conn and seat.conn != arrival.conn:
            effects += [Detach(seat.conn), Close(seat.conn, "other_tab" if same else "moved_device")]
        if seat.phase in {Phase.IN, Phase.LOST} and not same:
            effects.append(about(Tag.MOVED_DEVICE, seat, now))
        if seat.phase is Phase.LOST:
            effects.append(about(Tag.RETURNED, seat, now))
        elif seat.phase is not Phase.IN:
            effects.append(about(Tag.JOINED, seat, now))
        self._seat_inside(
            replace(seat, device=arrival.device, conn=arrival.conn, knock=knock, abilities=arrival.abilities), now
        )
        self.started_at = self.started_at or now
        if seat.plan.role is Role.CLIENT:
            self.client_came_at = self.client_came_at or now
        effects += self._state_helper(seat.id, arrival.with_helper, seat.id, now)
        return effects + self.settle(now)

    def _seat_inside(self, seat: Seat, now: datetime) -> None:
        if seat.phase is not Phase.IN:
            self.arrivals += 1
            seat = replace(seat, phase=Phase.IN, since=now, order=self.arrivals)
        self.put(replace(seat, returns_until=None, waited_since=None))

    def finish(self, actor: str | None, now: datetime) -> list[Effect]:
        """Everybody goes, and nobody comes again."""
        present = [seat.id for seat in self.people()]
        lost = [seat.id for seat in self.seats.values() if seat.phase is Phase.LOST]
        effects: list[Effect] = [Record(Tag.ENDED, now, actor, {"present": present, "lost": lost}), Ended(now)]
        for seat in list(self.seats.values()):
            effects += closing(seat, "ended")
            self.put((seat.unwaiting() if seat.phase is Phase.WAITING else seat).emptied())
        self.ended_at, self.host = now, None
        return effects

    def settle(self, now: datetime) -> list[Effect]:
        """Keep apart whom clients keep apart, choose the host, and pause or resume media by whether one is present."""
        effects = keep_apart(self, now)
        people = self.people()
        self.empty_since = None if people else self.empty_since or now
        able = [seat for seat in people if seat.plan.role in HOSTS]
        # The case manager first, then by arrival.
        able.sort(key=lambda seat: (seat.plan.role is not Role.CASE_MANAGER, seat.order))
        self.host = able[0].id if able else None
        if self.host is not None and self.host != self.last_host:
            effects.append(about(Tag.HOST_CHANGED, able[0], now, by=None, before=self.last_host))
            self.last_host = self.host
        if able and self.paused:
            told: list[Effect] = [Record(Tag.MEDIA_RESUMED, now)] if self.pause_told else []
            self.paused = self.pause_told = False
            return [*effects, *told, ResumeMedia()]
        if not able and not self.paused:
            self.paused = True
            effects.append(PauseMedia())
        # A pause is a fact once somebody is there to miss the staff; before the first host there was nothing to pause.
        if self.paused and people and self.last_host is not None and not self.pause_told:
            self.pause_told = True
            effects.append(Record(Tag.MEDIA_PAUSED, now, None, {"reason": "no_staff"}))
        return effects

    def _state_helper(self, seat_id: str, with_helper: bool | None, actor: str, now: datetime) -> list[Effect]:
        seat = self.seats[seat_id]
        if with_helper is None or with_helper == seat.with_helper:
            return []
        self.put(replace(seat, with_helper=with_helper))
        return [about(Tag.HELPER_STATED, seat, now, by=actor, with_helper=with_helper)]

    def _actor(self, conn: str, action: Action) -> str:
        seat = self.inside(conn)
        if seat is None:
            raise RoomError("out_of_order")
        if not may(seat, action):
            raise RoomError("forbidden", action)
        return seat.id

    def _seat(self, seat_id: str) -> Seat:
        if (seat := self.seats.get(seat_id)) is None:
            raise RoomError("unknown_seat")
        return seat

    def people(self) -> list[Seat]:
        """Who is in the room now."""
        return [seat for seat in self.seats.values() if seat.phase is Phase.IN]

    def put(self, seat: Seat) -> None:
        """Take this as the seat's state; for the functions beside the room, which settle afterwards."""
        self.seats[seat.id] = seat


def may(seat: Seat, action: Action) -> bool:
    """Whether this person may do this in a meeting to which they are invited."""
    return allows(seat.plan.role, action, on_team=True)
