"""Transport-wide congestion control: what a publisher's packets looked like on arrival (draft-holmer-rmcat 01)."""

from __future__ import annotations

import struct
from operator import sub

from .rtcp import build_transport_feedback
from .serial import advance, distance

FEEDBACK_INTERVAL = 0.05
"""Seconds between two reports; at this pace browsers open their third layer within seconds."""

_FORMAT = 15
_TICKS_PER_SECOND = 4000  # deltas count 250 µs
_TICKS_PER_REFERENCE = 256  # the reference time counts 64 ms
_MAX_STATUSES = 256  # bounds one report to about 600 bytes
_MAX_GAP = 2048  # beyond it the counter restarted or the path was dead: begin anew
_MAX_SPAN = 2 * _MAX_GAP  # in one call: nearly twice what a peer's budget lets it send in 100 ms
_LOST, _SMALL, _LARGE = 0, 1, 2


class ArrivalLog:
    """Arrival times of one transport by transport-wide sequence number, drained into feedback packets."""

    __slots__ = ("_base", "_reports", "expected", "times")

    def __init__(self) -> None:
        self.times: dict[int, float] = {}
        """Those not reported yet."""
        self.expected = 0
        """One more than the highest number so far, not wrapped; 0 before the first."""
        self._base = 0
        self._reports = 0

    def arrived(self, sequence: int, now: float) -> None:
        """Note a packet; ``now`` in seconds. A packet that was already reported as lost stays so."""
        if not self.expected or not -_MAX_GAP < distance(sequence, self.expected - 1) < _MAX_GAP:
            self.times.clear()
            self._base = sequence
            self.expected = sequence + 1
        if distance(sequence, self._base) < 0:
            return
        if distance(sequence, self.expected - 1) > 0:
            self.expected = sequence + 1
        self.times[sequence] = now

    def feedback(self, sender_ssrc: int, media_ssrc: int) -> list[bytes]:
        """Return the RTCP packets that report everything since the last call; empty when nothing arrived.

        A publisher may jump on by less than ``_MAX_GAP`` again and again: what has moved on by more than ``_MAX_SPAN``
        altogether, or once around, is not reported.
        """
        packets: list[bytes] = []
        span = distance(self.expected, self._base)
        pop = self.times.pop
        for begin in range(0, span if span <= _MAX_SPAN else 0, _MAX_STATUSES):
            count = min(span - begin, _MAX_STATUSES)
            times = [pop((self._base + step) & 0xFFFF, None) for step in range(count)]
            if any(moment is not None for moment in times):
                body = struct.pack("!II", sender_ssrc, media_ssrc) + self._report(times)
                packets.append(build_transport_feedback(_FORMAT, body))
            self._base = advance(self._base, count)
        self._base = self.expected & 0xFFFF
        self.times.clear()
        return packets

    def _report(self, times: list[float | None]) -> bytes:
        ticks = [int(moment * _TICKS_PER_SECOND) for moment in times if moment is not None]
        reference = ticks[0] // _TICKS_PER_REFERENCE
        header = struct.pack("!HH", self._base, len(times))
        header += (reference & 0xFFFFFF).to_bytes(3, "big") + bytes((self._reports & 0xFF,))
        self._reports += 1
        deltas = list(map(sub, ticks, (reference * _TICKS_PER_REFERENCE, *ticks)))
        if len(ticks) == len(times) and min(deltas) >= 0 and max(deltas) < 0x100:
            # Nearly always: all there, close to each other. One chunk says so (section 3.1.3).
            return header + (_SMALL << 13 | len(times)).to_bytes(2, "big") + bytes(deltas)
        return header + _described(times, reference * _TICKS_PER_REFERENCE)


def _described(times: list[float | None], last: int) -> bytes:
    """Return status chunks and deltas of packets of which some are lost, late or far apart."""
    statuses: list[int] = []
    deltas = bytearray()
    for moment in times:
        if moment is None:
            statuses.append(_LOST)
            continue
        delta = max(-0x8000, min(0x7FFF, int(moment * _TICKS_PER_SECOND) - last))
        last += delta
        if 0 <= delta < 0x100:
            statuses.append(_SMALL)
            deltas.append(delta)
        else:
            statuses.append(_LARGE)
            deltas += struct.pack("!h", delta)
    return _status_chunks(statuses) + bytes(deltas)


def _status_chunks(statuses: list[int]) -> bytes:
    """Pack statuses as two-bit vector chunks: seven in 16 bits (section 3.1.4)."""
    chunks = bytearray()
    for at in range(0, len(statuses), 7):
        word = 0xC000
        for place, status in enumerate(statuses[at : at + 7]):
            word |= status << (12 - 2 * place)
        chunks += word.to_bytes(2, "big")
    return bytes(chunks)
