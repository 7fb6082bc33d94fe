"""The packets kept for retransmission."""

from __future__ import annotations

from media.cache import CAPACITY, Kept, PacketCache


def test_it_finds_what_it_kept_and_forgets_the_oldest() -> None:
    cache = PacketCache()
    for sequence in range(CAPACITY + 1):
        cache.keep(sequence, Kept(False, sequence, b"x"))
    assert cache.find(0) is None
    assert cache.find(1) == Kept(False, 1, b"x")
    assert cache.find(CAPACITY) == Kept(False, CAPACITY, b"x")


def test_a_number_that_comes_round_again_is_the_newest() -> None:
    cache = PacketCache()
    cache.keep(0, Kept(False, 1, b"old"))
    for sequence in range(1, CAPACITY):
        cache.keep(sequence, Kept(False, 1, b"x"))
    cache.keep(0, Kept(False, 2, b"new"))
    cache.keep(CAPACITY, Kept(False, 3, b"x"))
    assert cache.find(0) == Kept(False, 2, b"new")
    assert cache.find(1) is None


def test_it_forgets_on_request() -> None:
    cache = PacketCache()
    cache.keep(0, Kept(False, 1, b"x"))
    cache.clear()
    assert cache.find(0) is None
