"""What a curious server can make of the packets it forwards: frames put together, decoded, and judged for sense."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from media import rtp, vp9
from tests.support.eavesdrop import revealed, understood

FIRST_LONG_KEY = 1 << 16
"""No key of ours has so large an id: one byte is of the epoch, one of the leaf (RFC 9605, section 5.2)."""
SPARE_NUMBERS = 100
"""Frames that were sealed and not sent, or lost."""


@dataclass
class Stream:
    """Everything that came under one SSRC of one transport; repaired packets are in their places."""

    peer: str
    transport: str
    kind: str
    codec: str = "vp8"
    packets: dict[int, rtp.RtpPacket] = field(default_factory=dict)

    def add(self, packet: rtp.RtpPacket) -> None:
        """Take a packet in, in whatever order; padding alone is nothing."""
        if packet.payload:
            last = next(reversed(self.packets), packet.sequence)
            self.packets[last + ((packet.sequence - last + 0x8000) & 0xFFFF) - 0x8000] = packet

    @property
    def seen(self) -> int:
        """How many frames were sent, as their times tell."""
        return len({packet.timestamp for packet in self.packets.values()})

    def frames(self) -> list[bytes]:
        """The frames that arrived whole, in order."""
        in_order = sorted(self.packets.items())
        if self.kind == "audio":
            return [packet.payload for _, packet in in_order]
        return list(_assembled(in_order, vp9_payload if self.codec == "vp9" else vp8_payload))

    def decoded(self) -> int:
        """How many frames could be decoded to something that makes sense."""
        return understood(self.kind, self.frames(), self.codec)


def _assembled(
    in_order: Iterable[tuple[int, rtp.RtpPacket]], read: Callable[[bytes], tuple[bool, bytes]]
) -> Iterator[bytes]:
    parts: list[bytes] = []
    before = -1
    for number, packet in in_order:
        starts, part = read(packet.payload)
        if starts:
            parts = [part]
        elif parts and number == before + 1:
            parts.append(part)
        else:
            parts = []
        before = number
        if packet.marker and parts:
            yield b"".join(parts)
            parts = []


def vp8_payload(payload: bytes) -> tuple[bool, bytes]:
    """Whether a frame starts here, and its bytes without the descriptor (RFC 7741, section 4.2)."""
    at = 1
    if payload[0] & 0x80:
        flags = payload[1]
        at = 2
        if flags & 0x80:
            at += 2 if payload[at] & 0x80 else 1
        at += bool(flags & 0x40) + bool(flags & 0x30)
    return payload[0] & 0x1F == 0x10, payload[at:]


def vp9_payload(payload: bytes) -> tuple[bool, bytes]:
    """Whether a frame starts here, and its bytes without the descriptor (RFC 9628, section 4.2)."""
    said = vp9.read_descriptor(payload, 0, len(payload))
    return said.begins, payload[said.size :]


@dataclass(frozen=True)
class Tap:
    """The file that a curious worker writes."""

    path: Path

    def now(self) -> int:
        """A mark between what came until now and what comes later."""
        return self.path.stat().st_size if self.path.exists() else 0

    def streams(self, since: int = 0) -> list[Stream]:
        """The streams of media, each as far as its packets came after this mark."""
        notes: list[dict[str, Any]] = []
        packets: list[tuple[str, rtp.RtpPacket]] = []
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break  # it is being written
                since -= len(line)
                if since >= 0 and b'"packet"' in line:
                    continue
                entry = json.loads(line)
                if "packet" not in entry:
                    notes.append(entry)
                else:
                    packets.append((entry["transport"], rtp.parse(base64.b64decode(entry["packet"]))))
        return _sorted(notes, packets)


def _sorted(notes: list[dict[str, Any]], packets: list[tuple[str, rtp.RtpPacket]]) -> list[Stream]:
    # Packets may come before the worker is told what they are.
    media = {(note["transport"], note["payload_type"]): note for note in notes}
    repairs = {(note["transport"], note["rtx_ssrc"]): note for note in notes if note["rtx_ssrc"] is not None}
    streams: dict[tuple[str, int], Stream] = {}
    for transport, packet in packets:
        sent = _repaired(packet, repairs.get((transport, packet.ssrc)))
        note = media.get((transport, sent.payload_type)) if sent else None
        if sent and note:
            found = Stream(note["peer"], transport, note["kind"], note["codec"])
            stream = streams.setdefault((transport, sent.ssrc), found)
            stream.add(sent)
    return list(streams.values())


def _repaired(packet: rtp.RtpPacket, note: dict[str, Any] | None) -> rtp.RtpPacket | None:
    if note is None:
        return packet
    original = rtp.unwrap_retransmission(packet)
    if original is None:
        return None
    sequence, payload = original
    return packet._replace(sequence=sequence, payload=payload, ssrc=note["ssrc"], payload_type=note["payload_type"])


@dataclass(frozen=True)
class Findings:
    """What the curious server knows of one person's sound or picture."""

    seen: int
    decoded: int
    unsealed: int
    """Frames that do not say of themselves that they were sealed, each under a number of its own."""
    revealed: int
    """How many of those can be decoded to something that tells of the person: black and silence do not."""


def findings(streams: Iterable[Stream]) -> dict[tuple[str, str], Findings]:
    """By connection and kind."""
    streams = list(streams)
    seen: Counter[tuple[str, str]] = Counter()
    decoded: Counter[tuple[str, str]] = Counter()
    for stream in streams:
        seen[stream.peer, stream.kind] += stream.seen
        decoded[stream.peer, stream.kind] += stream.decoded()
    unsealed: Counter[tuple[str, str]] = Counter()
    told: Counter[tuple[str, str]] = Counter()
    for stream, frames in _unsealed(streams):
        unsealed[stream.peer, stream.kind] += len(frames)
        told[stream.peer, stream.kind] += revealed(stream.kind, frames, stream.codec)
    return {each: Findings(seen[each], decoded[each], unsealed[each], told[each]) for each in seen}


def _unsealed(streams: Iterable[Stream]) -> Iterator[tuple[Stream, list[bytes]]]:
    """A single frame in the clear makes no sense to a decoder, but it carries no fitting number either.

    Whatever one sender seals with one key is numbered from 0; in each stream the numbers grow.
    """
    claims = [
        (each, [(frame, sframe_header(frame[_clear(each, frame) :])) for frame in each.frames()]) for each in streams
    ]
    sent: Counter[tuple[str, int]] = Counter()
    for stream, frames in claims:
        sent.update((stream.peer, key) for _, (key, _) in frames)
    for stream, frames in claims:
        last: dict[int, int] = {}
        unsealed: list[bytes] = []
        for frame, (key, number) in frames:
            if key < FIRST_LONG_KEY and last.get(key, -1) < number < 2 * sent[stream.peer, key] + SPARE_NUMBERS:
                last[key] = number
            else:
                unsealed.append(frame)
        yield stream, unsealed


def _clear(stream: Stream, frame: bytes) -> int:
    if stream.kind == "audio" or stream.codec == "vp9":
        return 0
    return 1 if frame[0] & 1 else 10


def sframe_header(sealed: bytes) -> tuple[int, int]:
    """Key id and counter (RFC 9605, section 4.3); numbers too large to be true where there is no header."""
    config, rest = sealed[:1], sealed[1:]
    if not config:
        return FIRST_LONG_KEY, 0
    key, counter = config[0] >> 4, config[0] & 0x0F
    if key & 8:
        length = (key & 7) + 1
        key, rest = int.from_bytes(rest[:length], "big"), rest[length:]
    if counter & 8:
        counter = int.from_bytes(rest[: (counter & 7) + 1], "big")
    return key, counter
