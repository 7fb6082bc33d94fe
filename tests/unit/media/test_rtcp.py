"""RTCP packets, ours against aiortc's reading and theirs against ours."""

from __future__ import annotations

import pytest
from aiortc.rtp import (
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSrPacket,
    pack_remb_fci,
)
from hypothesis import given
from hypothesis import strategies as st

from media import rtcp
from media.cache import CAPACITY
from media.parsing import ParseError


def test_it_builds_a_sender_report_with_a_cname() -> None:
    report = rtcp.SenderReport(ssrc=7, ntp=0x1122334455667788, rtp_timestamp=9, packets=10, octets=11)
    built = rtcp.build_sender_report(report, "name")
    sender, description = RtcpPacket.parse(built)
    assert isinstance(sender, RtcpSrPacket)
    assert (sender.ssrc, sender.sender_info.ntp_timestamp, sender.sender_info.packet_count) == (7, report.ntp, 10)
    assert isinstance(description, RtcpSdesPacket)
    assert [(chunk.ssrc, chunk.items) for chunk in description.chunks] == [(7, [(1, b"name")])]
    assert rtcp.parse(built) == [report]


@pytest.mark.parametrize("length", range(1, 9))
def test_it_ends_a_cname_of_any_length_with_a_null(length: int) -> None:
    built = rtcp.build_sender_report(rtcp.SenderReport(7, 0, 0, 0, 0), "n" * length)
    assert len(built) % 4 == 0
    assert built.endswith(b"\0")


def test_it_builds_receiver_reports() -> None:
    block = rtcp.ReportBlock(5, 128, 3, 70000, 44, 0x11223344, 65536)
    (report,) = RtcpPacket.parse(rtcp.build_receiver_report(1, [block]))
    assert isinstance(report, RtcpRrPacket)
    assert report.ssrc == 1
    (read,) = report.reports
    assert (read.ssrc, read.fraction_lost, read.packets_lost, read.highest_sequence) == (5, 128, 3, 70000)
    assert (read.jitter, read.lsr, read.dlsr) == (44, 0x11223344, 65536)


def test_it_asks_for_a_key_frame() -> None:
    built = rtcp.build_picture_loss(1, 5)
    (read,) = RtcpPacket.parse(built)
    assert isinstance(read, RtcpPsfbPacket)
    assert (read.fmt, read.ssrc, read.media_ssrc) == (1, 1, 5)
    assert rtcp.parse(built) == [rtcp.KeyFrameRequest((5,))]


@given(st.sets(st.integers(0, 0xFFFF), min_size=1, max_size=80))
def test_it_reads_the_nacks_that_it_builds(lost: set[int]) -> None:
    built = rtcp.build_nack(1, 5, sorted(lost))
    (read,) = rtcp.parse(built)
    assert isinstance(read, rtcp.Nack)
    assert read.media_ssrc == 5
    assert sorted(read.lost) == sorted(lost)
    (theirs,) = RtcpPacket.parse(built)
    assert isinstance(theirs, RtcpRtpfbPacket)
    assert sorted(theirs.lost) == sorted(lost)


def test_it_packs_lost_packets_across_the_wrap() -> None:
    assert len(rtcp.build_nack(1, 5, [0xFFFE, 0xFFFF, 0, 14])) == 16


def test_it_reads_a_full_intra_request() -> None:
    body = bytes.fromhex("84ce0004 00000001 00000000 00000005 07000000")
    assert rtcp.parse(body) == [rtcp.KeyFrameRequest((5,))]


def test_it_reads_an_estimate() -> None:
    built = bytes(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=pack_remb_fci(1_500_000, [5])))
    (read,) = rtcp.parse(built)
    assert isinstance(read, rtcp.Remb)
    assert read.bitrate_bps == pytest.approx(1_500_000, rel=1e-4)


def test_it_passes_over_what_it_does_not_act_on() -> None:
    goodbye = bytes.fromhex("81cb0001 00000005")
    extended_report = bytes.fromhex("80cf0001 00000005")
    assert rtcp.parse(goodbye + extended_report + rtcp.build_picture_loss(1, 5)) == [rtcp.KeyFrameRequest((5,))]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("80", "header"),
        ("40c90001 00000001", "version: 1"),
        ("80c90002 00000001", "length: 8"),
        ("80c80001 00000001", "sender report: 4 bytes"),
        ("80c90000", "receiver report: 0 bytes"),
        ("81cd0001 00000001", "nack: 4 bytes"),
        ("81ce0001 00000001", "payload feedback: 4 bytes"),
        ("8fce0003 00000001 00000000 52454d42", "remb: 12 bytes"),
        ("a0c90001 00000000", "padding: 0"),
        ("a0c90001 000000ff", "padding: 255"),
        ("a0c90000", "padding: 0"),
    ],
)
def test_it_names_what_is_wrong(data: str, complaint: str) -> None:
    with pytest.raises(ParseError, match=complaint):
        rtcp.parse(bytes.fromhex(data))


@given(st.binary(max_size=120))
def test_it_raises_nothing_but_parse_errors(data: bytes) -> None:
    try:
        rtcp.parse(data)
    except ParseError:
        return


@given(st.integers(0, 31), st.integers(200, 207), st.binary(max_size=64))
def test_it_raises_nothing_but_parse_errors_inside_a_sound_header(count: int, kind: int, body: bytes) -> None:
    body += bytes(-len(body) % 4)
    data = bytes((0x80 | count, kind)) + (len(body) // 4).to_bytes(2, "big") + body
    try:
        rtcp.parse(data)
    except ParseError:
        return


def test_a_compound_of_more_packets_than_anybody_sends_is_refused() -> None:
    report = rtcp.build_receiver_report(1, [])
    assert len(rtcp.parse(report * rtcp.MAX_COMPOUND)) == rtcp.MAX_COMPOUND
    with pytest.raises(ParseError, match="compound"):
        rtcp.parse(report * (rtcp.MAX_COMPOUND + 1))


@pytest.mark.parametrize("parts", [1, 4])
def test_of_one_datagram_no_more_requests_are_read_than_a_cache_has_packets(parts: int) -> None:
    nacks = [rtcp.build_nack(1, 5, range(begin, begin + 6000 // parts)) for begin in range(0, 6000, 6000 // parts)]
    read = rtcp.parse(b"".join(nacks))
    lost = [each for packet in read if isinstance(packet, rtcp.Nack) for each in packet.lost]
    assert len(read) == parts
    assert lost == list(range(rtcp.MAX_LOST))
    assert rtcp.MAX_LOST >= CAPACITY
