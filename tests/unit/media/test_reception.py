"""Loss, jitter and missing packets of one SSRC."""

from __future__ import annotations

import pytest

from media.reception import MAX_NACKS, NACK_INTERVAL, Reception
from media.rtcp import ReportBlock


def reception(*sequences: int) -> Reception:
    fresh = Reception(7, 90000)
    for sequence in sequences:
        fresh.arrived(sequence, 0, 0.0)
    return fresh


def report(of: Reception, now: float = 1.0) -> ReportBlock:
    block = of.report(now)
    assert block is not None
    return block


def test_it_has_nothing_to_report_at_first() -> None:
    assert Reception(7, 90000).report(1.0) is None


def test_it_counts_loss_in_total_and_since_the_last_report() -> None:
    seen = reception(10, 11, 13, 14)
    first = report(seen)
    assert (first.total_lost, first.fraction_lost, first.highest_sequence) == (1, 51, 14)
    seen.arrived(15, 0, 0.0)
    second = report(seen)
    assert (second.total_lost, second.fraction_lost) == (1, 0)


def test_it_counts_cycles() -> None:
    assert report(reception(65534, 65535, 0, 1)).highest_sequence == 65537


def test_it_names_what_is_missing_across_the_wrap() -> None:
    assert reception(65534).arrived(2, 0, 0.0) == [65535, 0, 1]


def test_a_late_or_recovered_packet_is_not_asked_for_again() -> None:
    seen = reception(1, 5)
    seen.arrived(2, 0, 0.0)
    assert seen.recovered(3)
    assert not seen.recovered(3)
    assert seen.overdue(NACK_INTERVAL) == [4]


def test_it_asks_a_few_times_and_gives_up() -> None:
    seen = reception(1, 3)
    asked = [seen.overdue(turn * NACK_INTERVAL * 1.01) for turn in range(1, 20)]
    assert [each for each in asked if each] == [[2]] * (MAX_NACKS - 1)


def test_it_leaves_a_long_gap_to_a_key_frame() -> None:
    seen = reception(1)
    assert not seen.arrived(5000, 0, 0.0)
    assert seen.overdue(10.0) == []


def test_it_answers_a_sender_report() -> None:
    seen = reception(1)
    assert (report(seen).last_sender_report, report(seen).delay) == (0, 0)
    seen.sender_reported(0x1111_2222_3333_4444, 5.0)
    block = report(seen, 5.5)
    assert (block.last_sender_report, block.delay) == (0x2222_3333, 32768)


def test_it_measures_jitter_and_none_when_packets_keep_time() -> None:
    steady, shaky = Reception(7, 90000), Reception(7, 90000)
    for step in range(50):
        steady.arrived(step, step * 3000, step / 30)
        shaky.arrived(step, step * 3000, step / 30 + (step % 2) * 0.01)
    assert report(steady).jitter <= 1
    assert report(shaky).jitter == pytest.approx(900, rel=0.1)
