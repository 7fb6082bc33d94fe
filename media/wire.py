"""The one UDP socket of a worker, and who gets what arrives on it.

Nothing but STUN is looked at until its source has passed an authenticated check: a stranger's datagram costs one
dictionary look-up. The engine issue replaces this loop by a batched one; ``admit``, ``dismiss`` and ``send`` stay.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum, auto

from .ice import Address
from .rtp import is_rtcp
from .srtp import MAX_PACKET

_BATCH = 64  # datagrams read before other work of the loop gets its turn
_SOCKET_BUFFER = 4 << 20
_MAX_ADDRESSES = 16  # a peer's candidate pairs; more of them is a peer that roams or plays

_log = logging.getLogger(__name__)


class Kind(Enum):
    """What a datagram's first bytes say it is (RFC 7983)."""

    STUN = auto()
    DTLS = auto()
    RTP = auto()
    RTCP = auto()
    OTHER = auto()


def classify(datagram: bytes) -> Kind:
    """Sort a datagram by its first two bytes; never raises."""
    if len(datagram) < 2 or len(datagram) > MAX_PACKET:
        return Kind.OTHER
    first = datagram[0]
    if first < 4:
        return Kind.STUN
    if 20 <= first < 64:
        return Kind.DTLS
    if 128 <= first < 192:
        return Kind.RTCP if is_rtcp(datagram) else Kind.RTP
    return Kind.OTHER


OnCheck = Callable[[bytes, Address, float], None]
Sink = Callable[[Kind, bytes, Address, float], None]


class Wire:
    """A bound socket. ``on_check(datagram, source, now)`` gets every STUN datagram, sinks what follows a good one."""

    def __init__(
        self,
        listen: str,
        port: int,
        on_check: OnCheck,
        counters: Counter[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_check = on_check
        self._clock = clock
        self._counters = counters
        self._sinks: dict[Address, Sink] = {}
        self._addresses: dict[Sink, dict[Address, None]] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER)
        self._socket.bind((listen, port))
        self.port: int = self._socket.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def close(self) -> None:
        """Stop reading and close the socket."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def admit(self, source: Address, sink: Sink) -> None:
        """Deliver datagrams from ``source`` to ``sink``: it has passed a check there."""
        if self._sinks.get(source) == sink:
            return
        before = self._sinks.get(source)
        if before is not None:
            self._addresses[before].pop(source, None)
        known = self._addresses.setdefault(sink, {})
        if len(known) >= _MAX_ADDRESSES:
            oldest = next(iter(known))
            del known[oldest], self._sinks[oldest]
        known[source] = None
        self._sinks[source] = sink

    def dismiss(self, sink: Sink) -> None:
        """Deliver nothing more to ``sink``."""
        for source in self._addresses.pop(sink, {}):
            del self._sinks[source]

    def send(self, datagram: bytes, address: Address) -> None:
        """Send at once or not at all: a queue would only turn loss into delay."""
        try:
            self._socket.sendto(datagram, address)
        except BlockingIOError:
            self._counters["send_buffer_full"] += 1
        except OSError:
            self._counters["send_failed"] += 1  # an unreachable peer; consent expiry ends it

    def _readable(self) -> None:
        now = self._clock()
        for _ in range(_BATCH):
            try:
                datagram, source = self._socket.recvfrom(MAX_PACKET + 1)
            except BlockingIOError:
                return
            except OSError:
                self._counters["receive_failed"] += 1  # an ICMP error of an earlier send
                continue
            try:
                self._deliver(datagram, source, now)
            except Exception:
                # The last belt: whatever one peer's packet does, the others' packets behind it are still read.
                self._counters["packet_errors"] += 1
                _log.exception("a packet broke its handler")

    def _deliver(self, datagram: bytes, source: Address, now: float) -> None:
        self._counters["datagrams_in"] += 1
        kind = classify(datagram)
        if kind is Kind.STUN:
            self._on_check(datagram, source, now)
            return
        sink = self._sinks.get(source)
        if sink is None:
            self._counters["dropped_stranger"] += 1
        elif kind is Kind.OTHER:
            self._counters["dropped_unknown"] += 1
        else:
            sink(kind, datagram, source, now)
