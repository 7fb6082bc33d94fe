"""When and how much to send for no other reason than to learn what a subscriber can take.

A browser's estimate grows to one and a half times what reaches it and no further, so a subscriber that once had to
make do with little would do so for ever. Probes are padding on the stream of its retransmissions.
"""

from __future__ import annotations

BEFORE_FIRST = 2.0
"""Seconds of quiet before a probe, so that the estimate has settled after what went before."""
LONGEST = 12.0
"""Seconds without progress after which a probe ends."""
STANDS = 3.0
"""Seconds without progress after which an estimate is taken not to follow what arrives."""
BACK_OFF = (4.0, 6.0, 8.0)
"""Seconds of rest after one, two, … probes in a row that gained nothing."""

_FALL = 0.97  # of the best one: an estimate below it means that a probe was too much; browsers say so at once
_PROGRESS = 1.03
_GAIN = 1.1  # a probe that ends so much above where it began was of use, even if it went too far at its end
_ABOVE = 1.1  # of the estimate: what a browser's estimate can follow within its next step


class Prober:
    """One subscriber's probing. Times in seconds of one steady clock, rates in bits per second."""

    __slots__ = ("_began_at", "_best_bps", "_failures", "_first_bps", "_heard_bps", "_rest_until", "_wanted_since")

    def __init__(self) -> None:
        self._wanted_since: float | None = None
        self._began_at: float | None = None
        self._best_bps = self._first_bps = self._heard_bps = 0.0
        self._failures = 0
        self._rest_until = float("-inf")

    def rate(
        self,
        estimate_bps: float,
        sent_bps: float,
        missing_bps: float | None,
        now: float,
        heard_bps: float | None = None,
    ) -> float:
        """Return how much to send beyond ``sent_bps`` at this moment; ``missing_bps`` is the estimate to reach.

        ``estimate_bps`` is what is believed, ``heard_bps`` what the browser has said last: it is believed only after a
        while, but a probe ends with its first fall, before the queue that it has filled makes sound late.
        """
        heard = estimate_bps if heard_bps is None else heard_bps
        if missing_bps is None:
            if self._began_at is not None:
                self._failures = 0  # the last probe has led up
            self._wanted_since = self._began_at = None
            return 0.0
        if self._wanted_since is None:
            self._wanted_since = now
        if now < self._rest_until or now - self._wanted_since < BEFORE_FIRST:
            return 0.0
        if self._began_at is None:
            self._began_at, self._best_bps, self._first_bps, self._heard_bps = now, estimate_bps, estimate_bps, heard
        self._heard_bps = max(self._heard_bps, heard)
        if estimate_bps > _PROGRESS * self._best_bps:
            self._began_at, self._best_bps = now, estimate_bps
        fell = estimate_bps < _FALL * self._best_bps or heard < _FALL * self._heard_bps
        if fell or now - self._began_at > LONGEST:
            if min(estimate_bps, heard) > _GAIN * self._first_bps:
                self._failures = 0
            self._rest_until = now + BACK_OFF[min(self._failures, len(BACK_OFF) - 1)]
            self._failures += 1
            self._began_at = None
            return 0.0
        return max(0.0, min(_ABOVE * estimate_bps, missing_bps) - sent_bps)

    def stands(self, now: float) -> bool:
        """Tell whether a probe goes on that the estimate has not followed for a while."""
        return self._began_at is not None and now - self._began_at >= STANDS
