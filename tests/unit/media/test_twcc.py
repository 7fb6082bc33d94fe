"""Transport-wide feedback, read back by a decoder of the test's own."""

from __future__ import annotations

import signal
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from media import rtcp
from media.twcc import ArrivalLog

UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""What does not end is not made smaller: each try would take its whole time."""


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


def forward(log: ArrivalLog, number: int, moment: float) -> None:
    """Note a packet as the forwarder does: the next one without a call."""
    if number == log.expected:
        log.expected = number + 1
        log.times[number] = moment
    else:
        log.arrived(number, moment)


@contextmanager
def ending() -> Iterator[None]:
    """Fail what would go on for ever. The alarm comes by the processor's time: a loaded machine does not use it up."""

    def fail(_number: int, _frame: object) -> None:
        raise AssertionError("the report never ended")

    before = signal.signal(signal.SIGVTALRM, fail)
    signal.setitimer(signal.ITIMER_VIRTUAL, 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_steps_that_go_half_way_round_together_end_no_worker() -> None:
    log = ArrivalLog()
    for number in (*range(0, 16 * 2047 + 1, 2047), 32767):
        forward(log, number, 1.0)
    with ending():
        packets = log.feedback(1, 5)
    assert packets == []
    log.arrived(32768, 1.1)
    ((_, times),) = feedback(log)
    assert times == {32768: pytest.approx(1.1, abs=0.0003)}


@pytest.mark.parametrize("far", [5_000, 32_767, 32_768, 40_000, 65_535, 65_536, 70_000, 131_072])
def test_a_publisher_that_runs_far_ahead_costs_one_look(far: int) -> None:
    log = ArrivalLog()
    for number in (*range(0, far, 2000), far):
        forward(log, number & 0xFFFF, 1.0)
    with ending():
        packets = log.feedback(1, 5)
    assert len(packets) <= 16
    assert log.times == {}
    log.arrived((far + 1) & 0xFFFF, 1.1)
    *_, (_, times) = feedback(log)
    assert list(times)[-1] == (far + 1) & 0xFFFF


@settings(deadline=None, phases=UNSHRUNK)
@given(
    st.integers(0, 0xFFFF), st.lists(st.one_of(st.integers(-20, 20), st.integers(-2100, 2100)), max_size=200), st.data()
)
def test_it_makes_sound_packets_of_any_chain(first: int, steps: list[int], data: st.DataObject) -> None:
    log, number = ArrivalLog(), first
    reported_after = data.draw(st.sets(st.integers(0, max(0, len(steps) - 1)), max_size=3))
    for place, step in enumerate(steps):
        number = (number + step) & 0xFFFF
        forward(log, number, 1.0 + place / 1000)
        if place in reported_after:
            with ending():
                _check(log)
    with ending():
        _check(log)
        assert log.feedback(1, 5) == []


ROUND_ABOUT = st.one_of(st.sampled_from([1 << 15, 1 << 16]), st.integers(1, 70_000))


@settings(deadline=None, phases=UNSHRUNK)
@given(st.integers(0, 0xFFFF), st.lists(st.integers(1, 2047), max_size=60), ROUND_ABOUT, st.integers(-3, 3))
def test_it_makes_sound_packets_of_a_chain_that_only_grows(first: int, steps: list[int], far: int, off: int) -> None:
    log, at, end = ArrivalLog(), 0, max(1, far + off)
    forward(log, first, 1.0)
    for place in range(end):
        at = min(end, at + (steps[place] if place < len(steps) else 2047))
        forward(log, (first + at) & 0xFFFF, 1.0 + place / 1000)
        if at == end:
            break
    with ending():
        _check(log)


def _check(log: ArrivalLog) -> None:
    packets = log.feedback(1, 5)
    assert len(packets) <= 16
    assert log.times == {}
    for packet in packets:
        decode(packet)
        assert rtcp.parse(packet) == []


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
