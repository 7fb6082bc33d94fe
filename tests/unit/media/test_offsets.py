"""Sequence numbers towards a subscriber, and what SRTP makes of them: the gaps that break calls and reuse nonces."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy

from media import rtp
from media.layers import Layer
from media.offsets import Lane, Shifts
from media.ortc import read_rtp_parameters
from media.srtp import SrtpKeys, SrtpSession, sessions
from media.streams import Producer

SSRC = 70001
GCM = Policy.SRTP_PROFILE_AEAD_AES_256_GCM


def pair() -> tuple[SrtpSession, SrtpSession]:
    """Return the server's sending and the subscriber's receiving session."""
    key = os.urandom(44)
    _, sending = sessions(SrtpKeys(GCM, receive=os.urandom(44), send=key))
    return sending, SrtpSession(GCM, key, inbound=True)


def packet(sequence: int, payload: bytes = b"a" * 40) -> bytes:
    return rtp.build(marker=False, payload_type=101, sequence=sequence, timestamp=0, ssrc=SSRC, payload=payload)


def a_layer() -> Layer:
    codec = {"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}
    incoming = read_rtp_parameters("audio", {"codecs": [codec], "encodings": [{"ssrc": 5}]})
    return Producer("p", "ann", "up", "microphone", incoming, False, 720, SSRC, SSRC + 1, "name").layers[0]


LAYER = a_layer()


def numbers(lane: Lane, indices: Iterable[int]) -> list[int]:
    return [(index + lane.offset) % 65536 for index in indices]


def test_it_begins_where_it_is_told() -> None:
    lane = Lane(5)
    lane.begin(60000, LAYER)
    assert numbers(lane, (60000, 60001, 60002)) == [5, 6, 7]


def test_it_refuses_to_begin_where_a_receiver_could_guess_a_roll_over() -> None:
    with pytest.raises(ValueError, match="below 32768"):
        Lane(1 << 15)


def test_it_continues_without_a_gap_after_a_pause() -> None:
    lane = Lane(0)
    lane.begin(100, LAYER)
    lane.end(101)
    lane.begin(40000, LAYER)
    assert numbers(lane, [40000]) == [2]


def test_packets_from_before_the_pause_are_not_its_own() -> None:
    lane = Lane(0)
    assert not lane.covers(1)
    lane.begin(100, LAYER)
    lane.end(100)
    lane.begin(200, LAYER)
    assert [lane.covers(index) for index in (199, 200, 201)] == [False, True, True]


def test_it_maps_a_subscribers_number_back_also_from_before_a_switch() -> None:
    lane, other = Lane(0), a_layer()
    assert lane.find(0, None) is None
    lane.begin(100, LAYER)
    lane.end(101)
    shifts = Shifts(time=1, picture=2, level=3)
    lane.begin(200, other, shifts)
    found = [lane.find(number, 202) for number in (0, 1, 2, 4)]
    assert [(each[0].layer, each[1], each[0].shifts) for each in found if each] == [
        (LAYER, 100, Shifts()),
        (LAYER, 101, Shifts()),
        (other, 200, shifts),
        (other, 202, shifts),
    ]
    assert lane.find(5, 202) is None
    assert lane.find(65535, 202) is None


def test_it_numbers_retransmissions_by_themselves() -> None:
    lane = Lane(9)
    assert [lane.next_retransmission() for _ in range(3)] == [9, 10, 11]


@given(st.integers(0, 0x7FFF), st.lists(st.tuples(st.integers(1, 300), st.integers(1, 200_000)), max_size=40))
def test_every_packet_of_every_run_has_a_number_of_its_own(first: int, runs: list[tuple[int, int]]) -> None:
    """Each run is (packets, distance to the next run in the layer's own numbers)."""
    lane, index, sent = Lane(first), 1, []
    for length, distance in runs:
        lane.begin(index, LAYER)
        sent += [each + lane.offset for each in range(index, index + length)]
        lane.end(index + length - 1)
        index += length + distance
    assert sent == list(range(first, first + len(sent)))


@pytest.mark.parametrize("gap", [20_000, 32_768, 40_000, 48_000, 65_535, 65_536, 65_537, 131_072])
@pytest.mark.parametrize("lossy", [False, True])
def test_a_subscriber_decrypts_everything_after_a_gap_and_no_nonce_repeats(gap: int, lossy: bool) -> None:
    sending, receiving = pair()
    lane, sequence = Lane(SSRC & 0x3FFF), 65_000
    sent: set[bytes] = set()
    for _ in range(4):
        lane.begin(sequence, LAYER)
        for _ in range(300):
            data = sending.protect_rtp(packet((sequence + lane.offset) % 65536))
            assert data is not None
            assert data[12:] not in sent  # one plaintext under two equal nonces would give equal ciphertexts
            sent.add(data[12:])
            if not (lossy and sequence % 7 == 0):
                assert receiving.unprotect_rtp(data) is not None
            sequence += 1
        lane.end(sequence - 1)
        sequence += gap


def test_the_same_number_is_never_encrypted_twice() -> None:
    sending, _ = pair()
    assert sending.protect_rtp(packet(1000)) is not None
    assert sending.protect_rtp(packet(1000, b"b" * 40)) is None
    assert sending.protect_rtp(packet(1000 + 65536 & 0xFFFF, b"b" * 40)) is None


def test_without_the_lane_the_gap_does_break_the_session() -> None:
    """The positive control: the gaps above are the ones that hurt."""
    sending, receiving = pair()
    for number in (40_000, (40_000 + 40_000) % 65536):
        data = sending.protect_rtp(packet(number))
        outcome = data is not None and receiving.unprotect_rtp(data) is not None
    assert not outcome


def test_srtp_refuses_forged_replayed_and_oversize_packets() -> None:
    sending, receiving = pair()
    data = sending.protect_rtp(packet(1))
    assert data is not None
    assert receiving.unprotect_rtp(data[:-1] + bytes((data[-1] ^ 1,))) is None
    assert receiving.unprotect_rtp(data) == packet(1)
    assert receiving.unprotect_rtp(data) is None
    assert receiving.unprotect_rtp(b"") is None
    assert sending.protect_rtp(packet(2, bytes(4000))) is None
    assert sending.protect_rtp(packet(3, bytes(1900))) is not None


def test_srtcp_goes_there_and_not_twice() -> None:
    sending, receiving = pair()
    report = struct.pack("!BBHI", 0x80, 201, 1, 1)
    data = sending.protect_rtcp(report)
    assert data is not None
    assert receiving.unprotect_rtcp(data) == report
    assert receiving.unprotect_rtcp(data) is None
