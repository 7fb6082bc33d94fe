"""Who gets what of too little: in the order of need, and without sound or pictures coming and going."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.bandwidth import KEEP, KEEP_LOSING, MARGIN, SOUND_RESERVE_BPS, Rank, Wish, allocate, useful_layers

LAYERS = {0: 150_000.0, 1: 500_000.0, 2: 1_500_000.0}


def picture(name: str, rank: Rank = Rank.GRID, *, most: int = 2, now: int | None = None) -> Wish:
    return Wish(name, True, rank, LAYERS, most, now)


def sound(name: str) -> Wish:
    return Wish(name, False, Rank.GRID, {0: 32_000.0}, 0)


def places(estimate: float, *wishes: Wish, sight: bool = False) -> dict[str, int | None]:
    return allocate(estimate, wishes, sight=sight).places


def test_everybody_gets_what_is_useful_where_there_is_enough() -> None:
    assert places(1e7, sound("s"), picture("a"), picture("b", most=1)) == {"s": 0, "a": 2, "b": 1}


def test_sound_comes_before_every_picture() -> None:
    assert places(100_000, picture("a", Rank.PINNED), sound("s"), sound("t")) == {"a": None, "s": 0, "t": 0}


def test_sound_is_never_held_by_default() -> None:
    assert places(10_000, sound("s"), sound("t")) == {"s": 0, "t": 0}


def test_all_faces_come_before_one_large_one() -> None:
    wishes = [sound("s"), *(picture(name) for name in "abc"), picture("p", Rank.PINNED)]
    assert places(800_000, *wishes) == {"s": 0, "a": 0, "b": 0, "c": 0, "p": 0}


def test_the_pinned_picture_grows_first_then_the_speakers() -> None:
    wishes = [picture("g"), picture("s", Rank.SPEAKER), picture("p", Rank.PINNED)]
    assert places(1_200_000, *wishes) == {"g": 0, "s": 0, "p": 1}
    assert places(1_700_000, *wishes) == {"g": 0, "s": 1, "p": 1}


def test_resolution_falls_before_a_picture_is_held() -> None:
    assert places(250_000, picture("p", Rank.PINNED, now=2)) == {"p": 0}


def test_the_last_in_rank_is_held_first() -> None:
    assert places(250_000, picture("g"), picture("p", Rank.PINNED)) == {"g": None, "p": 0}


def test_who_signs_keeps_the_picture_before_the_sound() -> None:
    wishes = [sound("s"), picture("g"), picture("p", Rank.PINNED)]
    assert places(200_000, *wishes, sight=True) == {"s": None, "g": None, "p": 0}
    assert places(260_000, *wishes, sight=True) == {"s": 0, "g": None, "p": 0}


def test_a_picture_stays_at_its_smallest_where_a_new_one_would_not_begin() -> None:
    estimate = 0.8 * 150_000 / MARGIN
    assert places(estimate, picture("a", now=0)) == {"a": 0}
    assert places(estimate, picture("a")) == {"a": None}
    assert places(0.5 * 150_000 / MARGIN, picture("a", now=0)) == {"a": None}


def test_a_hidden_picture_costs_nothing() -> None:
    share = allocate(200_000, [picture("h", Rank.HIDDEN), picture("g")], sight=False)
    assert share.places == {"h": None, "g": 0}


def test_who_is_at_a_layer_keeps_it_where_a_newcomer_would_not_get_it() -> None:
    estimate = 500_000 / MARGIN + 1
    assert places(estimate, picture("a", now=1)) == {"a": 1}
    assert places(estimate, picture("a", now=0)) == {"a": 0}


def test_it_says_what_would_be_needed_for_more() -> None:
    share = allocate(300_000, [picture("a")], sight=False)
    assert share.missing_bps is not None
    assert places(share.missing_bps + 1, picture("a", now=0)) == {"a": 1}
    assert allocate(1e7, [picture("a")], sight=False).missing_bps is None


def test_a_publisher_that_sends_nothing_takes_nothing() -> None:
    assert places(200_000, dataclasses.replace(picture("a"), rates_bps={}), picture("b")) == {"a": None, "b": 0}


@pytest.mark.parametrize(
    ("height", "layers", "place"),
    [(0, 3, 0), (180, 3, 0), (225, 3, 0), (226, 3, 1), (450, 3, 1), (700, 3, 2), (5000, 3, 2), (50, 1, 0), (300, 2, 0)],
)
def test_a_tile_needs_the_smallest_layer_that_fills_it(height: int, layers: int, place: int) -> None:
    assert useful_layers(height, layers, 720) == place
    assert useful_layers(height // 2, layers, 360) == place


WISHES = st.lists(
    st.builds(
        Wish,
        id=st.uuids().map(str),
        video=st.booleans(),
        rank=st.sampled_from(Rank),
        rates_bps=st.dictionaries(st.integers(0, 2), st.floats(1000, 3_000_000), max_size=3),
        most=st.integers(0, 2),
        now=st.none() | st.integers(0, 2),
    ),
    max_size=12,
)


@given(st.floats(1000, 2e7), WISHES, st.booleans())
def test_pictures_never_take_more_than_there_is(estimate: float, wishes: list[Wish], sight: bool) -> None:
    share = allocate(estimate, wishes, sight=sight)
    assert share.places.keys() == {wish.id for wish in wishes}
    taken = 0.0
    for wish in wishes:
        place = share.places[wish.id]
        if place is None:
            continue
        if wish.video:
            assert place in wish.rates_bps
            taken += rate_upto(wish, place)
        elif sight:
            taken += max(SOUND_RESERVE_BPS, wish.rates_bps.get(0, 0.0))
    if taken and any(wish.video and share.places[wish.id] is not None for wish in wishes):
        assert taken <= estimate * MARGIN / KEEP * 1.0001  # the last one that stays may not fit wholly


def rate_upto(wish: Wish, place: int) -> float:
    """A larger layer replaces the smaller one, also where it is cheaper."""
    return wish.rates_bps[place]


def test_a_picture_that_hardly_fits_goes_where_packets_are_lost_and_stays_where_none_are() -> None:
    here = picture("a", now=0)
    estimate = (SOUND_RESERVE_BPS + (KEEP + KEEP_LOSING) / 2 * LAYERS[0]) / MARGIN
    assert allocate(estimate, [sound("s"), here], sight=False).places["a"] == 0
    assert allocate(estimate, [sound("s"), here], sight=False, losing=True).places["a"] is None
    pinned = dataclasses.replace(here, rank=Rank.PINNED)
    assert (
        allocate(estimate - SOUND_RESERVE_BPS / MARGIN, [sound("s"), pinned], sight=True, losing=True).places["a"] == 0
    )
