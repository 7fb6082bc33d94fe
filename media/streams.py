"""Producers and consumers: the state that the router decides on."""

from __future__ import annotations

from dataclasses import dataclass, field

from .allowance import Allowance
from .bandwidth import TOP_HEIGHT, Rank
from .cache import PacketCache
from .layers import KEY_FRAMES, Layer
from .offsets import Lane, Shifts
from .ortc import CODECS, Encoding, Incoming
from .reception import Reception
from .vp8 import Descriptor

_USUAL_BPS = (150_000.0, 450_000.0, 1_200_000.0)


@dataclass(slots=True, eq=False)
class Producer:
    """One published stream. ``ssrc``, ``rtx_ssrc`` and ``cname`` are what subscribers know it by at first.

    ``clock`` is (NTP time, timestamp) of one moment in the clock that subscribers see.
    """

    id: str
    peer: str
    transport: str
    source: str
    incoming: Incoming
    paused: bool
    height: int
    ssrc: int
    rtx_ssrc: int
    cname: str
    layers: list[Layer] = field(default_factory=list)
    consumers: dict[str, Consumer] = field(default_factory=dict)
    clock: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        self.layers = [self._layer(place, encoding) for place, encoding in enumerate(self.incoming.encodings)]

    @property
    def kind(self) -> str:
        """Audio or video."""
        return self.incoming.kind

    @property
    def rtx_type(self) -> int:
        """The payload type of retransmissions to subscribers."""
        return CODECS[self.incoming.codec].rtx_payload_type

    @property
    def layered(self) -> bool:
        """Whether the same picture comes in several sizes."""
        return len(self.layers) > 1

    def _layer(self, place: int, encoding: Encoding) -> Layer:
        return Layer(
            producer=self,
            rid=encoding.rid,
            payload_type=self.incoming.payload_type,
            canonical_type=CODECS[self.incoming.codec].payload_type,
            reception=Reception(encoding.ssrc or 0, self.incoming.clock_rate),
            place=place,
            rtx_ssrc=encoding.rtx_ssrc,
            cache=PacketCache() if self.kind == "video" else None,
            starts_key_frame=KEY_FRAMES[self.incoming.codec],
            aligned=len(self.incoming.encodings) == 1,
            rate_bps=_USUAL_BPS[place] if len(self.incoming.encodings) > 1 else 0.0,
        )


@dataclass(slots=True, eq=False)
class Consumer:
    """One subscription of one transport to one producer. It begins paused.

    Its SSRCs are the producer's, so that all subscribers share their bytes, unless this transport has had those before:
    Chromium refuses an SSRC that a late packet has meanwhile led it to count among another section's.

    ``layer`` is what it gets now, ``target`` the layer whose next key frame (sound: packet) it will begin with.
    """

    id: str
    peer: str
    transport: str
    link: Link
    producer: Producer
    mid: str
    ssrc: int
    rtx_ssrc: int
    lane: Lane
    paused: bool = True
    stopped: bool = False
    """Whether the producer or the room is paused."""
    rank: Rank = Rank.GRID
    height: int = TOP_HEIGHT
    """Lines of the tile that shows it."""
    held: bool = False
    """Whether it gets nothing because others need the subscriber's network more."""
    lacking_since: float | None = None
    risen_at: float = float("-inf")
    layer: Layer | None = None
    target: Layer | None = None
    time_shift: int = 0
    picture_shift: int = 0
    level_shift: int = 0
    again: Allowance = field(default_factory=Allowance)
    """What may still be sent again to it."""
    _timestamp: int | None = None
    _picture: int = 0
    _level: int = 0

    @property
    def wanted(self) -> bool:
        """Whether the subscriber would get packets if its network carried them."""
        return not (self.paused or self.stopped)

    @property
    def moved(self) -> bool:
        """Whether anything but the sequence number differs from the layer's own."""
        return bool(self.time_shift or self.picture_shift or self.level_shift)

    def aim(self, layer: Layer) -> None:
        """Go on with another layer from its next key frame; until then with the present one."""
        self._forget_target()
        if layer is self.layer:
            return
        self.target = layer
        layer.waiting.append(self)
        layer.want_key_frame()

    def let_go(self) -> None:
        """Get nothing of a larger layer while waiting for a smaller one: it would only push others off the line."""
        if self.layer is not None and self.target is not None and self.target.place < self.layer.place:
            self._end()

    def stop(self) -> None:
        """Get nothing from now on."""
        self._forget_target()
        self._end()

    def enter(self, index: int, timestamp: int, descriptor: Descriptor | None) -> None:
        """Begin with packet ``index`` of the target layer, with no gap in what the subscriber sees.

        ``timestamp`` is in the producer's clock.
        """
        layer = self.target
        if layer is None:
            return
        self._end()
        self._forget_target()
        shifts = Shifts()
        if self.producer.layered and self._timestamp is not None and descriptor is not None:
            behind = ((timestamp - self._timestamp) & 0xFFFFFFFF) - (1 << 32) * (
                (timestamp - self._timestamp) >> 31 & 1
            )
            shifts = Shifts(
                # The same moment may have been sent from the other layer already, and a time is told only once.
                time=max(0, 1 - behind),
                picture=(self._picture + 1 - descriptor.picture) & 0x7FFF if descriptor.picture_bits else 0,
                level=(self._level + 1 - descriptor.level) & 0xFF if descriptor.level_at else 0,
            )
        self.time_shift, self.picture_shift, self.level_shift = shifts
        self.layer = layer
        self.lane.begin(index, layer, shifts)
        layer.fanout.join(self)

    def _end(self) -> None:
        layer, self.layer = self.layer, None
        if layer is None:
            return
        layer.fanout.leave(self)
        self.lane.end(layer.index)
        self._timestamp = (layer.timestamp + self.time_shift) & 0xFFFFFFFF
        self._picture = layer.picture + self.picture_shift
        self._level = layer.level + self.level_shift

    def _forget_target(self) -> None:
        if self.target is not None:
            self.target.waiting.remove(self)
            self.target = None


@dataclass(slots=True, eq=False)
class Link:
    """What the router knows of one transport. ``direct`` is the engine's word that it may be served side by side."""

    transport: str
    peer: str
    direction: str
    direct: bool = False
    layers: dict[int, Layer] = field(default_factory=dict)
    """By the SSRC that they come under."""
    retransmitted: dict[int, Layer] = field(default_factory=dict)
    """By the SSRC of their retransmissions."""
    producers: dict[str, Producer] = field(default_factory=dict)
    consumers: dict[str, Consumer] = field(default_factory=dict)
    by_outgoing_ssrc: dict[int, Consumer] = field(default_factory=dict)
    used_ssrcs: set[int] = field(default_factory=set)
    next_mid: int = 0
    available_bps: int | None = None
    sight: bool = False
    """Whether whoever receives here signs or reads lips."""
    lost: float = 0.0
    """Of 256 packets, by its receiver's last reports."""
    lossy_at: float = float("-inf")
    """When that was last much, in the router's seconds."""
    again: int = 0
    """Bytes that were sent again."""
    spare_bps: float = float("inf")
    """For each picture: what a line that loses is believed to carry beyond what is being sent."""
    asked: int = 0
    """Packets that its receiver has asked for again since ``asked_since``."""
    asked_since: float = float("-inf")

    def take_mid(self) -> str:
        """Return a mid that this transport never had before."""
        mid = str(self.next_mid)
        self.next_mid += 1
        return mid
