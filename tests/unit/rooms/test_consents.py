"""What clients have agreed to, in a live room: who comes in, who waits, who has media with whom, and what ends when."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from consent.events import Tag
from consent.policy import Role
from rooms import consents
from rooms.effects import Detach, Effect, PauseMedia, RoomError
from rooms.outside import change_plan
from rooms.plan import Gate, MeetingPlan, PlannedSeat, SeatConsent
from rooms.room import Room
from rooms.seat import KnockKind, Phase
from rooms.view import look
from tests.unit.rooms.people import (
    AGREED,
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

NEIGHBOUR = "9" * 16
EVERYBODY = frozenset({MANAGER, PSYCHOLOGIST, INTERPRETER, GUEST})
EXPLAINING = SeatConsent(Gate.EXPLAIN, apart=frozenset({PSYCHOLOGIST, GUEST}))
TAKEN_BACK = SeatConsent(Gate.ASK, apart=EVERYBODY, stopped=("video",))


def agreed(consent: SeatConsent, seat: str = CLIENT, base: MeetingPlan | None = None) -> MeetingPlan:
    """The plan, with this as what the client agrees to."""
    base = base or plan()
    seats = tuple(replace(each, consent=consent) if each.seat_id == seat else each for each in base.seats)
    return replace(base, seats=seats)


def without(*people: str, asked: Collection[str] = ()) -> SeatConsent:
    """A client who agrees, but not to these people; about those in ``asked`` they have not been asked yet."""
    return SeatConsent(Gate.ALLOW, apart=frozenset({*people, *asked}), asked=frozenset(asked))


def two_clients(first: SeatConsent = AGREED, second: SeatConsent = AGREED) -> MeetingPlan:
    """A plan with two clients."""
    base = plan()
    other = PlannedSeat(NEIGHBOUR, Role.CLIENT, "Name of the neighbour", by_link=True, consent=second)
    return agreed(first, base=replace(base, seats=(*base.seats, other)))


def detached(effects: Collection[Effect]) -> set[str]:
    """Whose media ends."""
    return {effect.conn for effect in effects if isinstance(effect, Detach)}


def meet(room: Room, one: str, other: str) -> bool:
    return consents.may_meet(room.seats[one], room.seats[other], room.seats)


# coming in


@pytest.mark.parametrize("gate", [Gate.ASK, Gate.REFUSE])
def test_a_client_who_has_not_agreed_does_not_even_wait(gate: Gate) -> None:
    room = Room(agreed(SeatConsent(gate)))
    room.arrive(arrival(MANAGER, "m"), at(0))
    before = room.copy()
    with pytest.raises(RoomError, match="consent_missing" if gate is Gate.ASK else "other_way"):
        room.arrive(arrival(CLIENT, "c"), at(1))
    assert room == before


def test_a_client_of_whom_nothing_is_known_has_not_agreed() -> None:
    seats = tuple(PlannedSeat(each.seat_id, each.role, each.name, each.by_link) for each in plan().seats)
    room = Room(plan(seats=seats))
    with pytest.raises(RoomError, match="consent_missing"):
        room.arrive(arrival(CLIENT, "c"), at(1))


def test_nobody_but_clients_is_asked() -> None:
    seats = tuple(PlannedSeat(each.seat_id, each.role, each.name, each.by_link) for each in plan().seats)
    room = Room(plan(seats=seats))
    room.arrive(arrival(MANAGER, "m"), at(0))
    assert phase(room, MANAGER) is Phase.IN
    assert consents.has_media(room.seats[MANAGER], room.seats)


def test_each_of_several_clients_is_gated() -> None:
    room = Room(two_clients(second=SeatConsent()))
    room.arrive(arrival(MANAGER, "m"), at(0))
    room.arrive(arrival(CLIENT, "c"), at(1))
    room.admit("m", CLIENT, at(2))
    with pytest.raises(RoomError, match="consent_missing"):
        room.arrive(arrival(NEIGHBOUR, "n"), at(3))
    assert consents.has_media(room.seats[CLIENT], room.seats)
    assert not consents.has_media(room.seats[NEIGHBOUR], room.seats)


def test_a_client_who_has_said_no_to_another_one_does_not_drive_them_out() -> None:
    room = Room(two_clients(second=without(CLIENT)))
    room.arrive(arrival(MANAGER, "m"), at(0))
    room.arrive(arrival(CLIENT, "c"), at(1))
    room.admit("m", CLIENT, at(2))
    room.arrive(arrival(NEIGHBOUR, "n"), at(3))
    with pytest.raises(RoomError, match="kept_apart"):
        room.admit("m", NEIGHBOUR, at(4))
    assert (phase(room, CLIENT), phase(room, NEIGHBOUR)) == (Phase.IN, Phase.WAITING)
    room.leave("c", at(5))
    room.admit("m", NEIGHBOUR, at(6))
    assert phase(room, NEIGHBOUR) is Phase.IN


@pytest.mark.parametrize("consent", [without(MANAGER), without(asked=[MANAGER])])
def test_nobody_is_let_in_who_would_then_be_without_any_host(consent: SeatConsent) -> None:
    room = Room(agreed(consent))
    room.arrive(arrival(MANAGER, "m"), at(0))
    room.arrive(arrival(CLIENT, "c"), at(1))
    with pytest.raises(RoomError, match="kept_apart"):
        room.admit("m", CLIENT, at(2))
    room.arrive(arrival(PSYCHOLOGIST, "p"), at(3))
    room.admit("p", CLIENT, at(4))
    assert (phase(room, CLIENT), phase(room, PSYCHOLOGIST)) == (Phase.IN, Phase.IN)
    assert phase(room, MANAGER) is not Phase.IN


def test_a_host_whose_media_is_broken_can_let_somebody_in() -> None:
    room = running(client=False)
    room.media_lost("m", at(1))
    room.arrive(arrival(CLIENT, "c"), at(2))
    room.admit("m", CLIENT, at(3))
    assert phase(room, CLIENT) is Phase.IN


def test_who_waits_and_takes_it_back_is_sent_to_the_pages() -> None:
    room = running(client=False)
    room.arrive(arrival(CLIENT, "c"), at(1))
    effects = change_plan(room, agreed(TAKEN_BACK), at(2))
    assert closed(effects) == {"c": "consent_missing"}
    assert phase(room, CLIENT) is Phase.EXPECTED


# a talk that explains


def test_whoever_has_only_agreed_to_an_explanation_meets_those_who_explain_and_nobody_else() -> None:
    room = Room(agreed(EXPLAINING))
    for seat, conn in ((MANAGER, "m"), (PSYCHOLOGIST, "p"), (INTERPRETER, "i"), (CLIENT, "c")):
        room.arrive(arrival(seat, conn), at(0))
    room.admit("m", CLIENT, at(1))
    assert meet(room, CLIENT, MANAGER)
    assert meet(room, INTERPRETER, CLIENT)
    assert not meet(room, CLIENT, PSYCHOLOGIST)
    assert not meet(room, PSYCHOLOGIST, CLIENT)
    assert meet(room, MANAGER, PSYCHOLOGIST)
    # Nobody has to go for it: they are connected with nobody whom they may not meet.
    assert phase(room, PSYCHOLOGIST) is Phase.IN


def test_an_interpreter_alone_explains_nothing() -> None:
    room = Room(agreed(EXPLAINING))
    for seat, conn in ((MANAGER, "m"), (PSYCHOLOGIST, "p"), (INTERPRETER, "i"), (CLIENT, "c")):
        room.arrive(arrival(seat, conn), at(0))
    room.admit("m", CLIENT, at(1))
    assert detached(room.leave("m", at(2))) >= {"m", "c"}
    assert not consents.has_media(room.seats[CLIENT], room.seats)
    assert not meet(room, CLIENT, INTERPRETER)


def test_agreeing_after_the_explanation_opens_the_rest_without_stopping_anything() -> None:
    room = Room(agreed(EXPLAINING))
    for seat, conn in ((MANAGER, "m"), (PSYCHOLOGIST, "p"), (CLIENT, "c")):
        room.arrive(arrival(seat, conn), at(0))
    room.admit("m", CLIENT, at(1))
    effects = change_plan(room, agreed(AGREED), at(2))
    assert not detached(effects)
    assert meet(room, CLIENT, PSYCHOLOGIST)


# taking it back


def test_taking_it_back_ends_that_persons_media_at_once_and_nobody_elses() -> None:
    room = running(psychologist=True)
    effects = change_plan(room, agreed(TAKEN_BACK), at(5))
    assert detached(effects) == {"c"}
    assert not closed(effects)
    assert not any(isinstance(effect, PauseMedia) for effect in effects)
    assert phase(room, CLIENT) is Phase.IN
    assert not consents.has_media(room.seats[CLIENT], room.seats)
    assert meet(room, MANAGER, PSYCHOLOGIST)


def test_giving_it_again_opens_it_again() -> None:
    room = running()
    change_plan(room, agreed(TAKEN_BACK), at(5))
    assert change_plan(room, agreed(AGREED), at(6)) == []
    assert meet(room, CLIENT, MANAGER)


def test_a_decision_against_remote_work_ends_it_for_the_client() -> None:
    room = running()
    effects = change_plan(room, agreed(SeatConsent(Gate.REFUSE)), at(5))
    assert closed(effects) == {"c": "other_way"}
    assert detached(effects) == {"c"}
    assert phase(room, CLIENT) is Phase.LEFT
    with pytest.raises(RoomError, match="other_way"):
        room.arrive(arrival(CLIENT, "c2"), at(6))


@pytest.mark.parametrize("leads", [Role.CASE_MANAGER, Role.SOCIAL_WORKER])
def test_everybody_sees_that_it_was_taken_back_and_only_some_see_what(leads: Role) -> None:
    room = running(psychologist=True)
    taken_back = agreed(TAKEN_BACK)
    seats = tuple(replace(seat, role=leads) if seat.seat_id == MANAGER else seat for seat in taken_back.seats)
    change_plan(room, replace(taken_back, seats=seats), at(5))
    for conn, told in (("m", ("video",)), ("p", ()), ("c", ("video",))):
        view = look(room, conn, [], media_epoch=0, revision=1, now=at(6))
        assert view is not None
        client = next(each for each in view.people if each.seat == CLIENT)
        assert client.consent is Gate.ASK
        assert client.took_back
        assert client.stopped == told


# a named person who comes later


def test_somebody_whom_a_client_was_not_asked_about_waits_and_comes_in_by_themself_once_agreed() -> None:
    room = Room(agreed(without(asked=[PSYCHOLOGIST])))
    for seat, conn in ((MANAGER, "m"), (CLIENT, "c")):
        room.arrive(arrival(seat, conn), at(0))
    room.admit("m", CLIENT, at(1))
    room.arrive(arrival(PSYCHOLOGIST, "p"), at(2))
    assert phase(room, PSYCHOLOGIST) is Phase.WAITING
    knock = room.seats[PSYCHOLOGIST].knock
    assert knock is not None
    assert knock.kind is KnockKind.CONSENT
    view = look(room, "c", [], media_epoch=0, revision=1, now=at(3))
    assert view is not None
    assert view.you.asked == (PSYCHOLOGIST,)
    assert next(each for each in view.people if each.seat == PSYCHOLOGIST).waits_for == (CLIENT,)

    effects = change_plan(room, agreed(AGREED), at(4))
    assert phase(room, PSYCHOLOGIST) is Phase.IN
    assert Tag.JOINED in tags(effects)
    assert meet(room, CLIENT, PSYCHOLOGIST)


def test_the_host_cannot_let_in_whom_a_client_was_not_asked_about() -> None:
    room = Room(agreed(without(asked=[GUEST])))
    for seat, conn in ((MANAGER, "m"), (CLIENT, "c")):
        room.arrive(arrival(seat, conn), at(0))
    room.admit("m", CLIENT, at(1))
    room.arrive(arrival(GUEST, "g"), at(2))
    with pytest.raises(RoomError, match="consent_missing"):
        room.admit("m", GUEST, at(3))
    change_plan(room, agreed(AGREED), at(4))
    # A person with a link still comes in only when the host lets them in.
    assert phase(room, GUEST) is Phase.WAITING
    room.admit("m", GUEST, at(5))
    assert phase(room, GUEST) is Phase.IN


def test_another_client_stands_at_the_door_until_the_one_who_is_there_agrees() -> None:
    room = Room(two_clients(without(asked=[NEIGHBOUR]), AGREED))
    for seat, conn in ((MANAGER, "m"), (CLIENT, "c")):
        room.arrive(arrival(seat, conn), at(0))
    room.admit("m", CLIENT, at(1))
    room.arrive(arrival(NEIGHBOUR, "n"), at(2))
    view = look(room, "c", [], media_epoch=0, revision=1, now=at(3))
    assert view is not None
    assert view.you.asked == (NEIGHBOUR,)
    with pytest.raises(RoomError, match="consent_missing"):
        room.admit("m", NEIGHBOUR, at(3))
    change_plan(room, two_clients(AGREED, AGREED), at(4))
    room.admit("m", NEIGHBOUR, at(5))
    assert meet(room, CLIENT, NEIGHBOUR)


def test_every_client_who_is_there_is_asked() -> None:
    room = Room(two_clients(without(asked=[PSYCHOLOGIST]), without(asked=[PSYCHOLOGIST])))
    for seat, conn in ((MANAGER, "m"), (CLIENT, "c"), (NEIGHBOUR, "n")):
        room.arrive(arrival(seat, conn), at(0))
    for seat in (CLIENT, NEIGHBOUR):
        room.admit("m", seat, at(1))
    room.arrive(arrival(PSYCHOLOGIST, "p"), at(2))
    change_plan(room, two_clients(AGREED, without(asked=[PSYCHOLOGIST])), at(3))
    assert phase(room, PSYCHOLOGIST) is Phase.WAITING
    assert consents.unasked_by(room.seats[PSYCHOLOGIST], room.seats) == [NEIGHBOUR]
    room.leave("n", at(4))
    assert phase(room, PSYCHOLOGIST) is Phase.IN


def test_a_client_who_comes_later_is_asked_before_they_meet() -> None:
    room = Room(agreed(without(asked=[PSYCHOLOGIST])))
    for seat, conn in ((MANAGER, "m"), (PSYCHOLOGIST, "p"), (CLIENT, "c")):
        room.arrive(arrival(seat, conn), at(0))
    assert phase(room, PSYCHOLOGIST) is Phase.IN
    effects = room.admit("m", CLIENT, at(1))
    assert detached(effects) == {"p"}
    assert not closed(effects)
    view = look(room, "p", [], media_epoch=0, revision=1, now=at(2))
    assert view is not None
    assert (view.you.phase, view.you.knock) == (Phase.WAITING, KnockKind.CONSENT)
    change_plan(room, agreed(AGREED), at(3))
    assert phase(room, PSYCHOLOGIST) is Phase.IN


def test_a_no_to_a_person_removes_that_person_and_not_the_call() -> None:
    room = running(psychologist=True)
    effects = change_plan(room, agreed(without(PSYCHOLOGIST)), at(5))
    assert closed(effects) == {"p": "not_agreed"}
    assert detached(effects) == {"p"}
    assert phase(room, PSYCHOLOGIST) is Phase.LEFT
    assert meet(room, CLIENT, MANAGER)
    with pytest.raises(RoomError, match="not_agreed"):
        room.arrive(arrival(PSYCHOLOGIST, "p2"), at(6))
    change_plan(room, agreed(AGREED), at(7))
    room.arrive(arrival(PSYCHOLOGIST, "p3"), at(8))
    assert phase(room, PSYCHOLOGIST) is Phase.IN


def test_a_no_at_the_door_sends_the_person_away() -> None:
    room = Room(agreed(without(asked=[GUEST])))
    for seat, conn in ((MANAGER, "m"), (CLIENT, "c")):
        room.arrive(arrival(seat, conn), at(0))
    room.admit("m", CLIENT, at(1))
    room.arrive(arrival(GUEST, "g"), at(2))
    effects = change_plan(room, agreed(without(GUEST)), at(3))
    assert closed(effects) == {"g": "not_agreed"}
    assert Tag.DECLINED in tags(effects)


def test_whom_nobody_present_objects_to_may_be_there() -> None:
    room = Room(agreed(without(PSYCHOLOGIST)))
    for seat, conn in ((MANAGER, "m"), (PSYCHOLOGIST, "p")):
        room.arrive(arrival(seat, conn), at(0))
    assert phase(room, PSYCHOLOGIST) is Phase.IN


def test_whose_media_has_ended_already_is_shown_without_it() -> None:
    room = running()
    view = look(room, "m", [], media_epoch=0, revision=1, now=at(3), halted={CLIENT})
    assert view is not None
    assert next(each for each in view.people if each.seat == CLIENT).consent is Gate.ASK
