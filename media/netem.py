"""A bad network in memory: loss, bursts, delay, jitter, reordering and a rate limit, seeded and faster than real time.

It reads no clock: ``send`` takes a packet at ``now`` and ``due`` gives back what has arrived by then, so that a test of
what loss does is exact and takes no time. The same seed and the same calls give the same network.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from typing import Generic, TypeVar

Packet = TypeVar("Packet")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a path does. Shares are from 0 to 1, times in seconds.

    ``loss`` is the share of packets that is lost; ``burst`` how many are lost in a row on average (Gilbert's model; 1
    loses each by itself). ``jitter_s`` is added to ``delay_s`` evenly from 0 up and keeps order; ``reordered`` is the
    share that is held back by ``reorder_s`` behind others. ``rate_bps`` bounds the path, with a queue of ``queue_s``
    behind which packets are dropped at the tail; None is without bound.
    """

    loss: float = 0.0
    burst: float = 1.0
    delay_s: float = 0.0
    jitter_s: float = 0.0
    reordered: float = 0.0
    reorder_s: float = 0.02
    rate_bps: float | None = None
    queue_s: float = 0.3

    def __post_init__(self) -> None:
        for name in ("loss", "reordered"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name}: expected a share from 0 to 1")
        if self.burst < 1.0:
            raise ValueError("burst: expected at least 1 packet")
        if min(self.delay_s, self.jitter_s, self.reorder_s, self.queue_s) < 0.0:
            raise ValueError("times: expected 0 seconds or more")
        if self.rate_bps is not None and self.rate_bps <= 0.0:
            raise ValueError("rate_bps: expected more than 0, or None")


@dataclass(slots=True)
class Tally:
    """What became of the packets so far."""

    sent: int = 0
    lost: int = 0
    overflowed: int = 0
    arrived: int = 0


class Netem(Generic[Packet]):
    """One direction of one path."""

    def __init__(self, conditions: Conditions, seed: int) -> None:
        self._conditions = conditions
        self._chance = random.Random(seed)  # noqa: S311 - a network in memory keeps no secret
        self._in_burst = False
        self._free_at = 0.0
        self._last_at = 0.0
        self._on_the_way: list[tuple[float, int, Packet]] = []
        self.tally = Tally()

    def change(self, conditions: Conditions) -> None:
        """Let other conditions hold from the next packet on; what is on the way arrives as it would have."""
        self._conditions = conditions

    def send(self, packet: Packet, size: int, now: float) -> bool:
        """Put a packet of ``size`` bytes on the path at ``now``; False when the path has lost it."""
        conditions = self._conditions
        self.tally.sent += 1
        if self._loses(conditions):
            self.tally.lost += 1
            return False
        leaves = now
        if conditions.rate_bps is not None:
            waits = max(0.0, self._free_at - now)
            if waits > conditions.queue_s:
                self.tally.overflowed += 1
                return False
            self._free_at = leaves = now + waits + size * 8 / conditions.rate_bps
        arrives = leaves + conditions.delay_s + self._chance.random() * conditions.jitter_s
        if conditions.reordered and self._chance.random() < conditions.reordered:
            arrives += conditions.reorder_s
        else:
            # Jitter delays whoever comes behind; only ``reordered`` lets a packet be overtaken.
            self._last_at = arrives = max(arrives, self._last_at)
        heapq.heappush(self._on_the_way, (arrives, self.tally.sent, packet))
        return True

    def due(self, now: float) -> list[Packet]:
        """Return what has arrived by ``now``, in the order of arrival."""
        arrived: list[Packet] = []
        while self._on_the_way and self._on_the_way[0][0] <= now:
            arrived.append(heapq.heappop(self._on_the_way)[2])
        self.tally.arrived += len(arrived)
        return arrived

    @property
    def next_at(self) -> float | None:
        """When the next packet arrives; None while the path is empty."""
        return self._on_the_way[0][0] if self._on_the_way else None

    def _loses(self, conditions: Conditions) -> bool:
        if conditions.loss <= 0.0:
            self._in_burst = False
            return False
        if conditions.loss >= 1.0:
            return True
        # Two states: in the bad one every packet is lost. Leaving it by 1/burst makes bursts that long on average, and
        # entering it by this chance makes the bad state last ``loss`` of the time.
        leave = 1.0 / conditions.burst
        enter = min(1.0, leave * conditions.loss / (1.0 - conditions.loss))
        if conditions.burst <= 1.0:
            return self._chance.random() < conditions.loss
        stays = self._chance.random() >= leave
        self._in_burst = stays if self._in_burst else self._chance.random() < enter
        return self._in_burst
