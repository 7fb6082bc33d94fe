"""The packets kept for retransmission."""

from __future__ import annotations

from media.cache import CAPACITY, PacketCache


def test_it_finds_what_it_kept_and_forgets_the_oldest() -> None:
    cache = PacketCache()
    for index in range(CAPACITY + 1):
        cache.keep(index, index.to_bytes(2, "big"))
    assert cache.find(0) is None
    assert cache.find(1) == b"\0\1"
    assert cache.find(CAPACITY) == CAPACITY.to_bytes(2, "big")


def test_it_tells_a_packet_from_the_one_a_round_later() -> None:
    cache = PacketCache()
    cache.keep(7, b"old")
    assert cache.find(7 + CAPACITY) is None
    assert cache.find(7 + (1 << 16)) is None


def test_it_knows_how_much_memory_it_holds() -> None:
    cache = PacketCache()
    for index in range(3 * CAPACITY):
        cache.keep(index, bytes(10))
    cache.keep(3 * CAPACITY, bytes(4))
    assert cache.octets == 10 * (CAPACITY - 1) + 4
