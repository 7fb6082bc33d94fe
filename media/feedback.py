"""Regular feedback to one publishing transport: transport-wide arrival times and receiver reports."""

from __future__ import annotations

from collections.abc import Sequence

from .rtcp import build_receiver_report
from .streams import Producer
from .twcc import ArrivalLog

REPORT_INTERVAL = 1.0
"""Seconds between two receiver reports."""


class Feedback:
    """Collects arrivals of one transport and says what to send back."""

    __slots__ = ("_arrivals", "_own_ssrc", "_reported_at")

    def __init__(self, own_ssrc: int) -> None:
        self._own_ssrc = own_ssrc
        self._arrivals = ArrivalLog()
        self._reported_at = float("-inf")

    def arrived(self, transport_sequence: int, now: float) -> None:
        """Note a packet that carries a transport-wide sequence number."""
        self._arrivals.arrived(transport_sequence, now)

    def due(self, producers: Sequence[Producer], now: float) -> list[bytes]:
        """Return the RTCP packets to send now."""
        if not producers:
            return []
        packets = self._arrivals.feedback(self._own_ssrc, producers[0].reception.ssrc)
        if now - self._reported_at >= REPORT_INTERVAL:
            self._reported_at = now
            blocks = [block for producer in producers if (block := producer.reception.report(now)) is not None]
            if blocks:
                packets.append(build_receiver_report(self._own_ssrc, blocks))
        return packets
