"""Who gets in, who waits, who is refused."""

from __future__ import annotations

import pytest

from consent.events import Tag
from consent.policy import Action
from rooms.effects import Mute, Record, RoomError
from rooms.outside import change_plan, close_seat
from rooms.plan import PlanStatus
from rooms.room import Room
from rooms.seat import Abilities, KnockKind, Phase
from tests.unit.rooms.people import (
    CLIENT,
    GUEST,
    INTERPRETER,
    MANAGER,
    PSYCHOLOGIST,
    arrival,
    at,
    closed,
    phase,
    plan,
    running,
    tags,
)


def refused(room: Room, code: str) -> pytest.RaisesExc[RoomError]:
    before = room.copy()

    def same(error: RoomError) -> bool:
        return error.code == code and room == before

    return pytest.raises(RoomError, check=same)


def test_it_refuses_somebody_who_is_not_invited() -> None:
    room = running()
    with refused(room, "not_invited"):
        room.arrive(arrival("f" * 16, "x"), at(5))


def test_it_lets_nobody_with_a_link_in_beside_the_waiting_room() -> None:
    room = running(client=False)
    effects = room.arrive(arrival(CLIENT, "c"), at(5))
    assert phase(room, CLIENT) is Phase.WAITING
    assert room.inside("c") is None
    assert tags(effects) == [Tag.WAITED]


def test_it_lets_a_team_member_in_directly() -> None:
    room = Room(plan())
    effects = room.arrive(arrival(PSYCHOLOGIST, "p"), at(0))
    assert phase(room, PSYCHOLOGIST) is Phase.IN
    assert tags(effects) == [Tag.JOINED, Tag.HOST_CHANGED]
    assert room.started_at == at(0)


def test_the_conversation_begins_with_the_first_client_who_comes_in() -> None:
    room = running(client=False)
    room.arrive(arrival(CLIENT, "c"), at(5))
    assert room.client_came_at is None, "who waits at the door is not there yet"
    room.admit("m", CLIENT, at(9))
    assert (room.started_at, room.client_came_at) == (at(0), at(9))
    room.leave("c", at(20))
    room.arrive(arrival(CLIENT, "c"), at(30))
    room.admit("m", CLIENT, at(31))
    assert room.client_came_at == at(9)


def test_it_writes_who_admitted_whom() -> None:
    room = running(client=False)
    room.arrive(arrival(CLIENT, "c", with_helper=True), at(5))
    effects = room.admit("m", CLIENT, at(9))
    assert tags(effects) == [Tag.ADMITTED, Tag.JOINED]
    admitted = next(effect for effect in effects if isinstance(effect, Record))
    assert admitted.actor == MANAGER
    assert admitted.details == {"seat": CLIENT, "role": "client", "knock": "first"}
    assert room.seats[CLIENT].with_helper is True
    assert room.seats[CLIENT].since == at(9)
    assert room.seats[CLIENT].admitted_by == MANAGER
    assert room.seats[MANAGER].admitted_by is None


@pytest.mark.parametrize("actor", [INTERPRETER, CLIENT])
@pytest.mark.parametrize(
    ("action", "step"),
    [
        (Action.ADMIT, lambda room, conn: room.admit(conn, GUEST, at(9))),
        (Action.ADMIT, lambda room, conn: room.decline(conn, GUEST, at(9))),
        (Action.MUTE_OTHERS, lambda room, conn: room.mute(conn, MANAGER, at(9))),
        (Action.REMOVE, lambda room, conn: room.remove(conn, MANAGER, at(9))),
        (Action.CORRECT_HELPER, lambda room, conn: room.correct_helper(conn, MANAGER, True, at(9))),
        (Action.LOCK, lambda room, conn: room.lock(conn, True, at(9))),
        (Action.END_MEETING, lambda room, conn: room.end(conn, at(9))),
    ],
)
def test_it_refuses_what_a_role_may_not_do_and_names_the_action(actor: str, action: Action, step: object) -> None:
    room = running()
    room.arrive(arrival(INTERPRETER, "i"), at(3))
    room.arrive(arrival(GUEST, "g"), at(4))
    with refused(room, "forbidden") as caught:
        step(room, {INTERPRETER: "i", CLIENT: "c"}[actor])  # type: ignore[operator]  # a lambda of the table above
    assert caught.value.action is action


def test_it_lets_staff_show_their_screen_and_nobody_who_came_by_link() -> None:
    room = running()
    room.arrive(arrival(INTERPRETER, "i"), at(3))
    for conn in ("m", "i"):
        assert room.show_screen(conn) == []
    with refused(room, "forbidden") as caught:
        room.show_screen("c")
    assert caught.value.action is Action.SHARE_SCREEN


def test_it_refuses_rights_to_somebody_who_only_waits() -> None:
    room = running(client=False)
    room.arrive(arrival(CLIENT, "c"), at(5))
    with refused(room, "out_of_order"):
        room.admit("c", CLIENT, at(6))


def test_it_refuses_to_admit_where_nobody_knocks() -> None:
    room = running(client=False)
    with refused(room, "not_waiting"):
        room.admit("m", CLIENT, at(6))
    with refused(room, "unknown_seat"):
        room.admit("m", "f" * 16, at(6))


def test_it_lets_a_declined_person_knock_again_after_half_a_minute() -> None:
    room = running(client=False)
    room.arrive(arrival(CLIENT, "c"), at(5))
    effects = room.decline("m", CLIENT, at(10))
    assert tags(effects) == [Tag.DECLINED]
    assert closed(effects) == {"c": "declined"}
    with refused(room, "declined_wait"):
        room.arrive(arrival(CLIENT, "c2", device="a fresh device"), at(39))
    room.arrive(arrival(CLIENT, "c3"), at(41))
    assert phase(room, CLIENT) is Phase.WAITING


def test_it_keeps_a_removed_person_out_with_every_device() -> None:
    room = running()
    effects = room.remove("m", CLIENT, at(10))
    assert tags(effects) == [Tag.REMOVED]
    assert closed(effects) == {"c": "removed"}
    for device in (None, "another device"):
        with refused(room, "removed"):
            room.arrive(arrival(CLIENT, "c2", device), at(500))


def test_it_does_not_let_a_host_remove_themself() -> None:
    with refused(running(), "forbidden"):
        (room := running()).remove("m", MANAGER, at(5))
    assert phase(room, MANAGER) is Phase.IN


def test_it_locks_newcomers_out_but_not_those_who_wait_or_were_in() -> None:
    room = running(client=False, psychologist=True)
    room.arrive(arrival(CLIENT, "c"), at(5))
    assert tags(room.lock("m", True, at(6))) == [Tag.LOCKED]
    assert room.lock("m", True, at(6)) == []
    with refused(room, "room_locked"):
        room.arrive(arrival(GUEST, "g"), at(7))
    with refused(room, "room_locked"):
        room.arrive(arrival(INTERPRETER, "i"), at(7))
    room.lost("c", at(8))
    room.arrive(arrival(CLIENT, "c2"), at(9))
    room.admit("m", CLIENT, at(10))
    room.lost("p", at(11))
    room.arrive(arrival(PSYCHOLOGIST, "p2"), at(200))
    assert phase(room, PSYCHOLOGIST) is Phase.IN
    assert tags(room.lock("m", False, at(210))) == [Tag.UNLOCKED]
    room.arrive(arrival(GUEST, "g"), at(211))


def test_it_lets_hosts_into_a_locked_room() -> None:
    room = running()
    room.lock("m", True, at(5))
    room.arrive(arrival(PSYCHOLOGIST, "p"), at(6))
    assert phase(room, PSYCHOLOGIST) is Phase.IN


def test_it_mutes_a_person_who_may_take_it_back() -> None:
    room = running()
    effects = room.mute("m", CLIENT, at(5))
    assert tags(effects) == [Tag.MUTED]
    assert Mute("c") in effects
    assert room.mute("m", CLIENT, at(6)) == []
    room.unmute("c")
    assert not room.seats[CLIENT].muted
    with refused(room, "not_present"):
        room.mute("m", GUEST, at(7))


def test_it_records_what_is_said_about_a_helper_and_its_correction_once() -> None:
    room = running(client=False)
    effects = room.arrive(arrival(CLIENT, "c", with_helper=False), at(1))
    assert tags(effects) == [Tag.WAITED, Tag.HELPER_STATED]
    assert tags(room.correct_helper("m", CLIENT, True, at(2))) == [Tag.HELPER_STATED]
    assert room.correct_helper("m", CLIENT, True, at(3)) == []
    assert tags(room.update("c", at(4), with_helper=False, abilities=Abilities(audio=True, video=False))) == [
        Tag.HELPER_STATED
    ]
    assert room.seats[CLIENT].abilities == Abilities(audio=True, video=False)


def test_it_closes_everybody_at_the_end_and_lets_nobody_back() -> None:
    room = running(psychologist=True)
    room.arrive(arrival(GUEST, "g"), at(5))
    room.lost("c", at(6))
    effects = room.end("m", at(9))
    assert closed(effects) == {"m": "ended", "p": "ended", "g": "ended"}
    ended = next(effect for effect in effects if isinstance(effect, Record))
    assert ended.details == {"present": [MANAGER, PSYCHOLOGIST], "lost": [CLIENT]}
    with refused(room, "room_ended"):
        room.arrive(arrival(MANAGER, "m2"), at(10))


def test_it_voids_earlier_tickets_of_an_invitation_that_was_taken_back() -> None:
    room = running()
    effects = close_seat(room, CLIENT, "revoked", at(10))
    assert closed(effects) == {"c": "revoked"}
    assert tags(effects) == [Tag.REMOVED]
    with refused(room, "link_revoked"):
        room.arrive(arrival(CLIENT, "c2"), at(11))
    room.arrive(arrival(CLIENT, "c3", issued_at=at(12)), at(12))
    assert room.seats[CLIENT].knock is not None
    assert room.seats[CLIENT].knock.kind is KnockKind.FIRST


def test_it_sends_everybody_away_when_the_appointment_is_cancelled() -> None:
    room = running()
    room.arrive(arrival(GUEST, "g"), at(3))
    effects = change_plan(room, plan(status=PlanStatus.CANCELLED), at(5))
    assert closed(effects) == {"m": "cancelled", "c": "cancelled", "g": "cancelled"}
    with refused(room, "cancelled"):
        room.arrive(arrival(CLIENT, "c2"), at(6))
    change_plan(room, plan(), at(7))
    room.arrive(arrival(MANAGER, "m2"), at(8))
    assert phase(room, MANAGER) is Phase.IN


def test_it_tells_those_who_wait_that_the_appointment_was_moved() -> None:
    room = running()
    room.arrive(arrival(GUEST, "g"), at(3))
    effects = change_plan(room, plan(starts_at=at(86_400), ends_at=at(89_000)), at(5))
    assert closed(effects) == {"g": "moved"}
    assert phase(room, GUEST) is Phase.EXPECTED
    assert phase(room, CLIENT) is Phase.IN
