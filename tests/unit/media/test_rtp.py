"""RTP packets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import rtp, vp8
from media.parsing import ParseError

HEADER = bytes.fromhex("80e40001 00000002 00000003")


def extended(profile: int, block: bytes, payload: bytes = b"x") -> bytes:
    return b"\x90" + HEADER[1:] + profile.to_bytes(2, "big") + (len(block) // 4).to_bytes(2, "big") + block + payload


def test_it_reads_the_fixed_header() -> None:
    packet = rtp.parse(HEADER + b"hello")
    assert packet == rtp.RtpPacket(True, 100, 1, 2, 3, {}, b"hello")


def test_it_skips_contributing_sources() -> None:
    assert rtp.parse(b"\x82" + HEADER[1:] + bytes(8) + b"hello").payload == b"hello"


def test_it_takes_padding_off() -> None:
    assert rtp.parse(b"\xa0" + HEADER[1:] + b"hello" + b"\0\0\x03").payload == b"hello"


def test_it_reads_one_byte_extensions_and_stops_at_fifteen() -> None:
    block = bytes.fromhex("10 61 00 22 010203 f0 ff ff ff ff")
    assert rtp.parse(extended(0xBEDE, block)).extensions == {1: b"a", 2: b"\1\2\3"}


def test_it_reads_two_byte_extensions() -> None:
    assert rtp.parse(extended(0x1000, bytes.fromhex("01 01 61 00 10 00 00 00"))).extensions == {1: b"a", 16: b""}


def test_it_ignores_a_foreign_extension_profile() -> None:
    packet = rtp.parse(extended(0x1234, b"\xff" * 4))
    assert (packet.extensions, packet.payload) == ({}, b"x")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "at least 12"),
        (HEADER[:11], "at least 12"),
        (b"\x40" + HEADER[1:], "version: 1"),
        (b"\x8f" + HEADER[1:], "csrc"),
        (b"\x90" + HEADER[1:], "extension header"),
        (b"\x90" + HEADER[1:] + b"\xbe\xde\x00\x02abcd", "extension length: 8"),
        (extended(0xBEDE, b"\x17abc"), "extension 1: 8 bytes, block has 3"),
        (extended(0x1000, b"\x01\x09ab"), "extension 1: 9 bytes, block has 2"),
        (extended(0x1000, b"\0\0\0\x01"), "ends before its length"),
        (b"\xa0" + HEADER[1:], "padding: 0"),
        (b"\xa0" + HEADER[1:] + b"ab\x00", "padding: 0"),
        (b"\xa0" + HEADER[1:] + b"ab\x04", "padding: 4"),
    ],
)
def test_it_names_what_is_wrong(data: bytes, complaint: str) -> None:
    with pytest.raises(ParseError, match=complaint):
        rtp.parse(data)


@given(st.binary(max_size=200))
def test_it_raises_nothing_but_parse_errors(data: bytes) -> None:
    try:
        packet = rtp.parse(data)
    except ParseError:
        return
    vp8.starts_key_frame(packet.payload, 0, len(packet.payload))
    rtp.unwrap_retransmission(packet)


@given(st.binary(max_size=60).map(lambda tail: b"\x90" + HEADER[1:] + b"\xbe\xde" + tail))
def test_it_raises_nothing_but_parse_errors_inside_extensions(data: bytes) -> None:
    try:
        rtp.parse(data)
    except ParseError:
        return


@given(
    st.booleans(), st.integers(0, 127), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFF),
    st.binary(max_size=50),
)  # fmt: skip
def test_it_reads_what_it_builds(
    marker: bool, payload_type: int, sequence: int, timestamp: int, moment: int, payload: bytes
) -> None:
    built = rtp.build(
        marker=marker,
        payload_type=payload_type,
        sequence=sequence,
        timestamp=timestamp,
        ssrc=7,
        payload=payload,
        abs_send_time=(4, moment),
    )
    extensions = {4: moment.to_bytes(3, "big")}
    assert rtp.parse(built) == rtp.RtpPacket(marker, payload_type, sequence, timestamp, 7, extensions, payload)


def test_it_stamps_times_that_wrap_after_64_seconds() -> None:
    assert rtp.abs_send_time(1.5) == 0x60000
    assert rtp.abs_send_time(65.5) == rtp.abs_send_time(1.5)


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        ("10 00", True),  # start of partition 0, inverse key-frame bit 0
        ("10 01", False),  # an inter frame
        ("00 00", False),  # not the start of a partition
        ("11 00", False),  # partition 1
        ("90 80 05 00", True),  # 7-bit picture id
        ("90 80 85 05 00", True),  # 15-bit picture id
        ("90 e0 85 05 01 20 00", True),  # picture id, TL0PICIDX, TID
        ("90 e0 85 05 01 20 01", False),
        ("90 e0 85 05 01", False),  # ends inside the descriptor
        ("90 80", False),
        ("10", False),
        ("", False),
    ],
)
def test_it_knows_where_a_vp8_key_frame_begins(payload: str, begins: bool) -> None:
    assert vp8.starts_key_frame(bytes.fromhex(payload), 0, len(bytes.fromhex(payload))) is begins


def test_it_unwraps_retransmissions_and_ignores_probes() -> None:
    packet = rtp.parse(HEADER + b"\x12\x34abc")
    assert rtp.unwrap_retransmission(packet) == (0x1234, b"abc")
    assert rtp.unwrap_retransmission(packet._replace(payload=b"")) is None


@pytest.mark.parametrize(("second", "expected"), [(63, False), (64, True), (200, True), (223, True), (96, False)])
def test_it_tells_rtcp_from_rtp(second: int, expected: bool) -> None:
    assert rtp.is_rtcp(bytes((0x80, second))) is expected
