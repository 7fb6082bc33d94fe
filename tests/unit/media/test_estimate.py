"""What is believed of a subscriber's network."""

from __future__ import annotations

from media.estimate import FIRST_BPS, Belief


def belief(*rates: float) -> Belief:
    made = Belief()
    for step, rate in enumerate(rates):
        made.sent(rate, step * 0.2)
    return made


def test_a_small_estimate_of_little_that_was_sent_says_nothing() -> None:
    made = belief(40_000, 40_000)
    made.heard(60_000)
    assert made.bps == FIRST_BPS


def test_an_estimate_below_what_was_sent_is_believed() -> None:
    made = belief(900_000, 900_000)
    made.heard(300_000)
    assert made.bps == 300_000


def test_an_estimate_that_grows_is_believed() -> None:
    made = belief(900_000)
    made.heard(300_000)
    made.heard(310_000)
    assert made.bps == 310_000
    made.heard(9_000_000)
    assert made.bps == 9_000_000


def test_what_has_only_just_begun_to_be_sent_does_not_count_yet() -> None:
    made = belief(100_000, 100_000, 800_000)
    made.heard(150_000)
    assert made.bps == FIRST_BPS
    for step in range(10):
        made.sent(800_000, 1.0 + step * 0.2)
    made.heard(150_000)
    assert made.bps == 150_000


def test_on_a_line_that_loses_it_counts_at_once() -> None:
    made = belief(30_000, 330_000)
    made.heard(120_000)
    assert made.bps == FIRST_BPS
    made.heard(120_000, losing=True)
    assert made.bps == 120_000
    made = belief(330_000, 30_000)
    made.heard(120_000, losing=True)
    assert made.bps == FIRST_BPS, "so little was sent that nothing follows from it"


def test_what_has_arrived_is_believed_until_the_estimate_falls() -> None:
    made = belief(*[900_000] * 10)
    made.heard(830_000)
    assert made.bps == 830_000
    made.arrived()
    made.heard(830_000)
    made.heard(840_000)
    assert made.bps == 900_000
    made.heard(760_000)
    assert made.bps == 760_000


def test_a_line_that_loses_has_carried_nothing() -> None:
    made = belief(*[900_000] * 10)
    made.heard(830_000)
    made.arrived()
    made.heard(830_000, losing=True)
    assert made.bps == 830_000


def test_before_anything_was_sent_nothing_is_concluded() -> None:
    made = Belief()
    made.heard(1000)
    assert made.bps == FIRST_BPS
