"""Fifteen percent random loss on a downlink of 600 kbit/s: what a receiver sees and hears, from us and from Janus.

One person sends sound and a picture in three sizes, another receives behind the same seeded network and with the same
receiver (bench/media_receiver.py). Janus leaves the choice of the size to the application; it is measured as it comes,
and again with each size chosen by hand, the best of which an application could at most have chosen.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.media_client import BATCH, SLOT, ClientTransport, ffi, libc, srtp, srtp_ffi
from bench.media_cost import LOAD_CORE, SERVER_CORE, Figures, say, summary
from bench.media_janus import Janus
from bench.media_load import AUDIO_BYTES, Load, Person, Stream, hang_up, remb
from bench.media_receiver import Estimate, Losses, Picture, Sound, freezes, payload_of, video_packet
from bench.media_servers import Ours, Subject
from media import rtcp
from media.netem import Conditions, Netem
from media.rtp import is_rtcp

DOWN = Conditions(loss=0.15, delay_s=0.03, jitter_s=0.01, rate_bps=600_000, queue_s=0.3)
UP = Conditions(delay_s=0.03)
SECONDS, WARM = 20.0, 4.0
START_BPS = 300_000
OVERHEAD = 28
"""Bytes of IP and UDP that the downlink carries as well."""
SIZES = (("r0", 1, 600), ("r1", 2, 1000), ("r2", 6, 1050))
"""Size's name, packets a picture, bytes a packet: 0.14, 0.48 and 1.5 Mbit/s at 30 pictures a second."""
_AUDIO, _VIDEO, _REPAIR = {100, 111}, {101, 96}, {102, 97}
_SHORTEST = 16


@dataclass(frozen=True, slots=True)
class Seen:
    """What the receiver saw and heard. Rates a second; shares from 0 to 1; gaps are three packets (60 ms) or more."""

    pictures_per_s: float
    freezes: int
    frozen_s: float
    sound_lost: float
    sound_gaps: int
    received_bps: float
    overflowed: float


class Listener:
    """A receiving person behind the network."""

    def __init__(self, transport: ClientTransport, seed: int) -> None:
        self._transport = transport
        self.down: Netem[tuple[bytes, float]] = Netem(DOWN, seed)
        self._up: Netem[bytes] = Netem(UP, seed)
        self._picture, self._sound, self._estimate = Picture(), Sound(), Estimate(START_BPS)
        self._video_ssrc = 0
        self._losses: dict[int, Losses] = {}
        self._losses_at = 0.0
        self._sender_report: tuple[int, float] | None = None
        self._bytes = 0
        self._since = float("inf")
        self._reported_at = 0.0
        self._length = srtp_ffi.new("int *")
        self._plain = srtp_ffi.new("char[]", SLOT)
        self._view = memoryview(srtp_ffi.buffer(self._plain)).cast("B")

    def take(self, datagram: bytes, now: float) -> None:
        """Put one encrypted RTP packet on the way."""
        self.down.send((datagram, now), len(datagram) + OVERHEAD, now)

    def take_report(self, datagram: bytes, now: float) -> None:
        """Take one encrypted RTCP packet: servers measure the round trip by what we say of their sender reports."""
        self._view[: len(datagram)] = datagram
        self._length[0] = len(datagram)
        if srtp.srtp_unprotect_rtcp(self._transport.receive, self._plain, self._length):
            return
        for packet in rtcp.parse(bytes(self._view[: self._length[0]])):
            if isinstance(packet, rtcp.SenderReport) and packet.ssrc == self._video_ssrc:
                self._sender_report = packet.ntp >> 16 & 0xFFFFFFFF, now + DOWN.delay_s

    def step(self, now: float) -> None:
        """Receive what has arrived and send the feedback that is due."""
        # Moments are the network's own: a stall of this process is no delay of the path.
        while (at := self.down.next_at) is not None and at <= now:
            for datagram, entered in self.down.due(at):
                self._bytes += len(datagram)
                self._arrived(datagram, at - entered, at)
        asked = self._picture.feedback(now)
        # Every packet begins with a report on the stream: without reduced size (RFC 5506) that is a must, and Janus
        # finds the stream by it.
        report = rtcp.build_receiver_report(7, self._blocks(now))
        if asked.nacks:
            self._up.send(report + rtcp.build_nack(7, self._video_ssrc, sorted(asked.nacks)), 100, now)
        if asked.key_frame and self._video_ssrc:
            self._up.send(report + rtcp.build_picture_loss(7, self._video_ssrc), 100, now)
        if now - self._reported_at >= 0.25 and self._video_ssrc:
            self._reported_at = now
            self._up.send(report + remb(7, self._estimate.update(now), [self._video_ssrc]), 100, now)
        for packet in self._up.due(now):
            self._send(packet)

    def _blocks(self, now: float) -> list[rtcp.ReportBlock]:
        """One of each stream, the picture's first: as browsers say it, about the last whole second."""
        if now - self._losses_at >= 1.0:
            self._losses_at = now
            for losses in self._losses.values():
                losses.close()
        middle, heard_at = self._sender_report or (0, now)
        blocks = [
            rtcp.ReportBlock(
                ssrc=ssrc,
                fraction_lost=losses.fraction,
                total_lost=losses.total,
                highest_sequence=losses.highest,
                jitter=0,
                last_sender_report=middle if ssrc == self._video_ssrc else 0,
                delay=max(0, int((now - heard_at) * 65536)) if ssrc == self._video_ssrc else 0,
            )
            for ssrc, losses in self._losses.items()
        ]
        return sorted(blocks, key=lambda block: block.ssrc != self._video_ssrc)

    def count_from(self, now: float) -> None:
        """Forget what was so far: what counts begins now."""
        self._sound, self._picture.shown = Sound(), []
        self._bytes, self._since = 0, now
        self.down.tally.sent = self.down.tally.overflowed = 0

    def seen(self, now: float) -> Seen:
        """What there was to see and to hear since the counting began."""
        lasted, shown = now - self._since, self._picture.shown
        count, seconds = freezes(shown, now) if shown else (1, lasted)
        lost, gaps = self._sound.gaps(3)
        return Seen(
            pictures_per_s=len(shown) / lasted,
            freezes=count,
            frozen_s=seconds,
            sound_lost=lost,
            sound_gaps=gaps,
            received_bps=self._bytes * 8 / lasted,
            overflowed=self.down.tally.overflowed / max(1, self.down.tally.sent),
        )

    def _arrived(self, datagram: bytes, under_way: float, now: float) -> None:
        # Only here: what the network has lost is no replay when it comes again as it was.
        self._view[: len(datagram)] = datagram
        self._length[0] = len(datagram)
        if srtp.srtp_unprotect(self._transport.receive, self._plain, self._length):
            return
        packet = bytes(self._view[: self._length[0]])
        payload = packet[payload_of(packet) :]
        kind, sequence = packet[1] & 0x7F, int.from_bytes(packet[2:4], "big")
        if len(payload) < _SHORTEST or packet[0] & 0x20:
            self._estimate.arrived(len(datagram), under_way)
            return  # padding of a probe
        if kind in _REPAIR:
            self._estimate.arrived(len(datagram), under_way)
            self._picture.arrived(int.from_bytes(payload[:2], "big"), video_packet(packet, payload[2:]), now)
        elif kind in _VIDEO:
            self._video_ssrc = int.from_bytes(packet[8:12], "big")
            self._losses.setdefault(self._video_ssrc, Losses(sequence, sequence)).arrived(sequence)
            self._picture.arrived(sequence, video_packet(packet, payload), now)
            self._estimate.arrived(len(datagram), under_way)
        elif kind in _AUDIO:
            ssrc = int.from_bytes(packet[8:12], "big")
            self._losses.setdefault(ssrc, Losses(sequence, sequence)).arrived(sequence)
            self._sound.arrived(sequence, under_way)
            self._estimate.arrived(len(datagram), under_way)

    def _send(self, packet: bytes) -> None:
        self._view[: len(packet)] = packet
        self._length[0] = len(packet)
        if srtp.srtp_protect_rtcp(self._transport.protect, self._plain, self._length):
            raise RuntimeError("the receiver could not encrypt")
        self._transport.socket.send(self._view[: self._length[0]])


def couple() -> list[Person]:
    """One who sends sound and a picture in three sizes, one who receives."""
    sender, receiver = Person("sender"), Person("receiver")
    sender.streams = [Stream("audio", 1001, 111, packets=1, size=AUDIO_BYTES, fan=1)]
    for place, (rid, packets, size) in enumerate(SIZES):
        sender.streams.append(
            Stream(
                "video",
                1002 + place,
                96,
                packets=packets,
                size=size,
                key_packets=3 * packets,
                rid=rid,
                rtx_ssrc=1012 + place,
            )
        )
    return [sender, receiver]


async def watch(room: Sequence[Person], seed: int, seconds: float) -> Seen:
    """Let the one send to the other through the network."""
    load = Load()
    sender, receiver = room
    if receiver.down is None or sender.up is None:
        raise RuntimeError("nobody is connected")
    listener = Listener(receiver.down, seed)
    messages = _Inbox()
    start = now = time.perf_counter()
    due = [start for _ in sender.streams]
    alive, counting = start, False
    while now - start < WARM + seconds:
        for place, stream in enumerate(sender.streams):
            if due[place] <= now:
                load.frame(sender, stream, now)
                due[place] += stream.period
        load.drain_up(sender)
        for datagram in messages.read(receiver.down):
            if is_rtcp(datagram):
                listener.take_report(datagram, now)
            else:
                listener.take(datagram, now)
        listener.step(now)
        if now >= alive:
            for transport in (sender.up, receiver.down):
                transport.keep_alive()
            load.report([sender])
            alive += 1.0
        if not counting and now - start >= WARM:
            counting = True
            listener.count_from(now)
        await asyncio.sleep(0.001)
        now = time.perf_counter()
    return listener.seen(now)


class _Inbox:
    """Reads what has come for one transport: RTP and RTCP are returned, the rest is for the transport."""

    def __init__(self) -> None:
        self._memory = ffi.new("char[]", SLOT)
        self._view = memoryview(ffi.buffer(self._memory)).cast("B")

    def read(self, transport: ClientTransport) -> list[bytes]:
        found: list[bytes] = []
        while len(found) < 4 * BATCH:
            try:
                size = transport.socket.recv_into(self._view)
            except BlockingIOError:
                break
            datagram = bytes(self._view[:size])
            if not 128 <= datagram[0] < 192:
                transport.take(datagram)
            else:
                found.append(datagram)
        return found


WAYS: Sequence[tuple[str, int | None]] = (
    ("poruch", None),
    ("janus", None),
    ("janus, r0", 0),
    ("janus, r1", 1),
    ("janus, r2", 2),
)
"""Who sends, and for Janus which of the sizes was chosen by hand."""


async def lossy(address: str, *, repeats: int, seconds: float = SECONDS) -> Figures:
    """What the receiver sees and hears, by server; all at the same time, so that this machine is the same for them."""
    os.sched_setaffinity(0, {LOAD_CORE})
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name, _ in WAYS}
    for seed in range(repeats):
        servers = [await _start(address, place, name, substream) for place, (name, substream) in enumerate(WAYS)]
        rooms = [couple() for _ in servers]
        try:
            for server, room in zip(servers, rooms, strict=True):
                await server.connect([room])
            seen = await asyncio.gather(*(watch(room, seed, seconds) for room in rooms))
        finally:
            await hang_up(rooms)
            for server in servers:
                await server.stop()
        for (name, _), found in zip(WAYS, seen, strict=True):
            say(f"  {name}, seed {seed}: {found}")
            runs[name].append(asdict(found))
    return {name: {key: summary([run[key] for run in kept]) for key in kept[0]} for name, kept in runs.items()}


async def _start(address: str, place: int, name: str, substream: int | None) -> Subject:
    if name == "poruch":
        return await Ours.start(address, SERVER_CORE)
    janus = await Janus.start(address, SERVER_CORE, event_loops=1, first_port=24000 + 2000 * place)
    janus.substream = substream
    return janus


def compared(found: Figures) -> Figures:
    """The medians that the goal names, ours and Janus's as it comes, and Janus's best choice by hand."""

    def medians(figures: Figures) -> Figures:
        return {key: value["median"] for key, value in figures.items()}

    chosen = [figures for name, figures in found.items() if name.startswith("janus,")]
    best = max(chosen, key=lambda figures: (figures["pictures_per_s"]["median"], -figures["sound_lost"]["median"]))
    return {"ours": medians(found["poruch"]), "janus": medians(found["janus"]), "janus_best_by_hand": medians(best)}


__all__ = ["compared", "libc", "lossy"]
