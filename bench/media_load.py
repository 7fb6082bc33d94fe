"""The load: meetings whose people send sound and picture in real time, and who count what reaches them.

Every person has a sending and a receiving peer connection, as in a browser. A publisher sends sender reports and
answers requests for key frames; a subscriber sends receiver reports and an estimate every second. Packets carry their
time of departure, and one in ``SAMPLE`` is decrypted again to read it. When a packet came, the kernel says: how long it
then waited for this program, which has eighty people's sockets to read, is not the server's delay.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import os
import random
import struct
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.media_batch import BATCH, SLOT, Batch
from bench.media_client import KEEPALIVE_SECONDS, ClientTransport, libc, srtp, srtp_ffi
from media import rtcp
from media.parsing import ParseError

VIDEO_RATE, AUDIO_RATE = 30, 50
VIDEO_PACKETS, VIDEO_BYTES, AUDIO_BYTES = 4, 1100, 80
SAMPLE = 37
DRAIN_SECONDS = 0.002
REPORT_SECONDS = 1.0
ESTIMATE_BPS = 50_000_000
_HEADER = struct.Struct("!BBHII")
_TIME = struct.Struct("!d")
_STREAM_FIELDS = struct.Struct("!HI")
_NTP_EPOCH = 2_208_988_800
_KEY_START = bytes((0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01))
_DELTA_START = bytes((0x11, 0x02, 0x00)) + bytes(7)


@dataclass(slots=True, eq=False)
class Stream:
    """One stream of a publisher. Extension ids are the publisher's own; 0 leaves one out."""

    kind: str
    ssrc: int
    payload_type: int
    abs_send_time_id: int = 2
    transport_cc_id: int = 3
    packets: int = VIDEO_PACKETS
    size: int = VIDEO_BYTES
    key_packets: int = VIDEO_PACKETS
    rtx_ssrc: int = 0
    rid: str = ""
    fan: int = 0
    sequence: int = field(default_factory=lambda: random.randrange(30000))  # noqa: S311 - no secret
    timestamp: int = field(default_factory=lambda: random.randrange(1 << 31))  # noqa: S311 - no secret
    picture: int = 0
    key_frame: bool = True
    sent: int = 0
    octets: int = 0

    @property
    def period(self) -> float:
        """Seconds between two frames."""
        return 1 / (VIDEO_RATE if self.kind == "video" else AUDIO_RATE)

    def extension(self, transport_sequence: int, now: float) -> bytes:
        """The header extension block of the next packet."""
        elements = b""
        if self.abs_send_time_id:
            stamp = int((now % 64) * (1 << 18)) & 0xFFFFFF
            elements += bytes((self.abs_send_time_id << 4 | 2,)) + stamp.to_bytes(3, "big")
        if self.transport_cc_id:
            elements += bytes((self.transport_cc_id << 4 | 1,)) + transport_sequence.to_bytes(2, "big")
        elements += bytes(-len(elements) % 4)
        return struct.pack("!HH", 0xBEDE, len(elements) // 4) + elements


@dataclass(eq=False)
class Person:
    """One member of a meeting: what they send over ``up`` and what comes in over ``down``."""

    name: str
    up: ClientTransport | None = None
    down: ClientTransport | None = None
    streams: list[Stream] = field(default_factory=list)
    transport_sequence: int = 0
    received: int = 0
    highest: dict[int, int] = field(default_factory=dict)
    sender_reports: dict[int, tuple[int, float]] = field(default_factory=dict)


Room = list[Person]


def people(rooms: int, size: int, publishers: int | None = None) -> list[Room]:
    """Rooms of people without transports; ``publishers`` of each room's people send, all when None."""
    made: list[Room] = []
    for room in range(rooms):
        members = [Person(f"r{room}p{place}") for place in range(size)]
        sending = size if publishers is None else publishers
        for place, person in enumerate(members[:sending]):
            first = 1 + 1000 * (1 + room * size + place)
            fan = sum(other is not person for other in members)
            person.streams = [
                Stream("audio", first, 111, packets=1, size=AUDIO_BYTES, fan=fan),
                Stream("video", first + 1, 96, fan=fan),
            ]
        made.append(members)
    return made


async def hang_up(rooms: Sequence[Room]) -> None:
    """Close every transport of these people."""
    for room in rooms:
        for person in room:
            for transport in (person.up, person.down):
                if transport is not None:
                    await transport.close()
            person.up = person.down = None


@contextlib.asynccontextmanager
async def kept_alive(rooms: Sequence[Room]) -> AsyncIterator[None]:
    """Keep up the consent of whoever is connected while others still connect."""

    async def keep() -> None:
        while True:
            for room in rooms:
                for person in room:
                    for transport in (person.up, person.down):
                        if transport is not None and transport.protect is not None:
                            transport.keep_alive()
            await asyncio.sleep(KEEPALIVE_SECONDS)

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()


def process_seconds(pid: int) -> float:
    """CPU seconds of all threads of a process, from the scheduler's own books."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (OSError, IndexError):
            continue
    return total / 1e9


@dataclass(frozen=True, slots=True)
class Measured:
    """One window: packets a second, CPU and latency of the server, and how late the generator itself was."""

    sent_per_s: float
    forwarded_per_s: float
    loss: float
    cpu_us: float
    cpu_share: float
    latency_p50_ms: float
    latency_p99_ms: float
    late_ms: float
    bad: int


class Load:
    """Sends and receives for the given rooms; ``run`` measures one window of the process ``pid``."""

    def __init__(self) -> None:
        self._in, self._out = Batch(BATCH), Batch(32)
        self._length = srtp_ffi.new("int *")
        self._plain = srtp_ffi.new("char[]", SLOT)
        self._plain_view = memoryview(srtp_ffi.buffer(self._plain)).cast("B")
        self._filler = os.urandom(SLOT)
        self._latencies: list[float] = []
        self._bad = 0
        self._expected = 0
        self._sent = 0

    async def run(
        self, rooms: Sequence[Room], pid: int, *, warm: float, seconds: float, idle: Sequence[Room] = ()
    ) -> Measured:
        """Run the rooms for ``warm`` and then measure ``seconds``; ``idle`` rooms only stay alive."""
        members = [person for room in rooms for person in room]
        others = [person for room in idle for person in room]
        now = time.perf_counter()
        due = [
            (now + random.random() * stream.period, number, person, stream)  # noqa: S311 - only spreads the load
            for number, (person, stream) in enumerate((p, s) for p in members for s in p.streams)
        ]
        heapq.heapify(due)
        keep_alive, report, drain = now, now + REPORT_SECONDS, now
        started = measured_from = now
        late = 0.0
        seconds_before = 0.0
        counting = False
        while True:
            now = time.perf_counter()
            if not counting and now - started >= warm:
                self.drain(members)
                counting, measured_from, late = True, now, 0.0
                self._latencies, self._expected, self._sent, self._bad = [], 0, 0, 0
                received_before = sum(person.received for person in members)
                seconds_before = process_seconds(pid)
            elif counting and now - measured_from >= seconds:
                break
            while due and due[0][0] <= now:
                at, number, person, stream = due[0]
                late = max(late, now - at)
                self.frame(person, stream, now)
                heapq.heapreplace(due, (at + stream.period, number, person, stream))
            if now >= drain:
                self.drain(members)
                drain = time.perf_counter() + DRAIN_SECONDS
            if now >= report:
                self.report(members)
                report += REPORT_SECONDS
            if now >= keep_alive:
                for person in (*members, *others):
                    for transport in (person.up, person.down):
                        if transport is not None:
                            transport.keep_alive()
                keep_alive += KEEPALIVE_SECONDS
            await asyncio.sleep(0.0005)
        used, lasted = process_seconds(pid) - seconds_before, time.perf_counter() - measured_from
        # What is still under way counts as forwarded, but waited for us and not for the server.
        latencies = sorted(self._latencies)
        await asyncio.sleep(0.1)
        self.drain(members)
        forwarded = sum(person.received for person in members) - received_before
        return Measured(
            sent_per_s=self._sent / lasted,
            forwarded_per_s=forwarded / lasted,
            loss=max(0.0, 1 - forwarded / max(1, self._expected)),
            cpu_us=1e6 * used / max(1, forwarded),
            cpu_share=used / lasted,
            latency_p50_ms=1e3 * latencies[len(latencies) // 2] if latencies else float("nan"),
            latency_p99_ms=1e3 * latencies[int(len(latencies) * 0.99)] if latencies else float("nan"),
            late_ms=1e3 * late,
            bad=self._bad,
        )

    def frame(self, person: Person, stream: Stream, now: float) -> None:
        """Send one frame of a stream."""
        transport = person.up
        if transport is None:
            raise RuntimeError("a publisher without a transport")
        video, out, size = stream.kind == "video", self._out, stream.size
        key, stream.key_frame = stream.key_frame and video, False
        stream.picture = (stream.picture + 1) & 0x7FFF
        count = stream.key_packets if key else stream.packets
        for place in range(count):
            last = place == count - 1
            person.transport_sequence = (person.transport_sequence + 1) & 0xFFFF
            stream.sequence = (stream.sequence + 1) & 0xFFFF
            head = stream.extension(person.transport_sequence, now)
            if video:
                head += bytes((0x90 if place == 0 else 0x80, 0x80, 0x80 | stream.picture >> 8, stream.picture & 0xFF))
                if place == 0:
                    head += _KEY_START if key else _DELTA_START
            at = place * SLOT
            marker = 0x80 if video and last else 0
            end = at + _HEADER.size + len(head) + size
            out.view[at + _HEADER.size : end] = head + self._filler[:size]
            _HEADER.pack_into(
                out.view, at, 0x90, stream.payload_type | marker, stream.sequence, stream.timestamp, stream.ssrc
            )
            _TIME.pack_into(out.view, end - _TIME.size, time.time())
            self._length[0] = end - at
            if srtp.srtp_protect(transport.protect, out.data + at, self._length):
                raise RuntimeError("the generator could not encrypt")
            out.vectors[place].iov_len = self._length[0]
        stream.timestamp = (stream.timestamp + (3000 if video else 960)) & 0xFFFFFFFF
        sent = max(0, libc.sendmmsg(transport.fd, out.messages, count, 0))
        stream.sent += sent
        stream.octets += sent * size
        self._sent += sent
        self._expected += sent * stream.fan

    def drain_up(self, person: Person) -> None:
        """Take what the server says to a sender: requests for key frames."""
        if person.up is not None:
            self._drain_one(person, person.up, received=False)

    def drain(self, members: Sequence[Person]) -> None:
        """Take whatever has come for these people."""
        for person in members:
            if person.down is not None:
                self._drain_one(person, person.down, received=True)
            if person.up is not None:
                self._drain_one(person, person.up, received=False)

    def _drain_one(self, person: Person, transport: ClientTransport, *, received: bool) -> None:
        batch = self._in
        view, lengths = batch.view, batch.lengths
        while True:
            count = batch.receive(transport.fd)
            if (
                received and count > 0 and batch.only_media(count)
            ):  # nearly always, and a loop would cost thrice as much
                before = person.received // SAMPLE
                person.received += count
                if person.received // SAMPLE != before:
                    at = (count - 1) * SLOT
                    self._look(person, transport, at, lengths[count - 1], batch.came_at(count - 1))
                if count < BATCH:
                    return
                continue
            for place in range(max(0, count)):
                at = place * SLOT
                first = view[at]
                if not 128 <= first < 192:
                    transport.take(bytes(view[at : at + lengths[place]]))
                elif 63 < view[at + 1] & 0x7F < 96:
                    self._answer(person, transport, at, lengths[place])
                elif received:
                    person.received += 1
                    if person.received % SAMPLE == 0:
                        self._look(person, transport, at, lengths[place], batch.came_at(place))
            if count < BATCH:
                return

    def _look(self, person: Person, transport: ClientTransport, at: int, size: int, came_at: float) -> None:
        view = self._in.view
        self._plain_view[:size] = view[at : at + size]
        self._length[0] = size
        if srtp.srtp_unprotect(transport.receive, self._plain, self._length):
            self._bad += 1
            return
        size = self._length[0]
        (left,) = _TIME.unpack_from(self._plain_view, size - _TIME.size)
        self._latencies.append(came_at - left)
        sequence, ssrc = int.from_bytes(self._plain_view[2:4], "big"), int.from_bytes(self._plain_view[8:12], "big")
        person.highest[ssrc] = sequence

    def _answer(self, person: Person, transport: ClientTransport, at: int, size: int) -> None:
        self._plain_view[:size] = self._in.view[at : at + size]
        self._length[0] = size
        if srtp.srtp_unprotect_rtcp(transport.receive, self._plain, self._length):
            return
        try:
            packets = rtcp.parse(bytes(self._plain_view[: self._length[0]]))
        except ParseError:
            return
        for packet in packets:
            if isinstance(packet, rtcp.KeyFrameRequest):
                for stream in person.streams:
                    stream.key_frame = stream.key_frame or stream.ssrc in packet.media_ssrcs
            elif isinstance(packet, rtcp.SenderReport):
                person.sender_reports[packet.ssrc] = packet.ntp >> 16 & 0xFFFFFFFF, time.perf_counter()

    def report(self, members: Sequence[Person]) -> None:
        """Send everybody's reports."""
        wall = time.time() + _NTP_EPOCH
        ntp = int(wall) << 32 | int((wall % 1) * (1 << 32))
        for person in members:
            for stream in person.streams:
                report = rtcp.SenderReport(stream.ssrc, ntp, stream.timestamp, stream.sent, stream.octets & 0xFFFFFFFF)
                self._send_rtcp(person.up, rtcp.build_sender_report(report, person.name))
            if person.down is not None and person.highest:
                blocks = [_block(person, ssrc, highest) for ssrc, highest in person.highest.items()]
                estimate = remb(7, ESTIMATE_BPS, [*person.highest])
                self._send_rtcp(person.down, rtcp.build_receiver_report(7, blocks) + estimate)

    def _send_rtcp(self, transport: ClientTransport | None, packet: bytes) -> None:
        if transport is None:
            return
        self._plain_view[: len(packet)] = packet
        self._length[0] = len(packet)
        if srtp.srtp_protect_rtcp(transport.protect, self._plain, self._length):
            raise RuntimeError("the generator could not encrypt")
        transport.socket.send(self._plain_view[: self._length[0]])


def _block(person: Person, ssrc: int, highest: int) -> rtcp.ReportBlock:
    """What a browser says of a stream. Its last two numbers give the round trip; before, Janus keeps nothing."""
    middle, heard_at = person.sender_reports.get(ssrc, (0, 0.0))
    delay = int((time.perf_counter() - heard_at) * 65536) if middle else 0
    return rtcp.ReportBlock(ssrc, 0, 0, highest, 0, middle, delay)


def remb(sender: int, bitrate_bps: int, ssrcs: Sequence[int]) -> bytes:
    """A receiver's estimated maximum bit rate (draft-alvestrand-rmcat-remb, section 2.2)."""
    exponent = max(0, bitrate_bps.bit_length() - 18)
    body = struct.pack("!II4sI", sender, 0, b"REMB", len(ssrcs) << 24 | exponent << 18 | bitrate_bps >> exponent)
    body += b"".join(ssrc.to_bytes(4, "big") for ssrc in ssrcs)
    return struct.pack("!BBH", 0x80 | 15, 206, len(body) // 4) + body


__all__ = ["Load", "Measured", "Person", "Room", "Stream", "hang_up", "kept_alive", "people", "process_seconds", "remb"]
