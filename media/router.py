"""One room's forwarding decisions: which packet goes to whom, under which numbers, and what feedback goes back.

It reads no clock and no socket: every call takes ``now`` (seconds of one steady clock) and returns what to send.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from . import rtcp, rtp
from .cache import Kept
from .control import Json, MediaError
from .feedback import Feedback
from .offsets import SequenceLane
from .ortc import ABS_SEND_TIME_ID, OPUS, RTX, SOURCES, VP8, consumer_parameters, read_rtp_parameters
from .parsing import ParseError
from .reception import Reception
from .streams import RETRANSMISSIONS_PER_TICK, Consumer, Link, Producer

OWN_SSRC = 1
"""The SSRC of our own feedback; we never send media under it."""
MAX_PRODUCERS = 16
MAX_CONSUMERS = 256
_FIRST_SSRC = 1 << 16  # below it lie the clients' own constants: anchor 1111, probator 1234


class Outgoing(NamedTuple):
    """A plain packet to be encrypted for and sent over a transport."""

    transport: str
    rtcp: bool
    packet: bytes


class Router:
    """Producers and consumers of one room."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._links: dict[str, Link] = {}
        self._feedback: dict[str, Feedback] = {}
        self._producers: dict[str, Producer] = {}
        self._consumers: dict[str, Consumer] = {}
        self._ssrcs: set[int] = set()
        self._paused = False

    @property
    def size(self) -> Counter[str]:
        """How many producers and consumers there are."""
        return Counter(producers=len(self._producers), consumers=len(self._consumers))

    # -- what the server asks for

    def open_link(self, transport: str, peer: str, direction: str) -> None:
        """Make a transport known."""
        self._links[transport] = Link(peer, direction)
        if direction == "send":
            self._feedback[transport] = Feedback(OWN_SSRC)

    def link_ready(self, transport: str) -> None:
        """Begin every subscription of a transport anew: what was forwarded before its handshake ended never left."""
        if link := self._links.get(transport):
            self._restart(link.consumers.values())

    def close_link(self, transport: str) -> list[Producer]:
        """Forget a transport with everything on it; return the producers that ended."""
        link = self._links.pop(transport, None)
        if link is None:
            return []
        ended = list(link.producers.values())
        for producer in ended:
            self.close_producer(producer.id)
        for consumer in list(link.consumers.values()):
            self.close_consumer(consumer.id)
        self._feedback.pop(transport, None)
        return ended

    def create_producer(
        self, peer: str, transport: str, kind: str, source: str, parameters: object, *, paused: bool
    ) -> str:
        """Take a stream; return its id. Raises :class:`MediaError`."""
        link = self._own_link(peer, transport, "send")
        if source not in SOURCES:
            raise MediaError("bad_parameters", f"source: expected one of {', '.join(SOURCES)}")
        incoming = read_rtp_parameters(kind, parameters)
        claimed = [ssrc for ssrc in (incoming.ssrc, incoming.rtx_ssrc) if ssrc is not None]
        if any(ssrc in link.by_ssrc for ssrc in claimed):
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
            ssrc=self._new_ssrc(),
            rtx_ssrc=self._new_ssrc(),
            cname=secrets.token_hex(8),
            reception=Reception(incoming.ssrc, incoming.clock_rate),
        )
        self._producers[producer.id] = link.producers[producer.id] = producer
        link.by_ssrc.update((ssrc, producer) for ssrc in claimed)
        return producer.id

    def close_producer(self, producer_id: str) -> None:
        """End a stream and its consumers."""
        producer = self._producer(producer_id)
        del self._producers[producer_id]
        for consumer in list(producer.consumers.values()):
            self.close_consumer(consumer.id)
        link = self._links.get(producer.transport)
        if link is not None:
            del link.producers[producer_id]
            link.by_ssrc = {ssrc: other for ssrc, other in link.by_ssrc.items() if other is not producer}

    def pause_producer(self, producer_id: str, *, paused: bool) -> None:
        """Stop or restart a stream for everybody."""
        producer = self._producer(producer_id)
        if producer.paused != paused:
            producer.paused = paused
            if not paused:
                self._restart(producer.consumers.values())

    def create_consumer(self, peer: str, transport: str, producer_id: str) -> Json:
        """Subscribe a transport to a stream, paused; return what the client's ``consume()`` takes."""
        link = self._own_link(peer, transport, "recv")
        producer = self._producer(producer_id)
        if any(consumer.producer is producer for consumer in link.consumers.values()):
            raise MediaError("already_consumed", "this transport already has a consumer of that producer")
        if len(link.consumers) >= MAX_CONSUMERS:
            raise MediaError("limit_reached", f"at most {MAX_CONSUMERS} consumers a transport")
        ssrc, rtx_ssrc = producer.ssrc, producer.rtx_ssrc
        if ssrc in link.used_ssrcs:
            ssrc, rtx_ssrc = self._new_ssrc(), self._new_ssrc()
        link.used_ssrcs.add(ssrc)
        consumer = Consumer(
            id=secrets.token_hex(8),
            peer=peer,
            transport=transport,
            producer=producer,
            mid=link.take_mid(),
            ssrc=ssrc,
            rtx_ssrc=rtx_ssrc,
            lane=SequenceLane(ssrc & 0x3FFF),
        )
        self._consumers[consumer.id] = link.consumers[consumer.id] = producer.consumers[consumer.id] = consumer
        link.by_outgoing_ssrc[ssrc] = consumer
        return {
            "id": consumer.id,
            "producerId": producer.id,
            "kind": producer.kind,
            "rtpParameters": consumer_parameters(producer.kind, consumer.mid, ssrc, rtx_ssrc, producer.cname),
            "paused": True,
        }

    def close_consumer(self, consumer_id: str) -> None:
        """End a subscription."""
        consumer = self._consumer(consumer_id)
        del self._consumers[consumer_id]
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
        if self._paused != paused:
            self._paused = paused
            if not paused:
                self._restart(self._consumers.values())

    def _restart(self, consumers: Iterable[Consumer]) -> None:
        for consumer in consumers:
            consumer.restart()
            if consumer.awaits_key_frame:
                consumer.producer.want_key_frame()

    # -- what arrives

    def on_rtp(self, transport: str, data: bytes, now: float) -> list[Outgoing]:
        """Decide on one decrypted RTP packet."""
        link, feedback = self._links.get(transport), self._feedback.get(transport)
        if link is None or feedback is None:
            self._counters["rtp_unexpected"] += 1
            return []
        try:
            packet = rtp.parse(data)
        except ParseError:
            self._counters["rtp_malformed"] += 1
            return []
        producer = link.by_ssrc.get(packet.ssrc) or self._learn(link, packet)
        if producer is None:
            self._counters["rtp_unknown_ssrc"] += 1
            return []
        arrival = packet.extensions.get(producer.incoming.transport_cc_id)
        if arrival is not None and len(arrival) == 2:
            feedback.arrived(int.from_bytes(arrival, "big"), now)
        if packet.payload_type == producer.incoming.payload_type:
            lost = producer.reception.arrived(packet.sequence, packet.timestamp, now)
            nack = self._nack(producer, lost)
            return nack + self._forward(producer, packet, now)
        if packet.payload_type == producer.incoming.rtx_payload_type:
            return self._recover(producer, packet, now)
        self._counters["rtp_unknown_payload_type"] += 1
        return []

    def _learn(self, link: Link, packet: rtp.RtpPacket) -> Producer | None:
        """Find the producer of an SSRC that was not signalled, by its mid (RFC 8843, section 9.2)."""
        for producer in link.producers.values():
            incoming = producer.incoming
            mid = packet.extensions.get(incoming.mid_id)
            if not incoming.mid or mid != incoming.mid.encode():
                continue
            if packet.payload_type == incoming.payload_type:
                link.by_ssrc.pop(producer.reception.ssrc, None)
                producer.replace_ssrc(packet.ssrc)
            elif packet.payload_type != incoming.rtx_payload_type:
                continue
            if sum(other is producer for other in link.by_ssrc.values()) < MAX_PRODUCERS:
                link.by_ssrc[packet.ssrc] = producer
            return producer
        return None

    def _recover(self, producer: Producer, packet: rtp.RtpPacket, now: float) -> list[Outgoing]:
        original = rtp.unwrap_retransmission(packet)
        if original is None or not producer.reception.recovered(original[0]):
            return []  # a padding probe, or a packet that had arrived after all
        sequence, payload = original
        self._counters["rtp_recovered"] += 1
        return self._forward(producer, packet._replace(sequence=sequence, payload=payload), now)

    def _forward(self, producer: Producer, packet: rtp.RtpPacket, now: float) -> list[Outgoing]:
        if self._paused or producer.paused:
            return []
        video = producer.kind == "video"
        begins = video and rtp.starts_vp8_key_frame(packet.payload)
        if video:
            producer.cache.keep(packet.sequence, Kept(packet.marker, packet.timestamp, packet.payload))
        canonical = rtp.build(
            marker=packet.marker,
            payload_type=VP8 if video else OPUS,
            sequence=packet.sequence,
            timestamp=packet.timestamp,
            ssrc=producer.ssrc,
            payload=packet.payload,
            abs_send_time=(ABS_SEND_TIME_ID, rtp.abs_send_time(now)),
        )
        outgoing: list[Outgoing] = []
        for consumer in producer.consumers.values():
            if consumer.paused:
                continue
            if consumer.awaits_key_frame:
                if not begins:
                    continue
                consumer.awaits_key_frame = False
            sequence = consumer.lane.outgoing(packet.sequence)
            if sequence is not None:
                readdressed = rtp.readdressed(canonical, sequence, consumer.ssrc)
                outgoing.append(Outgoing(consumer.transport, rtcp=False, packet=readdressed))
        return outgoing

    def on_rtcp(self, transport: str, data: bytes, now: float) -> list[Outgoing]:
        """Decide on one decrypted RTCP packet."""
        link = self._links.get(transport)
        if link is None:
            return []
        try:
            packets = rtcp.parse(data)
        except ParseError:
            self._counters["rtcp_malformed"] += 1
            return []
        outgoing: list[Outgoing] = []
        for packet in packets:
            match packet:
                case rtcp.SenderReport():
                    outgoing += self._relay_sender_report(link, packet, now)
                case rtcp.Nack():
                    outgoing += self._retransmit(link, packet, now)
                case rtcp.KeyFrameRequest():
                    for ssrc in packet.media_ssrcs:
                        consumer = link.by_outgoing_ssrc.get(ssrc)
                        if consumer is not None and not consumer.paused:
                            consumer.producer.want_key_frame()
                            outgoing += self._ask_key_frame(consumer.producer, now)
                case rtcp.Remb():
                    link.available_bps = packet.bitrate_bps
        return outgoing

    def _relay_sender_report(self, link: Link, report: rtcp.SenderReport, now: float) -> list[Outgoing]:
        producer = link.by_ssrc.get(report.ssrc)
        if producer is None or report.ssrc != producer.reception.ssrc:
            return []
        producer.reception.sender_reported(report.ntp, now)
        if self._paused or producer.paused:
            return []
        outgoing: list[Outgoing] = []
        for consumer in producer.consumers.values():
            if not consumer.paused:
                packet = rtcp.build_sender_report(replace(report, ssrc=consumer.ssrc), producer.cname)
                outgoing.append(Outgoing(consumer.transport, rtcp=True, packet=packet))
        return outgoing

    def _retransmit(self, link: Link, nack: rtcp.Nack, now: float) -> list[Outgoing]:
        consumer = link.by_outgoing_ssrc.get(nack.media_ssrc)
        if consumer is None or consumer.paused or self._paused or consumer.producer.paused:
            return []
        producer = consumer.producer
        outgoing: list[Outgoing] = []
        for lost in nack.lost:
            sequence = consumer.lane.incoming(lost)
            kept = producer.cache.find(sequence) if sequence is not None else None
            if kept is None or consumer.retransmissions_left <= 0:
                self._counters["rtx_refused"] += 1
                continue
            consumer.retransmissions_left -= 1
            packet = rtp.build(
                marker=kept.marker,
                payload_type=RTX,
                sequence=consumer.lane.next_retransmission(),
                timestamp=kept.timestamp,
                ssrc=consumer.rtx_ssrc,
                payload=lost.to_bytes(2, "big") + kept.payload,
                abs_send_time=(ABS_SEND_TIME_ID, rtp.abs_send_time(now)),
            )
            outgoing.append(Outgoing(consumer.transport, rtcp=False, packet=packet))
        self._counters["rtx_sent"] += len(outgoing)
        return outgoing

    def tick(self, now: float) -> list[Outgoing]:
        """Return the feedback that is due; to be called every ``twcc.FEEDBACK_INTERVAL``."""
        outgoing: list[Outgoing] = []
        for transport, feedback in self._feedback.items():
            producers = list(self._links[transport].producers.values())
            packets = feedback.due(producers, now)
            outgoing += [Outgoing(transport, rtcp=True, packet=packet) for packet in packets]
            for producer in producers:
                outgoing += self._nack(producer, producer.reception.overdue(now))
                outgoing += self._ask_key_frame(producer, now)
        for consumer in self._consumers.values():
            consumer.retransmissions_left = RETRANSMISSIONS_PER_TICK
        return outgoing

    def _nack(self, producer: Producer, lost: list[int]) -> list[Outgoing]:
        if not lost or producer.incoming.rtx_payload_type is None:
            return []
        self._counters["nack_sent"] += len(lost)
        packet = rtcp.build_nack(OWN_SSRC, producer.reception.ssrc, lost)
        return [Outgoing(producer.transport, rtcp=True, packet=packet)]

    def _ask_key_frame(self, producer: Producer, now: float) -> list[Outgoing]:
        if self._paused or not producer.key_frame_due(now):
            return []
        self._counters["pli_sent"] += 1
        packet = rtcp.build_picture_loss(OWN_SSRC, producer.reception.ssrc)
        return [Outgoing(producer.transport, rtcp=True, packet=packet)]

    # -- look-ups

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
