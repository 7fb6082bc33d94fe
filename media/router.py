"""One room's forwarding decisions: which packet goes to whom, under which numbers, and what feedback goes back.

It reads no clock and no socket: every call takes ``now`` (seconds of one steady clock). What is to be sent one by one
gathers until :meth:`Router.take`; what goes to many at once is given to ``spread``.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from .bandwidth import RANKS, TOP_HEIGHT
from .control import Json, MediaError
from .feedback import Feedback
from .forward import OWN_SSRC, Forwarder, Outgoing, Spread
from .memory import Memory
from .offsets import Lane
from .ortc import SOURCES, consumer_parameters, read_rtp_parameters
from .quality import LineNow, Quality, Since, Watch, added, share
from .repair import Repair, padding
from .steer import Steering, smaller
from .streams import Consumer, Link, Producer
from .twcc import FEEDBACK_INTERVAL

MAX_PRODUCERS = 16
MAX_CONSUMERS = 256
MAX_SUBSCRIBERS = 512
"""Of one producer: its packet is laid out for all of them side by side, and there are so many slots."""
MAX_HEIGHT = 10_000
Take = Callable[[Memory, int, int, float, float], None]
_FIRST_SSRC = 1 << 16  # below it lie the clients' own constants: anchor 1111, probator 1234


class Router:
    """Producers and consumers of one room."""

    def __init__(
        self,
        counters: Counter[str],
        spread: Spread,
        on_outgoing: Callable[[Router], None],
        on_hold: Callable[[str, str, bool], None] = lambda _peer, _consumer, _held: None,
    ) -> None:
        """``spread`` gets what goes to many at once; ``on_outgoing(router)`` hears that :meth:`take` has something.

        ``on_hold(peer, consumer, held)`` hears of each consumer that is held for want of bandwidth, or goes on.
        """
        self._on_outgoing = on_outgoing
        self._on_hold = on_hold
        self._counters = counters
        self._links: dict[str, Link] = {}
        self._feedback: dict[str, Feedback] = {}
        self._producers: dict[str, Producer] = {}
        self._consumers: dict[str, Consumer] = {}
        self._ssrcs: set[int] = set()
        self._outgoing: list[Outgoing] = []
        self._forwarder = Forwarder(counters, self._out, spread)
        self._repair = Repair(counters, self._out)
        self._steering = Steering(self._on_held)
        self._sighted: set[str] = set()
        self._asked: dict[str, tuple[Since, Since]] = {}
        self._now = 0.0

    @property
    def size(self) -> Counter[str]:
        """How many producers and consumers there are, and how many peers they and their transports are of."""
        peers = len({link.peer for link in self._links.values()})
        return Counter(peers=peers, producers=len(self._producers), consumers=len(self._consumers))

    @property
    def cache_octets(self) -> int:
        """Bytes of packets held for those who may have lost them."""
        layers = (layer for producer in self._producers.values() for layer in producer.layers)
        return sum(layer.cache.octets for layer in layers if layer.cache is not None)

    # -- what the server asks for

    def open_link(self, transport: str, peer: str, direction: str) -> None:
        """Make a transport known."""
        self._links[transport] = Link(transport, peer, direction, sight=peer in self._sighted)
        if direction == "send":
            self._feedback[transport] = Feedback(OWN_SSRC)

    def link_ready(self, transport: str) -> None:
        """Begin every subscription of a transport anew: what was forwarded before its handshake ended never left."""
        if link := self._links.get(transport):
            self._restart(link.consumers.values())

    def link_direct(self, transport: str, *, direct: bool) -> None:
        """Serve a transport's consumers side by side with others from now on, or one packet at a time.

        To be called as well when the way of a direct one has changed.
        """
        link = self._links.get(transport)
        if link is None:
            return
        link.direct = direct
        for consumer in link.consumers.values():
            if consumer.layer is not None:
                consumer.layer.fanout.changed()

    def close_link(self, transport: str, path: str | None = None) -> list[Producer]:
        """Forget a transport with everything on it, which went by ``path``; return the producers that ended."""
        link = self._links.pop(transport, None)
        if link is None:
            return []
        ended = list(link.producers.values())
        for producer in ended:
            self.close_producer(producer.id)
        for consumer in list(link.consumers.values()):
            self.close_consumer(consumer.id)
        self._feedback.pop(transport, None)
        self._steering.forget(transport)
        if path is not None:
            self._repair.watches[link.peer].path = path
        return ended

    def forget(self, peer: str) -> None:
        """Forget how the network of a peer did that has gone. Its transports may come and go without."""
        self._repair.watches.pop(peer, None)
        self._asked.pop(peer, None)

    def create_producer(
        self,
        peer: str,
        transport: str,
        kind: str,
        source: str,
        parameters: object,
        *,
        paused: bool,
        height: int = TOP_HEIGHT,
    ) -> str:
        """Take a stream; return its id. Raises :class:`MediaError`."""
        link = self._own_link(peer, transport, "send")
        if source not in SOURCES:
            raise MediaError("bad_parameters", f"source: expected one of {', '.join(SOURCES)}")
        incoming = read_rtp_parameters(kind, parameters)
        claimed = {ssrc for each in incoming.encodings for ssrc in (each.ssrc, each.rtx_ssrc) if ssrc is not None}
        if claimed & (link.layers.keys() | link.retransmitted.keys()):
            raise MediaError("bad_parameters", "encodings: this transport already carries that ssrc")
        if len(link.producers) >= MAX_PRODUCERS:
            raise MediaError("limit_reached", f"at most {MAX_PRODUCERS} producers a transport")
        producer = Producer(
            id=secrets.token_hex(8),
            peer=peer,
            transport=transport,
            source=source,
            incoming=incoming,
            paused=paused,
            height=height,
            ssrc=self._new_ssrc(),
            rtx_ssrc=self._new_ssrc(),
            cname=secrets.token_hex(8),
        )
        self._producers[producer.id] = link.producers[producer.id] = producer
        for layer, encoding in zip(producer.layers, incoming.encodings, strict=True):
            if encoding.ssrc is not None:
                link.layers[encoding.ssrc] = layer
            if encoding.rtx_ssrc is not None:
                link.retransmitted[encoding.rtx_ssrc] = layer
        return producer.id

    def close_producer(self, producer_id: str) -> None:
        """End a stream and its consumers."""
        producer = self._producer(producer_id)
        del self._producers[producer_id]
        for consumer in list(producer.consumers.values()):
            self.close_consumer(consumer.id)
        watch = self._repair.watches[producer.peer]
        for layer in producer.layers:
            watch.ended_up = added(watch.ended_up, layer.totals)
        link = self._links.get(producer.transport)
        if link is not None:
            del link.producers[producer_id]
            for known in (link.layers, link.retransmitted):
                for ssrc in [ssrc for ssrc, layer in known.items() if layer.producer is producer]:
                    del known[ssrc]

    def pause_producer(self, producer_id: str, *, paused: bool) -> None:
        """Stop or restart a stream for everybody."""
        producer = self._producer(producer_id)
        if producer.paused != paused:
            producer.paused = paused
            self._restart(producer.consumers.values())

    def create_consumer(self, peer: str, transport: str, producer_id: str, *, vp9: bool = False) -> Json:
        """Subscribe a transport to a stream, paused; return what the client's ``consume()`` takes."""
        link = self._own_link(peer, transport, "recv")
        producer = self._producer(producer_id)
        if producer.incoming.codec == "vp9" and not vp9:
            raise MediaError("cannot_decode", "this peer does not take vp9")
        if any(consumer.producer is producer for consumer in link.consumers.values()):
            raise MediaError("already_consumed", "this transport already has a consumer of that producer")
        if len(link.consumers) >= MAX_CONSUMERS:
            raise MediaError("limit_reached", f"at most {MAX_CONSUMERS} consumers a transport")
        if len(producer.consumers) >= MAX_SUBSCRIBERS:
            raise MediaError("limit_reached", f"at most {MAX_SUBSCRIBERS} consumers a producer")
        ssrc, rtx_ssrc = producer.ssrc, producer.rtx_ssrc
        if ssrc in link.used_ssrcs:
            ssrc, rtx_ssrc = self._new_ssrc(), self._new_ssrc()
        link.used_ssrcs.add(ssrc)
        consumer = Consumer(
            id=secrets.token_hex(8),
            peer=peer,
            transport=transport,
            link=link,
            producer=producer,
            mid=link.take_mid(),
            ssrc=ssrc,
            rtx_ssrc=rtx_ssrc,
            lane=Lane(ssrc & 0x3FFF),
        )
        self._consumers[consumer.id] = link.consumers[consumer.id] = producer.consumers[consumer.id] = consumer
        link.by_outgoing_ssrc[ssrc] = consumer
        return {
            "id": consumer.id,
            "producerId": producer.id,
            "kind": producer.kind,
            "rtpParameters": consumer_parameters(producer.incoming.codec, consumer.mid, ssrc, rtx_ssrc, producer.cname),
            "paused": True,
        }

    def close_consumer(self, consumer_id: str) -> None:
        """End a subscription."""
        consumer = self._consumer(consumer_id)
        del self._consumers[consumer_id]
        consumer.stop()
        self._repair.watches[consumer.peer].ended(consumer_id)
        consumer.producer.consumers.pop(consumer_id, None)
        link = self._links.get(consumer.transport)
        if link is not None:
            link.consumers.pop(consumer_id, None)
            link.by_outgoing_ssrc.pop(consumer.ssrc, None)

    def pause_consumer(self, consumer_id: str, *, paused: bool) -> None:
        """Stop or restart one subscription."""
        consumer = self._consumer(consumer_id)
        if consumer.paused != paused:
            consumer.paused = paused
            self._restart([consumer])

    def pause(self, *, paused: bool) -> None:
        """Stop or restart everything; each producer and consumer keeps its own pause."""
        if self._forwarder.paused != paused:
            self._forwarder.paused = self._repair.paused = paused
            self._restart(self._consumers.values())

    def _restart(self, consumers: Iterable[Consumer]) -> None:
        """End what these consumers get, and let those that may get something begin anew."""
        links: dict[str, Link] = {}
        for consumer in consumers:
            consumer.stop()
            consumer.held = False
            consumer.stopped = consumer.producer.paused or self._forwarder.paused
            links[consumer.transport] = consumer.link
        for link in links.values():
            self._steering.look(link, self._now)

    def prefer(self, consumer_id: str, height: int, rank: str) -> None:
        """Note how large a consumer is shown, and how much it is needed. Raises :class:`MediaError`."""
        consumer = self._consumer(consumer_id)
        if rank not in RANKS or not 0 <= height <= MAX_HEIGHT:
            raise MediaError("bad_parameters", f"expected a height up to {MAX_HEIGHT} and a rank")
        consumer.height, consumer.rank = height, RANKS[rank]
        self._steering.look(consumer.link, self._now)

    def need(self, peer: str, *, sight: bool) -> None:
        """Note whether a peer signs or reads lips."""
        (self._sighted.add if sight else self._sighted.discard)(peer)
        for link in self._links.values():
            if link.peer == peer:
                link.sight = sight
                self._steering.look(link, self._now)

    def _on_held(self, consumer: Consumer) -> None:
        self._counters["held" if consumer.held else "unheld"] += 1
        self._on_hold(consumer.peer, consumer.id, consumer.held)

    # -- what arrives

    def taker(self, transport: str) -> Take:
        """Return what takes a transport's decrypted RTP packets: ``take(memory, at, size, now, arrived)``."""
        link, feedback = self._links.get(transport), self._feedback.get(transport)
        if link is None or feedback is None:
            return self._refuse
        return partial(self._forwarder.on_rtp, link, feedback.arrivals)

    def _refuse(self, _memory: Memory, _at: int, _size: int, _now: float, _arrived: float) -> None:
        self._counters["rtp_unexpected"] += 1

    def on_rtcp(self, transport: str, data: bytes, now: float) -> None:
        """Decide on one decrypted RTCP packet."""
        link = self._links.get(transport)
        if link is not None and self._repair.on_rtcp(link, data, now) and link.available_bps is not None:
            self._steering.estimated(link, link.available_bps, now)

    def take(self) -> list[Outgoing]:
        """Return what has gathered to be sent one by one."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def tick(self, now: float) -> None:
        """Gather the feedback that is due; to be called every ``twcc.FEEDBACK_INTERVAL``."""
        self._now = now
        for transport, feedback in self._feedback.items():
            producers = list(self._links[transport].producers.values())
            for packet in feedback.due(producers, now):
                self._out(transport, True, packet)
            for producer in producers:
                self._forwarder.ask_again(producer, now)
                for layer in producer.layers:
                    layer.measure(now)
                    self._repair.ask_key_frame(layer, now)
        for link in self._links.values():
            if link.consumers:
                for carrier in self._steering.tick(link, FEEDBACK_INTERVAL, now):
                    self._counters["padding_out"] += 1
                    self._out(link.transport, False, padding(carrier, now))
        for consumer in self._consumers.values():
            rate = consumer.layer.rate_bps if consumer.layer else 0.0
            consumer.again.grow(rate, FEEDBACK_INTERVAL, consumer.link.spare_bps)

    def _out(self, transport: str, is_rtcp: bool, packet: bytes) -> None:
        if not self._outgoing:
            self._on_outgoing(self)
        self._outgoing.append(Outgoing(transport, is_rtcp, packet))

    # -- look-ups

    def quality(self, peer: str, path: str | None) -> Quality | None:
        """Return how a peer's network has carried its packets so far; None when there were none."""
        links = [link for link in self._links.values() if link.peer == peer]
        layers = [layer for link in links for producer in link.producers.values() for layer in producer.layers]
        watch = self._repair.watches.get(peer, Watch())
        up = share([watch.ended_up, *(layer.totals for layer in layers)])
        if up is None and not watch.packets:
            return None
        return Quality(
            lost_up=up,
            lost_down=share([(watch.lost, watch.packets)]),
            round_trip_s=watch.round_trip_s,
            worst_round_trip_s=watch.worst_round_trip_s,
            jitter_s=max([watch.jitter_s, *(layer.reception.jitter_s for layer in layers)]),
            bitrate_up_bps=sum(layer.rate_bps for layer in layers),
            available_down_bps=next((link.available_bps for link in links if link.available_bps is not None), None),
            path=path or watch.path,
        )

    def line(self, peer: str, path: str | None) -> LineNow:
        """Return how a peer's network does now; what was lost is counted since this was last called for the peer."""
        links = [link for link in self._links.values() if link.peer == peer]
        layers = [layer for link in links for producer in link.producers.values() for layer in producer.layers]
        consumers = [consumer for link in links for consumer in link.consumers.values()]
        watch = self._repair.watches.get(peer, Watch())
        up, down = self._asked.setdefault(peer, (Since(), Since()))
        return LineNow(
            path=path,
            lost_up=up.share([watch.ended_up, *(layer.totals for layer in layers)]),
            lost_down=down.share([(watch.lost, watch.packets)]),
            round_trip_s=watch.round_trip_s,
            jitter_s=max([watch.jitter_s, *(layer.reception.jitter_s for layer in layers)]),
            up_bps=sum(layer.rate_bps for layer in layers),
            down_bps=sum(each.layer.rate_bps for each in consumers if each.layer is not None),
            available_down_bps=next((link.available_bps for link in links if link.available_bps is not None), None),
            smaller=sum(smaller(each, self._now) for each in consumers),
            held=sum(each.held for each in consumers),
        )

    def _own_link(self, peer: str, transport: str, direction: str) -> Link:
        link = self._links.get(transport)
        if link is None or link.peer != peer:
            raise MediaError("unknown_transport", "no such transport of this peer")
        if link.direction != direction:
            raise MediaError("wrong_direction", f"expected a {direction} transport")
        return link

    def _producer(self, producer_id: str) -> Producer:
        try:
            return self._producers[producer_id]
        except KeyError:
            raise MediaError("unknown_producer", "no such producer in this room") from None

    def _consumer(self, consumer_id: str) -> Consumer:
        try:
            return self._consumers[consumer_id]
        except KeyError:
            raise MediaError("unknown_consumer", "no such consumer in this room") from None

    def _new_ssrc(self) -> int:
        while True:
            ssrc = _FIRST_SSRC + secrets.randbelow((1 << 31) - _FIRST_SSRC)
            if ssrc not in self._ssrcs:
                # Never given out twice in a room: a closed producer's numbers must not continue under another's key.
                self._ssrcs.add(ssrc)
                return ssrc
