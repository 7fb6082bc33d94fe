"""Token buckets: how often something may be tried."""

from __future__ import annotations

import pytest

from server.http.limits import MAX_KEYS, Buckets, Rule


def test_it_refuses_when_the_bucket_is_empty_and_says_for_how_long() -> None:
    buckets = Buckets(Rule(burst=2, per_minute=6))
    assert [buckets.take("a", 0), buckets.take("a", 0)] == [0, 0]
    assert buckets.take("a", 0) == pytest.approx(10)
    assert buckets.take("a", 9.9) > 0
    assert buckets.take("a", 10.1) == 0


def test_it_keeps_keys_apart() -> None:
    buckets = Buckets(Rule(burst=1, per_minute=1))
    assert buckets.take("a", 0) == 0
    assert buckets.take("b", 0) == 0


def test_it_never_holds_more_than_its_burst() -> None:
    buckets = Buckets(Rule(burst=2, per_minute=60))
    buckets.take("a", 0)
    assert [buckets.take("a", 3600) > 0 for _ in range(3)] == [False, False, True]


def test_its_memory_stays_bounded_whoever_knocks() -> None:
    buckets = Buckets(Rule(burst=5, per_minute=1))
    for number in range(MAX_KEYS + 100):
        buckets.take(str(number), 0)
    assert len(buckets._state) <= MAX_KEYS
