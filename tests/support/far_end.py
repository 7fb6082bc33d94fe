"""Both ends of a line in memory: who sends a picture in three sizes and sound, and a browser behind a bad network.

Everything passes :mod:`media.netem` in both directions, what the router sends and what the browser answers, on a clock
that is only counted. What counts is what arrives.
"""

from __future__ import annotations

from typing import Any

from bench.media_load import remb
from bench.media_receiver import Estimate, Losses, Picture, Sound, payload_of, video_packet
from media import ortc, rtcp, rtp
from media.netem import Conditions, Netem
from media.twcc import FEEDBACK_INTERVAL
from tests.support.forwarded import Apart
from tests.support.simulcast import SSRCS, parameters, sources

STEP = 0.005
FRAME, SOUND = 1 / 30, 0.02
BODIES = (500, 900, 1050)
PACKETS = (1, 2, 5)  # a frame: about 130, 450 and 1300 kbit/s
MICROPHONE = 4001
OVERHEAD = 28 + 16  # IP, UDP and the tag of SRTP
REPORT_EVERY, ESTIMATE_EVERY = 1.0, 0.25
START_BPS = 300_000.0


class Browser:
    """A receiver as browsers are: it asks again, asks for key frames, reports what it lost, estimates by delay."""

    def __init__(self, video_ssrc: int, *, whole: bool) -> None:
        """``whole`` estimates count headers as well; Chromium's count what they carry."""
        self._whole = whole
        self.picture, self.sound, self.estimate = Picture(), Sound(), Estimate(START_BPS)
        self.sounds: list[tuple[float, float]] = []
        """When a packet of sound came, and how long it was under way."""
        self._video_ssrc = video_ssrc
        self._losses: dict[int, Losses] = {}
        self._reported_at = self._estimated_at = 0.0

    def take(self, packet: bytes, under_way: float, now: float) -> None:
        read = rtp.parse(packet)
        self.estimate.arrived(len(packet) + OVERHEAD if self._whole else len(packet) - payload_of(packet), under_way)
        if read.payload_type == ortc.RTX:
            original = rtp.unwrap_retransmission(read)
            if original is not None:
                self.picture.arrived(original[0], video_packet(packet, original[1]), now)
            return
        self._losses.setdefault(read.ssrc, Losses(read.sequence, read.sequence)).arrived(read.sequence)
        if read.payload_type == ortc.OPUS:
            self.sound.arrived(read.sequence, under_way)
            self.sounds.append((now, under_way))
        else:
            self.picture.arrived(read.sequence, video_packet(packet, packet[payload_of(packet) :]), now)

    def answers(self, now: float) -> list[bytes]:
        """What it sends back now."""
        asked, found = self.picture.feedback(now), []
        if asked.nacks:
            found.append(rtcp.build_nack(7, self._video_ssrc, sorted(asked.nacks)))
        if asked.key_frame:
            found.append(rtcp.build_picture_loss(7, self._video_ssrc))
        if now - self._reported_at >= REPORT_EVERY:
            self._reported_at = now
            found.append(rtcp.build_receiver_report(7, self._blocks()))
        if now - self._estimated_at >= ESTIMATE_EVERY:
            self._estimated_at = now
            found.append(remb(7, self.estimate.update(now), [self._video_ssrc]))
        return found

    def _blocks(self) -> list[rtcp.ReportBlock]:
        for losses in self._losses.values():
            losses.close()
        return [
            rtcp.ReportBlock(ssrc, losses.fraction, losses.total, losses.highest, 0, 0, 0)
            for ssrc, losses in self._losses.items()
        ]


class FarEnd:
    """``run`` lets time pass; ``down`` is the line whose conditions may change."""

    def __init__(
        self,
        conditions: Conditions,
        seed: int = 1,
        *,
        whole: bool = False,
        bodies: tuple[int, ...] = BODIES,
        packets: tuple[int, ...] = PACKETS,
    ) -> None:
        self.notices: list[tuple[str, bool]] = []
        self.apart = Apart(on_hold=lambda _peer, consumer, held: self.notices.append((consumer, held)))
        self.router = router = self.apart.router
        router.open_link("up", "ann", "send")
        router.open_link("down", "bob", "recv")
        router.link_direct("down", direct=True)
        self.camera = router.create_producer("ann", "up", "video", "camera", parameters(), paused=False)
        codec = {"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}
        voice: dict[str, Any] = {"mid": "1", "codecs": [codec], "encodings": [{"ssrc": MICROPHONE}]}
        microphone = router.create_producer("ann", "up", "audio", "microphone", voice, paused=False)
        offers = [router.create_consumer("bob", "down", each) for each in (self.camera, microphone)]
        for offer in offers:
            router.pause_consumer(offer["id"], paused=False)
        self.pictures, self.voice = (offer["id"] for offer in offers)
        self.browser = Browser(offers[0]["rtpParameters"]["encodings"][0]["ssrc"], whole=whole)
        self.down: Netem[tuple[float, bytes]] = Netem(conditions, seed)
        self.up: Netem[bytes] = Netem(Conditions(delay_s=conditions.delay_s), seed + 1)
        self.layers: list[int | None] = []
        """Which size came, ten times a second."""
        self.spoken = 0
        self.now = 10.0
        self._bodies, self._packets = bodies, packets
        self._sources = sources(seed)
        self._wanted = dict.fromkeys(SSRCS, True)
        self._frames = 0
        self._due = dict.fromkeys(("frame", "sound", "tick", "report", "look"), self.now)

    def run(self, seconds: float) -> None:
        """Let so many seconds pass."""
        for _ in range(round(seconds / STEP)):
            self.now += STEP
            self._publish()
            if self._passes("tick", FEEDBACK_INTERVAL):
                self.router.tick(self.now)
            self._gather()
            for entered, packet in self.down.due(self.now):
                self.browser.take(packet, self.now - entered, self.now)
            for answer in self.browser.answers(self.now):
                self.up.send(answer, len(answer), self.now)
            for answer in self.up.due(self.now):
                self.router.on_rtcp("down", answer, self.now)
            self._gather()
            if self._passes("look", 0.1):
                layer = self.router._consumers[self.pictures].layer
                self.layers.append(layer.place if layer else None)

    def sound_between(self, since: float, until: float) -> tuple[int, int]:
        """How much sound came in those seconds, and how much of it no more than 0.2 s later than the quickest."""
        quickest = min(under_way for _, under_way in self.browser.sounds)
        came = [under_way for at, under_way in self.browser.sounds if since <= at < until]
        return len(came), sum(under_way - quickest <= 0.2 for under_way in came)

    def _passes(self, name: str, every: float) -> bool:
        if self._due[name] > self.now:
            return False
        self._due[name] += every
        return True

    def _publish(self) -> None:
        if self._passes("report", 1.0):
            for source in self._sources:
                self.router.on_rtcp("up", source.report(self._frames), self.now)
        if self._passes("sound", SOUND):
            more: dict[str, Any] = {"marker": False, "timestamp": 960 * self.spoken & 0xFFFFFFFF, "payload": bytes(100)}
            packet = rtp.build(payload_type=111, sequence=self.spoken & 0xFFFF, ssrc=MICROPHONE, **more)
            self.spoken += 1
            self._carry(packet)
        if self._passes("frame", FRAME):
            for source in self._sources:
                place, key = source.place, self._wanted.pop(SSRCS[source.place], False)
                for packet in source.frame(
                    self._frames, key=key, packets=self._packets[place], body=bytes(self._bodies[place])
                ):
                    self._carry(packet)
            self._frames += 1

    def _carry(self, packet: bytes) -> None:
        for each in self.apart.give("up", packet, self.now):
            self._send(each.transport, each.packet, is_rtcp=each.rtcp)

    def _gather(self) -> None:
        for each in self.router.take():
            self._send(each.transport, each.packet, is_rtcp=each.rtcp)

    def _send(self, transport: str, packet: bytes, *, is_rtcp: bool) -> None:
        if transport == "down" and not is_rtcp:
            self.down.send((self.now, packet), len(packet) + OVERHEAD, self.now)
        elif transport == "up" and is_rtcp:
            for asked in rtcp.parse(packet):
                if isinstance(asked, rtcp.KeyFrameRequest):
                    self._wanted.update(dict.fromkeys(asked.media_ssrcs, True))
