"""What happens to one RTCP packet: lost packets sent again, key frames asked for, clocks and estimates noted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace

from . import rtcp, rtp
from .fanout import HEADER_SIZE, shift
from .forward import OWN_SSRC
from .layers import Layer
from .offsets import Run
from .ortc import ABS_SEND_TIME_ID
from .parsing import ParseError
from .quality import SentReports, Watch
from .streams import Consumer, Link

MUCH_LOST = 26
"""Of 256 packets, a tenth: more than a bad radio link loses by chance, which takes nobody's picture away. A line that
cannot carry what is sent loses a quarter and more before anything is held for it."""
LOSS_PACKETS = 120
"""So many packets must be reported on to weigh as much as all reports before: of five packets, which is all that some
reports are about, one is often lost by chance, of a hundred and twenty a tenth never is."""
MUCH_ASKED = 20
"""Packets that a receiver asks for again within ``ASKED_WINDOW``: by chance so many are lost on no line that carries a
call, and it is known a second before the receiver's next report."""
ASKED_WINDOW = 0.2

RELAY_INTERVAL = 0.1
"""Seconds between two sender reports of one layer that are handed on: each goes to every subscriber, and dozens of them
fit a datagram. Browsers send one or a few a second."""

_SECOND = 1
_TIMESTAMP = slice(4, 8)


class Repair:
    """Takes the feedback of a room's peers. ``out(transport, rtcp, packet)`` gets what is to be sent."""

    def __init__(self, counters: Counter[str], out: Callable[[str, bool, bytes], None]) -> None:
        self._counters = counters
        self._out = out
        self.paused = False
        self.sent_reports = SentReports()
        self.watches: defaultdict[str, Watch] = defaultdict(Watch)
        """What receivers report, by peer."""

    def on_rtcp(self, link: Link, data: bytes, now: float) -> bool:
        """Take one decrypted RTCP packet; tell whether the link's estimate is another now."""
        try:
            packets = rtcp.parse(data)
        except ParseError:
            self._counters["rtcp_malformed"] += 1
            return False
        estimated = False
        for packet in packets:
            match packet:
                case rtcp.SenderReport():
                    self._relay(link, packet, now)
                case rtcp.ReceiverReport():
                    self._note(link, packet, now)
                case rtcp.Nack():
                    self._retransmit(link, packet, now)
                case rtcp.KeyFrameRequest():
                    for ssrc in packet.media_ssrcs:
                        consumer = link.by_outgoing_ssrc.get(ssrc)
                        layer = consumer and (consumer.layer or consumer.target)
                        if layer:
                            layer.want_key_frame()
                            self.ask_key_frame(layer, now)
                case rtcp.Remb():
                    link.available_bps = packet.bitrate_bps
                    estimated = True
        return estimated

    def _note(self, link: Link, report: rtcp.ReceiverReport, now: float) -> None:
        watch = self.watches[link.peer]
        for block in report.blocks:
            consumer = link.by_outgoing_ssrc.get(block.ssrc)
            if consumer is not None:
                trip = self.sent_reports.round_trip(block, now)
                packets = watch.reported(
                    consumer.id, block, consumer.producer.incoming.clock_rate, trip, self._counters
                )
                link.lost += packets / (packets + LOSS_PACKETS) * (block.fraction_lost - link.lost)
                if packets and link.lost >= MUCH_LOST:
                    link.lossy_at = now

    def _relay(self, link: Link, report: rtcp.SenderReport, now: float) -> None:
        """Hand a publisher's clock on, under the name and in the clock that each subscriber sees."""
        layer = link.layers.get(report.ssrc)
        if layer is None or report.ssrc != layer.reception.ssrc:
            return
        layer.reception.sender_reported(report.ntp, now)
        layer.sender_reported(report.ntp, report.rtp_timestamp)
        producer = layer.producer
        if self.paused or producer.paused or not layer.aligned:
            return
        if now - layer.reported_at < RELAY_INTERVAL:
            self._counters["reports_refused"] += 1
            return
        layer.reported_at = now
        self.sent_reports.sent(report.ntp, now)
        for consumer in producer.consumers.values():
            if layer is (consumer.layer or consumer.target):
                timestamp = (report.rtp_timestamp + layer.time_shift + consumer.time_shift) & 0xFFFFFFFF
                told = replace(report, ssrc=consumer.ssrc, rtp_timestamp=timestamp)
                self._out(consumer.transport, True, rtcp.build_sender_report(told, producer.cname))

    def _retransmit(self, link: Link, nack: rtcp.Nack, now: float) -> None:
        if now - link.asked_since > ASKED_WINDOW:
            link.asked_since, link.asked = now, 0
        link.asked += len(nack.lost)
        if link.asked >= MUCH_ASKED:
            link.lossy_at = now
        consumer = link.by_outgoing_ssrc.get(nack.media_ssrc)
        if consumer is None or consumer.layer is None:
            return
        looked_up = nack.lost[: consumer.again.looks(len(nack.lost))]
        self._counters["rtx_refused"] += len(nack.lost) - len(looked_up)
        for lost in looked_up:
            found = consumer.lane.find(lost, consumer.layer.index)
            kept = found[0].layer.cache.find(found[1]) if found and found[0].layer.cache is not None else None
            if found is None or kept is None or not consumer.again.take(len(kept)):
                self._counters["rtx_refused"] += 1
                continue
            self._out(consumer.transport, False, retransmission(consumer, found[0], kept, lost, now))
            self._counters["rtx_sent"] += 1
            link.again += len(kept)

    def ask_key_frame(self, layer: Layer, now: float) -> None:
        """Ask a layer's publisher for a key frame if one is wanted and the throttle allows."""
        if self.paused or not layer.reception.ssrc or not layer.key_frame_due(now):
            return
        self._counters["pli_sent"] += 1
        self._out(layer.producer.transport, True, rtcp.build_picture_loss(OWN_SSRC, layer.reception.ssrc))


PADDING_SIZE = 255
"""Bytes that one packet of padding carries, the most that RTP can say (RFC 3550, section 5.1)."""
_PADDED = 0x20


def padding(consumer: Consumer, now: float) -> bytes:
    """Return a packet that carries nothing, on a consumer's RTX stream, where browsers expect such probes."""
    packet = bytearray(
        rtp.build(
            marker=False,
            payload_type=consumer.producer.rtx_type,
            sequence=consumer.lane.next_retransmission(),
            timestamp=0,
            ssrc=consumer.rtx_ssrc,
            payload=bytes(PADDING_SIZE - 1) + bytes((PADDING_SIZE,)),
            abs_send_time=(ABS_SEND_TIME_ID, rtp.abs_send_time(now)),
        )
    )
    packet[0] |= _PADDED
    return bytes(packet)


def retransmission(consumer: Consumer, run: Run, kept: bytes, sequence: int, now: float) -> bytes:
    """Return a kept packet as RTX (RFC 4588): a number of its own, the old one before the payload.

    It is never the old ciphertext and never the old number again, which SRTP would refuse.
    """
    moved = bytearray(kept)
    if any(run.shifts):
        shift(moved, *run.shifts)
    return rtp.build(
        marker=bool(moved[_SECOND] & 0x80),
        payload_type=consumer.producer.rtx_type,
        sequence=consumer.lane.next_retransmission(),
        timestamp=int.from_bytes(moved[_TIMESTAMP], "big"),
        ssrc=consumer.rtx_ssrc,
        payload=sequence.to_bytes(2, "big") + bytes(moved[HEADER_SIZE:]),
        abs_send_time=(ABS_SEND_TIME_ID, rtp.abs_send_time(now)),
    )
