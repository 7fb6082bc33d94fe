"""How much may be sent again to one consumer, so that repairing a stream never becomes a second one. Pure."""

from __future__ import annotations

PACKETS_A_TICK = 64
"""So many at once at most: a burst of them would be lost itself."""
LOOKS_A_TICK = 4 * PACKETS_A_TICK
"""Numbers that are looked up at most: some are no longer there, and a receiver may ask for what it was never sent."""
SHARE = 0.5
"""Of the stream's own rate. A network that loses a sixth of everything takes a fifth; one that cannot carry the stream
at all loses more with every packet that is sent again."""
WEAK_SHARE = 0.2
"""Of the stream's own rate, on a line that loses and carries hardly more than the stream: chance is still repaired."""
LEAST_BPS = 200_000.0
"""For a stream whose rate is small, or not measured yet: a key frame of it may be lost as a whole."""
ALWAYS = 3000.0
"""Bytes that can be saved up on any line: two whole packets, or a small stream's lost key frame would stay lost."""
BURST_S = 1.0
"""Seconds of its share that may be used at once, after a time in which nothing was lost."""


class Allowance:
    """Bytes and packets that are left; to be charged for each packet and grown on every tick."""

    __slots__ = ("_looks", "_octets", "_packets")

    def __init__(self) -> None:
        self._packets = PACKETS_A_TICK
        self._looks = LOOKS_A_TICK
        self._octets = LEAST_BPS * BURST_S / 8

    def looks(self, wanted: int) -> int:
        """Charge looking ``wanted`` numbers up; return how many of them may be, none when no packet is left."""
        granted = min(wanted, self._looks) if self._packets > 0 else 0
        self._looks -= granted
        return granted

    def take(self, octets: int) -> bool:
        """Charge one packet of ``octets`` bytes; False, and nothing charged, when it may not be sent now."""
        if self._packets <= 0 or octets > self._octets:
            return False
        self._packets -= 1
        self._octets -= octets
        return True

    def grow(self, stream_bps: float, seconds: float, spare_bps: float = float("inf")) -> None:
        """Grant what ``seconds`` of a stream of ``stream_bps`` bring, on a line that carries ``spare_bps`` besides."""
        share = max(WEAK_SHARE * stream_bps, min(spare_bps, max(LEAST_BPS, SHARE * stream_bps))) / 8
        self._packets = PACKETS_A_TICK
        self._looks = LOOKS_A_TICK
        self._octets = min(max(ALWAYS, share * BURST_S), self._octets + share * seconds)
