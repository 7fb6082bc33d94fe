"""The draw of sessions to look through: fair, reproducible, and not to be chosen."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.supervision.draw import PER_WORKER, Month, Pick, draw, seed

ROOT = bytes(range(32))
KEY = seed("poruch.example.org/log", 1000, ROOT)
IDS = st.text("0123456789abcdef", min_size=16, max_size=16)
MONTHS = st.dictionaries(IDS, st.sets(IDS, max_size=8).map(list), max_size=6)


@pytest.mark.parametrize(("origin", "size", "root"), [("a\nb", 1, ROOT), ("a", -1, ROOT), ("a", 1, ROOT[:31])])
def test_it_refuses_what_is_no_checkpoint(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        seed(origin, size, root)


@given(MONTHS, st.randoms())
def test_the_order_in_which_sessions_are_given_changes_nothing(sessions: dict[str, list[str]], chance: object) -> None:
    shuffled = dict(sorted(sessions.items(), key=lambda _: chance.random()))  # type: ignore[attr-defined] # Random
    assert draw(KEY, sessions) == draw(KEY, {worker: list(reversed(own)) for worker, own in shuffled.items()})


@given(MONTHS)
def test_everybody_gets_two_or_all_they_have_and_only_their_own(sessions: dict[str, list[str]]) -> None:
    picks = draw(KEY, sessions)
    counts = Counter(pick.worker for pick in picks)
    assert counts == Counter({worker: min(PER_WORKER, len(own)) for worker, own in sessions.items() if own})
    assert all(pick.session in sessions[pick.worker] for pick in picks)
    assert len(set(picks)) == len(picks)


@given(MONTHS, MONTHS)
def test_a_second_draw_fills_up_and_never_picks_again(early: dict[str, list[str]], late: dict[str, list[str]]) -> None:
    first = draw(KEY, early)
    everything = {worker: {*early.get(worker, ()), *late.get(worker, ())} for worker in early.keys() | late.keys()}
    second = draw(seed("another", 2000, ROOT), everything, first)
    assert not set(first) & set(second)
    counts = Counter(pick.worker for pick in (*first, *second))
    assert all(counts[worker] == min(PER_WORKER, len(own)) for worker, own in everything.items())


def test_another_checkpoint_draws_otherwise() -> None:
    sessions = {"w": [f"{number:016x}" for number in range(200)]}
    others = {tuple(draw(seed("log", size, ROOT), sessions)) for size in range(20)}
    assert len(others) > 15
    assert draw(seed("log", 1, ROOT), sessions) != draw(seed("log", 1, ROOT[::-1]), sessions)
    assert draw(seed("log", 1, ROOT), sessions) != draw(seed("other", 1, ROOT), sessions)


def test_every_session_is_as_likely_as_every_other() -> None:
    sessions = {"w": [f"{number:016x}" for number in range(10)]}
    drawn = Counter(pick.session for size in range(5000) for pick in draw(seed("log", size, ROOT), sessions))
    # 1000 expected for each of ten; 5 standard deviations (28.3) are never left by chance, and this run is the same
    # on every machine.
    assert all(abs(drawn[session] - 1000) < 142 for session in sessions["w"]), drawn


def test_it_can_be_drawn_again_by_anybody() -> None:
    """A vector, so that a later version draws the months before it as they were drawn."""
    sessions = {"a" * 16: [f"{number:016x}" for number in range(5)], "b" * 16: ["f" * 16]}
    assert KEY.hex() == "c92e3459c1f11bc9e95586928c47baa3c1ce9fa0eb4aef352bb05545b3b08ba9"
    assert draw(KEY, sessions) == [
        Pick("a" * 16, "0000000000000001"),
        Pick("a" * 16, "0000000000000000"),
        Pick("b" * 16, "f" * 16),
    ]


@pytest.mark.parametrize(
    "text", ["", "2027", "2027-13", "2027-00", "0000-01", "9999-12", "2027-1", "2027-01-01", "٢٠٢٧-٠١"]
)
def test_it_refuses_what_is_no_month(text: str) -> None:
    with pytest.raises(ValueError, match="month"):
        Month.parse(text)


def test_months_follow_one_another() -> None:
    december = Month.parse("2026-12")
    assert december.next == Month(2027, 1)
    assert december.next.before == december
    assert str(december.next) == "2027-01"
    assert Month.of(datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == december
    assert december.begins_at == datetime(2026, 12, 1, tzinfo=UTC)
