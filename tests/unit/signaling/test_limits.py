"""Token buckets."""

from __future__ import annotations

from signaling.limits import Bucket, Buckets, Rate


def test_it_gives_a_burst_and_then_as_fast_as_it_fills() -> None:
    bucket = Bucket(Rate(burst=3, per_s=2), at_s=10)
    assert [bucket.take(10) for _ in range(5)] == [True, True, True, False, False]
    assert bucket.refused == 2
    assert [bucket.take(10.5), bucket.take(10.5)] == [True, False]
    assert bucket.refused == 1


def test_it_never_holds_more_than_its_burst() -> None:
    bucket = Bucket(Rate(burst=2, per_s=1), at_s=0)
    assert [bucket.take(1000) for _ in range(3)] == [True, True, False]


def test_it_takes_no_harm_from_a_clock_that_stands() -> None:
    bucket = Bucket(Rate(burst=1, per_s=1), at_s=5)
    assert [bucket.take(5), bucket.take(4)] == [True, False]


def test_it_counts_each_key_by_itself_and_forgets_the_full_ones() -> None:
    buckets = Buckets(Rate(burst=1, per_s=1))
    assert [buckets.take("a", 0), buckets.take("a", 0), buckets.take("b", 0)] == [True, False, True]
    for number in range(Buckets.SWEEP_AT):
        buckets.take(f"address {number}", 100)
    assert len(buckets) <= Buckets.SWEEP_AT
    assert [buckets.take(f"address {Buckets.SWEEP_AT - 1}", 100)] == [False]
