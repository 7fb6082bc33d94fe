"""What arrived of one incoming SSRC: loss, jitter, and which packets to ask for again (RFC 3550, appendix A)."""

from __future__ import annotations

from collections.abc import Sequence

from .rtcp import ReportBlock
from .serial import MODULUS, advance, distance

NACK_INTERVAL = 0.06
"""Seconds before a missing packet is asked for again. Whoever looks does so every 50 ms, so in practice it is 100 ms:
about one round trip in a bad network."""
MAX_NACKS = 6
_MAX_GAP = 128  # a longer gap is repaired by a key frame, not by hundreds of packets
_MAX_MISSING = 256
_MAX_LATE = 1 << 10  # what lies further back is a publisher that jumped: SRTP lets no packet in that is so old
_MAX_TRANSIT_CHANGE = 1 << 30


class Reception:
    """Counts the packets of one SSRC; times are seconds of one steady clock."""

    __slots__ = (
        "_base",
        "_clock_rate",
        "_cycles",
        "_expected",
        "_expected_before",
        "_highest",
        "_jitter",
        "_missing",
        "_received",
        "_received_before",
        "_report_at",
        "_report_middle",
        "_timestamp",
        "_transit",
        "extended",
        "ssrc",
    )

    def __init__(self, ssrc: int, clock_rate: int) -> None:
        self.ssrc = ssrc
        self._clock_rate = clock_rate
        self._highest: int | None = None
        self._base = 0
        self._expected = -1
        self._timestamp: int | None = None
        self._cycles = 0
        self._received = 0
        self._expected_before = 0
        self._received_before = 0
        self._jitter = 0.0
        self._transit: float | None = None
        self._report_middle = 0
        self._report_at = 0.0
        self._missing: dict[int, tuple[int, float]] = {}
        self.extended = 0
        """Number of the packet that arrived last, with the rounds of its 16 bits counted in."""

    def arrived(self, sequence: int, timestamp: int, now: float) -> Sequence[int]:
        """Count a packet; return the sequence numbers that its arrival shows to be missing."""
        self._received += 1
        if timestamp != self._timestamp:
            self._note_jitter(timestamp, now)
        if sequence == self._expected:  # the hot path: in order, and not the first of a round
            self._highest = sequence
            self._expected = sequence + 1
            self.extended = self._cycles + sequence
            return ()
        return self._out_of_order(sequence, now)

    def _note_jitter(self, timestamp: int, now: float) -> None:
        """Compare with the packet that began the picture before: packets of one picture leave together on purpose."""
        self._timestamp = timestamp
        transit = now * self._clock_rate - timestamp
        change = transit - self._transit if self._transit is not None else 0.0
        self._transit = transit
        # A timestamp that wraps or jumps says nothing about the network.
        if -_MAX_TRANSIT_CHANGE < change < _MAX_TRANSIT_CHANGE:
            self._jitter += (abs(change) - self._jitter) / 16

    def _out_of_order(self, sequence: int, now: float) -> Sequence[int]:
        if self._highest is None:
            self._highest = self._base = self.extended = sequence
            self._expected = sequence + 1
            return ()
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead == 0 or ahead > MODULUS - _MAX_LATE:
            self._missing.pop(sequence, None)
            self.extended = self._cycles + self._highest + distance(sequence, self._highest)
            return ()
        new = [advance(self._highest, step) for step in range(1, ahead)] if ahead <= _MAX_GAP else []
        if sequence < self._highest:
            self._cycles += 1 << 16
        self._highest = sequence
        self._expected = sequence + 1
        self.extended = self._cycles + sequence
        if ahead > _MAX_GAP or len(self._missing) + len(new) > _MAX_MISSING:
            self._missing.clear()
            return ()
        self._missing.update((lost, (1, now)) for lost in new)
        return new

    def recovered(self, sequence: int) -> bool:
        """Note a retransmitted packet; False when it was not missing (any more)."""
        if self._highest is None or self._missing.pop(sequence, None) is None:
            return False
        self.extended = self._cycles + self._highest + distance(sequence, self._highest)
        return True

    def overdue(self, now: float) -> list[int]:
        """Return what to ask for again, in sending order; packets asked for often enough are given up."""
        again: list[int] = []
        if not self._missing:
            return again
        for sequence, (asked, at) in list(self._missing.items()):
            if now - at < NACK_INTERVAL:
                continue
            if asked >= MAX_NACKS:
                del self._missing[sequence]
                continue
            self._missing[sequence] = (asked + 1, now)
            again.append(sequence)
        return again

    def sender_reported(self, ntp: int, now: float) -> None:
        """Note the publisher's sender report: its round trip is measured from our answer."""
        self._report_middle = (ntp >> 16) & 0xFFFFFFFF
        self._report_at = now

    @property
    def totals(self) -> tuple[int, int]:
        """How many packets are lost so far, and how many were expected."""
        if self._highest is None:
            return 0, 0
        expected = self._cycles + self._highest - self._base + 1
        return max(0, expected - self._received), expected

    @property
    def jitter_s(self) -> float:
        """The jitter now, in seconds."""
        return self._jitter / self._clock_rate

    def report(self, now: float) -> ReportBlock | None:
        """Return the block for the next receiver report; None before the first packet."""
        if self._highest is None:
            return None
        highest = self._cycles + self._highest
        expected = highest - self._base + 1
        expected_now, received_now = expected - self._expected_before, self._received - self._received_before
        self._expected_before, self._received_before = expected, self._received
        lost_now = max(0, expected_now - received_now)
        return ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=min(255, lost_now * 256 // expected_now) if expected_now > 0 else 0,
            total_lost=max(0, min(0x7FFFFF, expected - self._received)),
            highest_sequence=highest & 0xFFFFFFFF,
            jitter=int(self._jitter),
            last_sender_report=self._report_middle,
            delay=int((now - self._report_at) * 65536) & 0xFFFFFFFF if self._report_middle else 0,
        )
