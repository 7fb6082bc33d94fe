"""Probing: an estimate that could not grow by itself does, and one that falls is left in peace."""

from __future__ import annotations

from media.probe import BACK_OFF, BEFORE_FIRST, LONGEST, STANDS, Prober


def test_nothing_is_probed_while_nobody_lacks_anything() -> None:
    assert Prober().rate(300_000, 200_000, None, 100.0) == 0


def test_it_waits_until_the_estimate_has_settled() -> None:
    prober = Prober()
    assert prober.rate(300_000, 150_000, 700_000, 10.0) == 0
    assert prober.rate(300_000, 150_000, 700_000, 10.0 + BEFORE_FIRST) > 0


def test_it_fills_up_to_a_little_above_the_estimate_and_not_beyond_the_need() -> None:
    prober = Prober()
    prober.rate(300_000, 150_000, 700_000, 0.0)
    assert prober.rate(300_000, 150_000, 700_000, 5.0) == 330_000 - 150_000
    assert prober.rate(690_000, 150_000, 700_000, 5.1) == 700_000 - 150_000
    assert prober.rate(690_000, 800_000, 700_000, 5.2) == 0


def test_a_falling_estimate_ends_a_probe_for_longer_each_time() -> None:
    prober = Prober()
    now = BEFORE_FIRST
    prober.rate(300_000, 150_000, 700_000, 0.0)
    for rest in (*BACK_OFF, BACK_OFF[-1]):
        assert prober.rate(400_000, 150_000, 700_000, now) > 0
        assert prober.rate(200_000, 150_000, 700_000, now + 1) == 0
        assert prober.rate(400_000, 150_000, 700_000, now + rest) == 0
        now += 1 + rest


def test_a_probe_that_leads_nowhere_ends() -> None:
    prober = Prober()
    prober.rate(300_000, 150_000, 700_000, 0.0)
    assert prober.rate(300_000, 150_000, 700_000, BEFORE_FIRST) > 0
    assert prober.rate(300_000, 150_000, 700_000, BEFORE_FIRST + LONGEST + 0.1) == 0


def test_a_probe_that_went_too_far_but_gained_something_is_followed_by_a_short_rest() -> None:
    prober = Prober()
    prober.rate(300_000, 150_000, 2_000_000, 0.0)
    now, estimate = BEFORE_FIRST, 300_000.0
    for _ in BACK_OFF:
        assert prober.rate(estimate, 150_000, 2_000_000, now) > 0
        assert prober.rate(1.5 * estimate, 150_000, 2_000_000, now + 1) > 0
        estimate *= 1.5 * 0.85  # what browsers do when they have seen too much
        assert prober.rate(estimate, 150_000, 2_000_000, now + 2) == 0
        now += 2 + BACK_OFF[0]


def test_it_knows_when_an_estimate_does_not_follow() -> None:
    prober = Prober()
    assert not prober.stands(0.0)
    prober.rate(300_000, 150_000, 700_000, 0.0)
    prober.rate(300_000, 150_000, 700_000, BEFORE_FIRST)
    assert not prober.stands(BEFORE_FIRST + STANDS - 0.1)
    assert prober.stands(BEFORE_FIRST + STANDS)
    prober.rate(320_000, 150_000, 700_000, BEFORE_FIRST + STANDS)
    assert not prober.stands(BEFORE_FIRST + STANDS + 0.1)


def test_success_forgives() -> None:
    prober = Prober()
    prober.rate(300_000, 150_000, 700_000, 0.0)
    prober.rate(400_000, 150_000, 700_000, 3.0)
    prober.rate(200_000, 150_000, 700_000, 4.0)
    prober.rate(400_000, 150_000, 700_000, 9.0)
    prober.rate(800_000, 500_000, None, 10.0)
    prober.rate(400_000, 150_000, 700_000, 11.0)
    prober.rate(400_000, 150_000, 700_000, 14.0)
    prober.rate(100_000, 150_000, 700_000, 15.0)
    assert prober.rate(400_000, 150_000, 700_000, 15.0 + BACK_OFF[0]) > 0


def test_a_probe_ends_when_the_browser_says_less_and_not_when_that_is_believed() -> None:
    prober = Prober()
    prober.rate(300_000, 150_000, 700_000, 0.0, 300_000)
    assert prober.rate(300_000, 150_000, 700_000, BEFORE_FIRST, 300_000) > 0
    assert prober.rate(320_000, 150_000, 700_000, BEFORE_FIRST + 1, 320_000) > 0
    assert prober.rate(320_000, 150_000, 700_000, BEFORE_FIRST + 1.2, 300_000) == 0
    assert prober.rate(320_000, 150_000, 700_000, BEFORE_FIRST + 1.2 + BACK_OFF[0], 300_000) > 0


def test_a_browser_that_always_says_less_than_is_believed_does_not_end_a_probe() -> None:
    prober = Prober()
    for step in range(10):
        rate = prober.rate(900_000, 700_000, 1_500_000, BEFORE_FIRST * step / 2, 830_000)
        assert (rate > 0) == (step >= 2)
