"""Transport-wide feedback, read back by a decoder of the test's own."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import rtcp
from media.twcc import ArrivalLog


def decode(packet: bytes) -> tuple[int, dict[int, float | None]]:
    """Return (report number, arrival in seconds by sequence number), read as the draft's section 3.1 says."""
    first, kind, words = struct.unpack_from("!BBH", packet)
    assert (first & 0x1F, kind, 4 + 4 * words) == (15, 205, len(packet))
    if first & 0x20:
        packet = packet[: -packet[-1]]
    base, count = struct.unpack_from("!HH", packet, 12)
    moment = int.from_bytes(packet[16:19], "big") * 0.064
    at, statuses = 20, []
    while len(statuses) < count:
        word = int.from_bytes(packet[at : at + 2], "big")
        if word >> 15:
            assert word >> 14 == 3
            statuses += [word >> (12 - 2 * place) & 3 for place in range(7)]
        else:
            statuses += [word >> 13] * (word & 0x1FFF)
        at += 2
    times: dict[int, float | None] = {}
    for step, status in enumerate(statuses[:count]):
        sequence = (base + step) & 0xFFFF
        if status == 0:
            times[sequence] = None
            continue
        size = status
        moment += int.from_bytes(packet[at : at + size], "big", signed=size == 2) * 0.00025
        times[sequence] = moment
        at += size
    assert at == len(packet)
    return packet[19], times


def feedback(log: ArrivalLog) -> list[tuple[int, dict[int, float | None]]]:
    return [decode(packet) for packet in log.feedback(1, 5)]


def test_it_is_silent_before_anything_arrives_and_after_everything_was_reported() -> None:
    log = ArrivalLog()
    assert log.feedback(1, 5) == []
    log.arrived(10, 1.0)
    assert len(log.feedback(1, 5)) == 1
    assert log.feedback(1, 5) == []


def test_it_reports_arrivals_losses_and_reordering() -> None:
    log = ArrivalLog()
    for sequence, moment in ((65534, 10.0), (0, 10.02), (65535, 10.021), (3, 10.2)):
        log.arrived(sequence, moment)
    ((number, times),) = feedback(log)
    assert number == 0
    assert list(times) == [65534, 65535, 0, 1, 2, 3]
    assert times[1] is None
    assert times[2] is None
    for sequence, moment in ((65534, 10.0), (65535, 10.021), (0, 10.02), (3, 10.2)):
        assert times[sequence] == pytest.approx(moment, abs=0.0005)


def test_it_continues_where_it_stopped_and_counts_its_reports() -> None:
    log = ArrivalLog()
    log.arrived(1, 1.0)
    assert feedback(log)[0][0] == 0
    log.arrived(4, 1.1)
    ((number, times),) = feedback(log)
    assert number == 1
    assert list(times) == [2, 3, 4]


def test_it_does_not_report_a_packet_twice() -> None:
    log = ArrivalLog()
    log.arrived(1, 1.0)
    log.arrived(3, 1.0)
    feedback(log)
    log.arrived(2, 1.1)
    assert feedback(log) == []


def test_it_splits_a_flood_into_reports_that_fit_a_datagram() -> None:
    log = ArrivalLog()
    for sequence in range(1000):
        log.arrived(sequence, 1.0 + sequence / 10000)
    packets = log.feedback(1, 5)
    assert max(len(packet) for packet in packets) < 1200
    merged = {sequence for packet in packets for sequence in decode(packet)[1]}
    assert merged == set(range(1000))


def test_it_begins_anew_after_a_jump() -> None:
    log = ArrivalLog()
    log.arrived(1, 1.0)
    log.arrived(30000, 2.0)
    ((_, times),) = feedback(log)
    assert list(times) == [30000]


@settings(deadline=None)  # a loaded machine is no failure
@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.floats(0, 100)), max_size=60))
def test_it_makes_sound_packets_of_anything(arrivals: list[tuple[int, float]]) -> None:
    log = ArrivalLog()
    for sequence, moment in arrivals:
        log.arrived(sequence, moment)
    for packet in log.feedback(1, 5):
        decode(packet)
        assert rtcp.parse(packet) == []


def test_a_report_without_gaps_is_one_chunk_and_says_the_same() -> None:
    log = ArrivalLog()
    moments = {sequence & 0xFFFF: 7.0 + step * 0.004 for step, sequence in enumerate(range(65500, 65600))}
    for sequence, moment in moments.items():
        log.arrived(sequence, moment)
    (packet,) = log.feedback(1, 5)
    assert packet[20:22] == (1 << 13 | len(moments)).to_bytes(2, "big")
    assert decode(packet)[1] == pytest.approx(moments, abs=0.0003)
