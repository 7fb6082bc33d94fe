"""The one UDP socket of a worker, and who gets what arrives on it.

Nothing but STUN is looked at until its source has passed an authenticated check: a stranger's datagram costs one
dictionary look-up. Media of a source with keys is decrypted where it lies and handed on without being copied.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from pylibsrtp._binding import lib  # type: ignore[import-not-found]  # a compiled module without types

from .batch import HEADROOM, MAX_PACKET, RECEIVE_SLOTS, SLOT, Destination, Key, Names, Received, Single, Way, best_way
from .ice import Address
from .memory import Memory
from .outbox import Outbox, WayOut
from .rtp import is_rtcp

PACKET_COST = 200
"""Bytes that a packet is charged for beside its own: many small ones cost as much as large ones."""
_BATCHES = 8  # read before other work of the loop gets its turn
_SOCKET_BUFFER = 4 << 20
_MAX_ADDRESSES = 16  # a peer's candidate pairs; more of them is a peer that roams or plays
_BUSY = 400
"""Datagrams a second above which waking up for each costs more than it gains: two people who only talk are below it."""
_RATE_INTERVAL = 0.25
_SHORTEST, _LONGEST = 0.006, 0.015
"""Seconds between two reads while busy: as long as a read takes to be full, within these bounds. That is below what
anybody hears, and far above what a wake-up costs. Publishers are told when the kernel got their packets and not when we
read them."""
_EMPTY_READS = 3
"""In a row, after which a worker that was busy waits to be woken again."""
_WAITING_SHARE = 0.25
"""Of the socket's buffer that may fill up between two reads."""
_KERNEL_SIZE = 2304
"""Bytes that a datagram takes in the socket's buffer."""

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


Take = Callable[[Memory, int, int, float, float], None]
OnCheck = Callable[[bytes, Address, float], None]
Sink = Callable[[Kind, bytes, Address, float], None]


@dataclass(slots=True, eq=False)
class Inlet:
    """Where a peer's media goes once it has keys: ``take(received, at, size, now, arrived)`` gets each plain packet.

    ``arrived`` is when the kernel got the packet, ``now`` when we did. ``context`` is libsrtp's session. ``bytes_left``
    bounds what is decrypted for this peer; whoever owns the inlet refills it.
    """

    context: Any
    take: Take
    bytes_left: int


@dataclass(slots=True, eq=False)
class _Door:
    sink: Sink
    source: Address
    inlet: Inlet | None
    heard_at: float = float("-inf")


class Wire:
    """A bound socket. ``on_check(datagram, source, now)`` gets every STUN datagram, sinks what follows a good one."""

    def __init__(
        self,
        listen: str,
        port: int,
        on_check: OnCheck,
        counters: Counter[str],
        clock: Callable[[], float] = time.monotonic,
        *,
        way: Way | None = None,
        on_batch: Callable[[], None] = lambda: None,
        find: Callable[[str], WayOut | None] = lambda _transport: None,
    ) -> None:
        """Bind; ``on_batch`` is called after each batch, before what it led to is sent; ``find`` is
        :class:`Outbox`'s.

        ``listen`` with a colon is IPv6, and ``::`` takes IPv4 as well. Raises :class:`OSError`.
        """
        self._on_check = on_check
        self._on_batch = on_batch
        self._clock = clock
        self._counters = counters
        self._doors: dict[Key, _Door] = {}
        self._names_of: dict[Sink, dict[Key, None]] = {}
        self._inlets: dict[Sink, Inlet] = {}
        family = socket.AF_INET6 if ":" in listen else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        if family == socket.AF_INET6:
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER)
        self._socket.bind((listen, port))
        self._descriptor = self._socket.fileno()
        self.port: int = self._socket.getsockname()[1]
        self._names = Names(family)
        self._received = Received(self._names)
        self._way = way or best_way(self._socket)
        if self._way is not Way.SINGLY:
            self._received.stamp(self._socket)
        buffer = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._may_wait = buffer / _KERNEL_SIZE * _WAITING_SHARE
        self._pause = _LONGEST
        self._read_at = 0.0
        self.outbox = Outbox(self._socket, self._names, counters, find, way=self._way)
        self._rate_since = clock()
        self._rate_count = 0
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._empty = 0
        self._loop.add_reader(self._descriptor, self._readable)

    def close(self) -> None:
        """Stop reading and close the socket."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._descriptor)
        self._socket.close()

    def admit(self, source: Address, sink: Sink) -> None:
        """Deliver datagrams from ``source`` to ``sink``: it has passed a check there."""
        name = self._names.key(source)
        before = self._doors.get(name)
        if before is not None:
            if before.sink == sink:
                return
            self._names_of[before.sink].pop(name, None)
        known = self._names_of.setdefault(sink, {})
        if len(known) >= _MAX_ADDRESSES:
            oldest = next(iter(known))
            del known[oldest], self._doors[oldest]
        known[name] = None
        self._doors[name] = _Door(sink, source, self._inlets.get(sink))

    def open_inlet(self, sink: Sink, inlet: Inlet) -> None:
        """Hand the media of a sink's sources to ``inlet`` from now on."""
        self._inlets[sink] = inlet
        for name in self._names_of.get(sink, {}):
            self._doors[name].inlet = inlet

    def dismiss(self, sink: Sink) -> None:
        """Deliver nothing more to ``sink``."""
        self._inlets.pop(sink, None)
        for name in self._names_of.pop(sink, {}):
            self._doors.pop(name).inlet = None

    def heard_at(self, source: Address) -> float:
        """Return when media from ``source`` last went through its inlet; minus infinity if never."""
        door = self._doors.get(self._names.key(source))
        return door.heard_at if door is not None else float("-inf")

    def single(self) -> Single:
        """Return memory for a packet that came another way, to be spread like one that came through the socket."""
        return Single(self._names)

    def destination(self, address: Address) -> Destination:
        """Return a destination for :attr:`outbox`. Raises :class:`OSError` for an address of another family."""
        return Destination(self._names, address)

    def send(self, datagram: bytes, address: Address) -> None:
        """Send at once or not at all: a queue would only turn loss into delay."""
        try:
            self._socket.sendto(datagram, self._names.target(self._names.pack(address)))
        except BlockingIOError:
            self._counters["send_buffer_full"] += 1
        except OSError:
            self._counters["send_failed"] += 1  # an unreachable peer; consent expiry ends it

    # -- when to read

    def _readable(self) -> None:
        if not self._busy:
            self._drain()
            return
        self._loop.remove_reader(self._descriptor)
        self._read_at = self._loop.time()
        self._read_later()

    def _read_later(self) -> None:
        now = self._loop.time()
        self._read_at = max(self._read_at + self._pause, now)  # the work itself is part of the pause
        self._timer = self._loop.call_at(self._read_at, self._poll)

    def _poll(self) -> None:
        count = 1
        try:
            count = self._drain()
        finally:  # whatever one read has led to, it is not the last one
            self._empty = 0 if count else self._empty + 1
            if self._empty < _EMPTY_READS:
                self._read_later()
            else:
                self._timer = None
                self._loop.add_reader(self._descriptor, self._readable)

    def _measure(self, count: int, now: float) -> None:
        self._rate_count += count
        elapsed = now - self._rate_since
        if elapsed >= _RATE_INTERVAL:
            rate = self._rate_count / elapsed
            self._busy = rate > _BUSY
            if self._busy:
                full = max(_SHORTEST, min(_LONGEST, RECEIVE_SLOTS / rate))
                self._pause = min(full, self._may_wait / rate)
            self._rate_count, self._rate_since = 0, now

    def _drain(self) -> int:
        total = 0
        for _ in range(_BATCHES):
            try:
                names = self._received.receive(self._socket, batched=self._way is not Way.SINGLY)
            except BlockingIOError:
                break
            except OSError:
                self._counters["receive_failed"] += 1  # an ICMP error of an earlier send
                continue
            now = self._clock()
            total += len(names)
            self._take(names, now)
            try:
                self._on_batch()
            finally:
                self.outbox.flush()  # nothing waits when this returns: whoever is detached next gets no more
            self._measure(len(names), now)
            if len(names) < RECEIVE_SLOTS:
                break
        return total

    # -- what to do with it

    def _take(self, names: Sequence[Key], now: float) -> None:
        """Hand on one batch. This is the hot loop: one look-up and one decryption before the router sees a packet."""
        received, doors, unprotect = self._received, self._doors, lib.srtp_unprotect
        view, lengths = received.bytes, received.lengths
        packets, length_pointers = received.packets, received.length_pointers
        ages = received.ages(len(names))
        taken = strangers = refused = 0
        firsts, seconds = received.begins(len(names))
        for place, name in enumerate(names):
            try:
                at = place * SLOT + HEADROOM
                if 127 < firsts[place] < 192 and not 63 < seconds[place] & 0x7F < 96:
                    door = doors.get(name)
                    if door is None:
                        strangers += 1
                        continue
                    inlet = door.inlet
                    if inlet is not None:
                        inlet.bytes_left -= lengths[place] + PACKET_COST
                        if inlet.bytes_left < 0:
                            self._counters["over_budget"] += 1
                        elif unprotect(inlet.context, packets[place], length_pointers[place]):
                            refused += 1
                        else:
                            taken += 1
                            door.heard_at = now
                            inlet.take(received, at, lengths[place], now, now - ages[place])
                        continue
                self._deliver(bytes(view[at : at + lengths[place]]), name, now)
            except Exception:
                # The last belt: whatever one peer's packet does, the others' packets behind it are still read.
                self._counters["packet_errors"] += 1
                _log.exception("a packet broke its handler")
        counters = self._counters
        counters["datagrams_in"] += len(names)
        counters["rtp_in"] += taken
        if strangers:
            counters["dropped_stranger"] += strangers
        if refused:
            counters["srtp_refused"] += refused

    def _deliver(self, datagram: bytes, name: Key, now: float) -> None:
        kind = classify(datagram)
        if kind is Kind.STUN:
            self._on_check(datagram, self._names.address(name), now)
            return
        door = self._doors.get(name)
        if door is None:
            self._counters["dropped_stranger"] += 1
        elif kind is Kind.OTHER:
            self._counters["dropped_unknown"] += 1
        else:
            door.sink(kind, datagram, door.source, now)
