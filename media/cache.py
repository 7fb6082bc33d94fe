"""The last packets of a video layer, for subscribers that miss one and for probes of what a subscriber can take."""

from __future__ import annotations

CAPACITY = 512
"""Packets: about a second and a half of a good picture, at most 600 kB. A power of two."""


class PacketCache:
    """A ring of canonical packets by index. It grows to its bound only as packets come."""

    __slots__ = ("_indices", "_packets", "octets")

    def __init__(self) -> None:
        self._indices: list[int] = [-1] * CAPACITY
        self._packets: list[bytes] = [b""] * CAPACITY
        self.octets = 0

    def keep(self, index: int, packet: bytes) -> None:
        """Store a packet in place of the one that lies ``CAPACITY`` before it."""
        place = index % CAPACITY
        self.octets += len(packet) - len(self._packets[place])
        self._indices[place] = index
        self._packets[place] = packet

    def find(self, index: int) -> bytes | None:
        """Return the packet if it is still there."""
        place = index % CAPACITY
        return self._packets[place] if self._indices[place] == index else None
