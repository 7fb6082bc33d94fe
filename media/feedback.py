"""Regular feedback to one publishing transport: transport-wide arrival times and receiver reports."""

from __future__ import annotations

from collections.abc import Sequence

from .rtcp import build_receiver_report
from .streams import Producer
from .twcc import ArrivalLog

REPORT_INTERVAL = 1.0
"""Seconds between two receiver reports."""
STEADY_INTERVAL = 0.1
"""Seconds between two transport-wide reports once a publisher has found its rate; until then every tick brings one."""
FINDING_RATE = 10.0
"""Seconds that browsers need at most to open their third layer."""


class Feedback:
    """Collects arrivals of one transport and says what to send back."""

    __slots__ = ("_began_at", "_fed_back_at", "_own_ssrc", "_reported_at", "arrivals")

    def __init__(self, own_ssrc: int) -> None:
        self._own_ssrc = own_ssrc
        self.arrivals = ArrivalLog()
        self._reported_at = float("-inf")
        self._fed_back_at = float("-inf")
        self._began_at: float | None = None

    def due(self, producers: Sequence[Producer], now: float) -> list[bytes]:
        """Return the RTCP packets to send now."""
        if not producers:
            return []
        layers = [layer for producer in producers for layer in producer.layers if layer.reception.ssrc]
        packets: list[bytes] = []
        if self._began_at is None and layers:
            self._began_at = now
        finding = self._began_at is not None and now - self._began_at < FINDING_RATE
        if finding or now - self._fed_back_at >= STEADY_INTERVAL - 0.01:
            self._fed_back_at = now
            packets = self.arrivals.feedback(self._own_ssrc, layers[0].reception.ssrc if layers else 0)
        if now - self._reported_at >= REPORT_INTERVAL:
            self._reported_at = now
            blocks = [block for layer in layers if (block := layer.reception.report(now)) is not None]
            if blocks:
                packets.append(build_receiver_report(self._own_ssrc, blocks))
        return packets
