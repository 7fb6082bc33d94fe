"""One room's forwarding decisions."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from media import ortc, rtcp, rtp
from media.allowance import PACKETS_A_TICK
from media.control import MediaError
from media.forward import Outgoing
from media.layers import KEY_FRAME_INTERVAL
from media.router import MAX_PRODUCERS
from tests.support.forwarded import Apart

KEY = b"\x10\x00" + b"key frame"
DELTA = b"\x10\x01" + b"delta"
CAMERA, CAMERA_RTX, MICROPHONE = 1001, 1002, 2001


def parameters(kind: str, ssrc: int = 0, mid: str = "0") -> dict[str, Any]:
    extensions = [{"uri": ortc.MID, "id": 9}, {"uri": ortc.TRANSPORT_CC, "id": 3}]
    if kind == "audio":
        codec = {"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}
        return {
            "mid": mid,
            "codecs": [codec],
            "headerExtensions": extensions,
            "encodings": [{"ssrc": ssrc or MICROPHONE}],
        }
    codecs = [
        {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000},
        {"mimeType": "video/rtx", "payloadType": 97, "clockRate": 90000, "parameters": {"apt": 96}},
    ]
    encodings = [{"ssrc": ssrc or CAMERA, "rtx": {"ssrc": ssrc + 1 if ssrc else CAMERA_RTX}}]
    return {"mid": mid, "codecs": codecs, "headerExtensions": extensions, "encodings": encodings}


class Room:
    """A router with one publisher, ``ann``, and any number of subscribers."""

    def __init__(self, *, direct: bool) -> None:
        self.direct = direct
        self._apart = Apart()
        self.router, self.counters = self._apart.router, self._apart.counters
        self.router.open_link("up", "ann", "send")
        self.camera = self.publish("video", "camera")

    def publish(self, kind: str, source: str, **more: Any) -> str:
        return self.router.create_producer("ann", "up", kind, source, parameters(kind, **more), paused=False)

    def subscribe(self, peer: str, producer: str | None = None) -> dict[str, Any]:
        if f"down-{peer}" not in self.router._links:
            self.router.open_link(f"down-{peer}", peer, "recv")
            self.router.link_direct(f"down-{peer}", direct=self.direct)
        offer = self.router.create_consumer(peer, f"down-{peer}", producer or self.camera)
        self.router.pause_consumer(offer["id"], paused=False)
        return offer

    def send(self, sequence: int, payload: bytes = DELTA, now: float = 0.0, **more: Any) -> list[Outgoing]:
        values = {"marker": False, "payload_type": 96, "timestamp": 3000, "ssrc": CAMERA, **more}
        return self.give(rtp.build(sequence=sequence, payload=payload, **values), now)

    def give(
        self, packet: bytes, now: float = 0.0, transport: str = "up", arrived: float | None = None
    ) -> list[Outgoing]:
        return self._apart.give(transport, packet, now, arrived)

    def tick(self, now: float) -> list[Outgoing]:
        self.router.tick(now)
        return self.router.take()

    def feed_back(self, peer: str, packet: bytes, now: float = 0.0) -> list[Outgoing]:
        return self.report(f"down-{peer}", packet, now)

    def report(self, transport: str, packet: bytes, now: float = 0.0) -> list[Outgoing]:
        self.router.on_rtcp(transport, packet, now)
        return self.router.take()


@pytest.fixture(params=[True, False], ids=["side-by-side", "one-by-one"])
def room(request: pytest.FixtureRequest) -> Room:
    return Room(direct=request.param)


def media(outgoing: list[Outgoing]) -> list[rtp.RtpPacket]:
    return [rtp.parse(each.packet) for each in outgoing if not each.rtcp]


def feedback(outgoing: list[Outgoing]) -> list[rtcp.RtcpPacket]:
    return [packet for each in outgoing if each.rtcp for packet in rtcp.parse(each.packet)]


def encoding(offer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = offer["rtpParameters"]["encodings"][0]
    return found


# -- forwarding


def test_it_rewrites_a_packet_to_the_routers_own_numbers(room: Room) -> None:
    offer = room.subscribe("bob")
    (sent,) = media(room.send(500, KEY, now=1.0, marker=True))
    assert (sent.payload_type, sent.ssrc, sent.payload) == (101, encoding(offer)["ssrc"], KEY)
    assert (sent.marker, sent.timestamp, sent.sequence < 1 << 15) == (True, 3000, True)
    assert sent.extensions == {ortc.ABS_SEND_TIME_ID: rtp.abs_send_time(1.0).to_bytes(3, "big")}


@pytest.mark.parametrize("offset", [0, 12])  # the second way is that of packets with a rare header
def test_the_publisher_hears_when_a_packet_came_and_subscribers_when_it_left(room: Room, offset: int) -> None:
    room.subscribe("bob")
    rare = 0x90 | offset // 4
    header = bytes((rare, 96)) + (500).to_bytes(2, "big") + (3000).to_bytes(4, "big") + CAMERA.to_bytes(4, "big")
    extension = bytes.fromhex("bede0001") + bytes((0x31, 0, 9, 0))
    (sent,) = media(room.give(header + bytes(offset) + extension + KEY, now=1.0, arrived=0.576))
    assert sent.extensions == {ortc.ABS_SEND_TIME_ID: rtp.abs_send_time(1.0).to_bytes(3, "big")}
    (report,) = [each.packet for each in room.tick(1.0) if (each.packet[0] & 0x1F, each.packet[1]) == (15, 205)]
    base, count = report[12:14], report[14:16]
    assert (base, count) == (b"\0\x09", b"\0\x01")
    assert int.from_bytes(report[16:19], "big") * 0.064 == pytest.approx(0.576)


def test_all_subscribers_get_the_same_bytes(room: Room) -> None:
    room.subscribe("bob")
    room.subscribe("cec")
    first, second = room.send(500, KEY)
    assert {first.transport, second.transport} == {"down-bob", "down-cec"}
    assert first.packet == second.packet


def test_a_new_subscriber_begins_with_a_key_frame(room: Room) -> None:
    room.subscribe("bob")
    assert media(room.send(500)) == []
    assert len(media(room.send(501, KEY))) == 1
    assert len(media(room.send(502))) == 1


def test_a_subscriber_begins_anew_once_its_handshake_has_ended(room: Room) -> None:
    room.subscribe("bob")
    room.send(500, KEY)
    room.router.link_ready("down-bob")
    assert media(room.send(501)) == []
    assert requests(room.tick(0.0)) == 1
    assert len(media(room.send(502, KEY))) == 1


def test_sound_needs_no_key_frame(room: Room) -> None:
    microphone = room.publish("audio", "microphone", mid="1")
    offer = room.subscribe("bob", microphone)
    (sent,) = media(room.send(7, b"opus", ssrc=MICROPHONE, payload_type=111))
    assert (sent.payload_type, sent.ssrc) == (100, encoding(offer)["ssrc"])


def test_a_consumer_begins_paused(room: Room) -> None:
    room.router.open_link("down", "bob", "recv")
    offer = room.router.create_consumer("bob", "down", room.camera)
    assert offer["paused"] is True
    assert media(room.send(500, KEY)) == []


@pytest.mark.parametrize("gap", [100, 20_000, 40_000, 48_000, 65_536])
@pytest.mark.parametrize("way", ["consumer", "producer", "room"])
def test_numbers_continue_after_every_kind_of_pause(room: Room, gap: int, way: str) -> None:
    offer = room.subscribe("bob")
    before = media(room.send(500, KEY))[0]
    if way == "consumer":
        room.router.pause_consumer(offer["id"], paused=True)
    elif way == "producer":
        room.router.pause_producer(room.camera, paused=True)
    else:
        room.router.pause(paused=True)
    assert media(room.send(501, KEY)) == []
    if way == "consumer":
        room.router.pause_consumer(offer["id"], paused=False)
    elif way == "producer":
        room.router.pause_producer(room.camera, paused=False)
    else:
        room.router.pause(paused=False)
    for passed in range(0, gap, 5000):
        assert media(room.send((502 + passed) % 65536)) == []
    sequence = (502 + gap) % 65536
    assert media(room.send(sequence)) == []
    after = media(room.send((sequence + 1) % 65536, KEY))[0]
    assert after.sequence == before.sequence + 1


@pytest.mark.parametrize("jump", [9000, 30_000, 40_000, 60_000])
def test_a_publishers_own_jump_is_closed(room: Room, jump: int) -> None:
    room.subscribe("bob")
    before = media(room.send(500, KEY))[0]
    after = [media(room.send((500 + jump + step) % 65536))[0] for step in range(2)]
    assert [each.sequence - before.sequence for each in after] == [1, 2]


def test_a_reopened_consumer_is_a_stream_that_this_transport_never_had(room: Room) -> None:
    room.subscribe("cec")
    first = room.subscribe("bob")
    room.send(500, KEY)
    room.router.close_consumer(first["id"])
    second = room.subscribe("bob")
    assert second["rtpParameters"]["mid"] != first["rtpParameters"]["mid"]
    assert encoding(second)["ssrc"] != encoding(first)["ssrc"]
    assert encoding(second)["rtx"] != encoding(first)["rtx"]
    shared, own = media(room.send(501, KEY))
    assert (shared.ssrc, own.ssrc) == (encoding(first)["ssrc"], encoding(second)["ssrc"])
    assert own._replace(ssrc=0, sequence=0) == shared._replace(ssrc=0, sequence=0)
    request = rtcp.build_nack(1, own.ssrc, [own.sequence])
    assert media(room.feed_back("bob", request))[0].ssrc == encoding(second)["rtx"]["ssrc"]


def test_a_paused_room_keeps_each_consumers_own_pause(room: Room) -> None:
    offer = room.subscribe("bob")
    room.router.pause_consumer(offer["id"], paused=True)
    room.router.pause(paused=True)
    room.router.pause(paused=False)
    assert media(room.send(500, KEY)) == []


def test_padding_is_not_passed_on(room: Room) -> None:
    room.subscribe("bob")
    packet = rtp.build(marker=False, payload_type=96, sequence=1, timestamp=0, ssrc=CAMERA, payload=KEY + b"\0\0\3")
    (sent,) = room.give(b"\xa0" + packet[1:], 0.0)
    assert rtp.parse(sent.packet).payload == KEY


# -- packets that lead nowhere


def test_a_malformed_extension_is_counted_and_closes_nothing(room: Room) -> None:
    room.subscribe("bob")
    assert room.give(bytes.fromhex("90600001 00000000 000003e9 bede0001 17616161"), 0.0) == []
    assert room.counters["rtp_malformed"] == 1
    assert len(media(room.send(500, KEY))) == 1


def test_unknown_streams_and_payload_types_are_counted(room: Room) -> None:
    assert room.send(1, ssrc=5) == []
    assert room.send(1, payload_type=50) == []
    assert room.give(b"", 0.0, "nowhere") == []
    assert room.report("nowhere", b"", 0.0) == []
    assert room.report("up", b"\x80", 0.0) == []
    assert room.counters == Counter(rtp_unknown_ssrc=1, rtp_unknown_payload_type=1, rtp_unexpected=1, rtcp_malformed=1)


def test_a_receiving_transport_cannot_publish(room: Room) -> None:
    room.subscribe("bob")
    packet = rtp.build(marker=False, payload_type=96, sequence=1, timestamp=0, ssrc=CAMERA, payload=KEY)
    assert room.give(packet, 0.0, "down-bob") == []


# -- a publisher whose SSRC was not signalled, or changes


def with_mid(sequence: int, ssrc: int, payload: bytes, payload_type: int = 96) -> bytes:
    plain = rtp.build(
        marker=False, payload_type=payload_type, sequence=sequence, timestamp=0, ssrc=ssrc, payload=payload
    )
    return b"\x90" + plain[1:12] + bytes.fromhex("bede0001 90300000") + plain[12:]


def test_it_follows_a_publisher_to_a_new_ssrc_without_a_gap(room: Room) -> None:
    room.subscribe("bob")
    before = media(room.send(500, KEY))[0]
    assert media(room.give(with_mid(9000, 77, DELTA), 0.0)) == []
    after = media(room.give(with_mid(9001, 77, KEY), 0.0))[0]
    assert (after.sequence, after.ssrc) == (before.sequence + 1, before.ssrc)
    assert len(media(room.send(9002, ssrc=77))) == 1
    assert room.send(501) == []


def test_it_learns_the_ssrc_of_retransmissions(room: Room) -> None:
    room.subscribe("bob")
    room.send(500, KEY)
    room.send(502)
    lost = (501).to_bytes(2, "big") + DELTA
    (sent,) = media(room.give(with_mid(1, 78, lost, payload_type=97), 0.0))
    assert sent.payload == DELTA


# -- loss


def test_it_asks_the_publisher_for_lost_packets_at_once(room: Room) -> None:
    room.send(500)
    (nack,) = feedback(room.send(503))
    assert nack == rtcp.Nack(CAMERA, (501, 502))


def test_a_recovered_packet_takes_its_place(room: Room) -> None:
    room.subscribe("bob")
    first = media(room.send(500, KEY))[0]
    room.send(502)
    recovered = (501).to_bytes(2, "big") + DELTA
    (sent,) = media(room.send(1, recovered, ssrc=CAMERA_RTX, payload_type=97))
    assert (sent.sequence, sent.payload) == (first.sequence + 1, DELTA)
    assert room.send(2, recovered, ssrc=CAMERA_RTX, payload_type=97) == []
    assert room.send(3, b"", ssrc=CAMERA_RTX, payload_type=97) == []


def test_a_subscriber_gets_lost_packets_again_as_rtx(room: Room) -> None:
    offer = room.subscribe("bob")
    first = media(room.send(500, KEY))[0]
    lost = media(room.send(501, DELTA, marker=True))[0]
    ssrc = encoding(offer)["ssrc"]
    nack = rtcp.build_nack(1, ssrc, [lost.sequence, lost.sequence + 1])
    again, once_more = (media(room.feed_back("bob", nack))[0] for _ in range(2))
    assert (again.ssrc, again.payload_type) == (encoding(offer)["rtx"]["ssrc"], ortc.RTX)
    assert rtp.unwrap_retransmission(again) == (lost.sequence, DELTA)
    assert (again.marker, again.timestamp) == (True, lost.timestamp)
    assert once_more.sequence == again.sequence + 1
    assert first.sequence + 1 == lost.sequence


def test_retransmissions_are_bounded_in_each_interval(room: Room) -> None:
    offer = room.subscribe("bob")
    first = media(room.send(500, KEY))[0]
    nack = rtcp.build_nack(1, encoding(offer)["ssrc"], [first.sequence])
    sent = [len(room.feed_back("bob", nack)) for _ in range(PACKETS_A_TICK + 5)]
    assert sum(sent) == PACKETS_A_TICK
    room.tick(1.0)
    assert len(room.feed_back("bob", nack)) == 1


def test_a_paused_subscriber_gets_nothing_again(room: Room) -> None:
    offer = room.subscribe("bob")
    first = media(room.send(500, KEY))[0]
    room.router.pause_consumer(offer["id"], paused=True)
    assert room.feed_back("bob", rtcp.build_nack(1, encoding(offer)["ssrc"], [first.sequence])) == []


# -- key frames


def requests(outgoing: list[Outgoing]) -> int:
    return sum(isinstance(packet, rtcp.KeyFrameRequest) for packet in feedback(outgoing))


def test_a_resume_asks_for_a_key_frame_until_one_comes(room: Room) -> None:
    room.subscribe("bob")
    assert requests(room.tick(0.0)) == 1
    assert requests(room.tick(KEY_FRAME_INTERVAL / 2)) == 0
    assert requests(room.tick(KEY_FRAME_INTERVAL)) == 1
    room.send(500, KEY)
    assert requests(room.tick(3 * KEY_FRAME_INTERVAL)) == 1
    assert requests(room.tick(5 * KEY_FRAME_INTERVAL)) == 0


def test_many_requests_become_one(room: Room) -> None:
    offers = {peer: room.subscribe(peer) for peer in ("bob", "cec")}
    room.tick(0.0)
    room.send(500, KEY)
    room.tick(10.0)
    asked = 0
    for peer, offer in offers.items():
        for step in range(20):
            request = rtcp.build_picture_loss(1, encoding(offer)["ssrc"])
            asked += requests(room.feed_back(peer, request, 20.0 + step / 1000))
    assert asked == 1
    assert requests(room.tick(20.0 + KEY_FRAME_INTERVAL + 0.1)) == 1


def test_nobody_asks_a_paused_publisher(room: Room) -> None:
    room.subscribe("bob")
    room.router.pause_producer(room.camera, paused=True)
    assert requests(room.tick(0.0)) == 0


# -- reports


def test_a_publishers_clock_reaches_subscribers_under_the_canonical_name(room: Room) -> None:
    offer = room.subscribe("bob")
    report = rtcp.build_sender_report(rtcp.SenderReport(CAMERA, 1 << 33, 5, 6, 7), "theirs")
    (sent,) = room.report("up", report, 0.0)
    assert sent.transport == "down-bob"
    assert feedback([sent]) == [rtcp.SenderReport(encoding(offer)["ssrc"], 1 << 33, 5, 6, 7)]
    assert offer["rtpParameters"]["rtcp"]["cname"].encode() in sent.packet


def test_nobody_can_report_for_a_stream_of_somebody_else(room: Room) -> None:
    room.subscribe("bob")
    report = rtcp.build_sender_report(rtcp.SenderReport(CAMERA, 1, 5, 6, 7), "theirs")
    assert room.feed_back("bob", report) == []


def test_the_publisher_gets_arrival_times_and_receiver_reports(room: Room) -> None:
    packet = rtp.build(marker=False, payload_type=96, sequence=1, timestamp=0, ssrc=CAMERA, payload=KEY)
    packet = b"\x90" + packet[1:12] + bytes.fromhex("bede0001 31000700") + packet[12:]
    room.give(packet, 1.0)
    kinds = [each.packet[1] for each in room.tick(1.05)]
    assert kinds.count(rtcp.TRANSPORT_FEEDBACK) == 1
    assert kinds.count(rtcp.RECEIVER_REPORT) == 1
    assert room.tick(1.1) == []


# -- refusals and ends


def refusal(action: Any) -> str:
    with pytest.raises(MediaError) as refused:
        action()
    return refused.value.code


def test_it_refuses_what_does_not_fit(room: Room) -> None:
    router = room.router
    offer = room.subscribe("bob")
    create = router.create_producer
    assert refusal(lambda: create("bob", "up", "video", "camera", parameters("video", 5), paused=False)) == (
        "unknown_transport"
    )
    assert refusal(lambda: create("bob", "down-bob", "video", "camera", parameters("video"), paused=False)) == (
        "wrong_direction"
    )
    assert refusal(lambda: room.publish("video", "camera")) == "bad_parameters"
    assert refusal(lambda: room.publish("video", "roof", ssrc=9)) == "bad_parameters"
    assert refusal(lambda: room.subscribe("bob")) == "already_consumed"
    assert refusal(lambda: room.subscribe("bob", "none")) == "unknown_producer"
    assert refusal(lambda: router.create_consumer("ann", "up", room.camera)) == "wrong_direction"
    assert refusal(lambda: router.create_consumer("cec", "down-bob", room.camera)) == "unknown_transport"
    assert refusal(lambda: router.pause_consumer("none", paused=True)) == "unknown_consumer"
    assert refusal(lambda: router.close_producer("none")) == "unknown_producer"
    router.close_consumer(offer["id"])
    assert refusal(lambda: router.close_consumer(offer["id"])) == "unknown_consumer"


def test_it_bounds_the_producers_of_a_transport(room: Room) -> None:
    for place in range(1, MAX_PRODUCERS):
        room.publish("audio", "microphone", ssrc=5000 + place, mid=str(place))
    assert refusal(lambda: room.publish("audio", "microphone", ssrc=6000, mid="x")) == "limit_reached"


def test_mids_of_a_transport_are_never_used_twice(room: Room) -> None:
    mids = []
    for _ in range(4):
        offer = room.subscribe("bob")
        mids.append(offer["rtpParameters"]["mid"])
        room.router.close_consumer(offer["id"])
    assert mids == ["0", "1", "2", "3"]


def test_closing_a_producer_ends_its_consumers(room: Room) -> None:
    offer = room.subscribe("bob")
    room.router.close_producer(room.camera)
    assert refusal(lambda: room.router.close_consumer(offer["id"])) == "unknown_consumer"
    assert room.send(500, KEY) == []
    assert room.publish("video", "camera")


def test_closing_a_transport_ends_what_it_carries(room: Room) -> None:
    room.subscribe("bob")
    assert [producer.id for producer in room.router.close_link("up")] == [room.camera]
    assert room.router.close_link("down-bob") == []
    assert room.router.close_link("down-bob") == []
    assert room.router.size == Counter(producers=0, consumers=0)
    assert room.tick(1.0) == []
