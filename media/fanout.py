"""The consumers that get one layer now, and what each packet is called towards each of them.

A consumer differs from its neighbour only in fixed offsets: sequence number, and after a switch of layers timestamp and
picture numbers. For all consumers at once they are lanes of one long integer: adding is one operation for any number.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from . import vp8

if TYPE_CHECKING:
    from .streams import Consumer

MAX_DIRECT = 256
"""Consumers that are served side by side; the engine's slots hold twice as many packets."""
HEADER_SIZE = 20
"""Bytes of the header that all packets to subscribers have: RTP and one extension, abs-send-time."""

_TIMESTAMP_AT = 4
_TABLES = 64  # lengths of runs for which a consumers' table is kept: no batch that is read holds a longer one


class Patch(NamedTuple):
    """A field that differs between consumers: its place in the packet, its width in bytes, the values side by side."""

    at: int
    width: int
    values: memoryview


class Lanes:
    """Offsets of consumers as lanes of 32 bits, and what any run of packets is called towards each of them."""

    __slots__ = ("_count", "_offsets", "_tables")

    def __init__(self, offsets: Sequence[int]) -> None:
        self._count = len(offsets)
        self._offsets = 0
        for offset in offsets:
            self._offsets = self._offsets << 32 | offset & 0xFFFF
        self._tables: dict[int, tuple[int, int, int, int]] = {}

    def heads(self, run: Sequence[tuple[int, int]]) -> memoryview:
        """Return the first four bytes of a run of packets, all of the first consumer's, then all of the second's, …

        Each packet is (the two bytes that are the same for all, in the upper half of 32 bits; index). The words lie
        side by side in network order.
        """
        length = len(run)
        offsets, ones, mask, size = self._tables.get(length) or self._table(length)
        heads = numbers = 0
        for head, index in run:
            heads, numbers = heads << 32 | head, numbers << 32 | index & 0xFFFF
        lanes = (offsets + numbers * ones) & mask | heads * ones
        return memoryview(lanes.to_bytes(size, "big")).cast("I")

    def _table(self, length: int) -> tuple[int, int, int, int]:
        words = length * self._count
        ones = sum(1 << 32 * length * place for place in range(self._count))
        offsets = sum(
            (self._offsets >> 32 * place & 0xFFFF) << 32 * (length * place + step)
            for place in range(self._count)
            for step in range(length)
        )
        mask = sum(0xFFFF << 32 * place for place in range(words))
        if len(self._tables) == _TABLES:
            self._tables.clear()
        made = self._tables[length] = offsets, ones, mask, 4 * words
        return made


class Fanout:
    """The current consumers of one layer. ``plan`` is the engine's, and None whenever the direct ones have changed.

    ``ssrcs`` of the direct ones lie side by side in network order; None while all have the one that packets carry.
    """

    __slots__ = ("direct", "lanes", "members", "moved", "others", "plan", "ssrcs")

    def __init__(self) -> None:
        self.members: dict[str, Consumer] = {}
        self.direct: list[Consumer] = []
        self.others: list[Consumer] = []
        self.plan: Any = None
        self.changed()

    def join(self, consumer: Consumer) -> None:
        """Begin with the next packet."""
        self.members[consumer.id] = consumer
        self.changed()

    def leave(self, consumer: Consumer) -> None:
        """End before the next packet."""
        del self.members[consumer.id]
        self.changed()

    def changed(self) -> None:
        """Work out anew who is served side by side: to be called when a link's way or a lane has changed."""
        members = list(self.members.values())
        self.direct = [each for each in members if each.link.direct][:MAX_DIRECT]
        served = set(map(id, self.direct))
        self.others = [each for each in members if id(each) not in served]
        self.plan = None
        self.lanes = Lanes([each.lane.offset for each in self.direct])
        self.moved = any(each.moved for each in self.direct)
        own = any(each.ssrc != each.producer.ssrc for each in self.direct)
        ssrcs = struct.pack(f"!{len(self.direct)}I", *(each.ssrc for each in self.direct))
        self.ssrcs = memoryview(ssrcs).cast("I") if own else None

    def patches(self, timestamp: int, descriptor: vp8.Descriptor | None) -> tuple[Patch, ...]:
        """Return what else differs between the direct consumers after a switch of layers."""
        times = [(timestamp + each.time_shift) & 0xFFFFFFFF for each in self.direct]
        patches = [Patch(_TIMESTAMP_AT, 4, memoryview(struct.pack(f"!{len(times)}I", *times)))]
        if descriptor is None:
            return tuple(patches)
        if descriptor.picture_bits == 15:
            pictures = [0x8000 | (descriptor.picture + each.picture_shift) & 0x7FFF for each in self.direct]
            at = HEADER_SIZE + descriptor.picture_at
            packed = struct.pack(f"!{len(pictures)}H", *pictures)
            if at % 2 == 0:
                patches.append(Patch(at, 2, memoryview(packed)))
            else:  # cannot be laid in as whole halves
                patches += [Patch(at, 1, memoryview(packed)[::2]), Patch(at + 1, 1, memoryview(packed)[1::2])]
        elif descriptor.picture_bits == 7:
            values = bytes((descriptor.picture + each.picture_shift) & 0x7F for each in self.direct)
            patches.append(Patch(HEADER_SIZE + descriptor.picture_at, 1, memoryview(values)))
        if descriptor.level_at:
            values = bytes((descriptor.level + each.level_shift) & 0xFF for each in self.direct)
            patches.append(Patch(HEADER_SIZE + descriptor.level_at, 1, memoryview(values)))
        return tuple(patches)


def renumbered(packet: bytes, consumer: Consumer, index: int) -> bytes:
    """Return a canonical packet as one consumer gets it: one at a time what the lanes do for many."""
    changed = bytearray(packet)
    struct.pack_into("!H", changed, 2, (index + consumer.lane.offset) & 0xFFFF)
    struct.pack_into("!I", changed, 8, consumer.ssrc)
    if consumer.moved:
        shift(changed, consumer.time_shift, consumer.picture_shift, consumer.level_shift)
    return bytes(changed)


def shift(packet: bytearray, time: int, picture: int, level: int) -> None:
    """Move the timestamp and the picture numbers of a canonical VP8 packet, in place."""
    (timestamp,) = struct.unpack_from("!I", packet, _TIMESTAMP_AT)
    struct.pack_into("!I", packet, _TIMESTAMP_AT, (timestamp + time) & 0xFFFFFFFF)
    descriptor = vp8.read_descriptor(packet, HEADER_SIZE, len(packet))
    if descriptor is None:
        return
    if descriptor.picture_bits == 15:
        value = 0x8000 | (descriptor.picture + picture) & 0x7FFF
        struct.pack_into("!H", packet, HEADER_SIZE + descriptor.picture_at, value)
    elif descriptor.picture_bits == 7:
        packet[HEADER_SIZE + descriptor.picture_at] = (descriptor.picture + picture) & 0x7F
    if descriptor.level_at:
        packet[HEADER_SIZE + descriptor.level_at] = (descriptor.level + level) & 0xFF
