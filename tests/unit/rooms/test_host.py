"""Who hosts, and what happens while nobody does."""

from __future__ import annotations

from consent.events import Tag
from rooms.effects import PauseMedia, ResumeMedia
from rooms.room import Room
from tests.unit.rooms.people import CLIENT, INTERPRETER, MANAGER, PSYCHOLOGIST, arrival, at, plan, running, tags


def test_it_prefers_the_case_manager_and_else_takes_who_came_first() -> None:
    room = Room(plan())
    room.arrive(arrival(INTERPRETER, "i"), at(0))
    assert room.host is None
    room.arrive(arrival(PSYCHOLOGIST, "p"), at(1))
    assert room.host == PSYCHOLOGIST
    assert Tag.HOST_CHANGED in tags(room.arrive(arrival(MANAGER, "m"), at(2)))
    assert room.host == MANAGER


def test_it_makes_another_staff_member_host_when_the_host_drops() -> None:
    room = running(psychologist=True)
    effects = room.lost("m", at(30))
    assert tags(effects) == [Tag.DROPPED, Tag.HOST_CHANGED]
    assert room.host == PSYCHOLOGIST
    assert PauseMedia() not in effects
    room.arrive(arrival(MANAGER, "m2"), at(35))
    assert room.host == MANAGER


def test_it_pauses_media_while_no_staff_member_is_present() -> None:
    room = running()
    room.arrive(arrival(INTERPRETER, "i"), at(5))
    effects = room.lost("m", at(30))
    assert PauseMedia() in effects
    assert tags(effects) == [Tag.DROPPED, Tag.MEDIA_PAUSED]
    assert room.paused
    effects = room.arrive(arrival(MANAGER, "m2"), at(40))
    assert ResumeMedia() in effects
    assert tags(effects) == [Tag.RETURNED, Tag.MEDIA_RESUMED]
    assert not room.paused


def test_it_pauses_when_the_media_of_the_only_staff_member_is_lost() -> None:
    room = running()
    assert PauseMedia() in room.media_lost("m", at(30))


def test_it_starts_paused_without_a_word_in_the_record() -> None:
    room = Room(plan())
    assert tags(room.arrive(arrival(INTERPRETER, "i"), at(0))) == [Tag.JOINED]
    assert room.paused
    assert tags(room.arrive(arrival(MANAGER, "m"), at(1))) == [Tag.JOINED, Tag.HOST_CHANGED]


def test_it_says_once_that_it_is_paused_when_people_come_back_before_staff() -> None:
    room = running()
    room.lost("c", at(10))
    assert tags(room.lost("m", at(12))) == [Tag.DROPPED]
    assert tags(room.arrive(arrival(CLIENT, "c2"), at(20))) == [Tag.RETURNED, Tag.MEDIA_PAUSED]
    assert tags(room.arrive(arrival(INTERPRETER, "i"), at(21))) == [Tag.JOINED]
    assert Tag.MEDIA_RESUMED in tags(room.arrive(arrival(MANAGER, "m2"), at(30)))


def test_it_does_not_name_the_same_host_twice() -> None:
    room = running()
    room.lost("m", at(10))
    assert Tag.HOST_CHANGED not in tags(room.arrive(arrival(MANAGER, "m2"), at(12)))
