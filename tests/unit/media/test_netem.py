"""The network in memory does what its conditions say, and the same again under the same seed."""

from __future__ import annotations

import itertools

import pytest

from media.netem import Conditions, Netem

SIZE = 1000


def carry(conditions: Conditions, *, packets: int, every_s: float, seed: int = 7) -> list[tuple[int, float]]:
    """Send numbered packets at a steady pace; return (number, when it arrived) in the order of arrival."""
    network: Netem[int] = Netem(conditions, seed)
    arrived: list[tuple[int, float]] = []

    def until(moment: float) -> None:
        while (at := network.next_at) is not None and at <= moment:
            arrived.extend((number, at) for number in network.due(at))

    for number in range(packets):
        until(number * every_s)
        network.send(number, SIZE, number * every_s)
    until(float("inf"))
    assert network.tally.arrived == len(arrived)
    assert network.tally.sent == network.tally.arrived + network.tally.lost + network.tally.overflowed
    return arrived


def lost_runs(arrived: list[tuple[int, float]]) -> list[int]:
    """Return how many packets were lost in each row of lost ones."""
    numbers = [number for number, _ in arrived]
    return [after - before - 1 for before, after in itertools.pairwise(numbers) if after - before > 1]


def test_a_good_path_carries_everything_at_once_and_in_order() -> None:
    assert carry(Conditions(), packets=50, every_s=0.01) == [(n, n * 0.01) for n in range(50)]


def test_the_same_seed_is_the_same_network() -> None:
    bad = Conditions(loss=0.2, burst=3, delay_s=0.05, jitter_s=0.03, reordered=0.1, rate_bps=500_000)
    first = carry(bad, packets=500, every_s=0.01, seed=1)
    assert carry(bad, packets=500, every_s=0.01, seed=1) == first
    assert carry(bad, packets=500, every_s=0.01, seed=2) != first


@pytest.mark.parametrize("burst", [1.0, 4.0])
def test_the_share_that_is_lost_is_the_one_that_was_asked_for(burst: float) -> None:
    arrived = carry(Conditions(loss=0.15, burst=burst), packets=40_000, every_s=0.001)
    assert 1 - len(arrived) / 40_000 == pytest.approx(0.15, abs=0.01)
    runs = lost_runs(arrived)
    expected = burst if burst > 1 else 1 / 0.85
    assert sum(runs) / len(runs) == pytest.approx(expected, rel=0.08)


def test_nothing_passes_where_everything_is_lost() -> None:
    assert carry(Conditions(loss=1.0, burst=5), packets=100, every_s=0.01) == []


def test_jitter_delays_and_keeps_the_order() -> None:
    arrived = carry(Conditions(delay_s=0.1, jitter_s=0.05), packets=1000, every_s=0.005)
    delays = [at - number * 0.005 for number, at in arrived]
    assert [number for number, _ in arrived] == list(range(1000))
    assert min(delays) >= 0.1
    assert 0.12 < max(delays) <= 0.15


def test_reordered_packets_come_behind_others() -> None:
    arrived = carry(Conditions(reordered=0.1, reorder_s=0.02), packets=2000, every_s=0.005)
    late = sum(after < before for (before, _), (after, _) in itertools.pairwise(arrived))
    assert len(arrived) == 2000
    assert 100 < late < 300


def test_a_bounded_path_carries_its_rate_and_drops_at_the_tail_of_its_queue() -> None:
    # 8 Mbit/s are offered to 1 Mbit/s for a second; a queue of 0.2 s holds the rest that may still come.
    limited = Conditions(rate_bps=1_000_000, queue_s=0.2)
    arrived = carry(limited, packets=1000, every_s=0.001)
    last = max(at for _, at in arrived)
    assert len(arrived) * SIZE * 8 / last == pytest.approx(1_000_000, rel=0.02)
    assert max(at - number * 0.001 for number, at in arrived) <= 0.2 + SIZE * 8 / 1_000_000 + 1e-9


def test_conditions_may_change_while_packets_are_on_the_way() -> None:
    network: Netem[str] = Netem(Conditions(delay_s=1.0), seed=1)
    network.send("before", SIZE, 0.0)
    network.change(Conditions(loss=1.0))
    assert network.send("after", SIZE, 0.1) is False
    assert network.due(0.99) == []
    assert network.due(1.0) == ["before"]
    assert network.next_at is None


@pytest.mark.parametrize(
    "wrong", [{"loss": 1.5}, {"reordered": -0.1}, {"burst": 0.5}, {"delay_s": -1.0}, {"rate_bps": 0.0}]
)
def test_conditions_that_no_network_has_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Conditions(**wrong)
