"""ICE over TCP, the passive side (RFC 6544): one listening socket of a worker, for networks that let no UDP out.

Packets are framed by their length (RFC 4571). A connection has to bring an authenticated check first, and soon; until
then it may say nothing else. What does not fit into the connection at once is dropped, as on UDP: a queue would only
turn loss into delay.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator

from .ice import Address, StreamAddress
from .parsing import ParseError
from .wire import Kind, Sink, classify

MAX_FRAME = 1500
"""Bytes of a packet; anything longer is nobody's media packet."""
MAX_STREAMS = 1024
MAX_STREAMS_A_HOST = 64
"""An office or a clinic shares one address: eight people with two transports each, and as many while they come back."""
CHECK_TIMEOUT = 10.0
"""Seconds for the first authenticated check."""

_CHUNK = 1 << 16
_SEND_BUFFER = 1 << 16  # the kernel doubles it: about a second of a picture, no more
_BACKLOG = 64
_MAX_GATHERED = 512  # one write takes 1,024 pieces on Linux

_log = logging.getLogger(__name__)

OnCheck = Callable[[bytes, Address, float], None]


class Deframer:
    """Cuts a byte stream into packets (RFC 4571, section 2)."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield each packet that ``data`` completes. Raises :class:`ParseError`."""
        self._buffer += data
        while len(self._buffer) >= 2:
            size = int.from_bytes(self._buffer[:2], "big")
            if size > MAX_FRAME:
                raise ParseError(f"rfc4571 length: {size} bytes, expected at most {MAX_FRAME}")
            if len(self._buffer) < 2 + size:
                return
            packet = bytes(self._buffer[2 : 2 + size])
            del self._buffer[: 2 + size]
            if packet:
                yield packet


def frame(packet: bytes) -> bytes:
    """Return a packet with its length before it."""
    return len(packet).to_bytes(2, "big") + packet


class _Stream:
    """One accepted connection."""

    def __init__(self, port: socket.socket, address: StreamAddress) -> None:
        self.port = port
        self.address = address
        self.deframer = Deframer()
        self.sink: Sink | None = None
        self.rest = b""
        self.gathered: list[bytes] = []
        self.deadline: asyncio.TimerHandle | None = None


class Streams:
    """A listening socket. ``on_check(packet, source, now)`` gets every STUN packet, sinks what follows a good one."""

    def __init__(
        self,
        listen: str,
        port: int,
        on_check: OnCheck,
        counters: Counter[str],
        clock: Callable[[], float] = time.monotonic,
        *,
        on_batch: Callable[[], None] = lambda: None,
    ) -> None:
        """Bind; ``listen`` with a colon is IPv6, and ``::`` takes IPv4 as well. Raises :class:`OSError`.

        ``on_batch`` is called when all packets of one read have been delivered.
        """
        self._on_check = on_check
        self._clock = clock
        self._on_batch = on_batch
        self._counters = counters
        self._numbers = itertools.count(1)
        self._streams: dict[StreamAddress, _Stream] = {}
        self._gathering: list[_Stream] = []
        self._loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in listen else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            self._listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            self._listener.bind((listen, port))
            self._listener.listen(_BACKLOG)
        except OSError:
            self._listener.close()
            raise
        self.port: int = self._listener.getsockname()[1]
        self._loop.add_reader(self._listener, self._accept)

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._streams)

    def close(self) -> None:
        """Close the listener and every connection."""
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for stream in list(self._streams.values()):
            self._end(stream)

    def admit(self, source: StreamAddress, sink: Sink) -> None:
        """Deliver packets of a connection to ``sink``: it has passed a check there."""
        stream = self._streams.get(source)
        if stream is None:
            return
        stream.sink = sink
        if stream.deadline is not None:
            stream.deadline.cancel()
            stream.deadline = None

    def dismiss(self, sink: Sink) -> None:
        """Deliver nothing more to ``sink``; a goodbye may still be sent before :meth:`hang_up`."""
        for stream in self._streams.values():
            if stream.sink == sink:
                stream.sink = _nowhere

    def hang_up(self, source: StreamAddress) -> None:
        """Close a connection."""
        stream = self._streams.get(source)
        if stream is not None:
            self._end(stream)

    def send(self, packet: bytes, address: StreamAddress) -> None:
        """Send at once or not at all; a packet of which a part has left is finished before the next."""
        stream = self._streams.get(address)
        if stream is None:
            self._counters["send_failed"] += 1
        elif stream.rest:
            self._counters["send_buffer_full"] += 1
        else:
            self._write(stream, [frame(packet)])

    def gather(self, packet: bytes, address: StreamAddress) -> None:
        """Send with the next :meth:`flush`, together with what else goes to this peer: one write for a whole batch."""
        stream = self._streams.get(address)
        if stream is None:
            self._counters["send_failed"] += 1
            return
        if not stream.gathered:
            self._gathering.append(stream)
        stream.gathered.append(frame(packet))
        if len(stream.gathered) >= _MAX_GATHERED:
            self._write_gathered(stream)

    def flush(self) -> None:
        """Write what has gathered, as much of it as fits at once."""
        while self._gathering:
            self._write_gathered(self._gathering.pop())

    def _write_gathered(self, stream: _Stream) -> None:
        frames, stream.gathered = stream.gathered, []
        if not frames or stream.address not in self._streams:
            return
        if stream.rest:
            self._counters["send_buffer_full"] += len(frames)
        else:
            self._write(stream, frames)

    # -- the sockets

    def _accept(self) -> None:
        while True:
            try:
                port, name = self._listener.accept()
            except OSError:  # nobody waits any more, or whoever did has gone
                return
            host = name[0].removeprefix("::ffff:")
            if len(self._streams) >= MAX_STREAMS or self._from(host) >= MAX_STREAMS_A_HOST:
                self._counters["tcp_refused"] += 1
                port.close()
                continue
            port.setblocking(False)
            port.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            port.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            address = StreamAddress(host, name[1], next(self._numbers))
            stream = self._streams[address] = _Stream(port, address)
            stream.deadline = self._loop.call_later(CHECK_TIMEOUT, self._end, stream)
            self._counters["tcp_accepted"] += 1
            self._loop.add_reader(port, self._readable, stream)

    def _from(self, host: str) -> int:
        return sum(each.host == host for each in self._streams)

    def _readable(self, stream: _Stream) -> None:
        try:
            data = stream.port.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end(stream)
            return
        now = self._clock()
        try:
            for packet in stream.deframer.feed(data):
                self._take(stream, packet, now)
                if stream.address not in self._streams:
                    return
        except ParseError:
            self._counters["tcp_malformed"] += 1
            self._end(stream)
        except Exception:
            # The last belt, as on the wire: whatever one peer's packet does, the others go on.
            self._counters["packet_errors"] += 1
            _log.exception("a packet broke its handler")
            self._end(stream)
        finally:
            self._on_batch()

    def _take(self, stream: _Stream, packet: bytes, now: float) -> None:
        self._counters["datagrams_in"] += 1
        kind = classify(packet)
        if kind is Kind.STUN:
            self._on_check(packet, stream.address, now)
        elif stream.sink is None:
            # Whoever speaks before the check has nothing to say here.
            self._counters["dropped_stranger"] += 1
            self._end(stream)
        elif kind is Kind.OTHER:
            self._counters["dropped_unknown"] += 1
        else:
            stream.sink(kind, packet, stream.address, now)

    def _write(self, stream: _Stream, frames: list[bytes]) -> None:
        try:
            sent = stream.port.sendmsg(frames)
        except BlockingIOError:
            self._counters["send_buffer_full"] += len(frames)
            return
        except OSError:
            self._counters["send_failed"] += 1
            self._end(stream)
            return
        self._counters["tcp_writes"] += 1
        waiting = deque(frames)
        while waiting and sent >= len(waiting[0]):
            sent -= len(waiting.popleft())
        if sent:  # a packet of which a part has left is finished; those behind it would only come late
            stream.rest = waiting.popleft()[sent:]
            self._loop.add_writer(stream.port, self._writable, stream)
        self._counters["send_buffer_full"] += len(waiting)

    def _writable(self, stream: _Stream) -> None:
        self._loop.remove_writer(stream.port)
        rest, stream.rest = stream.rest, b""
        self._write_rest(stream, rest)

    def _write_rest(self, stream: _Stream, rest: bytes) -> None:
        try:
            sent = stream.port.send(rest)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._end(stream)
            return
        if sent < len(rest):
            stream.rest = rest[sent:]
            self._loop.add_writer(stream.port, self._writable, stream)

    def _end(self, stream: _Stream) -> None:
        if self._streams.pop(stream.address, None) is None:
            return
        if stream.deadline is not None:
            stream.deadline.cancel()
        self._loop.remove_reader(stream.port)
        self._loop.remove_writer(stream.port)
        stream.port.close()


def _nowhere(_kind: Kind, _packet: bytes, _source: Address, _now: float) -> None:
    """Where the packets of a dismissed peer go."""
