"""The VP9 payload descriptor: what a packetizer says of a picture whose bytes are sealed whole (RFC 9628, 4.2)."""

from __future__ import annotations

from typing import NamedTuple

from .parsing import ParseError
from .rtp import Readable

_MAX_DIFFERENCES = 3


class Descriptor(NamedTuple):
    """What a packet says of its picture. ``size`` counts the descriptor's bytes; ``picture`` -1 where none is said."""

    size: int
    predicted: bool
    """Whether the picture needs earlier ones (P)."""
    begins: bool
    ends: bool
    picture: int
    spatial: int
    """Which of the sizes in one stream it is (SID); 0 where there is one."""


class _Reader:
    """The bytes of a packet one after another."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: Readable, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def byte(self, what: str) -> int:
        """Return the next byte. Raises :class:`ParseError`."""
        if self.at >= self.end:
            raise ParseError(f"vp9 {what}: packet ends inside the descriptor")
        value = self.data[self.at]
        self.at += 1
        return value


def read_descriptor(data: Readable, at: int, end: int) -> Descriptor:
    """Read the descriptor at ``at`` of a packet that ends at ``end``. Raises :class:`ParseError`."""
    reader = _Reader(data, at, end)
    first = reader.byte("flags")
    predicted, layered, flexible = bool(first & 0x40), bool(first & 0x20), bool(first & 0x10)
    picture, spatial = -1, 0
    if first & 0x80:
        picture = reader.byte("picture id")
        if picture & 0x80:
            picture = (picture & 0x7F) << 8 | reader.byte("picture id")
    if layered:
        spatial = reader.byte("layer") >> 1 & 7
        if not flexible:
            reader.byte("tl0picidx")
    if flexible and predicted:
        for place in range(_MAX_DIFFERENCES + 1):
            if place == _MAX_DIFFERENCES:
                raise ParseError(f"vp9 p_diff: expected at most {_MAX_DIFFERENCES}")
            if not reader.byte("p_diff") & 0x01:
                break
    if first & 0x02:
        _skip_structure(reader)
    return Descriptor(
        size=reader.at - at,
        predicted=predicted,
        begins=bool(first & 0x08),
        ends=bool(first & 0x04),
        picture=picture,
        spatial=spatial,
    )


def _skip_structure(reader: _Reader) -> None:
    """Go past the sizes and the pattern of pictures (section 4.2.1), of which nothing is needed here."""
    flags = reader.byte("scalability structure")
    if flags & 0x10:
        for _ in range(4 * ((flags >> 5) + 1)):
            reader.byte("picture size")
    if flags & 0x08:
        for _ in range(reader.byte("picture group")):
            for _ in range(reader.byte("picture group") >> 2 & 3):
                reader.byte("picture group")


def starts_key_frame(data: Readable, at: int, end: int) -> bool:
    """Tell whether the payload at ``at`` begins a key frame: nothing earlier is needed, and it is the smallest size."""
    try:
        descriptor = read_descriptor(data, at, end)
    except ParseError:
        return False
    return descriptor.begins and not descriptor.predicted and descriptor.spatial == 0 and at + descriptor.size < end
