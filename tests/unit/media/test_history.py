"""What is remembered of a peer's network while its transports come and go."""

from __future__ import annotations

import pytest

from media import rtcp, rtp
from media.quality import Watch
from tests.support.forwarded import Apart
from tests.support.routed import KEY, Room, encoding, parameters


def lose(room: Room, first: int, lost: int, got: int = 10) -> None:
    """Let ``got`` packets of the camera come, and between them ``lost`` go missing."""
    for number in (*range(first, first + got - 1), first + got - 1 + lost):
        room.send(number, KEY)


def report(room: Room, peer: str, ssrc: int, highest: int, lost: int, now: float = 0.0) -> None:
    block = rtcp.ReportBlock(ssrc, 0, lost, highest, 0, 0, 0)
    room.feed_back(peer, rtcp.build_receiver_report(1, [block]), now)


def publish_again(room: Room) -> None:
    room.router.open_link("up", "ann", "send")
    room.camera = room.publish("video", "camera")


def test_what_was_lost_upwards_before_a_rebuild_still_counts(room: Room) -> None:
    lose(room, 500, lost=10)
    before = room.router.quality("ann", "udp")
    assert before is not None
    assert before.lost_up == pytest.approx(10 / 20)
    room.router.close_link("up", "tcp")
    after = room.router.quality("ann", None)
    assert after is not None
    assert (after.lost_up, after.path) == (before.lost_up, "tcp")
    publish_again(room)
    lose(room, 9000, lost=0, got=20)
    whole = room.router.quality("ann", "udp")
    assert whole is not None
    assert (whole.lost_up, whole.path) == (pytest.approx(10 / 40), "udp")


def test_what_was_lost_downwards_before_a_rebuild_still_counts(room: Room) -> None:
    for lost in (30, 0, 0):
        ssrc = encoding(room.subscribe("bob"))["ssrc"]
        report(room, "bob", ssrc, 1000, 0)  # the browser counts anew, and our numbers may begin where they did before
        report(room, "bob", ssrc, 1100, lost)
        room.router.close_link("down-bob")
    kept = room.router.quality("bob", None)
    assert kept is not None
    assert kept.lost_down == pytest.approx(30 / 300)


def test_a_stream_that_ended_and_one_that_goes_on_add_up(room: Room) -> None:
    offer = room.subscribe("bob")
    report(room, "bob", encoding(offer)["ssrc"], 1000, 0)
    report(room, "bob", encoding(offer)["ssrc"], 1100, 30)
    room.router.close_consumer(offer["id"])
    other = encoding(room.subscribe("bob"))["ssrc"]
    report(room, "bob", other, 500, 0)
    report(room, "bob", other, 600, 10)
    kept = room.router.quality("bob", "udp")
    assert kept is not None
    assert kept.lost_down == pytest.approx(40 / 200)


def test_a_publisher_that_goes_on_under_another_ssrc_loses_no_history() -> None:
    apart = Apart()
    apart.router.open_link("up", "ann", "send")
    unnamed = parameters("video") | {"encodings": [{"rid": "a"}]}
    apart.router.create_producer("ann", "up", "video", "camera", unnamed, paused=False)
    for ssrc, numbers in ((7, (1, 2, 12)), (8, range(500, 508))):
        for number in numbers:
            packet = rtp.build(marker=False, payload_type=96, sequence=number, timestamp=0, ssrc=ssrc, payload=KEY)
            named = b"\x90" + packet[1:12] + bytes.fromhex("bede0001 90300000") + packet[12:]
            apart.give("up", named, 0.0)
    kept = apart.router.quality("ann", "udp")
    assert kept is not None
    assert kept.lost_up == pytest.approx(9 / 20)


def test_who_asks_how_the_line_does_now_is_not_told_of_a_rebuild_as_of_a_loss(room: Room) -> None:
    lose(room, 500, lost=10)
    assert room.router.line("ann", "udp").lost_up == pytest.approx(0.5)
    room.router.close_link("up")
    publish_again(room)
    lose(room, 9000, lost=0)
    assert room.router.line("ann", "udp").lost_up == 0.0


def test_who_is_gone_is_forgotten(room: Room) -> None:
    lose(room, 500, lost=10)
    report(room, "bob", encoding(room.subscribe("bob"))["ssrc"], 1000, 0)
    for transport, peer in (("up", "ann"), ("down-bob", "bob")):
        room.router.close_link(transport, "udp")
        room.router.forget(peer)
        assert room.router.quality(peer, None) is None
        assert room.router.line(peer, None).lost_up is None


def test_a_stream_that_nobody_reported_on_ends_without_a_trace() -> None:
    watch = Watch()
    watch.ended("one")
    assert (watch.packets, watch.lost) == (0, 0)
