"""Producers and consumers: the state that the router decides on."""

from __future__ import annotations

from dataclasses import dataclass, field

from .cache import PacketCache
from .offsets import SequenceLane
from .ortc import Incoming
from .reception import Reception

KEY_FRAME_INTERVAL = 0.5
"""Seconds between two key-frame requests to one publisher, however many subscribers ask."""
RETRANSMISSIONS_PER_TICK = 64


@dataclass(slots=True, eq=False)
class Producer:
    """One published stream. ``ssrc``, ``rtx_ssrc`` and ``cname`` are what subscribers know it by at first."""

    id: str
    peer: str
    transport: str
    source: str
    incoming: Incoming
    paused: bool
    ssrc: int
    rtx_ssrc: int
    cname: str
    reception: Reception
    cache: PacketCache = field(default_factory=PacketCache)
    consumers: dict[str, Consumer] = field(default_factory=dict)
    key_frame_wanted: bool = False
    key_frame_asked_at: float = float("-inf")

    @property
    def kind(self) -> str:
        """Audio or video."""
        return self.incoming.kind

    def want_key_frame(self) -> None:
        """Ask the publisher for a key frame as soon as the throttle allows."""
        if self.kind == "video":
            self.key_frame_wanted = True

    def key_frame_due(self, now: float) -> bool:
        """Tell whether to ask now, and note that it was asked."""
        if not self.key_frame_wanted or self.paused or now - self.key_frame_asked_at < KEY_FRAME_INTERVAL:
            return False
        # A lost request, or one to a publisher that was still connecting, is repeated until a picture begins.
        self.key_frame_wanted = any(consumer.awaits_key_frame for consumer in self.consumers.values())
        self.key_frame_asked_at = now
        return True

    def replace_ssrc(self, ssrc: int) -> None:
        """Follow a publisher that continues under another SSRC: its numbers and pictures begin anew."""
        self.reception = Reception(ssrc, self.incoming.clock_rate)
        self.cache.clear()
        for consumer in self.consumers.values():
            consumer.restart()
        self.want_key_frame()


@dataclass(slots=True, eq=False)
class Consumer:
    """One subscription of one transport to one producer. It begins paused.

    Its SSRCs are the producer's, so that all subscribers share their bytes, unless this transport has had those before:
    Chromium refuses an SSRC that a late packet has meanwhile led it to count among another section's.
    """

    id: str
    peer: str
    transport: str
    producer: Producer
    mid: str
    ssrc: int
    rtx_ssrc: int
    lane: SequenceLane
    paused: bool = True
    awaits_key_frame: bool = False
    retransmissions_left: int = RETRANSMISSIONS_PER_TICK

    def restart(self) -> None:
        """Continue from the next key frame (video) or packet (audio), without a gap in what the subscriber sees."""
        self.lane.realign()
        self.awaits_key_frame = not self.paused and self.producer.kind == "video"


@dataclass(slots=True, eq=False)
class Link:
    """What the router knows of one transport."""

    peer: str
    direction: str
    by_ssrc: dict[int, Producer] = field(default_factory=dict)
    producers: dict[str, Producer] = field(default_factory=dict)
    consumers: dict[str, Consumer] = field(default_factory=dict)
    by_outgoing_ssrc: dict[int, Consumer] = field(default_factory=dict)
    used_ssrcs: set[int] = field(default_factory=set)
    next_mid: int = 0
    available_bps: int | None = None

    def take_mid(self) -> str:
        """Return a mid that this transport never had before."""
        mid = str(self.next_mid)
        self.next_mid += 1
        return mid
