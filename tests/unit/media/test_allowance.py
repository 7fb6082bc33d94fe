"""What is sent again to one consumer, on networks that lose by chance and on one that cannot carry the stream."""

from __future__ import annotations

from typing import Any

import pytest

from media import rtcp, rtp
from media.allowance import BURST_S, LEAST_BPS, LOOKS_A_TICK, PACKETS_A_TICK, SHARE, WEAK_SHARE, Allowance
from media.netem import Conditions, Netem
from media.ortc import RTX
from tests.support.forwarded import Apart

CAMERA, CAMERA_RTX = 1001, 1002
PICTURES_PER_S, PACKETS, SIZE = 30, 5, 1000
STREAM_BPS = 8 * PICTURES_PER_S * PACKETS * SIZE
ASK_EVERY_S, ASK_TIMES = 0.1, 10


class Receiver:
    """A publisher of one picture, and a browser behind a network that asks again for what it misses."""

    def __init__(self, conditions: Conditions, seed: int = 1) -> None:
        self.apart = Apart()
        self.router = self.apart.router
        self.router.open_link("up", "ann", "send")
        self.router.open_link("down", "bob", "recv")
        codecs: list[dict[str, Any]] = [
            {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000},
            {"mimeType": "video/rtx", "payloadType": 97, "clockRate": 90000, "parameters": {"apt": 96}},
        ]
        rtp_parameters = {"codecs": codecs, "encodings": [{"ssrc": CAMERA, "rtx": {"ssrc": CAMERA_RTX}}]}
        camera = self.router.create_producer("ann", "up", "video", "camera", rtp_parameters, paused=False)
        offer = self.router.create_consumer("bob", "down", camera)
        self.ssrc = offer["rtpParameters"]["encodings"][0]["ssrc"]
        self.router.pause_consumer(offer["id"], paused=False)
        self.down: Netem[bytes] = Netem(conditions, seed)
        self.sent_again = 0
        self.got: set[int] = set()
        self.asked: dict[int, tuple[int, float]] = {}
        self.sequence = 0

    def run(self, seconds: int, start: float = 0.0) -> None:
        for step in range(seconds * 60):
            now = start + step / 60
            if step % 2 == 0:
                for part in range(PACKETS):
                    self.sequence += 1
                    key = self.sequence == 1
                    payload = (b"\x10" if part == 0 else b"\0") + (b"\0" if key else b"\1") + bytes(SIZE - 34)
                    more: dict[str, Any] = {"marker": part == PACKETS - 1, "payload_type": 96, "ssrc": CAMERA}
                    packet = rtp.build(sequence=self.sequence, timestamp=1500 * step, payload=payload, **more)
                    self._carry([each.packet for each in self.apart.give("up", packet, now) if not each.rtcp], now)
            for packet in self.down.due(now):
                self._take(rtp.parse(packet))
            self._ask(now)
            if step % 3 == 0:
                self.router.tick(now)
            self._carry([each.packet for each in self.router.take() if not each.rtcp], now)

    def missing(self) -> list[int]:
        return [each for each in range(min(self.got), max(self.got)) if each not in self.got]

    def _carry(self, packets: list[bytes], now: float) -> None:
        for packet in packets:
            self.sent_again += len(packet) if packet[1] & 0x7F == RTX else 0
            self.down.send(packet, len(packet), now)

    def _take(self, packet: rtp.RtpPacket) -> None:
        original = rtp.unwrap_retransmission(packet) if packet.payload_type == RTX else None
        self.got.add(original[0] if original else packet.sequence)

    def _ask(self, now: float) -> None:
        lost = []
        for each in self.missing() if self.got else []:
            times, at = self.asked.get(each, (0, -1.0))
            if times < ASK_TIMES and now - at >= ASK_EVERY_S:
                self.asked[each] = (times + 1, now)
                lost.append(each)
        if lost:
            self.router.on_rtcp("down", rtcp.build_nack(1, self.ssrc, lost), now)


def test_a_network_that_loses_by_chance_is_repaired_whole() -> None:
    receiver = Receiver(Conditions(loss=0.15, burst=2, delay_s=0.03))
    receiver.run(10)
    settled = [each for each in receiver.missing() if each < receiver.sequence - 2 * PICTURES_PER_S * PACKETS]
    assert receiver.down.tally.lost > 150
    assert settled == []
    assert receiver.apart.counters["rtx_refused"] == 0


def test_a_network_that_cannot_carry_the_stream_is_not_sent_a_second_one() -> None:
    receiver = Receiver(Conditions(rate_bps=STREAM_BPS / 4, queue_s=0.3))
    receiver.run(10)
    wanted = sum(times for times, _ in receiver.asked.values()) * SIZE
    assert receiver.sent_again <= (10 + BURST_S) * SHARE * STREAM_BPS / 8
    assert wanted > 2 * receiver.sent_again
    assert receiver.apart.counters["rtx_refused"] > 0


def test_what_is_granted_follows_the_stream_and_does_not_pile_up() -> None:
    allowance = Allowance()
    spent = 0
    while allowance.take(SIZE):
        spent += SIZE
    assert spent == LEAST_BPS * BURST_S / 8
    for _ in range(200):
        allowance.grow(8_000_000, 0.05)
    granted = 0
    for _ in range(100):
        granted += SIZE * sum(allowance.take(SIZE) for _ in range(2 * PACKETS_A_TICK))
        allowance.grow(8_000_000, 0.0)
    assert granted == SHARE * 8_000_000 * BURST_S / 8


def test_no_more_than_a_burst_leaves_at_once() -> None:
    allowance = Allowance()
    for _ in range(40):
        allowance.grow(8_000_000, 0.05)
    assert sum(allowance.take(100) for _ in range(1000)) == PACKETS_A_TICK


def test_a_packet_of_a_small_stream_can_be_sent_again_on_any_line() -> None:
    allowance = Allowance()
    while allowance.take(SIZE):
        pass
    for _ in range(400):
        allowance.grow(40_000, 0.05, 0.0)
    assert allowance.take(1200)


def test_nothing_is_looked_up_once_nothing_may_be_sent() -> None:
    allowance = Allowance()
    assert [allowance.looks(LOOKS_A_TICK - 1) for _ in range(3)] == [LOOKS_A_TICK - 1, 1, 0]
    allowance.grow(8_000_000, 0.05)
    assert sum(allowance.take(100) for _ in range(1000)) == PACKETS_A_TICK
    assert allowance.looks(1) == 0


@pytest.mark.parametrize(
    ("spare", "share"),
    [
        (0.0, WEAK_SHARE * STREAM_BPS),
        (300_000.0, 300_000.0),
        (1e9, SHARE * STREAM_BPS),
        (float("inf"), SHARE * STREAM_BPS),
    ],
)
def test_on_a_line_that_loses_no_more_is_granted_than_it_carries_besides(spare: float, share: float) -> None:
    allowance, granted = Allowance(), 0
    for step in range(40 * 20):
        allowance.grow(STREAM_BPS, 0.05, spare)
        while allowance.take(100):
            granted += 100 * (step >= 20 * 20)
    assert granted * 8 / 20 == pytest.approx(share, rel=0.02)
