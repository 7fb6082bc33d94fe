"""The last packets of a video layer, for subscribers that miss one."""

from __future__ import annotations

CAPACITY = 512
"""Packets: about a second and a half of a good picture, at most 600 kB. A power of two."""


class PacketCache:
    """A ring of canonical packets by index. It grows to its bound only as packets come."""

    __slots__ = ("_indices", "_packets")

    def __init__(self) -> None:
        self._indices: list[int] = [-1] * CAPACITY
        self._packets: list[bytes] = [b""] * CAPACITY

    def keep(self, index: int, packet: bytes) -> None:
        """Store a packet in place of the one that lies ``CAPACITY`` before it."""
        place = index % CAPACITY
        self._indices[place] = index
        self._packets[place] = packet

    @property
    def octets(self) -> int:
        """Bytes of packets held."""
        return sum(map(len, self._packets))

    def find(self, index: int) -> bytes | None:
        """Return the packet if it is still there."""
        place = index % CAPACITY
        return self._packets[place] if self._indices[place] == index else None
