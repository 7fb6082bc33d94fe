"""How well a peer's network carried its calls: what its own reports and our counts say, for the whole time. Pure.

It says nothing about what was said or shown, and nothing about where anybody is: shares, milliseconds, UDP or TCP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .rtcp import ReportBlock

_REMEMBERED = 256  # sender reports of a room's streams: a minute of several
_SMOOTH = 8
_MAX_ROUND_TRIP = 10.0  # seconds; more is a clock that was set, not a network


class SentReports:
    """When sender reports were handed on, by the middle of their time, which receivers repeat (RFC 3550, 6.4.1)."""

    __slots__ = ("_sent",)

    def __init__(self) -> None:
        self._sent: dict[int, float] = {}

    def sent(self, ntp: int, now: float) -> None:
        """Note a sender report with this 64-bit time."""
        self._sent[ntp >> 16 & 0xFFFFFFFF] = now
        if len(self._sent) > _REMEMBERED:
            del self._sent[next(iter(self._sent))]

    def round_trip(self, block: ReportBlock, now: float) -> float | None:
        """Return the seconds between a report and this answer to it, without those that the receiver took."""
        at = self._sent.get(block.last_sender_report) if block.last_sender_report else None
        if at is None:
            return None
        found = now - at - block.delay / 65536
        return found if 0.0 <= found <= _MAX_ROUND_TRIP else None


@dataclass(slots=True)
class _Stream:
    first: int
    highest: int
    lost: int
    jitter: float = 0.0


class Watch:
    """What one peer's receiver reports said so far, and what its streams that have ended had lost.

    A page builds its transports anew when a network breaks: what the old ones went through is what a record is about.
    """

    __slots__ = ("_ended", "_streams", "ended_up", "path", "round_trip_s", "worst_round_trip_s")

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._ended = (0, 0)
        self.ended_up: tuple[int, int] = (0, 0)
        """Packets (lost, expected) of what it published and no longer does."""
        self.path: str | None = None
        """How a transport of it went that is closed."""
        self.round_trip_s: float | None = None
        self.worst_round_trip_s = 0.0

    def reported(
        self, name: str, block: ReportBlock, clock_rate: int, round_trip_s: float | None, counters: Counter[str]
    ) -> int:
        """Take one report block on the stream ``name`` of ``clock_rate``.

        Returns how many packets it is about, 0 if it is the first. SSRCs are no names: a new transport has them again.
        """
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = _Stream(block.highest_sequence, block.highest_sequence, 0)
        packets = max(0, block.highest_sequence - stream.highest)
        counters["reported_packets"] += packets
        counters["reported_lost"] += max(0, block.total_lost - stream.lost)
        stream.highest = max(stream.highest, block.highest_sequence)
        stream.lost = max(stream.lost, block.total_lost)
        stream.jitter = block.jitter / clock_rate
        if round_trip_s is not None:
            before = self.round_trip_s
            self.round_trip_s = round_trip_s if before is None else before + (round_trip_s - before) / _SMOOTH
            self.worst_round_trip_s = max(self.worst_round_trip_s, round_trip_s)
        return packets

    def ended(self, name: str) -> None:
        """Keep of a stream that has ended only what counts for the whole."""
        stream = self._streams.pop(name, None)
        if stream is not None:
            self._ended = added(self._ended, (stream.lost, stream.highest - stream.first))

    @property
    def packets(self) -> int:
        """How many packets the reports cover."""
        return self._ended[1] + sum(stream.highest - stream.first for stream in self._streams.values())

    @property
    def lost(self) -> int:
        """How many of them did not arrive, those sent again not counted as lost where the receiver counts them so."""
        return self._ended[0] + sum(stream.lost for stream in self._streams.values())

    @property
    def jitter_s(self) -> float:
        """The worst jitter of a stream now."""
        return max((stream.jitter for stream in self._streams.values()), default=0.0)


@dataclass(frozen=True, slots=True)
class Quality:
    """A peer's network. Shares are from 0 to 1 of the packets so far; None is not known."""

    lost_up: float | None
    lost_down: float | None
    round_trip_s: float | None
    worst_round_trip_s: float
    jitter_s: float
    bitrate_up_bps: float
    available_down_bps: int | None
    path: str | None
    """``udp`` or ``tcp``."""

    def as_json(self) -> dict[str, int | str]:
        """Return whole numbers under the names of their units; what is not known is left out."""
        said: dict[str, int | str | None] = {
            "path": self.path,
            "lost_up_permille": _permille(self.lost_up),
            "lost_down_permille": _permille(self.lost_down),
            "round_trip_ms": None if self.round_trip_s is None else round(self.round_trip_s * 1000),
            "worst_round_trip_ms": round(self.worst_round_trip_s * 1000) if self.round_trip_s is not None else None,
            "jitter_ms": round(self.jitter_s * 1000),
            "up_kbps": round(self.bitrate_up_bps / 1000),
            "available_down_kbps": None if self.available_down_bps is None else self.available_down_bps // 1000,
        }
        return {name: value for name, value in said.items() if value is not None}


class Since:
    """What was lost since somebody last asked: totals go in, the share of what came between two of them comes out."""

    __slots__ = ("_expected", "_lost")

    def __init__(self) -> None:
        self._lost = self._expected = 0

    def share(self, parts: Iterable[tuple[int, int]]) -> float | None:
        """Return the share of (lost, expected) pairs since the last call; None when nothing was expected since."""
        pairs = list(parts)
        lost, expected = sum(each for each, _ in pairs), sum(each for _, each in pairs)
        found = share([(lost - self._lost, expected - self._expected)])
        self._lost, self._expected = lost, expected
        return found


@dataclass(frozen=True, slots=True)
class LineNow:
    """How a peer's network does at this moment. Shares are of what came since somebody last asked."""

    path: str | None
    lost_up: float | None
    lost_down: float | None
    round_trip_s: float | None
    jitter_s: float
    up_bps: float
    down_bps: float
    available_down_bps: int | None
    smaller: int
    """How many pictures come smaller than their tiles would have them."""
    held: int
    """How many streams are kept back because the network cannot carry them."""

    def as_json(self) -> dict[str, int | str | None]:
        """Return whole numbers under the names of their units; None is not known."""
        return {
            "path": self.path,
            "lost_up_permille": _permille(self.lost_up),
            "lost_down_permille": _permille(self.lost_down),
            "round_trip_ms": None if self.round_trip_s is None else round(self.round_trip_s * 1000),
            "jitter_ms": round(self.jitter_s * 1000),
            "up_kbps": round(self.up_bps / 1000),
            "down_kbps": round(self.down_bps / 1000),
            "available_down_kbps": None if self.available_down_bps is None else self.available_down_bps // 1000,
            "smaller": self.smaller,
            "held": self.held,
        }


def added(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """Return the sum of two (lost, expected) pairs."""
    return one[0] + other[0], one[1] + other[1]


def share(parts: Iterable[tuple[int, int]]) -> float | None:
    """Return the share that (lost, expected) pairs are together; None before anything was expected."""
    pairs = list(parts)
    expected = sum(each for _, each in pairs)
    return min(1.0, max(0.0, sum(lost for lost, _ in pairs) / expected)) if expected > 0 else None


def _permille(value: float | None) -> int | None:
    return None if value is None else round(value * 1000)
