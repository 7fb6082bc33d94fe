"""One room's subscribers, each steered to what its network carries: estimates in, layers, holds and probes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .bandwidth import Rank, Share, Wish, allocate, useful_layers
from .probe import Prober
from .repair import PADDING_SIZE
from .streams import Consumer, Link

INTERVAL = 0.2
"""Seconds between two looks at a subscriber without a new estimate."""
FIRST_ESTIMATE_BPS = 1_000_000
"""Taken for granted until a subscriber's browser has an estimate of its own."""
RISE_AFTER = 1.0
"""Seconds between two steps up of one consumer, so that the estimate can answer to the first."""

_PROBE_PACKETS = 100  # in one tick at most: 5 Mbit/s


@dataclass(slots=True)
class _Course:
    prober: Prober = field(default_factory=Prober)
    looked_at: float = float("-inf")
    share: Share | None = None
    debt: float = 0.0


class Steering:
    """Decides for every link of a room. ``held(consumer)`` is told of each consumer that is held or goes on."""

    def __init__(self, held: Callable[[Consumer], None]) -> None:
        self._held = held
        self._courses: dict[str, _Course] = {}

    def forget(self, transport: str) -> None:
        """Forget a link."""
        self._courses.pop(transport, None)

    def look(self, link: Link, now: float) -> None:
        """Move a link's consumers to the layers that fit now."""
        course = self._courses.setdefault(link.transport, _Course())
        course.looked_at = now
        wishes = [_wish(consumer, now) for consumer in link.consumers.values() if consumer.wanted]
        estimate = link.available_bps if link.available_bps is not None else FIRST_ESTIMATE_BPS
        course.share = allocate(estimate, wishes, sight=link.sight)
        for consumer in link.consumers.values():
            if consumer.wanted:
                self._apply(consumer, course.share.places.get(consumer.id), now)

    def tick(self, link: Link, seconds: float, now: float) -> list[Consumer]:
        """Look again when it is time; return the consumers on whose RTX streams padding is to be sent as a probe."""
        course = self._courses.setdefault(link.transport, _Course())
        if now - course.looked_at >= INTERVAL:
            self.look(link, now)
        if course.share is None or link.available_bps is None:
            return []
        sent = sum(each.layer.rate_bps for each in link.consumers.values() if each.layer is not None)
        rate = course.prober.rate(link.available_bps, sent, course.share.missing_bps, now)
        carrier = next((each for each in link.consumers.values() if each.producer.kind == "video"), None)
        if not rate or carrier is None:
            course.debt = 0.0
            return []
        packets, course.debt = divmod(course.debt + rate * seconds, 8 * PADDING_SIZE)
        return [carrier] * min(int(packets), _PROBE_PACKETS)

    def _apply(self, consumer: Consumer, place: int | None, now: float) -> None:
        layers = consumer.producer.layers
        if place is None:
            if consumer.rank is not Rank.HIDDEN and not any(each.active(now) for each in layers):
                place = 0  # nothing comes from the publisher yet: whoever wants it waits for its first key frame
            else:
                self._hold(consumer, consumer.rank is not Rank.HIDDEN)
                return
        if consumer.held:
            consumer.held = False
            self._held(consumer)
        layer = layers[place]
        present = consumer.layer or consumer.target
        if present is None:
            consumer.aim(layer)
        elif layer.place > present.place:
            if now - consumer.risen_at >= RISE_AFTER and consumer.target is not layer:
                consumer.risen_at = now
                consumer.aim(layer)
        elif consumer.target is not layer and (layer.place < present.place or consumer.target is not None):
            consumer.aim(layer)

    def _hold(self, consumer: Consumer, notice: bool) -> None:
        consumer.stop()
        if notice and not consumer.held:
            consumer.held = True
            self._held(consumer)


def _wish(consumer: Consumer, now: float) -> Wish:
    producer = consumer.producer
    video = producer.kind == "video"
    rates = {layer.place: layer.rate_bps for layer in producer.layers if layer.active(now)}
    present = consumer.layer or consumer.target
    return Wish(
        id=consumer.id,
        video=video,
        rank=consumer.rank,
        rates_bps=rates,
        most=useful_layers(consumer.height, len(producer.layers), producer.height),
        now=present.place if present is not None else None,
    )
