"""The last packets of a video stream, for subscribers that miss one."""

from __future__ import annotations

from typing import NamedTuple

CAPACITY = 512
"""Packets: about a second and a half of a good picture, 600 kB."""


class Kept(NamedTuple):
    """What a retransmission needs of a packet that was sent."""

    marker: bool
    timestamp: int
    payload: bytes


class PacketCache:
    """A bounded map from the producer's sequence number to its packet, oldest out first."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[int, Kept] = {}

    def keep(self, sequence: int, packet: Kept) -> None:
        """Store a packet; a number that comes round again replaces the packet of its last round."""
        self._kept.pop(sequence, None)
        self._kept[sequence] = packet
        if len(self._kept) > CAPACITY:
            del self._kept[next(iter(self._kept))]

    def find(self, sequence: int) -> Kept | None:
        """Return the packet if it is still there."""
        return self._kept.get(sequence)

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._kept

    def clear(self) -> None:
        """Forget everything: the numbers that follow belong to another stream."""
        self._kept.clear()
