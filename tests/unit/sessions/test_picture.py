"""The timeline's picture: bars where people were, marks where things happened, and nothing where nothing did."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from consent.events import Tag
from server.sessions.picture import LEFT, RIGHT, TICKS, Lane, Picture, Shape, draw
from server.sessions.record import Fact, build
from tests.unit.sessions.test_record import AFTER, CLIENT, INTERPRETER, MANAGER, at, everybody, room, seat


def drawn(*facts: Fact, now: object = AFTER) -> Picture:
    picture = draw(build([*everybody(), *facts], now), now)  # type: ignore[arg-type] # datetime
    assert picture is not None
    return picture


def lane(picture: Picture, who: str) -> Lane:
    return next(each for each in picture.lanes if each.person and each.person.seat == who)


STEPS = (Tag.JOINED, Tag.LEFT, Tag.DROPPED, Tag.RETURNED, Tag.VERIFIED, Tag.WAITED)
PEOPLE = (MANAGER, CLIENT, INTERPRETER)
MET = (
    seat(0, Tag.JOINED, MANAGER),
    seat(0, Tag.WAITED, CLIENT),
    seat(10, Tag.JOINED, CLIENT),
    seat(20, Tag.DROPPED, CLIENT),
    seat(30, Tag.RETURNED, CLIENT),
    room(40, Tag.ENDED),
)


def test_it_draws_nothing_when_nobody_came() -> None:
    assert draw(build(everybody(), AFTER), AFTER) is None


def test_people_who_did_not_come_have_no_lane() -> None:
    assert {each.person.seat for each in drawn(*MET).lanes if each.person} == {MANAGER, CLIENT}


def test_bars_lie_where_people_were() -> None:
    picture = drawn(*MET)
    whole = RIGHT - LEFT
    assert [(bar.x, bar.width) for bar in lane(picture, MANAGER).bars] == [(LEFT, whole)]
    assert [(bar.x, bar.width) for bar in lane(picture, CLIENT).bars] == [
        (round(LEFT + whole / 4, 1), round(whole / 4, 1)),
        (round(LEFT + whole * 3 / 4, 1), round(whole / 4, 1)),
    ]


def test_a_bar_of_somebody_who_is_still_there_is_open() -> None:
    (bar,) = lane(drawn(*MET[:3], now=at(30)), CLIENT).bars
    assert bar.open
    assert bar.x + bar.width == RIGHT


def test_an_interruption_is_marked_in_the_lane_of_whom_it_met() -> None:
    (mark,) = lane(drawn(*MET), CLIENT).marks
    assert (mark.shape, mark.x) == (Shape.INTERRUPTED, round(LEFT + (RIGHT - LEFT) / 2, 1))
    assert lane(drawn(*MET), MANAGER).marks == ()


def test_what_concerned_everybody_has_a_lane_of_its_own() -> None:
    picture = drawn(*MET[:-1], room(35, Tag.MEDIA_PAUSED), MET[-1])
    assert picture.lanes[-1].person is None
    assert [mark.shape for mark in picture.lanes[-1].marks] == [Shape.INTERRUPTED]
    assert all(each.person for each in drawn(*MET).lanes)


def test_the_key_names_the_shapes_that_occur_and_no_others() -> None:
    assert drawn(*MET).shapes == [Shape.INTERRUPTED]
    assert drawn(*MET, seat(12, Tag.VERIFIED, CLIENT)).shapes == [Shape.VERIFIED, Shape.INTERRUPTED]


def test_consent_and_its_withdrawal_have_shapes_of_their_own() -> None:
    picture = drawn(seat(-5, Tag.CONSENT_GIVEN, CLIENT), *MET[:-1], seat(35, Tag.CONSENT_WITHDRAWN, CLIENT), MET[-1])
    assert [mark.shape for mark in lane(picture, CLIENT).marks] == [
        Shape.CONSENT,
        Shape.INTERRUPTED,
        Shape.WITHDRAWN,
    ]


def test_a_planning_entry_of_last_week_does_not_stretch_the_clock() -> None:
    picture = drawn(seat(-7 * 24 * 60, Tag.VERIFIED, CLIENT), *MET)
    assert picture.ticks[0].at == at(0)
    assert lane(picture, MANAGER).bars[0].x == LEFT


@given(st.integers(0, 2000), st.integers(1, 2000))
def test_the_clock_has_few_times_and_all_of_them_lie_on_it(begin: int, length: int) -> None:
    facts = (seat(begin, Tag.JOINED, MANAGER), seat(begin + length, Tag.LEFT, MANAGER))
    picture = drawn(*facts, now=at(begin + length) + timedelta(days=2))
    assert 0 < len(picture.ticks) <= TICKS + 1
    assert all(LEFT <= tick.x <= RIGHT for tick in picture.ticks)


@given(st.lists(st.tuples(st.integers(-60, 300), st.sampled_from(STEPS), st.sampled_from(PEOPLE)), max_size=20))
def test_everything_lies_inside_whatever_happened(steps: list[tuple[int, Tag, str]]) -> None:
    facts = [seat(minute, tag, who) for minute, tag, who in sorted(steps, key=lambda step: step[0])]
    picture = draw(build([*everybody(), *facts], at(400)), at(400))
    for each in picture.lanes if picture else ():
        assert all(bar.x >= LEFT and bar.width > 0 and bar.x + bar.width <= RIGHT + 2 for bar in each.bars)
        assert all(LEFT <= mark.x <= RIGHT for mark in each.marks)
