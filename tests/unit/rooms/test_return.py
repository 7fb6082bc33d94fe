"""Drops, returns, second tabs and other devices."""

from __future__ import annotations

import pytest

from consent.events import Tag
from rooms.effects import Detach, Effect, Record, RoomError
from rooms.outside import next_tick, restore, suspend, tick
from rooms.room import Room
from rooms.seat import KnockKind, Phase
from tests.unit.rooms.people import (
    CLIENT,
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


def knock(room: Room, seat: str = CLIENT) -> KnockKind | None:
    at_door = room.seats[seat].knock
    return at_door.kind if at_door else None


def test_it_shows_since_when_somebody_is_lost_and_writes_that_moment() -> None:
    room = running()
    effects = room.lost("c", at(30))
    assert (phase(room, CLIENT), room.seats[CLIENT].since) == (Phase.LOST, at(30))
    assert [(effect.tag, effect.at) for effect in effects if isinstance(effect, Record)] == [(Tag.DROPPED, at(30))]
    assert Detach("c") in effects


def test_it_ignores_the_loss_of_a_connection_that_it_does_not_know() -> None:
    room = running()
    before = room.copy()
    assert room.lost("nobody", at(5)) == []
    assert room == before


@pytest.mark.parametrize("after", [1, 60])
def test_it_lets_the_same_device_return_by_itself_within_a_minute(after: int) -> None:
    room = running()
    room.lost("c", at(30))
    effects = room.arrive(arrival(CLIENT, "c2"), at(30 + after))
    assert phase(room, CLIENT) is Phase.IN
    assert tags(effects) == [Tag.RETURNED]


def test_it_asks_the_host_when_the_same_device_returns_later() -> None:
    room = running()
    room.lost("c", at(30))
    effects = room.arrive(arrival(CLIENT, "c2"), at(91))
    assert tags(effects) == [Tag.WAITED]
    assert (phase(room, CLIENT), room.seats[CLIENT].since, knock(room)) == (Phase.LOST, at(30), KnockKind.RETURNING)
    effects = room.admit("m", CLIENT, at(95))
    assert tags(effects) == [Tag.ADMITTED, Tag.RETURNED]
    assert phase(room, CLIENT) is Phase.IN


def test_it_asks_the_host_about_another_device_even_within_the_minute() -> None:
    room = running()
    room.lost("c", at(30))
    room.arrive(arrival(CLIENT, "d", device="daughter's phone"), at(35))
    assert (phase(room, CLIENT), knock(room)) == (Phase.LOST, KnockKind.NEW_DEVICE)
    effects = room.admit("m", CLIENT, at(40))
    assert tags(effects) == [Tag.ADMITTED, Tag.MOVED_DEVICE, Tag.RETURNED]
    assert room.inside("d") is not None


def test_it_closes_the_old_device_when_the_new_one_is_admitted() -> None:
    room = running()
    room.arrive(arrival(CLIENT, "d", device="daughter's phone", with_helper=True), at(35))
    assert (phase(room, CLIENT), knock(room)) == (Phase.IN, KnockKind.NEW_DEVICE)
    assert room.inside("c") is not None
    assert room.seats[CLIENT].with_helper is None
    effects = room.admit("m", CLIENT, at(40))
    assert closed(effects) == {"c": "moved_device"}
    assert tags(effects) == [Tag.ADMITTED, Tag.MOVED_DEVICE, Tag.HELPER_STATED]
    assert room.inside("d") is not None
    # The old device is another device now.
    room.arrive(arrival(CLIENT, "c2"), at(45))
    assert knock(room) is KnockKind.NEW_DEVICE


def test_it_leaves_the_old_device_alone_when_the_new_one_is_declined() -> None:
    room = running()
    room.arrive(arrival(CLIENT, "d", device="a stranger's"), at(35))
    assert closed(room.decline("m", CLIENT, at(40))) == {"d": "declined"}
    assert room.inside("c") is not None
    room.lost("c", at(42))
    room.arrive(arrival(CLIENT, "c2"), at(45))
    assert phase(room, CLIENT) is Phase.IN


def test_it_keeps_another_devices_knock_when_the_own_device_returns() -> None:
    room = running()
    room.lost("c", at(30))
    room.arrive(arrival(CLIENT, "d", device="daughter's phone"), at(35))
    room.arrive(arrival(CLIENT, "c2"), at(40))
    assert (phase(room, CLIENT), knock(room)) == (Phase.IN, KnockKind.NEW_DEVICE)


def test_it_gives_the_seat_to_the_newer_tab_of_the_same_device() -> None:
    room = running()
    effects = room.arrive(arrival(CLIENT, "c2"), at(30))
    assert closed(effects) == {"c": "other_tab"}
    assert tags(effects) == []
    assert room.seats[CLIENT].since == at(2)
    assert room.lost("c", at(31)) == []
    assert phase(room, CLIENT) is Phase.IN


def test_it_gives_the_place_in_the_waiting_room_to_the_newer_tab_or_device() -> None:
    room = running(client=False)
    room.arrive(arrival(CLIENT, "c"), at(5))
    effects = room.arrive(arrival(CLIENT, "c2"), at(8))
    assert (closed(effects), tags(effects)) == ({"c": "other_tab"}, [])
    assert room.seats[CLIENT].since == at(5)
    effects = room.arrive(arrival(CLIENT, "d", device="daughter's phone"), at(9))
    assert (closed(effects), tags(effects)) == ({"c2": "moved_device"}, [Tag.WAITED])
    assert knock(room) is KnockKind.FIRST


def test_it_lets_a_team_member_change_the_device_at_once() -> None:
    room = running(psychologist=True)
    effects = room.arrive(arrival(PSYCHOLOGIST, "p2", device="a phone"), at(30))
    assert closed(effects) == {"p": "moved_device"}
    assert tags(effects) == [Tag.MOVED_DEVICE]
    room.lost("p2", at(40))
    assert tags(room.arrive(arrival(PSYCHOLOGIST, "p3", device="a phone"), at(4000)))[0] is Tag.RETURNED


def test_it_continues_an_interrupted_wait() -> None:
    room = running(client=False)
    room.arrive(arrival(CLIENT, "c"), at(5))
    assert tags(room.lost("c", at(20))) == [Tag.DROPPED]
    assert phase(room, CLIENT) is Phase.EXPECTED
    assert tags(room.arrive(arrival(CLIENT, "c2"), at(25))) == [Tag.RETURNED]
    assert (phase(room, CLIENT), room.seats[CLIENT].since) == (Phase.WAITING, at(5))
    room.lost("c2", at(30))
    assert tags(room.arrive(arrival(CLIENT, "c3"), at(200))) == [Tag.WAITED]
    assert room.seats[CLIENT].since == at(200)


def test_it_lets_who_left_by_the_button_come_back_only_by_the_host() -> None:
    room = running()
    assert tags(room.leave("c", at(30))) == [Tag.LEFT]
    room.arrive(arrival(CLIENT, "c2"), at(31))
    assert (phase(room, CLIENT), knock(room)) == (Phase.LEFT, KnockKind.RETURNING)
    assert tags(room.admit("m", CLIENT, at(32))) == [Tag.ADMITTED, Tag.JOINED]


def test_it_refuses_to_let_somebody_leave_who_is_nowhere() -> None:
    with pytest.raises(RoomError, match="out_of_order"):
        running().leave("nobody", at(5))


def test_it_forgets_a_knock_whose_connection_broke_or_left() -> None:
    room = running()
    for go in (room.lost, room.leave):
        room.arrive(arrival(CLIENT, "d", device="daughter's phone"), at(35))
        assert go("d", at(36)) == []
        assert (knock(room), phase(room, CLIENT)) == (None, Phase.IN)
    room.leave("c", at(40))
    room.arrive(arrival(CLIENT, "c2"), at(41))
    assert tags(room.admit("m", CLIENT, at(42))) == [Tag.ADMITTED, Tag.JOINED]


def test_it_takes_lost_media_for_a_drop_that_needs_no_knock() -> None:
    room = running()
    assert tags(room.media_lost("c", at(30))) == [Tag.DROPPED]
    assert phase(room, CLIENT) is Phase.LOST
    assert room.media_lost("c", at(31)) == []
    assert tags(room.media_back("c", at(300))) == [Tag.RETURNED]
    assert phase(room, CLIENT) is Phase.IN
    assert room.media_back("c", at(301)) == []


def test_it_writes_one_drop_when_media_and_then_the_connection_are_lost() -> None:
    room = running()
    room.media_lost("c", at(30))
    assert tags(room.lost("c", at(40))) == []
    assert room.seats[CLIENT].since == at(30)
    room.arrive(arrival(CLIENT, "c2"), at(99))
    assert phase(room, CLIENT) is Phase.IN


def test_it_gives_everybody_a_whole_minute_after_a_restart() -> None:
    room = running(psychologist=True)
    room.lost("p", at(10))
    effects: list[Effect] = suspend(room, at(20))
    assert tags(effects) == [Tag.DROPPED, Tag.DROPPED]
    assert restore(room, at(500)) == []
    room.arrive(arrival(CLIENT, "c2"), at(560))
    assert phase(room, CLIENT) is Phase.IN


def test_it_finds_those_who_were_in_when_the_server_died() -> None:
    room = running()
    assert tags(restore(room, at(500))) == [Tag.DROPPED, Tag.DROPPED]
    room.arrive(arrival(MANAGER, "m2"), at(510))
    room.arrive(arrival(CLIENT, "c2"), at(561))
    assert knock(room) is KnockKind.RETURNING


def test_it_ends_an_empty_room_long_after_its_time() -> None:
    room = running()
    assert next_tick(room) is None
    room.leave("c", at(2000))
    room.lost("m", at(2700))
    due = next_tick(room)
    assert due == plan().ends_at.replace(hour=13)
    assert tick(room, at(2800)) == []
    assert tags(tick(room, due)) == [Tag.ENDED]
    assert next_tick(room) is None


def test_it_gives_the_last_person_who_drops_late_their_minute_before_the_end() -> None:
    room = running()
    room.leave("c", at(90 * 60))
    room.lost("m", at(110 * 60))
    assert next_tick(room) == at(111 * 60)
