"""RTP packets: parsing, building, and a short way to an extension whose place is known (RFC 3550, 8285)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from .parsing import ParseError

_HEADER = struct.Struct("!BBHII")
_EXTENSION_HEADER = struct.Struct("!HH")
_ONE_BYTE_PROFILE = 0xBEDE
_TWO_BYTE_PROFILE = 0x1000
_ABS_SEND_TIME_LENGTH = 3


Readable = bytes | bytearray | memoryview
"""Bytes to look at where they lie."""


class RtpPacket(NamedTuple):
    """One RTP packet; ``payload`` is without padding, ``extensions`` maps the local id to its bytes."""

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    extensions: dict[int, bytes]
    payload: bytes


def is_rtcp(datagram: bytes) -> bool:
    """Tell RTCP from RTP on a shared port (RFC 5761, section 4); needs at least two bytes."""
    return 63 < datagram[1] & 0x7F < 96


def parse(data: bytes) -> RtpPacket:
    """Parse one decrypted RTP packet. Raises :class:`ParseError` and nothing else."""
    if len(data) < _HEADER.size:
        raise ParseError(f"rtp: {len(data)} bytes, expected at least {_HEADER.size}")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        raise ParseError(f"rtp version: {first >> 6}, expected 2")
    offset = _HEADER.size + 4 * (first & 0x0F)
    end = len(data)
    extensions: dict[int, bytes] = {}
    if first & 0x10:
        if offset + _EXTENSION_HEADER.size > end:
            raise ParseError("rtp extension header: packet ends before it")
        profile, words = _EXTENSION_HEADER.unpack_from(data, offset)
        offset += _EXTENSION_HEADER.size
        if offset + 4 * words > end:
            raise ParseError(f"rtp extension length: {4 * words} bytes, packet has {end - offset}")
        extensions = _parse_extensions(profile, data[offset : offset + 4 * words])
        offset += 4 * words
    if offset > end:
        raise ParseError("rtp csrc list: packet ends inside it")
    if first & 0x20:
        padding = data[-1] if offset < end else 0
        if padding == 0 or padding > end - offset:
            raise ParseError(f"rtp padding: {padding} bytes, packet has {end - offset}")
        end -= padding
    return RtpPacket(bool(second & 0x80), second & 0x7F, sequence, timestamp, ssrc, extensions, data[offset:end])


def _parse_extensions(profile: int, block: bytes) -> dict[int, bytes]:
    if profile == _ONE_BYTE_PROFILE:
        return _parse_one_byte(block)
    if profile & 0xFFF0 == _TWO_BYTE_PROFILE:
        return _parse_two_byte(block)
    return {}  # a profile of its own is legal and means nothing to us (RFC 3550, section 5.3.1)


def _parse_one_byte(block: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at, end = 0, len(block)
    while at < end:
        identifier, length = block[at] >> 4, (block[at] & 0x0F) + 1
        if block[at] == 0:
            at += 1
            continue
        if identifier == 15:  # RFC 8285, section 4.2: stop, without an error
            break
        if at + 1 + length > end:
            raise ParseError(f"rtp extension {identifier}: {length} bytes, block has {end - at - 1}")
        found[identifier] = block[at + 1 : at + 1 + length]
        at += 1 + length
    return found


def _parse_two_byte(block: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at, end = 0, len(block)
    while at < end:
        if block[at] == 0:
            at += 1
            continue
        if at + 2 > end:
            raise ParseError(f"rtp extension {block[at]}: block ends before its length")
        identifier, length = block[at], block[at + 1]
        if at + 2 + length > end:
            raise ParseError(f"rtp extension {identifier}: {length} bytes, block has {end - at - 2}")
        found[identifier] = block[at + 2 : at + 2 + length]
        at += 2 + length
    return found


def build(
    *,
    marker: bool,
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    payload: bytes,
    abs_send_time: tuple[int, int] | None = None,
) -> bytes:
    """Build an RTP packet; ``abs_send_time`` is (extension id, 24-bit value) and is the only extension we send."""
    second = payload_type | (0x80 if marker else 0)
    if abs_send_time is None:
        return _HEADER.pack(0x80, second, sequence, timestamp, ssrc) + payload
    identifier, value = abs_send_time
    element = bytes(((identifier << 4) | (_ABS_SEND_TIME_LENGTH - 1),)) + value.to_bytes(_ABS_SEND_TIME_LENGTH, "big")
    extension = _EXTENSION_HEADER.pack(_ONE_BYTE_PROFILE, 1) + element
    return _HEADER.pack(0x90, second, sequence, timestamp, ssrc) + extension + payload


def abs_send_time(now: float) -> int:
    """Return ``now`` (seconds of any steady clock) as the 24-bit 6.18 fixed-point value of abs-send-time."""
    return int((now % 64) * (1 << 18)) & 0xFFFFFF


def unwrap_retransmission(packet: RtpPacket) -> tuple[int, bytes] | None:
    """Return (original sequence, original payload) of an RTX packet (RFC 4588), or None for a padding probe."""
    if len(packet.payload) < 2:
        return None
    return int.from_bytes(packet.payload[:2], "big"), packet.payload[2:]


class ExtensionLayout(NamedTuple):
    """Where one header extension lies in blocks that look like one that was parsed before.

    ``block & mask == pattern`` holds for those blocks, read as one big-endian number from the profile on: the ids and
    lengths are where they were. The 16 bits of the extension are then ``block >> shift``; ``shift`` is -1 without it.
    """

    mask: int
    pattern: int
    shift: int

    @classmethod
    def learn(cls, block: bytes, identifier: int) -> ExtensionLayout:
        """Parse a whole block, its four-byte header included. Raises :class:`ParseError` for a malformed one.

        Of another kind than one-byte elements nothing is known: its layout fits every block of that kind, without the
        extension.
        """
        profile, words = _EXTENSION_HEADER.unpack_from(block)
        if profile != _ONE_BYTE_PROFILE:
            kind = 0xFFFF << 8 * (len(block) - 2)
            return cls(kind, int.from_bytes(block, "big") & kind, -1)
        _parse_one_byte(block[4 : 4 + 4 * words])
        mask = bytearray(b"\xff" * 4 + bytes(4 * words))
        shift, at = -1, 4
        while at < len(block):
            mask[at] = 0xFF
            element, size = block[at] >> 4, (block[at] & 0x0F) + 1
            if element == 15:  # whatever follows means nothing
                break
            if block[at] == 0:
                at += 1
                continue
            if element == identifier and size == 2:
                shift = 8 * (len(block) - at - 3)
            at += 1 + size
        fixed = int.from_bytes(mask, "big")
        return cls(fixed, int.from_bytes(block, "big") & fixed, shift)
