"""A receiver behind a bad network, as a browser would be one: the same for whichever server sends.

It asks for lost packets again (NACK), for a key frame when that is hopeless (PLI), and says what it believes its
downlink carries (REMB) from how long packets were under way. It counts what a person would see and hear: pictures that
could be shown, freezes and gaps in the sound. Pure: times are arguments, packets come decrypted.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

NACK_EVERY, NACKS = 0.08, 10
HOPELESS = 1.0
"""Seconds after which a missing packet is given up and a key frame asked for."""
PLI_EVERY = 0.5
PLAYOUT = 0.2
"""Seconds that sound is held back to even out its path; what comes later is a gap."""
FREEZE = 0.15
"""A picture stands still when the next is later by this than it should be (W3C webrtc-stats, freezeCount)."""
FRAME = 1 / 30
QUEUED = 0.05
_HEADER = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class Packet:
    """What the receiver needs of a video packet."""

    timestamp: int
    marker: bool
    begins: bool
    key: bool


@dataclass(slots=True)
class Feedback:
    """What to send back now."""

    nacks: list[int] = field(default_factory=list)
    key_frame: bool = False


def payload_of(packet: bytes) -> int:
    """Where the payload of an RTP packet begins."""
    at = 12 + 4 * (packet[0] & 0x0F)
    return at + 4 + 4 * int.from_bytes(packet[at + 2 : at + 4], "big") if packet[0] & 0x10 else at


def video_packet(header: bytes, payload: bytes) -> Packet:
    """Read one video packet: RTP header, then VP8 descriptor with a 15-bit picture id at most."""
    _, second, _, timestamp, _ = _HEADER.unpack_from(header)
    at, begins = 1, bool(payload[0] & 0x10)
    if payload[0] & 0x80:
        flags, at = payload[1], 2
        if flags & 0x80:
            at += 2 if payload[at] & 0x80 else 1
        at += bool(flags & 0x40) + bool(flags & 0x30)
    return Packet(timestamp, bool(second & 0x80), begins, begins and not payload[at] & 1)


class Picture:
    """One video stream: order, repair, and when each picture could be shown."""

    def __init__(self) -> None:
        self._packets: dict[int, Packet] = {}
        self._highest: int | None = None
        self._next: int | None = None
        self._missing: dict[int, tuple[float, float, int]] = {}
        self._asked_at = float("-inf")
        self.shown: list[float] = []

    @property
    def highest(self) -> int:
        """The highest number so far, as a receiver report has it."""
        return self._highest or 0

    def extend(self, sequence: int) -> int:
        """Give a 16-bit number its place in the whole run."""
        if self._highest is None:
            return sequence + (1 << 16)
        return self._highest + (sequence - self._highest + (1 << 15)) % (1 << 16) - (1 << 15)

    def arrived(self, sequence: int, packet: Packet, now: float) -> None:
        """Take a packet, original or repaired."""
        number = self.extend(sequence)
        self._missing.pop(number, None)
        if self._next is not None and number < self._next:
            return
        self._packets[number] = packet
        if self._highest is None:
            self._highest = number
        for lost in range(self._highest + 1, number):
            self._missing[lost] = (now, float("-inf"), 0)
        self._highest = max(self._highest, number)
        self._show(now)

    def feedback(self, now: float) -> Feedback:
        """What to ask for now."""
        found = Feedback()
        for number, (since, asked, times) in list(self._missing.items()):
            if self._next is not None and number < self._next:
                del self._missing[number]
            elif now - since > HOPELESS:
                del self._missing[number]
                self._next = None
            elif now - asked >= NACK_EVERY and times < NACKS and self._next is not None:
                self._missing[number] = (since, now, times + 1)
                found.nacks.append(number & 0xFFFF)
        if self._next is None and now - self._asked_at >= PLI_EVERY:
            self._asked_at = now
            found.key_frame = True
        return found

    def _show(self, now: float) -> None:
        if self._next is None:
            self._next = self._key_frame()
        while self._next is not None:
            end = self._end_of(self._next)
            if end is None:
                return
            for number in range(self._next, end):
                del self._packets[number]
            self._next = end
            self.shown.append(now)

    def _key_frame(self) -> int | None:
        """The newest whole key frame that is here."""
        for number in sorted((n for n, packet in self._packets.items() if packet.key), reverse=True):
            if self._end_of(number) is not None:
                for older in [n for n in self._packets if n < number]:
                    del self._packets[older]
                self._missing = {n: what for n, what in self._missing.items() if n > number}
                return number
        return None

    def _end_of(self, number: int) -> int | None:
        while (packet := self._packets.get(number)) is not None:
            number += 1
            if packet.marker:
                return number
        return None


class Sound:
    """One audio stream: which packets came in time."""

    def __init__(self) -> None:
        self._highest: int | None = None
        self._first = 0
        self._in_time: set[int] = set()
        self._shortest = float("inf")

    def arrived(self, sequence: int, under_way: float) -> None:
        """Take a packet that was ``under_way`` for so many seconds."""
        number = sequence
        if self._highest is not None:
            number = self._highest + (sequence - self._highest + (1 << 15)) % (1 << 16) - (1 << 15)
        if self._highest is None:
            self._first = self._highest = number
        self._highest = max(self._highest, number)
        self._shortest = min(self._shortest, under_way)
        if under_way - self._shortest <= PLAYOUT:
            self._in_time.add(number)

    def gaps(self, at_least: int) -> tuple[float, int]:
        """The share of packets that were not there in time, and how often that many in a row were not."""
        if self._highest is None:
            return 1.0, 0
        expected = self._highest - self._first + 1
        runs, run = 0, 0
        for number in range(self._first, self._highest + 1):
            run = 0 if number in self._in_time else run + 1
            runs += run == at_least
        return 1 - len(self._in_time) / expected, runs


@dataclass(slots=True)
class Losses:
    """What receiver reports say of one SSRC; repairs have an SSRC of their own and do not count (RFC 3550, 6.4.1)."""

    first: int
    highest: int
    got: int = 0
    fraction: int = 0
    _expected: int = 0
    _got: int = 0

    def arrived(self, sequence: int) -> None:
        """Count a packet by its 16 bits."""
        self.got += 1
        ahead = (sequence - self.highest + (1 << 15)) % (1 << 16) - (1 << 15)
        self.highest += max(0, ahead)

    @property
    def total(self) -> int:
        """How many are lost so far."""
        return max(0, self.highest - self.first + 1 - self.got)

    def close(self) -> None:
        """End an interval: ``fraction`` is its loss, in 1/256."""
        expected = self.highest - self.first + 1
        since, got = expected - self._expected, self.got - self._got
        self._expected, self._got = expected, self.got
        self.fraction = min(255, max(0, since - got) * 256 // since) if since > 0 else 0


class Estimate:
    """What the downlink carries, from delay: back off when packets queue up, else grow slowly (as GCC's does)."""

    def __init__(self, start_bps: float) -> None:
        self.bps = start_bps
        self._shortest = float("inf")
        self._queued = 0.0
        self._bytes = 0
        self._since: float | None = None

    def arrived(self, size: int, under_way: float) -> None:
        """Take a packet of ``size`` bytes."""
        self._bytes += size
        self._shortest = min(self._shortest, under_way)
        self._queued += 0.1 * (under_way - self._shortest - self._queued)

    def update(self, now: float) -> int:
        """The estimate at ``now``; to be asked several times a second."""
        if self._since is not None and now > self._since:
            lasted = now - self._since
            rate = self._bytes * 8 / lasted
            if self._queued > QUEUED:
                self.bps = max(50_000.0, 0.85 * rate)
            else:
                # Little that comes is no reason to fall, only none to grow far beyond it.
                self.bps = max(self.bps, min(self.bps * 1.08**lasted, 1.5 * rate + 10_000))
        self._since, self._bytes = now, 0
        return int(self.bps)


def freezes(shown: Sequence[float], until: float) -> tuple[int, float]:
    """How often a picture stood still, and for how many seconds altogether."""
    count, seconds = 0, 0.0
    for before, after in zip(shown, [*shown[1:], until], strict=True):
        if after - before > FRAME + FREEZE:
            count += 1
            seconds += after - before
    return count, seconds
