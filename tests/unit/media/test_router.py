"""One room's forwarding decisions."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from media import ortc, rtcp, rtp
from media.batch import SEND_SLOTS
from media.cache import CAPACITY
from media.control import MediaError
from media.router import MAX_PRODUCERS, MAX_SUBSCRIBERS
from tests.support.routed import CAMERA, DELTA, KEY, MICROPHONE, Room, encoding, media, parameters, requests


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


def test_a_producer_has_no_more_subscribers_than_its_packet_can_be_laid_out_for(room: Room) -> None:
    assert MAX_SUBSCRIBERS <= SEND_SLOTS  # where one packet does not fit, a flush would wait for room for ever
    for number in range(MAX_SUBSCRIBERS):
        room.subscribe(f"p{number}")
    with pytest.raises(MediaError, match="at most") as refused:
        room.subscribe("one too many")
    assert refused.value.code == "limit_reached"
    assert len({each.transport for each in room.send(1, KEY)}) == MAX_SUBSCRIBERS


def test_it_knows_what_its_caches_hold(room: Room) -> None:
    assert room.router.cache_octets == 0
    room.publish("audio", "microphone")
    room.send(1, payload_type=111, ssrc=MICROPHONE)
    assert room.router.cache_octets == 0  # sound is not sent again
    room.send(1, KEY)
    one = room.router.cache_octets
    assert len(KEY) < one < len(KEY) + 40
    for number in range(2, 2 * CAPACITY):
        room.send(number, KEY)
    assert room.router.cache_octets == CAPACITY * one
    room.router.close_producer(room.camera)
    assert room.router.cache_octets == 0
