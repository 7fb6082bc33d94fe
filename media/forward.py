"""What happens to one RTP packet of a publisher: to whom it goes, and what its arrival says about the network.

The packet is looked at and rewritten where it lies. This module reads no clock and no socket.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from . import rtcp, rtp, vp8
from .fanout import HEADER_SIZE, Fanout, Numbers, renumbered
from .layers import Layer
from .ortc import ABS_SEND_TIME_ID, OPUS, VP8
from .parsing import ParseError
from .streams import Link, Producer
from .twcc import ArrivalLog

OWN_SSRC = 1
"""The SSRC of our own feedback; we never send media under it."""

_HEADER = struct.Struct("!BBHII")
_CANONICAL = struct.Struct("!BBHIIII")
_EXTENSION = 0xBEDE0001  # one-byte elements, one word of them (RFC 8285, section 4.2)
_ABS_SEND_TIME = (ABS_SEND_TIME_ID << 4 | 2) << 24
_PLAIN = 12  # bytes of a header without anything optional


class Cuttable(Protocol):
    """Memory of which a part is a copy."""

    def __getitem__(self, span: slice) -> bytes:
        """Copy a part."""


class Memory(Protocol):
    """Where packets lie: the same bytes to write to and to cut from. At least 16 free bytes lie before a packet."""

    @property
    def bytes(self) -> memoryview:
        """To read and write single bytes."""

    @property
    def buffer(self) -> Cuttable:
        """To cut bytes from."""


class Outgoing(NamedTuple):
    """A plain packet to be encrypted for and sent over a transport."""

    transport: str
    rtcp: bool
    packet: bytes


class Spread(NamedTuple):
    """A canonical packet, where it lies now, for all direct consumers of a fan-out at once."""

    start: int
    size: int
    fanout: Fanout
    numbers: Numbers


class Forwarder:
    """Takes the packets of a room's publishers. ``out(transport, rtcp, packet)`` gets what is sent one by one."""

    def __init__(self, counters: Counter[str], out: Callable[[str, bool, bytes], None]) -> None:
        self._counters = counters
        self._out = out
        self.paused = False

    def on_rtp(  # noqa: PLR0917 - called for every packet: keywords would cost as much as a look-up
        self, link: Link, arrivals: ArrivalLog, memory: Memory, at: int, size: int, now: float
    ) -> Spread | None:
        """Take the decrypted packet of ``size`` bytes at ``at``; it may be overwritten from 16 bytes before it on."""
        if size < _PLAIN:
            self._counters["rtp_malformed"] += 1
            return None
        view = memory.bytes
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(view, at)
        layer = link.layers.get(ssrc)
        if layer is None or second & 0x7F != layer.payload_type:
            return self._on_other(link, arrivals, memory, at, size, now)
        end, body = at + size, at + _PLAIN
        try:
            if first == 0x90:
                body += 4 + 4 * (view[at + 14] << 8 | view[at + 15]) if size >= 16 else size
                if body > end:
                    raise ParseError("rtp extension: packet ends inside it")
                block = memory.buffer[at + _PLAIN : body]
                layout = layer.layouts.get(len(block))
                value = int.from_bytes(block, "big")
                if layout is None or value & layout.mask != layout.pattern:
                    layout = self._learn_layout(layer, block)
                if layout is not None and layout.shift >= 0:
                    arrivals.arrived(value >> layout.shift & 0xFFFF, now)
            elif first != 0x80:
                body, end = self._straighten(memory, at, size)
        except ParseError:
            self._counters["rtp_malformed"] += 1
            return None
        lost = layer.reception.arrived(sequence, timestamp, now)
        if lost:
            self._nack(layer, lost)
        return self._forward(layer, memory, body, end, second, timestamp, now)

    def _forward(  # noqa: PLR0912, PLR0917 - every packet's way in one piece: a call costs as much as a branch saves
        self, layer: Layer, memory: Memory, body: int, end: int, second: int, timestamp: int, now: float
    ) -> Spread | None:
        """Send the payload between ``body`` and ``end`` to whoever gets this layer."""
        producer = layer.producer
        layer.octets += end - body
        layer.packets += 1
        layer.heard_at = now
        numbered = layer.number(layer.reception.extended)
        if numbered is None or self.paused or producer.paused:
            return None
        index, newest = numbered
        if not newest and layer.cache is not None and layer.cache.find(index) is not None:
            return None
        if not layer.aligned and producer.clock is None and not any(each.aligned for each in producer.layers):
            layer.aligned = True  # the first layer's clock is the producer's
        view, video = memory.bytes, layer.cache is not None
        timestamp = (timestamp + layer.time_shift) & 0xFFFFFFFF
        descriptor = vp8.read_descriptor(view, body, end) if video and producer.layered else None
        if newest:
            layer.timestamp = timestamp
            if descriptor is not None:
                layer.picture, layer.level = descriptor.picture, descriptor.level
            if layer.waiting and layer.aligned and (not video or vp8.starts_key_frame(view, body, end)):
                if video and descriptor is None:
                    descriptor = vp8.read_descriptor(view, body, end)
                for consumer in list(layer.waiting):
                    consumer.enter(index, timestamp, descriptor)
        fanout = layer.fanout
        if layer.cache is None and not fanout.members:
            return None
        start = body - HEADER_SIZE
        second = second & 0x80 | (VP8 if video else OPUS)
        stamp = _ABS_SEND_TIME | rtp.abs_send_time(now)
        _CANONICAL.pack_into(view, start, 0x90, second, index & 0xFFFF, timestamp, producer.ssrc, _EXTENSION, stamp)
        if layer.cache is not None:
            layer.cache.keep(index, memory.buffer[start:end])
        if not newest:
            self._send_late(fanout, index, memory.buffer[start:end])
            return None
        if fanout.others:
            packet = memory.buffer[start:end]
            for consumer in fanout.others:
                self._out(consumer.transport, False, renumbered(packet, consumer, index))
        if not fanout.direct:
            return None
        return Spread(start, end - start, fanout, fanout.numbers(second, index, timestamp, descriptor))

    def _send_late(self, fanout: Fanout, index: int, packet: bytes) -> None:
        for consumer in fanout.members.values():
            if consumer.lane.covers(index):
                self._out(consumer.transport, False, renumbered(packet, consumer, index))

    def _straighten(self, memory: Memory, at: int, size: int) -> tuple[int, int]:
        """Parse a packet with a rare header; put its bare payload behind a plain one. Raises :class:`ParseError`."""
        packet = rtp.parse(memory.buffer[at : at + size])
        body = at + _PLAIN
        end = body + len(packet.payload)
        memory.bytes[body:end] = packet.payload
        return body, end

    def _learn_layout(self, layer: Layer, block: bytes) -> rtp.ExtensionLayout | None:
        layout = rtp.ExtensionLayout.learn(block, layer.producer.incoming.transport_cc_id)
        if layout is not None:
            layer.layouts[len(block)] = layout
        return layout

    # -- what is not simply the next packet of a known stream

    def _on_other(  # noqa: PLR0917 - as above
        self, link: Link, arrivals: ArrivalLog, memory: Memory, at: int, size: int, now: float
    ) -> Spread | None:
        try:
            packet = rtp.parse(memory.buffer[at : at + size])
        except ParseError:
            self._counters["rtp_malformed"] += 1
            return None
        layer = link.layers.get(packet.ssrc) or link.retransmitted.get(packet.ssrc) or self._find_by_name(link, packet)
        if layer is None:
            self._counters["rtp_unknown_ssrc"] += 1
            return None
        producer = layer.producer
        arrival = packet.extensions.get(producer.incoming.transport_cc_id)
        if arrival is not None and len(arrival) == 2:
            arrivals.arrived(int.from_bytes(arrival, "big"), now)
        if packet.payload_type == producer.incoming.payload_type:
            self._learn(link, layer, packet)
            body, end = self._straighten(memory, at, size)
            lost = layer.reception.arrived(packet.sequence, packet.timestamp, now)
            if lost:
                self._nack(layer, lost)
        elif packet.payload_type == producer.incoming.rtx_payload_type:
            link.retransmitted[packet.ssrc] = layer
            original = rtp.unwrap_retransmission(packet)
            if original is None or not layer.reception.recovered(original[0]):
                return None  # a padding probe, or a packet that had arrived after all
            self._counters["rtp_recovered"] += 1
            body = at + _PLAIN
            end = body + len(original[1])
            memory.bytes[body:end] = original[1]
        else:
            self._counters["rtp_unknown_payload_type"] += 1
            return None
        second = packet.marker << 7
        return self._forward(layer, memory, body, end, second, packet.timestamp, now)

    def _find_by_name(self, link: Link, packet: rtp.RtpPacket) -> Layer | None:
        """Find the layer of an SSRC that was not signalled, by its mid and rid (RFC 8843, 9.2; RFC 8852)."""
        for producer in link.producers.values():
            incoming = producer.incoming
            mid = packet.extensions.get(incoming.mid_id)
            if not incoming.mid or mid != incoming.mid.encode():
                continue
            if packet.payload_type not in (incoming.payload_type, incoming.rtx_payload_type):
                continue
            if not producer.layered:
                return producer.layers[0]
            names = (packet.extensions.get(incoming.rid_id), packet.extensions.get(incoming.repaired_rid_id))
            return next((each for each in producer.layers if each.rid.encode() in names), None)
        return None

    def _learn(self, link: Link, layer: Layer, packet: rtp.RtpPacket) -> None:
        """Note under which SSRC a layer comes (now)."""
        if packet.ssrc in link.layers or packet.ssrc in link.retransmitted:
            return
        known = layer.reception.ssrc
        link.layers.pop(known, None)
        link.layers[packet.ssrc] = layer
        layer.restarted(packet.ssrc)
        if known:
            for consumer in list(layer.fanout.members.values()):
                consumer.stop()
                consumer.aim(layer)
        if layer.waiting:
            layer.want_key_frame()

    def _nack(self, layer: Layer, lost: Sequence[int]) -> None:
        if layer.producer.incoming.rtx_payload_type is None:
            return
        self._counters["nack_sent"] += len(lost)
        self._out(layer.producer.transport, True, rtcp.build_nack(OWN_SSRC, layer.reception.ssrc, lost))

    def ask_again(self, producer: Producer, now: float) -> None:
        """Ask for what is still missing."""
        for layer in producer.layers:
            lost = layer.reception.overdue(now)
            if lost:
                self._nack(layer, lost)
