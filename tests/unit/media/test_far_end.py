"""Sound and layers on bad lines, counted where they arrive: a line that queues, delays and loses, and a whole browser.

What a browser's estimate counts differs: Chromium's leaves headers out. Both ways must do.
"""

from __future__ import annotations

import pytest

from media.netem import Conditions
from media.repair import PADDING_SIZE
from tests.support.far_end import FarEnd

WIDE = Conditions(rate_bps=2_000_000, delay_s=0.03, jitter_s=0.005)
BODIES, PACKETS = (560, 960, 1010), (1, 2, 6)  # 0.14, 0.48 and 1.5 Mbit/s

both_ways = pytest.mark.parametrize("whole", [False, True], ids=["payload", "whole packets"])


def share(of: int, seconds: float) -> float:
    return of / (50 * seconds)


def narrow(rate_bps: float) -> Conditions:
    return Conditions(rate_bps=rate_bps, delay_s=0.03, jitter_s=0.005)


def test_on_a_good_line_everything_arrives_in_the_largest_size() -> None:
    end = FarEnd(Conditions(rate_bps=5_000_000, delay_s=0.03))
    end.run(40)
    came, in_time = end.sound_between(20, 50)
    assert came == in_time == 1500
    assert set(end.layers[-100:]) == {2}
    assert end.notices == []
    assert end.down.tally.overflowed == 0


@both_ways
def test_a_line_that_falls_to_300_kbit_and_comes_back(whole: bool) -> None:
    end = FarEnd(WIDE, whole=whole)
    end.run(35)
    assert end.layers[-1] == 2
    end.down.change(narrow(300_000))
    fell = end.now
    end.run(20)
    came, in_time = end.sound_between(fell, fell + 20)
    assert share(came, 20) > 0.97
    assert share(in_time, 20) > 0.88  # the queue of the large picture has to drain first
    assert set(end.layers[-150:]) == {0}
    end.down.change(WIDE)
    rose = end.now
    end.run(45)
    came, in_time = end.sound_between(rose + 2, rose + 45)
    assert share(in_time, 43) > 0.99
    assert end.layers[-1] == 2
    assert end.notices == []


@both_ways
@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("rate_bps", [300_000, 600_000])
def test_where_chance_takes_a_sixth_nothing_of_the_sound_is_late_besides(rate_bps: int, seed: int, whole: bool) -> None:
    conditions = Conditions(loss=0.15, rate_bps=rate_bps, delay_s=0.03, jitter_s=0.01)
    end = FarEnd(conditions, seed, whole=whole, bodies=BODIES, packets=PACKETS)
    end.run(44)
    came, in_time = end.sound_between(14, 54)
    assert share(in_time, 40) > 0.85 - 0.03  # by chance
    assert came - in_time <= 10
    shown = [moment for moment in end.browser.picture.shown if moment >= 14]
    assert len(shown) > 40 * 25
    assert end.notices == []


@both_ways
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_looking_for_more_on_a_line_that_has_no_more_costs_little_sound(loss: float, whole: bool) -> None:
    late = []
    for seed in range(1, 5):
        conditions = Conditions(loss=loss, rate_bps=600_000, delay_s=0.03, jitter_s=0.01)
        end = FarEnd(conditions, seed, whole=whole, bodies=BODIES, packets=PACKETS)
        end.run(44)
        came, in_time = end.sound_between(14, 54)
        late.append((came - in_time) / came)
        assert end.apart.counters["padding_out"] * PADDING_SIZE > 10_000, "nobody has looked"
    assert sum(late) / len(late) < 0.08


def test_on_a_line_too_weak_for_the_smallest_picture_the_picture_goes_and_the_sound_comes() -> None:
    end = FarEnd(WIDE)
    end.run(35)
    end.down.change(narrow(200_000))
    fell = end.now
    end.run(30)
    assert end.notices[0] == (end.pictures, True)
    came, in_time = end.sound_between(fell + 8, fell + 30)
    assert share(came, 22) > 0.97
    assert share(in_time, 22) > 0.97


def test_the_same_seed_gives_the_same_call() -> None:
    ends = [FarEnd(Conditions(loss=0.1, rate_bps=500_000, delay_s=0.03), 3) for _ in range(2)]
    for end in ends:
        end.run(10)
    assert ends[0].browser.sounds == ends[1].browser.sounds
    assert ends[0].layers == ends[1].layers
