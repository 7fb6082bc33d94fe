"""One room's repair: what was lost is asked for and sent again, key frames and reports go the right way."""

from __future__ import annotations

from media import ortc, rtcp, rtp
from media.allowance import LOOKS_A_TICK, PACKETS_A_TICK
from media.layers import KEY_FRAME_INTERVAL
from media.repair import RELAY_INTERVAL
from tests.support.routed import CAMERA, CAMERA_RTX, DELTA, KEY, MICROPHONE, Room, encoding, feedback, media, requests


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


def test_asking_for_what_was_never_sent_is_bounded_too(room: Room) -> None:
    offer = room.subscribe("bob")
    first = media(room.send(500, KEY))[0]
    ssrc = encoding(offer)["ssrc"]
    never = rtcp.build_nack(1, ssrc, range(first.sequence + 1000, first.sequence + 1000 + LOOKS_A_TICK))
    nack = rtcp.build_nack(1, ssrc, [first.sequence])
    assert len(room.feed_back("bob", nack)) == 1
    assert room.feed_back("bob", never) == []
    assert room.feed_back("bob", nack) == []
    assert room.counters["rtx_refused"] == LOOKS_A_TICK + 1
    room.tick(1.0)
    assert len(room.feed_back("bob", nack)) == 1


def test_a_paused_subscriber_gets_nothing_again(room: Room) -> None:
    offer = room.subscribe("bob")
    first = media(room.send(500, KEY))[0]
    room.router.pause_consumer(offer["id"], paused=True)
    assert room.feed_back("bob", rtcp.build_nack(1, encoding(offer)["ssrc"], [first.sequence])) == []


# -- key frames


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


def test_of_many_reports_one_in_a_while_is_handed_on(room: Room) -> None:
    for peer in ("bob", "cec"):
        room.subscribe(peer)
    report = rtcp.build_sender_report(rtcp.SenderReport(CAMERA, 1 << 33, 5, 6, 7), "theirs")
    flood = report[:28] * rtcp.MAX_COMPOUND
    sent = [room.report("up", flood, 10.0 + step / 400) for step in range(400)]
    assert len(sent[0]) == 2
    assert sum(map(len, sent)) <= 2 * (1 / RELAY_INTERVAL + 1)
    assert len(room.report("up", report, 12.0)) == 2


def test_every_layers_clock_is_handed_on(room: Room) -> None:
    room.subscribe("bob", room.publish("audio", "microphone"))
    room.subscribe("bob")
    room.send(1, payload_type=111, ssrc=MICROPHONE)
    reports = [rtcp.build_sender_report(rtcp.SenderReport(each, 1, 5, 6, 7), "a") for each in (CAMERA, MICROPHONE)]
    assert len(room.report("up", b"".join(reports), 0.0)) == 2


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
