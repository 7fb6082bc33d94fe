"""One room's subscribers, each steered to what its network carries: estimates in, layers, holds and probes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .bandwidth import Rank, Share, Wish, allocate, useful_layers
from .estimate import Belief
from .probe import Prober
from .repair import PADDING_SIZE
from .streams import Consumer, Link

INTERVAL = 0.2
"""Seconds between two looks at a subscriber without a new estimate."""
HOLD_AFTER = 3.0
"""Seconds for which a stream must not have fitted before it is held: one bad moment takes nobody's face away."""
LOSS_COUNTS = 3.0
"""Seconds for which reported loss bears an estimate out. A browser that is short of time estimates as low as one on a
weak line, but loses nothing; a line that is too weak does lose."""
LITTLE_LOST = 5
"""Of 256 packets: a line that loses less carries what it is sent."""
OVERLOAD = 1.3
"""How many times what is believed must be being sent for a larger layer to end before the smaller one has begun."""
RISE_AFTER = 1.0
"""Seconds between two steps up of one consumer, so that the estimate can answer to the first."""
REPAIR_WINDOW = 0.5
"""Seconds over which is measured how much is sent again."""

_PROBE_PACKETS = 100  # in one tick at most: 5 Mbit/s


@dataclass(slots=True)
class _Course:
    belief: Belief = field(default_factory=Belief)
    prober: Prober = field(default_factory=Prober)
    padding_bps: float = 0.0
    looked_at: float = float("-inf")
    again: int = 0
    again_at: float = float("-inf")
    again_bps: float = 0.0
    share: Share | None = None
    debt: float = 0.0

    def measure(self, link: Link, now: float) -> float:
        """Return what is being sent to a link, repair with it: a browser's estimate is about both."""
        if now - self.again_at >= REPAIR_WINDOW:
            rate = 8 * (link.again - self.again) / (now - self.again_at)
            self.again_bps += (rate - self.again_bps) / 2
            self.again, self.again_at = link.again, now
        return _rate(link) + self.again_bps


class Steering:
    """Decides for every link of a room. ``held(consumer)`` is told of each consumer that is held or goes on."""

    def __init__(self, held: Callable[[Consumer], None]) -> None:
        self._held = held
        self._courses: dict[str, _Course] = {}

    def forget(self, transport: str) -> None:
        """Forget a link."""
        self._courses.pop(transport, None)

    def _course(self, link: Link) -> _Course:
        found = self._courses.get(link.transport)
        if found is None:
            found = self._courses[link.transport] = _Course()
        return found

    def estimated(self, link: Link, estimate_bps: float, now: float) -> None:
        """Take the estimate of a link's browser."""
        self._course(link).belief.heard(estimate_bps, losing=_losing(link, now))
        self.look(link, now)

    def look(self, link: Link, now: float) -> None:
        """Move a link's consumers to the layers that fit now."""
        course = self._course(link)
        course.looked_at = now
        sent = course.measure(link, now)
        # Here and not on the ticks: while a browser reports ten times a second, no tick is left to look.
        course.belief.sent(sent + course.padding_bps, now)
        losing = _losing(link, now)
        served = sum(each.layer is not None for each in link.consumers.values() if each.producer.kind == "video")
        link.spare_bps = max(0.0, course.belief.bps - sent) / max(1, served) if losing else float("inf")
        if course.padding_bps and link.lost < LITTLE_LOST and not losing and course.prober.stands(now):
            course.belief.arrived()
        wishes = [_wish(consumer, now) for consumer in link.consumers.values() if consumer.wanted]
        course.share = allocate(course.belief.bps, wishes, sight=link.sight, losing=losing)
        overloaded = losing and sent > OVERLOAD * course.belief.bps
        for consumer in link.consumers.values():
            if consumer.wanted:
                self._apply(consumer, course.share.places.get(consumer.id), now)
            if overloaded and not (link.sight and consumer.rank <= Rank.SPEAKER):
                consumer.let_go()

    def tick(self, link: Link, seconds: float, now: float) -> list[Consumer]:
        """Look again when it is time; return the consumers on whose RTX streams padding is to be sent as a probe."""
        course = self._course(link)
        looking = now - course.looked_at >= INTERVAL
        if not looking and not course.padding_bps and (course.share is None or course.share.missing_bps is None):
            return []  # nearly always: nobody lacks anything
        if looking:
            self.look(link, now)
        if course.share is None:
            return []
        # On a line that loses a tenth, padding would take the place of sound.
        losing = _losing(link, now)
        belief, missing = course.belief, course.share.missing_bps
        sent, heard = course.measure(link, now), belief.estimate_bps
        rate = 0.0 if losing else course.prober.rate(belief.bps, sent, missing, now, heard)
        course.padding_bps = rate
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
            elif consumer.rank is Rank.HIDDEN:
                consumer.stop()
                return
            else:
                place = self._hold(consumer, now)
                if place is None:
                    return
        else:
            consumer.lacking_since = None
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

    def _hold(self, consumer: Consumer, now: float) -> int | None:
        """Hold a consumer that has not fitted for long enough; until then return the place of its smallest layer."""
        if consumer.lacking_since is None:
            consumer.lacking_since = now
        losing = _losing(consumer.link, now)
        if not consumer.held and not (losing and now - consumer.lacking_since >= HOLD_AFTER):
            active = [each.place for each in consumer.producer.layers if each.active(now)]
            return min(active, default=0)
        consumer.stop()
        if not consumer.held:
            consumer.held = True
            self._held(consumer)
        return None


def _losing(link: Link, now: float) -> bool:
    return now - link.lossy_at <= LOSS_COUNTS


def _rate(link: Link) -> float:
    """Return what is being sent to a link, without repair."""
    return sum(each.layer.rate_bps for each in link.consumers.values() if each.layer is not None)


def smaller(consumer: Consumer, now: float) -> bool:
    """Tell whether a consumer is sent a smaller layer than its tile would have, of those that come."""
    producer, layer = consumer.producer, consumer.layer
    if layer is None or not producer.layered:
        return False
    most = useful_layers(consumer.height, len(producer.layers), producer.height)
    return any(layer.place < each.place <= most for each in producer.layers if each.active(now))


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
