"""Datagrams by the batch: memory to receive into and to send from, moved by recvmmsg and sendmmsg or one by one.

Both ways share one memory layout, that of Linux's ``struct mmsghdr``, so that everything above writes names and lengths
with the same strided assignments. Which way is used is decided once, when a worker starts.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
import time
from array import array
from collections.abc import Sequence
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
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h
_STAMP = 32  # struct cmsghdr and a struct timespec
_OLDEST = 1.0  # seconds; a datagram never waits that long to be read
_NO_AGES = (0.0,) * RECEIVE_SLOTS
_BUFFER_FULL = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS)
_REFUSED = (errno.EINVAL, errno.EIO, errno.EOPNOTSUPP, errno.EMSGSIZE)
_CONTROL_HALVES = _CONTROL.size // 2
_SEGMENT_AT = 8  # of the segments' size, in halves
_REPEATED = 32  # words up to which a list of equal ones is kept for the next time
_LONGEST_TRAIN = 32  # of 64 that the kernel takes: 32 of our largest still fit into 64 KiB
_MESSAGE = 64  # sizeof(struct mmsghdr); other layouts take the portable way
_LENGTH_AT = 56  # of msg_len in it
_LOW_HALF = 4 if sys.byteorder == "big" else 0  # where an int lies in a size_t
_NAME = 32  # room for a struct sockaddr_in6, the longer of the two
_V6_NAME = 28
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


Key = int | bytes
"""An address as a word, where a word is enough, or else as the kernel writes it."""


class Names:
    """Addresses as the kernel writes them, for a socket of one family; IPv4 inside IPv6 is shown as IPv4."""

    def __init__(self, family: int) -> None:
        self._family = struct.pack("=H", family)
        self._v6 = family == socket.AF_INET6
        self.length = _V6_NAME if self._v6 else 16
        self.in_words = not self._v6

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

    def key(self, address: Address) -> Key:
        """Return what :meth:`Received.receive` calls datagrams from an address. Raises :class:`OSError`."""
        return self.key_of(self.pack(address))

    def key_of(self, name: bytes) -> Key:
        """Return the key of a ``sockaddr``: what can be told apart fastest."""
        return name if self._v6 else int.from_bytes(name[:8], sys.byteorder)

    def address(self, key: Key) -> tuple[str, int]:
        """Return (host, port) of a key."""
        return self.unpack(key if isinstance(key, bytes) else key.to_bytes(8, sys.byteorder))

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
        words = memoryview(_ffi.buffer(self._name_memory)).cast("B").cast("Q")
        self._name_words = words[:: _NAME // 8] if names.in_words else None
        self._stamps = _ffi.new("char[]", RECEIVE_SLOTS * _STAMP)
        stamps = memoryview(_ffi.buffer(self._stamps)).cast("B").cast("q")
        self._stamp_seconds, self._stamp_nanos = stamps[2 :: _STAMP // 8], stamps[3 :: _STAMP // 8]
        self._stamp_sizes = memoryview(_ffi.buffer(self._messages)).cast("B").cast("Q")[5::MESSAGE_WORDS]
        self._stamped = False

    def begins(self, count: int) -> tuple[bytes, bytes]:
        """Return the first and the second bytes of the last ``count`` datagrams."""
        end = count * SLOT
        return bytes(self.bytes[HEADROOM:end:SLOT]), bytes(self.bytes[HEADROOM + 1 : end : SLOT])

    def stamp(self, port: socket.socket) -> None:
        """Let the kernel note when datagrams arrive at ``port``, however long they wait to be read."""
        try:
            port.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        except OSError:
            return
        for place in range(RECEIVE_SLOTS):
            self._messages[place].msg_hdr.msg_control = self._stamps + place * _STAMP
            self._messages[place].msg_hdr.msg_controllen = _STAMP
        self._stamped = True

    def ages(self, count: int) -> Sequence[float]:
        """Return how many seconds ago each of the last ``count`` datagrams arrived; zeros where nobody says."""
        if not self._stamped:
            return _NO_AGES[:count]
        wall = time.time()
        ages = [
            wall - seconds - nanos / 1e9
            for seconds, nanos in zip(self._stamp_seconds[:count], self._stamp_nanos[:count], strict=True)
        ]
        if min(ages) < 0 or max(ages) > _OLDEST:
            return [age if 0 <= age <= _OLDEST else 0.0 for age in ages]  # the wall clock was set meanwhile
        return ages

    @property
    def lengths(self) -> memoryview:
        """The lengths of the datagrams; decryption writes the new ones here."""
        return self._lengths

    def receive(self, port: socket.socket, *, batched: bool) -> Sequence[Key]:
        """Read what waits; return the keys of whom it is from, in slot order.

        Raises :class:`OSError`, also when nothing waits.
        """
        if not batched:
            return self._receive_singly(port)
        count = _library_calls.recvmmsg(port.fileno(), self._messages, RECEIVE_SLOTS, 0, _ffi.NULL)
        if count < 0:
            raise OSError(_ffi.errno, "recvmmsg")
        if self._stamped:
            self._stamp_sizes[:count] = repeated(_STAMP, count)  # the kernel has written what it needed
        if self._name_words is not None:
            words: list[int] = self._name_words[:count].tolist()
            return words
        names = self._name_buffer
        return [names[begin:end] for begin, end in self._spans[:count]]

    def _receive_singly(self, port: socket.socket) -> list[Key]:
        found: list[Key] = []
        for place in range(RECEIVE_SLOTS):
            begin = place * SLOT + HEADROOM
            try:
                size, source = port.recvfrom_into(self.bytes[begin : begin + MAX_PACKET + 1])
            except OSError:
                if not found:
                    raise
                break
            self._lengths[place] = size
            found.append(self.names.key(source))
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
    """Datagrams that leave together with the next :meth:`flush`, and the messages that they leave in.

    A datagram's way through the kernel costs more than its encryption. Datagrams of one size to one address can be
    coupled into one message, a train, that takes that way once and is taken apart by the kernel or the card (GSO).
    """

    def __init__(self, names: Names) -> None:
        super().__init__(SEND_SLOTS, names, 0, 0)
        vectors = int(_ffi.cast("uintptr_t", self._vectors))
        lengths = vectors + 8 + _LOW_HALF
        self.length_pointers = [srtp_ffi.cast("int *", lengths + 16 * place) for place in range(SEND_SLOTS)]
        self.lengths = memoryview(_ffi.buffer(self._vectors)).cast("B").cast("Q")[1::2]
        self._first_vector = vectors
        self._vector_at = memoryview(array("Q", range(vectors, vectors + 16 * SEND_SLOTS, 16)))
        self._control = _ffi.new(
            "char[]", _CONTROL.pack(_CONTROL_LENGTH, socket.IPPROTO_UDP, UDP_SEGMENT, 0) * SEND_SLOTS
        )
        control = int(_ffi.cast("uintptr_t", self._control))
        self._control_at = memoryview(array("Q", range(control, control + _CONTROL.size * SEND_SLOTS, _CONTROL.size)))
        self._segments = memoryview(_ffi.buffer(self._control))[: _CONTROL.size * SEND_SLOTS].cast("B").cast("H")
        words = memoryview(_ffi.buffer(self._messages)).cast("B").cast("Q")
        self._places, _, self._begins, self._counts, self._controls, self._control_sizes = (
            words[column::MESSAGE_WORDS] for column in range(6)
        )
        self._used = self._datagrams = 0
        self._rearranged = False
        self.refused = 0
        """How many trains had to be taken apart here."""

    def alone(self, begin: int, end: int, places: memoryview, each: int = 1) -> None:
        """Let the datagrams of the slots from ``begin`` on leave one by one: ``each`` to every one of ``places``."""
        first, last = self._used, self._used + end - begin
        for step in range(each):
            self._places[first + step : last : each] = places
        if first != begin or self._rearranged:
            self._begins[first:last] = self._vector_at[begin:end]
            self._rearranged = True
        self._used = last
        self._datagrams += end - begin

    def coupled(self, begin: int, end: int, places: memoryview, each: int, train: tuple[int, int]) -> None:
        """Couple datagrams ``first`` to ``last`` of the ``each`` to every one of ``places``, if all are of one size.

        ``train`` is (first, last + 1). Only its last datagram may be shorter.
        """
        first, last = self._used, self._used + len(places)
        starts = slice(begin + train[0], end, each)
        count = train[1] - train[0]
        self._rearranged = True
        self._places[first:last] = places
        self._begins[first:last] = self._vector_at[starts]
        if count > 1:
            self._counts[first:last] = repeated(count, len(places))
            self._controls[first:last] = self._control_at[first:last]
            self._control_sizes[first:last] = repeated(_CONTROL.size, len(places))
            self._segments[_SEGMENT_AT + _CONTROL_HALVES * first : _CONTROL_HALVES * last : _CONTROL_HALVES] = (
                memoryview(array("H", self.lengths[starts]))
            )
        self._used = last
        self._datagrams += count * len(places)

    def flush(self, port: socket.socket, *, way: Way) -> tuple[int, int, int]:
        """Send all messages, each at once or not at all; return how many datagrams (left, found it full, failed).

        A train that is refused as such, over a path of small packets or a card that takes none apart, goes in single
        datagrams.
        """
        at = full = failed = 0
        used, datagrams = self._used, self._datagrams
        self._used = self._datagrams = 0
        while at < used:
            if way is Way.SINGLY:
                sent, code = self._send_singly(port, self._slot(at), self._places[at])
            else:
                sent, code = self._send_messages(port, at, used)
            at += sent
            if sent:
                continue
            if code in _BUFFER_FULL:
                full += sum(self._counts[at:used])  # a queue would only turn loss into delay
                break
            if self._counts[at] > 1 and code in _REFUSED:
                self.refused += 1
                codes = [code for sent, code in self._apart(port, at) if not sent]
                blocked = sum(code in _BUFFER_FULL for code in codes)
                full, failed = full + blocked, failed + len(codes) - blocked
            else:
                failed += self._counts[at]  # an unreachable peer; consent expiry ends it
            at += 1
        if self._rearranged:
            self._rearranged = False
            self._begins[:used] = self._vector_at[:used]
            self._counts[:used] = repeated(1, used)
            self._controls[:used] = self._control_sizes[:used] = repeated(0, used)
        return datagrams - full - failed, full, failed

    def _slot(self, message: int) -> int:
        return (self._begins[message] - self._first_vector) // 16

    def _apart(self, port: socket.socket, message: int) -> list[tuple[int, int]]:
        first, place = self._slot(message), self._places[message]
        return [self._send_singly(port, first + step, place) for step in range(self._counts[message])]

    def _send_singly(self, port: socket.socket, slot: int, place: int) -> tuple[int, int]:
        name = bytes(_ffi.buffer(_ffi.cast("char *", place), self.names.length))
        try:
            port.sendto(self.bytes[slot * SLOT : slot * SLOT + self.lengths[slot]], self.names.target(name))
        except OSError as error:
            return 0, error.errno or errno.EIO
        return 1, 0

    def _send_messages(self, port: socket.socket, at: int, end: int) -> tuple[int, int]:
        """Return how many messages have left, and the error of the first one when none has."""
        sent = _library_calls.sendmmsg(port.fileno(), self._messages + at, end - at, 0)
        return (sent, 0) if sent > 0 else (0, _ffi.errno)


def trains(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Divide datagrams that follow each other into as few trains as may be, as (first, last + 1)."""
    found: list[tuple[int, int]] = []
    begin = 0
    for at in range(1, len(sizes) + 1):
        if at < len(sizes) and at - begin < _LONGEST_TRAIN and sizes[at] <= sizes[begin] == sizes[at - 1]:
            continue  # only the last may be shorter, so nothing couples behind a shorter one
        found.append((begin, at))
        begin = at
    return found


_repeats: dict[int, memoryview] = {}


def repeated(value: int, count: int) -> memoryview:
    """Return ``count`` 64-bit words of one value."""
    if count > _REPEATED:
        return memoryview(array("Q", [value]) * count)
    found = _repeats.get(value)
    if found is None:
        found = _repeats[value] = memoryview(array("Q", [value]) * _REPEATED)
    return found[:count]


def best_way(port: socket.socket) -> Way:
    """Return the best way to send that this system and this socket have."""
    if not BATCHED:
        return Way.SINGLY
    try:
        port.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
    except OSError:
        return Way.MESSAGES
    return Way.TRAINS
