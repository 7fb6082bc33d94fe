"""Whatever happens in whatever order, some things always hold."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from consent.policy import HOSTS
from rooms.effects import PauseMedia, ResumeMedia, RoomError
from rooms.outside import close_seat, restore, suspend, tick
from rooms.room import Room
from rooms.seat import KnockKind, Phase
from tests.unit.rooms.people import MANAGER, ROLES, arrival, at, plan

SEATS = list(ROLES)
STEPS = st.one_of(
    st.tuples(
        st.just("arrive"), st.sampled_from(SEATS), st.sampled_from(["one", "two"]), st.sampled_from(["a", "b", "c"])
    ),
    st.tuples(st.sampled_from(["lost", "leave", "media_lost", "media_back", "unmute", "end"]), st.integers(0, 20)),
    st.tuples(st.sampled_from(["admit", "decline", "remove", "mute"]), st.integers(0, 20), st.sampled_from(SEATS)),
    st.tuples(st.just("lock"), st.integers(0, 20), st.booleans()),
    st.tuples(st.just("close_seat"), st.sampled_from(SEATS)),
    st.tuples(st.sampled_from(["suspend", "restore", "tick"])),
)


def take(room: Room, step: tuple[object, ...], conns: list[str], seconds: int) -> list[object]:
    now = at(seconds)
    name, *rest = step
    if name == "arrive":
        seat, device, tab = rest
        conns.append(f"{seat}{device}{tab}{seconds}")
        return list(room.arrive(arrival(str(seat), conns[-1], str(device), issued_at=now), now))
    if name in {"suspend", "restore", "tick"}:
        return list({"suspend": suspend, "restore": restore, "tick": tick}[name](room, now))
    if name == "close_seat":
        return list(close_seat(room, str(rest[0]), "revoked", now))
    conn = conns[int(str(rest[0])) % len(conns)] if conns else "nobody"
    if name == "unmute":
        return list(room.unmute(conn))
    return list(getattr(room, str(name))(conn, *rest[1:], now))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(STEPS, st.integers(0, 90)), max_size=30))
def test_it_keeps_its_promises(steps: list[tuple[tuple[object, ...], int]]) -> None:
    room, conns, seconds, paused = Room(plan()), [], 0, True
    admitted: set[str] = set()
    for step, pause in steps:
        seconds += pause
        before = room.copy()
        try:
            effects = take(room, step, conns, seconds)
        except RoomError:
            assert room == before, "a refusal changed something"
            continue
        if step[0] == "admit":
            admitted.add(str(step[2]))
        for effect in effects:
            paused = {PauseMedia: True, ResumeMedia: False}.get(type(effect), paused)
        present = room.people()
        assert paused == room.paused
        if room.ended_at is None:
            assert room.paused == (not any(seat.plan.role in HOSTS for seat in present))
            assert (room.host is None) == room.paused
            assert room.host != MANAGER or room.seats[MANAGER].phase is Phase.IN
        for seat in room.seats.values():
            inside = seat.phase is Phase.IN
            assert not (inside and seat.plan.by_link and seat.id not in admitted), "in without admission"
            assert seat.conn is None or seat.phase in {Phase.IN, Phase.LOST}
            assert not (seat.phase is Phase.WAITING and seat.knock is None)
            assert seat.knock is None or (seat.knock.kind is KnockKind.FIRST) == (seat.phase is Phase.WAITING)
            assert seat.phase is not Phase.REMOVED or (seat.conn is None and seat.knock is None)
            assert inside or seat.phase is Phase.LOST or seat.conn is None
