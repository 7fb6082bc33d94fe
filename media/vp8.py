"""The VP8 payload descriptor: the few bits before a picture that stay readable under encryption (RFC 7741, 4.2)."""

from __future__ import annotations

from typing import NamedTuple

from .rtp import Readable


class Descriptor(NamedTuple):
    """What a packet says of its picture. Places count from the first payload byte; ``level_at`` 0 = no TL0PICIDX."""

    size: int
    begins: bool
    picture_bits: int
    picture_at: int
    picture: int
    level_at: int
    level: int


def read_descriptor(data: Readable, at: int, end: int) -> Descriptor | None:
    """Read the descriptor at ``at``; None when the packet, which ends at ``end``, is too short for it."""
    if at >= end:
        return None
    first = data[at]
    begins = bool(first & 0x10) and not first & 0x07
    size, bits, picture_at, picture, level_at, level = 1, 0, 0, 0, 0, 0
    if first & 0x80:
        if at + 2 > end:
            return None
        flags, size = data[at + 1], 2
        if flags & 0x80:
            if at + size >= end:
                return None
            picture_at, picture, bits = size, data[at + size] & 0x7F, 7
            size += 1
            if data[at + picture_at] & 0x80:
                if at + size >= end:
                    return None
                picture, bits = picture << 8 | data[at + size], 15
                size += 1
        if flags & 0x40:
            if at + size >= end:
                return None
            level_at, level = size, data[at + size]
            size += 1
        size += bool(flags & 0x30)
    return Descriptor(size, begins, bits, picture_at, picture, level_at, level)


def starts_key_frame(data: Readable, at: int, end: int) -> bool:
    """Tell whether the payload at ``at`` begins a key frame."""
    descriptor = read_descriptor(data, at, end)
    return (
        descriptor is not None
        and descriptor.begins
        and at + descriptor.size < end
        and not data[at + descriptor.size] & 0x01
    )
