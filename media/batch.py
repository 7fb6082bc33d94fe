"""Datagrams by the batch: memory to receive into and to send from, moved by recvmmsg and sendmmsg or one by one.

Both ways share one memory layout, that of Linux's ``struct mmsghdr``, so that everything above writes names and lengths
with the same strided assignments. Which way is used is decided once, when a worker starts.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from array import array
from collections.abc import Callable
from enum import Enum
from typing import Any

from cffi import FFI  # type: ignore[import-untyped]  # its types are another package, for one call
from pylibsrtp._binding import ffi as srtp_ffi  # type: ignore[import-not-found]  # a compiled module without types

from .ice import Address

MAX_PACKET = 1500
"""Bytes of a datagram; anything longer is nobody's media packet."""
SLOT = 1600
"""Bytes between two datagrams: room for a tag and a longer header; no power of two, which would crowd one cache set."""
HEADROOM = 16
"""Bytes before a received datagram, for a header that is longer than the one it came with."""
RECEIVE_SLOTS = 64
SEND_SLOTS = 512
MESSAGE_WORDS = 8
"""64-bit words of a ``struct mmsghdr``: name, its length, vector, its length, control, its length, flags, bytes."""

_ffi = FFI()
_ffi.cdef("""
struct iovec { void *iov_base; size_t iov_len; };
struct msghdr {
    void *msg_name; unsigned int msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
    void *msg_control; size_t msg_controllen; int msg_flags;
};
struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
int sendmmsg(int, struct mmsghdr *, unsigned int, int);
int recvmmsg(int, struct mmsghdr *, unsigned int, int, void *);
""")
UDP_SEGMENT = 103  # linux/udp.h; the socket module has no name for it
_CONTROL = struct.Struct("=QiiH6x")  # struct cmsghdr and the size of the segments
_CONTROL_LENGTH = 18
_BUFFER_FULL = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS)
_REFUSED = (errno.EINVAL, errno.EIO, errno.EOPNOTSUPP, errno.EMSGSIZE)
_LONGEST_TRAIN = 32  # of 64 that the kernel takes: 32 of our largest still fit into 64 KiB
_MESSAGE = 64  # sizeof(struct mmsghdr); other layouts take the portable way
_LENGTH_AT = 56  # of msg_len in it
_LOW_HALF = 4 if sys.byteorder == "big" else 0  # where an int lies in a size_t
_NAME = 28  # sizeof(struct sockaddr_in6), the longer of the two
_V4 = struct.Struct("!H4s8x")
_V6 = struct.Struct("!HI16sI")
_MAPPED = bytes(10) + b"\xff\xff"  # IPv4 inside IPv6 (RFC 4291, section 2.5.5.2)


def _library() -> Any:
    """Return the C library when it has the batched calls in the layout that we know, else None."""
    if not sys.platform.startswith("linux") or _ffi.sizeof("struct mmsghdr") != _MESSAGE:
        return None
    library = _ffi.dlopen(None)
    return library if hasattr(library, "recvmmsg") and hasattr(library, "sendmmsg") else None


_library_calls = _library()
BATCHED = _library_calls is not None
"""Whether this system has the batched calls."""


class Way(Enum):
    """How datagrams get to the kernel, from the plainest on."""

    SINGLY = "one call each"
    MESSAGES = "one call for many"
    TRAINS = "one call for many, those of one size to one address coupled"


class Names:
    """Addresses as the kernel writes them, for a socket of one family; IPv4 inside IPv6 is shown as IPv4."""

    def __init__(self, family: int) -> None:
        self._family = struct.pack("=H", family)
        self._v6 = family == socket.AF_INET6
        self.length = _NAME if self._v6 else 16

    def pack(self, address: Address) -> bytes:
        """Return the ``sockaddr`` of an address. Raises :class:`OSError` when it is none of this family."""
        host, port = address[0], address[1]
        if not self._v6:
            return self._family + _V4.pack(port, socket.inet_aton(host))
        if ":" in host:
            return self._family + _V6.pack(port, 0, socket.inet_pton(socket.AF_INET6, host), 0)
        return self._family + _V6.pack(port, 0, _MAPPED + socket.inet_aton(host), 0)

    def unpack(self, name: bytes) -> tuple[str, int]:
        """Return (host, port) of a ``sockaddr``."""
        port = int.from_bytes(name[2:4], "big")
        if not self._v6:
            return socket.inet_ntoa(name[4:8]), port
        if name[8:20] == _MAPPED:
            return socket.inet_ntoa(name[20:24]), port
        return socket.inet_ntop(socket.AF_INET6, name[8:24]), port

    def target(self, name: bytes) -> tuple[str, int]:
        """Return a ``sockaddr`` as a plain socket of this family takes it."""
        host, port = self.unpack(name)
        return (f"::ffff:{host}" if self._v6 and ":" not in host else host), port


class Destination:
    """One address to send to, at a place in memory that stays the same while the address changes."""

    __slots__ = ("_memory", "_names", "address", "place")

    def __init__(self, names: Names, address: Address) -> None:
        self._names = names
        self._memory = _ffi.new("char[]", _NAME)
        self.place = int(_ffi.cast("uintptr_t", self._memory))
        self.address = address
        self.move(address)

    def move(self, address: Address) -> None:
        """Let everything that is sent from now on go to another address. Raises :class:`OSError`."""
        name = self._names.pack(address)
        _ffi.buffer(self._memory)[0 : len(name)] = name
        self.address = address


class Slots:
    """``count`` datagrams side by side, with the structures that the batched calls read."""

    def __init__(self, count: int, names: Names, headroom: int, capacity: int) -> None:
        self.names = names
        self._memory = srtp_ffi.new("char[]", (count + 1) * SLOT)  # one more, so that a slot may be read past its end
        self.buffer: Any = srtp_ffi.buffer(self._memory)
        self.bytes = memoryview(self.buffer).cast("B")
        self.words = self.bytes.cast("I")
        self.halves = self.bytes.cast("H")
        self._vectors = _ffi.new("struct iovec[]", count)
        self._messages = _ffi.new("struct mmsghdr[]", count)
        self._name_memory = _ffi.new("char[]", count * _NAME)
        self._name_buffer = _ffi.buffer(self._name_memory)
        base = _ffi.cast("char *", int(srtp_ffi.cast("uintptr_t", self._memory)))
        for place in range(count):
            self._vectors[place].iov_base = base + place * SLOT + headroom
            self._vectors[place].iov_len = capacity
            header = self._messages[place].msg_hdr
            header.msg_iov = self._vectors + place
            header.msg_iovlen = 1
            header.msg_name = self._name_memory + place * _NAME
            header.msg_namelen = names.length
        self.packets = [self._memory + place * SLOT + headroom for place in range(count)]


class Received(Slots):
    """What came in with the last call of :meth:`receive`."""

    def __init__(self, names: Names) -> None:
        super().__init__(RECEIVE_SLOTS, names, HEADROOM, MAX_PACKET + 1)
        base = int(_ffi.cast("uintptr_t", self._messages))
        places = range(RECEIVE_SLOTS)
        self.length_pointers = [srtp_ffi.cast("int *", base + place * _MESSAGE + _LENGTH_AT) for place in places]
        self._lengths = memoryview(_ffi.buffer(self._messages)).cast("B").cast("I")[_LENGTH_AT // 4 :: _MESSAGE // 4]
        step = names.length
        self._spans = [(place * _NAME, place * _NAME + step) for place in places]

    @property
    def lengths(self) -> memoryview:
        """The lengths of the datagrams; decryption writes the new ones here."""
        return self._lengths

    def receive(self, port: socket.socket, *, batched: bool) -> list[bytes]:
        """Read what waits; return whom it is from, in slot order. Raises :class:`OSError`, also when nothing waits."""
        if not batched:
            return self._receive_singly(port)
        count = _library_calls.recvmmsg(port.fileno(), self._messages, RECEIVE_SLOTS, 0, _ffi.NULL)
        if count < 0:
            raise OSError(_ffi.errno, "recvmmsg")
        names = self._name_buffer
        return [names[begin:end] for begin, end in self._spans[:count]]

    def _receive_singly(self, port: socket.socket) -> list[bytes]:
        found: list[bytes] = []
        for place in range(RECEIVE_SLOTS):
            begin = place * SLOT + HEADROOM
            try:
                size, source = port.recvfrom_into(self.bytes[begin : begin + MAX_PACKET + 1])
            except OSError:
                if not found:
                    raise
                break
            self._lengths[place] = size
            found.append(self.names.pack(source))
        return found


class Single(Slots):
    """One datagram that came another way than through the socket."""

    def __init__(self, names: Names) -> None:
        super().__init__(1, names, HEADROOM, MAX_PACKET)

    def put(self, packet: bytes) -> int:
        """Lay a packet of at most ``MAX_PACKET`` bytes in; return where it lies."""
        self.bytes[HEADROOM : HEADROOM + len(packet)] = packet
        return HEADROOM


class Sending(Slots):
    """Datagrams that leave together with the next :meth:`flush`."""

    def __init__(self, names: Names) -> None:
        super().__init__(SEND_SLOTS, names, 0, 0)
        vectors = int(_ffi.cast("uintptr_t", self._vectors)) + 8 + _LOW_HALF
        self.length_pointers = [srtp_ffi.cast("int *", vectors + 16 * place) for place in range(SEND_SLOTS)]
        self.lengths = memoryview(_ffi.buffer(self._vectors)).cast("B").cast("Q")[1::2]
        self.places = memoryview(_ffi.buffer(self._messages)).cast("B").cast("Q")[::MESSAGE_WORDS]
        self._trains = Trains(names, int(srtp_ffi.cast("uintptr_t", self._memory)))

    def flush(self, port: socket.socket, count: int, *, way: Way) -> tuple[int, int]:
        """Send the first ``count``, each at once or not at all; return how many (found the buffer full, failed)."""
        if way is Way.SINGLY:
            return _send_all(count, lambda at: self._send_singly(port, at))
        if way is Way.TRAINS and self._trains.couple(self.places[:count].tolist(), self.lengths[:count].tolist()):
            return self._trains.send(port, lambda at: self._send_singly(port, at))
        return _send_all(count, lambda at: _send_messages(port, self._messages, at, count))

    @property
    def trains_refused(self) -> int:
        """How many trains had to be taken apart here."""
        return self._trains.refused

    def _send_singly(self, port: socket.socket, at: int) -> tuple[int, int]:
        name = bytes(_ffi.buffer(_ffi.cast("char *", self.places[at]), self.names.length))
        try:
            port.sendto(self.bytes[at * SLOT : at * SLOT + self.lengths[at]], self.names.target(name))
        except OSError as error:
            return 0, error.errno or errno.EIO
        return 1, 0


class Trains:
    """Datagrams of one size to one address, coupled into one message that the kernel or the card takes apart (GSO).

    A datagram's way through the kernel costs more than its encryption; a train takes that way once.
    """

    def __init__(self, names: Names, memory: int) -> None:
        self._memory = memory
        self._vectors = _ffi.new("struct iovec[]", SEND_SLOTS)
        self._messages = _ffi.new("struct mmsghdr[]", SEND_SLOTS)
        self._control = _ffi.new("char[]", _CONTROL.size * SEND_SLOTS)
        vectors, control = (int(_ffi.cast("uintptr_t", each)) for each in (self._vectors, self._control))
        self._vector_at = [vectors + 16 * place for place in range(SEND_SLOTS)]
        self._control_at = [control + _CONTROL.size * place for place in range(SEND_SLOTS)]
        self._controls = _ffi.buffer(self._control)
        words = memoryview(_ffi.buffer(self._messages)).cast("B").cast("Q")
        self._columns = [words[column::MESSAGE_WORDS] for column in (0, 2, 3, 4, 5)]
        self._bases = memoryview(_ffi.buffer(self._vectors)).cast("B").cast("Q")
        for place in range(SEND_SLOTS):
            self._messages[place].msg_hdr.msg_namelen = names.length
        self._trains: list[list[int]] = []
        self.refused = 0

    def couple(self, places: list[int], lengths: list[int]) -> bool:
        """Lay the datagrams out as trains; False when there would be hardly fewer of them."""
        by_place: dict[int, list[int]] = {}
        for slot, place in enumerate(places):
            if place in by_place:
                by_place[place].append(slot)
            else:
                by_place[place] = [slot]
        if 4 * len(by_place) > 3 * len(places):
            return False
        trains: list[tuple[int, int, int, int, int]] = []
        vectors: list[int] = []
        controls = bytearray()
        self._trains = []
        for place, slots in by_place.items():
            at = 0
            while at < len(slots):
                size = lengths[slots[at]]
                end = at + 1
                while end < len(slots) and end - at < _LONGEST_TRAIN and lengths[slots[end]] == size:
                    end += 1
                if end < len(slots) and end - at < _LONGEST_TRAIN and lengths[slots[end]] < size:
                    end += 1  # only the last may be shorter
                begin = self._vector_at[len(vectors) // 2]
                for slot in slots[at:end]:
                    vectors += (self._memory + slot * SLOT, lengths[slot])
                long = end - at > 1
                control = self._control_at[len(trains)] if long else 0
                trains.append((place, begin, end - at, control, _CONTROL.size if long else 0))
                controls += _CONTROL.pack(_CONTROL_LENGTH, socket.IPPROTO_UDP, UDP_SEGMENT, size)
                self._trains.append(slots[at:end])
                at = end
        count = len(trains)
        self._bases[: len(vectors)] = memoryview(array("Q", vectors))
        self._controls[0 : len(controls)] = bytes(controls)
        for column, values in zip(self._columns, zip(*trains, strict=True), strict=True):
            column[:count] = memoryview(array("Q", values))
        return True

    def send(self, port: socket.socket, singly: Callable[[int], tuple[int, int]]) -> tuple[int, int]:
        """Send what was coupled; return how many datagrams (found the buffer full, failed).

        A train that is refused as such, over a path of small packets or a card that takes none apart, goes by
        ``singly(slot)``.
        """
        at = full = failed = 0
        trains = self._trains
        while at < len(trains):
            sent, code = _send_messages(port, self._messages, at, len(trains))
            at += sent
            if sent:
                continue
            if code in _BUFFER_FULL:
                return full + sum(map(len, trains[at:])), failed
            slots = trains[at]
            if len(slots) > 1 and code in _REFUSED:
                self.refused += 1
                codes = [code for sent, code in map(singly, slots) if not sent]
                blocked = sum(code in _BUFFER_FULL for code in codes)
                full, failed = full + blocked, failed + len(codes) - blocked
            else:
                failed += len(slots)
            at += 1
        return full, failed


def _send_messages(port: socket.socket, messages: Any, at: int, count: int) -> tuple[int, int]:
    sent = _library_calls.sendmmsg(port.fileno(), messages + at, count - at, 0)
    return (sent, 0) if sent > 0 else (0, _ffi.errno)


def _send_all(count: int, send: Callable[[int], tuple[int, int]]) -> tuple[int, int]:
    """Send messages 0 to ``count`` by ``send(at)``, which returns (how many, errno of the first that was not)."""
    at = failed = 0
    while at < count:
        sent, code = send(at)
        at += sent
        if sent:
            continue
        if code in _BUFFER_FULL:
            return count - at, failed  # a queue would only turn loss into delay
        failed += 1  # an unreachable peer; consent expiry ends it
        at += 1
    return 0, failed


def best_way(port: socket.socket) -> Way:
    """Return the best way to send that this system and this socket have."""
    if not BATCHED:
        return Way.SINGLY
    try:
        port.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
    except OSError:
        return Way.MESSAGES
    return Way.TRAINS
