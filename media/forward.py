"""What happens to one RTP packet of a publisher: to whom it goes, and what its arrival says about the network.

The packet is looked at and rewritten where it lies. This module reads no clock and no socket.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from . import rtcp, rtp, vp8
from .fanout import HEADER_SIZE, Fanout, Patch, renumbered
from .layers import Layer
from .memory import Memory
from .ortc import ABS_SEND_TIME_ID
from .parsing import ParseError
from .streams import Link, Producer
from .twcc import ArrivalLog

OWN_SSRC = 1
"""The SSRC of our own feedback; we never send media under it."""

# Bound once: a look-up in a class costs as much as what it finds here.
unpack_header = struct.Struct("!BBHII").unpack_from
pack_canonical = struct.Struct("!IIIII").pack_into
from_bytes = int.from_bytes
_EXTENSION = 0xBEDE0001  # one-byte elements, one word of them (RFC 8285, section 4.2)
_ABS_SEND_TIME = (ABS_SEND_TIME_ID << 4 | 2) << 24
_MAX_LEARNT = 64  # SSRCs of retransmissions on one transport: a peer that invents more finds no memory for them
_PLAIN = 12  # bytes of a header without anything optional


class Outgoing(NamedTuple):
    """A plain packet to be encrypted for and sent over a transport."""

    transport: str
    rtcp: bool
    packet: bytes


Spread = Callable[[Memory, int, int, Fanout, tuple[int, int], tuple[Patch, ...]], None]
"""Gets (memory, start, size, fanout, (head, index), patches): a canonical packet, where it lies, for all direct
consumers; head and index are what :meth:`fanout.Lanes.heads` takes."""


class Forwarder:
    """Takes the packets of a room's publishers. ``out(transport, rtcp, packet)`` gets what is sent one by one."""

    def __init__(self, counters: Counter[str], out: Callable[[str, bool, bytes], None], spread: Spread) -> None:
        self._counters = counters
        self._out = out
        self._spread = spread
        self._stamped_at = float("-inf")
        self._stamp = 0
        self.paused = False

    def on_rtp(  # noqa: PLR0917 - called for every packet: keywords would cost as much as a look-up
        self, link: Link, arrivals: ArrivalLog, memory: Memory, at: int, size: int, now: float, arrived: float
    ) -> None:
        """Take the decrypted packet of ``size`` bytes at ``at``; it may be overwritten from 16 bytes before it on.

        It came at ``arrived`` and leaves at ``now``.
        """
        if size < _PLAIN:
            self._counters["rtp_malformed"] += 1
            return
        view = memory.bytes
        first, second, sequence, timestamp, ssrc = unpack_header(view, at)
        layer = link.layers.get(ssrc)
        if layer is None or second & 0x7F != layer.payload_type:
            self._on_other(link, arrivals, memory, at, size, now, arrived)
            return
        end, body = at + size, at + _PLAIN
        try:
            if first == 0x90:
                body += 4 + 4 * (view[at + 14] << 8 | view[at + 15]) if size >= 16 else size
                if body > end:
                    raise ParseError("rtp extension: packet ends inside it")
                block = memory.buffer[at + _PLAIN : body]
                value = from_bytes(block, "big")
                mask, pattern, shift = layer.layouts.get(body - at) or self._learn_layout(layer, block)
                if value & mask != pattern:
                    mask, pattern, shift = self._learn_layout(layer, block)
                if shift >= 0:
                    number = value >> shift & 0xFFFF
                    if number == arrivals.expected:  # as ``arrived`` does it, without the call
                        arrivals.expected = number + 1
                        arrivals.times[number] = arrived
                    else:
                        arrivals.arrived(number, arrived)
            elif first != 0x80:
                packet = rtp.parse(memory.buffer[at:end])
                _note_arrival(layer.producer, packet, arrivals, arrived)
                body, end = self._straighten(memory, at, packet)
        except ParseError:
            self._counters["rtp_malformed"] += 1
            return
        lost = layer.reception.arrived(sequence, timestamp, arrived)
        if lost:
            self._nack(layer, lost)
        self._forward(layer, memory, body, end, second, timestamp, now)

    def _forward(  # noqa: PLR0912, PLR0917 - every packet's way in one piece: a call costs as much as a branch saves
        self, layer: Layer, memory: Memory, body: int, end: int, second: int, timestamp: int, now: float
    ) -> None:
        """Send the payload between ``body`` and ``end`` to whoever gets this layer."""
        producer, cache, fanout = layer.producer, layer.cache, layer.fanout
        layer.octets += end - body
        layer.heard_at = now
        base = layer.base
        index = layer.reception.extended + base if base is not None else -1
        if index == layer.index + 1:  # as ``number`` does it, without the call
            layer.index, newest = index, True
        else:
            index, newest = layer.number(layer.reception.extended)
        if index < 0 or self.paused or producer.paused:
            return
        if not newest and cache is not None and cache.find(index) is not None:
            return
        if not layer.aligned and producer.clock is None and not any(each.aligned for each in producer.layers):
            layer.aligned = True  # the first layer's clock is the producer's
        view, descriptor = memory.bytes, None
        timestamp = (timestamp + layer.time_shift) & 0xFFFFFFFF
        if producer.layered:
            descriptor = vp8.read_descriptor(view, body, end)
        if newest:
            layer.timestamp = timestamp
            if descriptor is not None:
                layer.picture, layer.level = descriptor.picture, descriptor.level
            if layer.waiting and layer.aligned and (cache is None or layer.starts_key_frame(view, body, end)):
                for consumer in list(layer.waiting):
                    consumer.enter(index, timestamp, descriptor)
        if cache is None and not fanout.members:
            return
        if now != self._stamped_at:
            self._stamped_at, self._stamp = now, _ABS_SEND_TIME | rtp.abs_send_time(now)
        start = body - HEADER_SIZE
        head = 0x90000000 | (second & 0x80 | layer.canonical_type) << 16
        pack_canonical(view, start, head | index & 0xFFFF, timestamp, producer.ssrc, _EXTENSION, self._stamp)
        if cache is not None:
            cache.keep(index, memory.buffer[start:end])
        if not newest:
            self._send_late(fanout, index, memory.buffer[start:end])
            return
        if fanout.others:
            packet = memory.buffer[start:end]
            for consumer in fanout.others:
                self._out(consumer.transport, False, renumbered(packet, consumer, index))
        if fanout.direct:
            patches = fanout.patches(timestamp, descriptor) if fanout.moved else ()
            self._spread(memory, start, end - start, fanout, (head, index), patches)

    def _send_late(self, fanout: Fanout, index: int, packet: bytes) -> None:
        for consumer in fanout.members.values():
            if consumer.lane.covers(index):
                self._out(consumer.transport, False, renumbered(packet, consumer, index))

    def _straighten(self, memory: Memory, at: int, packet: rtp.RtpPacket) -> tuple[int, int]:
        """Put the bare payload of a packet with a rare header behind a plain one."""
        body = at + _PLAIN
        end = body + len(packet.payload)
        memory.bytes[body:end] = packet.payload
        return body, end

    def _learn_layout(self, layer: Layer, block: bytes) -> rtp.ExtensionLayout:
        layout = rtp.ExtensionLayout.learn(block, layer.producer.incoming.transport_cc_id)
        layer.layouts[_PLAIN + len(block)] = layout
        return layout

    # -- what is not simply the next packet of a known stream

    def _on_other(  # noqa: PLR0917 - as above
        self, link: Link, arrivals: ArrivalLog, memory: Memory, at: int, size: int, now: float, arrived: float
    ) -> None:
        try:
            packet = rtp.parse(memory.buffer[at : at + size])
        except ParseError:
            self._counters["rtp_malformed"] += 1
            return
        layer = link.layers.get(packet.ssrc) or link.retransmitted.get(packet.ssrc) or self._find_by_name(link, packet)
        if layer is None:
            self._counters["rtp_unknown_ssrc"] += 1
            return
        producer = layer.producer
        _note_arrival(producer, packet, arrivals, arrived)
        if packet.payload_type == producer.incoming.payload_type:
            self._learn(link, layer, packet)
            body, end = self._straighten(memory, at, packet)
            lost = layer.reception.arrived(packet.sequence, packet.timestamp, arrived)
            if lost:
                self._nack(layer, lost)
        elif packet.payload_type == producer.incoming.rtx_payload_type:
            if len(link.retransmitted) < _MAX_LEARNT:
                link.retransmitted[packet.ssrc] = layer
            original = rtp.unwrap_retransmission(packet)
            if original is None or not layer.reception.recovered(original[0]):
                return  # a padding probe, or a packet that had arrived after all
            self._counters["rtp_recovered"] += 1
            body = at + _PLAIN
            end = body + len(original[1])
            memory.bytes[body:end] = original[1]
        else:
            self._counters["rtp_unknown_payload_type"] += 1
            return
        second = packet.marker << 7
        self._forward(layer, memory, body, end, second, packet.timestamp, now)

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


def _note_arrival(producer: Producer, packet: rtp.RtpPacket, arrivals: ArrivalLog, arrived: float) -> None:
    number = packet.extensions.get(producer.incoming.transport_cc_id)
    if number is not None and len(number) == 2:
        arrivals.arrived(int.from_bytes(number, "big"), arrived)
