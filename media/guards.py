"""Budgets: how much a peer may ask of us before the rest is dropped unread. Pure; ``now`` is an argument."""

from __future__ import annotations


class Budget:
    """A token bucket: ``per_s`` on average, ``burst`` at once. Both in whatever is counted: packets, bytes, checks."""

    __slots__ = ("_at", "_burst", "_left", "_per_s")

    def __init__(self, per_s: float, burst: float) -> None:
        if per_s <= 0 or burst <= 0:
            raise ValueError("budget: expected more than nothing")
        self._per_s = per_s
        self._burst = burst
        self._left = burst
        self._at: float | None = None

    def take(self, amount: float, now: float) -> bool:
        """Take ``amount`` at ``now`` (seconds); False, and nothing taken, when there is not so much left."""
        if self._at is not None:
            self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        if amount > self._left:
            return False
        self._left -= amount
        return True
