"""How much a subscriber's network is believed to carry, from its browser's estimates and what was sent meanwhile.

A browser's estimate never exceeds one and a half times what reaches it. So a small one is a sign of a weak network only
when more than that was sent; otherwise nobody has tried, and what was believed before stands until somebody does.
"""

from __future__ import annotations

from collections import deque

FIRST_BPS = 1_000_000.0
"""Believed until a subscriber's browser says otherwise."""

_WINDOW = 1.5  # seconds: an estimate answers to what was sent up to so long ago
_EXCEEDED = 0.95


class Belief:
    """One subscriber's network. Times in seconds of one steady clock, rates in bits per second."""

    __slots__ = ("_sent", "bps")

    def __init__(self) -> None:
        self.bps = FIRST_BPS
        self._sent: deque[tuple[float, float]] = deque()

    def sent(self, rate_bps: float, now: float) -> None:
        """Note at which rate packets are being sent."""
        self._sent.append((now, rate_bps))
        while self._sent[0][0] < now - _WINDOW:
            self._sent.popleft()

    def heard(self, estimate_bps: float) -> None:
        """Take the browser's estimate."""
        least = min((rate for _, rate in self._sent), default=0.0)
        if estimate_bps >= self.bps or estimate_bps < _EXCEEDED * least:
            self.bps = estimate_bps
