"""RTCP packets: the kinds we act on, parsed and built (RFC 3550, 4585, 5104; REMB draft)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .parsing import ParseError

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203
TRANSPORT_FEEDBACK = 205
PAYLOAD_FEEDBACK = 206

_NACK = 1
_PICTURE_LOSS = 1
_FULL_INTRA = 4
_APPLICATION = 15
_REPORT_BLOCK = struct.Struct("!IIIIII")
_SENDER_INFO = struct.Struct("!IIIIII")
_REMB = b"REMB"
_MAX_BLOCKS = 31
MAX_COMPOUND = 16
"""Packets in one datagram: browsers put report, description, estimate and a request or two into one."""
MAX_LOST = 512
"""Sequence numbers read from the requests of one datagram: of those behind, none would be in any cache."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """A publisher's clock: 64-bit NTP time beside the RTP timestamp of the same moment."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """Reception of one SSRC (RFC 3550, section 6.4.1); ``fraction_lost`` in 1/256, ``delay`` in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    total_lost: int
    highest_sequence: int
    jitter: int
    last_sender_report: int
    delay: int


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """What a receiver says of the streams that it gets."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class Nack:
    """Sequence numbers that the receiver of ``media_ssrc`` misses."""

    media_ssrc: int
    lost: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeyFrameRequest:
    """PLI or FIR: these streams need a key frame."""

    media_ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Remb:
    """The receiver's estimate of what may be sent to it, in bits per second."""

    bitrate_bps: int


RtcpPacket = SenderReport | ReceiverReport | Nack | KeyFrameRequest | Remb


def parse(data: bytes) -> list[RtcpPacket]:
    """Parse a (compound) packet; kinds we do not act on are left out. Raises :class:`ParseError` and nothing else."""
    found: list[RtcpPacket] = []
    at = count = 0
    lost_left = MAX_LOST
    while at < len(data):
        count += 1
        if count > MAX_COMPOUND:
            raise ParseError(f"rtcp compound: more packets than {MAX_COMPOUND}")
        if at + 4 > len(data):
            raise ParseError("rtcp header: packet ends inside it")
        first, kind, words = struct.unpack_from("!BBH", data, at)
        if first >> 6 != 2:
            raise ParseError(f"rtcp version: {first >> 6}, expected 2")
        end = at + 4 + 4 * words
        if end > len(data):
            raise ParseError(f"rtcp length: {4 * words} bytes, packet has {len(data) - at - 4}")
        body = data[at + 4 : end]
        if first & 0x20:
            padding = body[-1] if body else 0
            if padding == 0 or padding > len(body):
                raise ParseError(f"rtcp padding: {padding} bytes, packet has {len(body)}")
            body = body[:-padding]
        packet = _parse_one(kind, first & 0x1F, body, lost_left)
        if packet is not None:
            found.append(packet)
            if isinstance(packet, Nack):
                lost_left -= len(packet.lost)
        at = end
    return found


def _parse_one(kind: int, count: int, body: bytes, most: int) -> RtcpPacket | None:
    if kind == SENDER_REPORT:
        _require(body, _SENDER_INFO.size, "sender report")
        ssrc, ntp_high, ntp_low, rtp_timestamp, packets, octets = _SENDER_INFO.unpack_from(body)
        return SenderReport(ssrc, ntp_high << 32 | ntp_low, rtp_timestamp, packets, octets)
    if kind == RECEIVER_REPORT:
        _require(body, 4 + count * _REPORT_BLOCK.size, "receiver report")
        return ReceiverReport(int.from_bytes(body[:4], "big"), tuple(_report_blocks(body, 4, count)))
    if kind == TRANSPORT_FEEDBACK and count == _NACK:
        return _parse_nack(body, most)
    if kind == PAYLOAD_FEEDBACK:
        return _parse_payload_feedback(count, body)
    return None


def _report_blocks(body: bytes, at: int, count: int) -> Iterator[ReportBlock]:
    for begin in range(at, at + count * _REPORT_BLOCK.size, _REPORT_BLOCK.size):
        ssrc, lost, highest, jitter, middle, delay = _REPORT_BLOCK.unpack_from(body, begin)
        total = lost & 0xFFFFFF
        # 24 bits with a sign: duplicates make less than nothing lost.
        yield ReportBlock(ssrc, lost >> 24, total - (total >> 23 << 24), highest, jitter, middle, delay)


def _parse_nack(body: bytes, most: int) -> Nack:
    """Read at most ``most`` sequence numbers; what a browser asks for beyond them it asks for again."""
    _require(body, 8, "nack")
    lost: list[int] = []
    for at in range(8, len(body) - 3, 4):
        if len(lost) >= most:
            break
        first, mask = struct.unpack_from("!HH", body, at)
        lost.append(first)
        lost.extend((first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1)
    return Nack(int.from_bytes(body[4:8], "big"), tuple(lost[:most]))


def _parse_payload_feedback(count: int, body: bytes) -> RtcpPacket | None:
    _require(body, 8, "payload feedback")
    if count == _PICTURE_LOSS:
        return KeyFrameRequest((int.from_bytes(body[4:8], "big"),))
    if count == _FULL_INTRA:
        return KeyFrameRequest(tuple(int.from_bytes(body[at : at + 4], "big") for at in range(8, len(body) - 7, 8)))
    if count == _APPLICATION and body[8:12] == _REMB:
        _require(body, 16, "remb")
        exponent, mantissa = body[13] >> 2, int.from_bytes(body[13:16], "big") & 0x3FFFF
        return Remb(mantissa << exponent)
    return None


def _require(body: bytes, size: int, name: str) -> None:
    if len(body) < size:
        raise ParseError(f"rtcp {name}: {len(body)} bytes, expected at least {size}")


def _packet(count: int, kind: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def build_sender_report(report: SenderReport, cname: str) -> bytes:
    """Build SR + SDES: a publisher's clock under the SSRC and cname that subscribers know."""
    info = _SENDER_INFO.pack(
        report.ssrc, report.ntp >> 32, report.ntp & 0xFFFFFFFF, report.rtp_timestamp, report.packets, report.octets
    )
    name = cname.encode()
    item = bytes((1, len(name))) + name + b"\0"
    chunk = report.ssrc.to_bytes(4, "big") + item + bytes(-len(item) % 4)
    return _packet(0, SENDER_REPORT, info) + _packet(1, SOURCE_DESCRIPTION, chunk)


def build_receiver_report(ssrc: int, blocks: Sequence[ReportBlock]) -> bytes:
    """Build one receiver report of at most 31 blocks."""
    body = ssrc.to_bytes(4, "big")
    for block in blocks[:_MAX_BLOCKS]:
        lost = block.fraction_lost << 24 | (block.total_lost & 0xFFFFFF)
        body += _REPORT_BLOCK.pack(
            block.ssrc, lost, block.highest_sequence, block.jitter, block.last_sender_report, block.delay
        )
    return _packet(min(len(blocks), _MAX_BLOCKS), RECEIVER_REPORT, body)


def build_picture_loss(ssrc: int, media_ssrc: int) -> bytes:
    """Build a PLI: ask the publisher of ``media_ssrc`` for a key frame."""
    return _packet(_PICTURE_LOSS, PAYLOAD_FEEDBACK, struct.pack("!II", ssrc, media_ssrc))


def build_nack(ssrc: int, media_ssrc: int, lost: Sequence[int]) -> bytes:
    """Build a generic NACK for ``lost``, which must be in sending order."""
    body = struct.pack("!II", ssrc, media_ssrc)
    at = 0
    while at < len(lost):
        first, mask = lost[at], 0
        at += 1
        while at < len(lost) and 0 < (lost[at] - first) & 0xFFFF <= 16:
            mask |= 1 << (((lost[at] - first) & 0xFFFF) - 1)
            at += 1
        body += struct.pack("!HH", first, mask)
    return _packet(_NACK, TRANSPORT_FEEDBACK, body)


def build_transport_feedback(count: int, body: bytes) -> bytes:
    """Build a transport-layer feedback packet whose body (after the header) is padded here as RFC 3550 asks."""
    padding = -len(body) % 4
    if not padding:
        return _packet(count, TRANSPORT_FEEDBACK, body)
    padded = body + bytes(padding - 1) + bytes((padding,))
    return struct.pack("!BBH", 0xA0 | count, TRANSPORT_FEEDBACK, len(padded) // 4) + padded
