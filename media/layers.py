"""One incoming encoding of a producer, made regular: a growing index, the producer's own clock, packets kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import vp8, vp9
from .cache import PacketCache
from .fanout import Fanout
from .quality import added
from .reception import Reception
from .rtp import ExtensionLayout, Readable

if TYPE_CHECKING:
    from .streams import Consumer, Producer

KEY_FRAME_INTERVAL = 0.5
"""Seconds between two key-frame requests to one encoding, however many subscribers ask."""
ACTIVE_FOR = 1.0
"""Seconds without a packet after which nobody is sent to a layer."""

_MAX_JUMP = 1 << 13  # a publisher's own gap beyond this is closed like a pause
_REORDERING = 1 << 10  # how far back a late packet may lie
_RATE_WINDOW = 0.5
_CLOCK_RATE = 90_000


def _begins_anywhere(_data: Readable, _at: int, _end: int) -> bool:
    return True


StartsKeyFrame = Callable[[Readable, int, int], bool]

KEY_FRAMES: dict[str, StartsKeyFrame] = {
    "opus": _begins_anywhere,
    "vp8": vp8.starts_key_frame,
    "vp9": vp9.starts_key_frame,
}
"""By codec: whether a subscriber can begin with the payload between two places."""


@dataclass(slots=True, eq=False)
class Layer:
    """``index`` counts its packets without wrapping; ``time_shift`` brings its timestamps to the producer's clock."""

    producer: Producer
    rid: str
    payload_type: int
    """As the publisher has it."""
    canonical_type: int
    """As subscribers have it."""
    reception: Reception
    place: int = 0
    """Among the producer's layers, the smallest picture first."""
    rtx_ssrc: int | None = None
    cache: PacketCache | None = None
    starts_key_frame: StartsKeyFrame = vp8.starts_key_frame
    fanout: Fanout = field(default_factory=Fanout)
    waiting: list[Consumer] = field(default_factory=list)
    layouts: dict[int, ExtensionLayout] = field(default_factory=dict)
    index: int = 0
    time_shift: int = 0
    aligned: bool = False
    timestamp: int = 0
    picture: int = 0
    level: int = 0
    octets: int = 0
    rate_bps: float = 0.0
    """Measured; until then, what browsers usually send in a layer of this size."""
    heard_at: float = float("-inf")
    earlier: tuple[int, int] = (0, 0)
    """Packets (lost, expected) of the SSRCs that it came under before."""
    reported_at: float = float("-inf")
    """When a sender report of it was handed on."""
    key_frame_wanted: bool = False
    key_frame_asked_at: float = float("-inf")
    base: int | None = None
    """What makes an index out of a packet's number; None before the first."""
    _measured_at: float = float("-inf")
    _measured_octets: int = 0

    def number(self, extended: int) -> tuple[int, bool]:
        """Return (index, newest) of the packet that its 16-bit numbers count as ``extended``; -1 when far too old."""
        if self.base is None:
            self.base = self.index + 1 - extended
        index = extended + self.base
        ahead = index - self.index
        if ahead > 0:
            if ahead > _MAX_JUMP:
                self.base -= ahead - 1
                index = self.index + 1
            self.index = index
            return index, True
        return (index if ahead > -_REORDERING else -1), False

    @property
    def totals(self) -> tuple[int, int]:
        """How many of its packets were lost on their way here, and how many were expected."""
        return added(self.earlier, self.reception.totals)

    def active(self, now: float) -> bool:
        """Tell whether the publisher sends this layer, and in a clock that we know."""
        return self.aligned and now - self.heard_at < ACTIVE_FOR

    def measure(self, now: float) -> None:
        """Work out the bit rate of the last half second; to be called on every tick."""
        elapsed = now - self._measured_at
        if elapsed < _RATE_WINDOW:
            return
        bits = 8 * (self.octets - self._measured_octets)
        if self._measured_at > 0:
            self.rate_bps += (bits / elapsed - self.rate_bps) / 2
        self._measured_at, self._measured_octets = now, self.octets

    def sender_reported(self, ntp: int, rtp_timestamp: int) -> None:
        """Bring this layer's clock to the producer's by the wall-clock time that both name (RFC 3550, 6.4.1)."""
        clock = self.producer.clock
        if not self.aligned:
            if clock is None:
                return
            since = ((ntp - clock[0] + (1 << 63)) % (1 << 64)) - (1 << 63)
            self.time_shift = (clock[1] + (since * _CLOCK_RATE >> 32) - rtp_timestamp) & 0xFFFFFFFF
            self.aligned = True
        if len(self.producer.layers) > 1:
            self.producer.clock = (ntp, (rtp_timestamp + self.time_shift) & 0xFFFFFFFF)

    def restarted(self, ssrc: int) -> None:
        """Follow a publisher that continues under another SSRC: its numbers and pictures begin anew."""
        self.earlier = self.totals
        self.reception = Reception(ssrc, self.producer.incoming.clock_rate)
        self.base = None
        if len(self.producer.layers) > 1:
            self.aligned = False
            self.time_shift = 0

    def want_key_frame(self) -> None:
        """Ask the publisher for a key frame as soon as the throttle allows."""
        if self.cache is not None:
            self.key_frame_wanted = True

    def key_frame_due(self, now: float) -> bool:
        """Tell whether to ask now, and note that it was asked."""
        if not self.key_frame_wanted or self.producer.paused or now - self.key_frame_asked_at < KEY_FRAME_INTERVAL:
            return False
        # A lost request, or one to a publisher that was still connecting, is repeated until a picture begins.
        self.key_frame_wanted = bool(self.waiting)
        self.key_frame_asked_at = now
        return True
