"""Sequence numbers towards a subscriber, and what SRTP makes of them: the gaps that break calls and reuse nonces."""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy

from media import rtp
from media.offsets import SequenceLane
from media.serial import distance
from media.srtp import SrtpKeys, SrtpSession, sessions

SSRC = 70001
GCM = Policy.SRTP_PROFILE_AEAD_AES_256_GCM


def pair() -> tuple[SrtpSession, SrtpSession]:
    """Return the server's sending and the subscriber's receiving session."""
    key = os.urandom(44)
    _, sending = sessions(SrtpKeys(GCM, receive=os.urandom(44), send=key))
    return sending, SrtpSession(GCM, key, inbound=True)


def packet(sequence: int, payload: bytes = b"a" * 40) -> bytes:
    return rtp.build(marker=False, payload_type=101, sequence=sequence, timestamp=0, ssrc=SSRC, payload=payload)


def test_it_begins_where_it_is_told() -> None:
    lane = SequenceLane(5)
    assert [lane.outgoing(each) for each in (60000, 60001, 60002)] == [5, 6, 7]


def test_it_refuses_to_begin_where_a_receiver_could_guess_a_roll_over() -> None:
    with pytest.raises(ValueError, match="below 32768"):
        SequenceLane(1 << 15)


def test_it_keeps_the_publishers_gaps_and_reordering() -> None:
    lane = SequenceLane(0)
    assert [lane.outgoing(each) for each in (100, 103, 101, 104)] == [0, 3, 1, 4]


def test_it_continues_without_a_gap_after_a_pause() -> None:
    lane = SequenceLane(0)
    lane.outgoing(100)
    lane.outgoing(101)
    lane.realign()
    assert lane.outgoing(40000) == 2


def test_it_drops_packets_from_before_the_pause() -> None:
    lane = SequenceLane(0)
    lane.outgoing(100)
    lane.realign()
    lane.outgoing(200)
    assert lane.outgoing(199) is None


def test_it_closes_a_gap_of_the_publishers_own() -> None:
    lane = SequenceLane(0)
    lane.outgoing(100)
    assert lane.outgoing(20100) == 1


def test_it_goes_round_the_clock_many_times() -> None:
    lane = SequenceLane(0)
    for step in range(200_000):
        assert lane.outgoing((60000 + step) % 65536) == step % 65536


def test_it_maps_a_subscribers_number_back() -> None:
    lane = SequenceLane(0)
    assert lane.incoming(0) is None
    lane.outgoing(100)
    lane.realign()
    assert lane.incoming(0) is None
    lane.outgoing(200)
    lane.outgoing(202)
    assert (lane.incoming(1), lane.incoming(2), lane.incoming(3)) == (200, 201, 202)
    assert lane.incoming(0) is None
    assert lane.incoming(4) is None


def test_it_numbers_retransmissions_by_themselves() -> None:
    lane = SequenceLane(9)
    assert [lane.next_retransmission() for _ in range(3)] == [9, 10, 11]


@given(st.integers(0, 0x7FFF), st.lists(st.one_of(st.none(), st.integers(1, 70000)), max_size=60))
def test_a_new_number_is_always_ahead_of_every_earlier_one(first: int, steps: list[int | None]) -> None:
    """None is a pause, a number is a step of the publisher's sequence."""
    lane, sequence, last = SequenceLane(first), 0, None
    for step in steps:
        if step is None:
            lane.realign()
            continue
        sequence = (sequence + step) % 65536
        sent = lane.outgoing(sequence)
        if sent is not None and last is not None and sent != last:
            assert distance(sent, last) > -(1 << 13)
        last = sent if sent is not None and (last is None or distance(sent, last) > 0) else last


@pytest.mark.parametrize("gap", [20_000, 32_768, 40_000, 48_000, 65_535, 65_536, 65_537, 131_072])
@pytest.mark.parametrize("lossy", [False, True])
def test_a_subscriber_decrypts_everything_after_a_gap_and_no_nonce_repeats(gap: int, lossy: bool) -> None:
    sending, receiving = pair()
    lane, sequence = SequenceLane(SSRC & 0x3FFF), 65_000
    sent: set[bytes] = set()
    for _ in range(4):
        lane.realign()
        for _ in range(300):
            number = lane.outgoing(sequence)
            assert number is not None
            data = sending.protect_rtp(packet(number))
            assert data is not None
            assert data[12:] not in sent  # one plaintext under two equal nonces would give equal ciphertexts
            sent.add(data[12:])
            if not (lossy and sequence % 7 == 0):
                assert receiving.unprotect_rtp(data) is not None
            sequence = (sequence + 1) % 65536
        sequence = (sequence + gap) % 65536


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
