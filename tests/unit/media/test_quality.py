"""What a receiver's reports say about its network, read from packets as they come."""

from __future__ import annotations

from collections import Counter

import pytest

from media import rtcp
from media.quality import Quality, SentReports, Since, Watch, share

NTP = 0x1234_5678_9ABC_DEF0
MIDDLE = 0x5678_9ABC


def block(**changes: int) -> rtcp.ReportBlock:
    """Read back a block that was written into a packet."""
    plain = {
        "ssrc": 7,
        "fraction_lost": 0,
        "total_lost": 0,
        "highest_sequence": 0,
        "jitter": 0,
        "last_sender_report": 0,
        "delay": 0,
    }
    packet = rtcp.build_receiver_report(1, [rtcp.ReportBlock(**{**plain, **changes})])
    (read,) = rtcp.parse(packet)
    assert isinstance(read, rtcp.ReceiverReport)
    (found,) = read.blocks
    return found


def test_blocks_come_back_as_they_were_written() -> None:
    written = rtcp.ReportBlock(0xFFFF_FFFF, 255, 0x7FFFFF, 0xFFFF_FFFF, 90_000, MIDDLE, 65_536)
    (read,) = rtcp.parse(rtcp.build_receiver_report(3, [written, written]))
    assert read == rtcp.ReceiverReport(3, (written, written))


def test_duplicates_make_less_than_nothing_lost() -> None:
    (read,) = rtcp.parse(rtcp.build_receiver_report(3, [rtcp.ReportBlock(1, 0, -2, 0, 0, 0, 0)]))
    assert isinstance(read, rtcp.ReceiverReport)
    assert read.blocks[0].total_lost == -2


def test_a_report_that_ends_inside_its_blocks_is_refused() -> None:
    packet = bytearray(rtcp.build_receiver_report(3, [block()]))
    packet[0] |= 2  # two blocks are announced, one is there
    with pytest.raises(rtcp.ParseError, match="receiver report"):
        rtcp.parse(bytes(packet))


def test_the_round_trip_is_what_the_receiver_did_not_take() -> None:
    sent = SentReports()
    sent.sent(NTP, 100.0)
    answer = block(last_sender_report=MIDDLE, delay=int(0.5 * 65536))
    assert sent.round_trip(answer, 100.6) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changes", "now"),
    [({}, 100.6), ({"last_sender_report": 5}, 100.6), ({"delay": 65536}, 100.6), ({"delay": 0}, 200.0)],
    ids=["none was heard", "another one", "answered before it was sent", "a clock that was set"],
)
def test_answers_that_cannot_be_say_nothing(changes: dict[str, int], now: float) -> None:
    sent = SentReports()
    sent.sent(NTP, 100.0)
    answer = block(**({"last_sender_report": MIDDLE} | changes if changes != {} else {}))
    assert sent.round_trip(answer, now) is None


def test_only_the_newest_reports_are_remembered() -> None:
    sent = SentReports()
    for second in range(1000):
        sent.sent(second << 32, float(second))
    assert sent.round_trip(block(last_sender_report=1 << 16), 1.0) is None
    assert sent.round_trip(block(last_sender_report=999 << 16), 999.5) == pytest.approx(0.5)


def test_a_watch_adds_up_what_its_streams_lost() -> None:
    watch, counters = Watch(), Counter[str]()
    for highest, lost in ((1000, 0), (1100, 10), (1200, 30)):
        watch.reported("one", block(ssrc=1, highest_sequence=highest, total_lost=lost), 48_000, None, counters)
    for highest, lost in ((500, 0), (600, 0)):
        watch.reported("two", block(ssrc=2, highest_sequence=highest, total_lost=lost), 90_000, 0.2, counters)
    assert (watch.packets, watch.lost) == (300, 30)
    assert watch.round_trip_s == pytest.approx(0.2)
    assert counters == {"reported_packets": 300, "reported_lost": 30}


def test_one_slow_answer_moves_the_mean_little_and_is_kept_as_the_worst() -> None:
    watch = Watch()
    for trip in (0.1, 0.1, 0.9, 0.1):
        watch.reported("one", block(), 48_000, trip, Counter())
    assert watch.round_trip_s is not None
    assert watch.round_trip_s < 0.2
    assert watch.worst_round_trip_s == pytest.approx(0.9)


def test_a_summary_has_whole_numbers_and_leaves_out_what_nobody_knows() -> None:
    known = Quality(0.0123, None, 0.0456, 0.1, 0.0071, 643_210.0, None, "tcp").as_json()
    assert known == {
        "path": "tcp",
        "lost_up_permille": 12,
        "round_trip_ms": 46,
        "worst_round_trip_ms": 100,
        "jitter_ms": 7,
        "up_kbps": 643,
    }


def test_what_was_lost_since_is_told_apart_from_what_was_lost_before() -> None:
    since = Since()
    assert since.share([]) is None
    assert since.share([(10, 100), (0, 100)]) == pytest.approx(0.05)
    assert since.share([(10, 100), (0, 100)]) is None
    assert since.share([(10, 150), (25, 150)]) == pytest.approx(0.25)
    assert since.share([(0, 10)]) is None  # another stream: nothing is known of it yet
    assert since.share([(10, 20)]) == 1.0


def test_shares_are_of_what_was_expected() -> None:
    assert share([]) is None
    assert share([(0, 0)]) is None
    assert share([(1, 10), (3, 10)]) == pytest.approx(0.2)
