"""A picture in three sizes: whoever gets it sees one stream without a seam, whatever layer it comes from."""

from __future__ import annotations

import os
import random

import pytest
from pylibsrtp import Policy

from media import rtcp, rtp, vp8
from media.forward import Outgoing
from media.router import Router
from media.serial import distance
from media.srtp import SrtpKeys, SrtpSession, sessions
from tests.support.forwarded import Apart
from tests.support.simulcast import SSRCS, parameters, sources

FRAME = 1 / 30
TALL, SMALL = 720, 100


class Stage:
    """A publisher of three layers and its subscribers, half of them served side by side."""

    def __init__(self, *, direct: bool = True, seed: int = 1) -> None:
        self.apart = Apart()
        self.router: Router = self.apart.router
        self.sources = sources(seed)
        self.frames = 0
        self.direct = direct
        self.router.open_link("up", "ann", "send")
        self.camera = self.router.create_producer("ann", "up", "video", "camera", parameters(), paused=False)
        self.sent: dict[str, list[rtp.RtpPacket]] = {}
        self.offers: dict[str, str] = {}
        self.ssrcs: dict[str, int] = {}

    @property
    def now(self) -> float:
        return self.frames * FRAME

    def subscribe(self, peer: str, *, direct: bool | None = None, bps: int = 10_000_000) -> None:
        link = f"down-{peer}"
        self.router.open_link(link, peer, "recv")
        self.router.link_direct(link, direct=self.direct if direct is None else direct)
        offer = self.router.create_consumer(peer, link, self.camera)
        self.offers[peer] = offer["id"]
        self.ssrcs[peer] = offer["rtpParameters"]["encodings"][0]["ssrc"]
        self.estimate(peer, bps)
        self.router.pause_consumer(offer["id"], paused=False)

    def estimate(self, peer: str, bps: int) -> None:
        exponent = max(0, bps.bit_length() - 18)
        body = (b"\0\0\0\1\0\0\0\0REMB\1" + ((exponent << 18) | bps >> exponent).to_bytes(3, "big")) + b"\0\0\0\1"
        self.router.on_rtcp(f"down-{peer}", b"\x8f\xce\0\5" + body, self.now)

    def play(self, frames: int, *, keys: frozenset[int] = frozenset(), layers: int = 3, packets: int = 2) -> None:
        """Send frames; ``keys`` names the layers whose first frame of these is a key frame."""
        for step in range(frames):
            for source in self.sources[:layers]:
                key = step == 0 and source.place in keys
                for packet in source.frame(self.frames, key=key, packets=packets):
                    self.note(self.apart.give("up", packet, self.now))
            self.frames += 1
            if self.frames % 3 == 0:
                self.router.tick(self.now)
                self.note(self.router.take())

    def report(self) -> None:
        for source in self.sources:
            self.router.on_rtcp("up", source.report(self.frames), self.now)
        self.note(self.router.take())

    def note(self, outgoing: list[Outgoing]) -> None:
        for each in outgoing:
            if not each.rtcp:
                packet = rtp.parse(each.packet)
                if packet.payload_type == 101:
                    self.sent.setdefault(each.transport.removeprefix("down-"), []).append(packet)


def layer_of(packet: rtp.RtpPacket) -> int:
    return packet.payload[7]


def pictures(packets: list[rtp.RtpPacket]) -> list[vp8.Descriptor]:
    return [found for each in packets for found in (vp8.read_descriptor(each.payload, 0, len(each.payload)),) if found]


@pytest.fixture(params=[True, False], ids=["side-by-side", "one-by-one"])
def stage(request: pytest.FixtureRequest) -> Stage:
    made = Stage(direct=request.param)
    made.play(3)
    made.report()
    return made


ALL = frozenset({0, 1, 2})


def test_layers_are_known_by_their_rid(stage: Stage) -> None:
    producer = stage.router._producers[stage.camera]
    assert [layer.reception.ssrc for layer in producer.layers] == list(SSRCS)
    assert [layer.aligned for layer in producer.layers] == [True, True, True]


def test_a_large_tile_gets_the_largest_layer_and_a_small_one_the_smallest(stage: Stage) -> None:
    for peer, height in (("bob", TALL), ("cec", SMALL)):
        stage.subscribe(peer)
        stage.router.prefer(stage.offers[peer], height, "grid")
    stage.play(30, keys=ALL)
    stage.play(30, keys=ALL)
    assert layer_of(stage.sent["bob"][-1]) == 2
    assert {layer_of(packet) for packet in stage.sent["cec"]} == {0}


@pytest.mark.parametrize("seed", range(8))
def test_a_switch_leaves_no_seam(seed: int) -> None:
    stage = Stage(direct=bool(seed % 2), seed=seed)
    stage.play(3)
    stage.report()
    stage.subscribe("bob")
    for height in (SMALL, TALL, SMALL, 300, TALL):
        stage.router.prefer(stage.offers["bob"], height, "grid")
        stage.play(40)  # time to pass between two steps up
        stage.play(5, keys=ALL)
    packets = stage.sent["bob"]
    assert len({layer_of(packet) for packet in packets}) == 3
    first = packets[0].sequence
    assert [packet.sequence for packet in packets] == [(first + step) % 65536 for step in range(len(packets))]
    seen = pictures(packets)
    for before, after, one, other in zip(seen, seen[1:], packets, packets[1:], strict=False):
        same_frame = one.timestamp == other.timestamp
        assert (after.picture - before.picture) % (1 << 15) == (0 if same_frame else 1)
        assert (after.level - before.level) % 256 == (0 if same_frame else 1)
        assert 0 <= (other.timestamp - one.timestamp) % (1 << 32) <= 3001
        if layer_of(one) != layer_of(other):
            assert not same_frame
            assert other.payload[6] & 1 == 0


def test_all_layers_tell_the_same_time(stage: Stage) -> None:
    stage.subscribe("bob")
    stage.router.prefer(stage.offers["bob"], SMALL, "grid")
    stage.subscribe("cec")
    stage.play(40, keys=ALL)
    stage.play(2, keys=ALL)
    stage.sent.clear()
    stage.play(1)
    (bob, cec) = (stage.sent[peer][0] for peer in ("bob", "cec"))
    assert (layer_of(bob), layer_of(cec)) == (0, 2)
    assert abs(((bob.timestamp - cec.timestamp + (1 << 31)) % (1 << 32)) - (1 << 31)) <= 1


def test_nobody_is_sent_to_a_layer_whose_clock_is_unknown() -> None:
    stage = Stage()
    stage.subscribe("bob")
    stage.play(60, keys=ALL)
    stage.play(30, keys=ALL)
    assert {layer_of(packet) for packet in stage.sent["bob"]} == {0}
    stage.report()
    stage.play(60)
    stage.play(30, keys=ALL)
    assert layer_of(stage.sent["bob"][-1]) == 2


def test_a_layer_that_stops_is_left(stage: Stage) -> None:
    stage.subscribe("bob")
    stage.play(40, keys=ALL)
    stage.play(5, keys=ALL)
    assert layer_of(stage.sent["bob"][-1]) == 2
    stage.play(60, layers=2)
    stage.play(5, layers=2, keys=ALL)
    assert layer_of(stage.sent["bob"][-1]) == 1


def test_what_was_lost_before_a_switch_comes_from_the_layer_that_it_was(stage: Stage) -> None:
    stage.subscribe("bob")
    stage.router.prefer(stage.offers["bob"], SMALL, "grid")
    stage.play(5, keys=ALL)
    stage.router.prefer(stage.offers["bob"], TALL, "grid")
    stage.play(35)
    stage.play(3, keys=ALL)
    packets = stage.sent["bob"]
    lost = [packets[-8], packets[-5], packets[-1]]
    assert {layer_of(packet) for packet in lost} == {0, 2}
    nack = rtcp.build_nack(1, stage.ssrcs["bob"], [packet.sequence for packet in lost])
    stage.router.on_rtcp("down-bob", nack, stage.now)
    again = [rtp.parse(each.packet) for each in stage.router.take() if not each.rtcp]
    assert [rtp.unwrap_retransmission(each) for each in again] == [(each.sequence, each.payload) for each in lost]
    assert [each.timestamp for each in again] == [each.timestamp for each in lost]


def test_a_publishers_clock_is_told_in_the_time_that_subscribers_see(stage: Stage) -> None:
    stage.subscribe("bob")
    stage.play(40, keys=ALL)
    stage.play(5, keys=ALL)
    stage.router.on_rtcp("up", stage.sources[2].report(stage.frames), stage.now)
    (told,) = (
        packet
        for each in stage.router.take()
        if each.transport == "down-bob"
        for packet in rtcp.parse(each.packet)
        if isinstance(packet, rtcp.SenderReport)
    )
    stage.sent.clear()
    stage.play(1)
    assert told.rtp_timestamp == stage.sent["bob"][0].timestamp


def test_served_side_by_side_or_alone_everybody_gets_the_same(stage: Stage) -> None:
    stage.subscribe("bob", direct=True)
    stage.subscribe("cec", direct=False)
    for height in (SMALL, TALL, 300):
        for peer in ("bob", "cec"):
            stage.router.prefer(stage.offers[peer], height, "grid")
        stage.play(40)
        stage.play(5, keys=ALL)
    assert stage.sent["bob"] == stage.sent["cec"]
    assert len({layer_of(packet) for packet in stage.sent["bob"]}) == 3


@pytest.mark.parametrize("seed", range(6))
def test_through_pauses_switches_and_losses_no_nonce_repeats_and_everything_decrypts(seed: int) -> None:
    """Real SRTP sessions: ours refuses a number that was used, the subscriber's one that lies too far off."""
    chance = random.Random(seed)
    stage = Stage(direct=bool(seed % 2), seed=seed)
    stage.play(3)
    stage.report()
    stage.subscribe("bob")
    key = os.urandom(44)
    _, sending = sessions(SrtpKeys(Policy.SRTP_PROFILE_AEAD_AES_256_GCM, receive=os.urandom(44), send=key))
    receiving = SrtpSession(Policy.SRTP_PROFILE_AEAD_AES_256_GCM, key, inbound=True)
    done, newest = 0, None
    for _ in range(150):
        match chance.randrange(6):
            case 0:
                stage.router.pause_consumer(stage.offers["bob"], paused=True)
                for source in stage.sources:  # what passes during a pause: up to two rounds of 16 bits
                    for _ in range(chance.choice((1, 5, 16))):
                        source.sequence = (source.sequence + 8000) & 0xFFFF
                        stage.note(stage.apart.give("up", source.frame(stage.frames, key=False)[0], stage.now))
                stage.router.pause_consumer(stage.offers["bob"], paused=False)
            case 1:
                stage.router.prefer(stage.offers["bob"], chance.choice((SMALL, 300, TALL)), "grid")
            case 2:
                for source in stage.sources:
                    source.sequence = (source.sequence + chance.choice((1, 40, 7000))) & 0xFFFF
            case 3:
                stage.router.pause(paused=True)
                stage.play(2)
                stage.router.pause(paused=False)
            case _:
                pass
        stage.play(chance.randrange(1, 40))
        stage.play(2, keys=ALL)
        for packet in stage.sent.get("bob", [])[done:]:
            plain = rtp.build(
                marker=packet.marker,
                payload_type=101,
                sequence=packet.sequence,
                timestamp=packet.timestamp,
                ssrc=packet.ssrc,
                payload=packet.payload,
            )
            data = sending.protect_rtp(plain)
            assert data is not None
            assert newest is None or distance(packet.sequence, newest) > 0
            newest = packet.sequence
            if chance.random() > 0.1:
                assert receiving.unprotect_rtp(data) == plain
        done = len(stage.sent.get("bob", []))
    assert done > 2000
