"""How much a subscriber's network is believed to carry, from its browser's estimates and what was sent meanwhile.

A browser's estimate never exceeds one and a half times what reaches it. So a small one is a sign of a weak network only
when more than that was sent; otherwise nobody has tried, and what was believed before stands until somebody does.
Nor does every estimate grow as far as it could: where it stands still while more than it arrives, what arrives counts.
"""

from __future__ import annotations

from collections import deque

FIRST_BPS = 1_000_000.0
"""Believed until a subscriber's browser says otherwise."""

_WINDOW = 1.5  # seconds: an estimate answers to what was sent up to so long ago
_EXCEEDED = 0.95


class Belief:
    """One subscriber's network. Times in seconds of one steady clock, rates in bits per second."""

    __slots__ = ("_sent", "_stood_bps", "bps", "estimate_bps")

    def __init__(self) -> None:
        self.bps = FIRST_BPS
        self.estimate_bps = 0.0
        """What the browser has said last."""
        self._stood_bps: float | None = None
        self._sent: deque[tuple[float, float]] = deque()

    def sent(self, rate_bps: float, now: float) -> None:
        """Note at which rate packets are being sent."""
        self._sent.append((now, rate_bps))
        while self._sent[0][0] < now - _WINDOW:
            self._sent.popleft()

    def heard(self, estimate_bps: float, *, losing: bool = False) -> None:
        """Take the browser's estimate. On a line that is ``losing`` what is sent now counts, not only what lasted."""
        self.estimate_bps = estimate_bps
        if self._stood_bps is not None and not losing and self._stood_bps <= estimate_bps < self.bps:
            return  # it says what it has said all the while
        rates = [rate for _, rate in self._sent] or [0.0]
        if estimate_bps >= self.bps or estimate_bps < _EXCEEDED * (rates[-1] if losing else min(rates)):
            self.bps, self._stood_bps = estimate_bps, None

    def arrived(self) -> None:
        """Believe what was sent lately: nothing of it was lost, and the browser's estimate did not fall meanwhile."""
        least = min((rate for _, rate in self._sent), default=0.0)
        if least > self.bps:
            self.bps, self._stood_bps = least, self.estimate_bps
