"""Datagrams by the batch: memory to receive into and to send from, moved by recvmmsg and sendmmsg or one by one.

Both ways share one memory layout, that of Linux's ``struct mmsghdr``, so that everything above writes names and lengths
with the same strided assignments. Which way is used is decided once, when a worker starts.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
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

    def unpack(self, name: bytes) -> Address:
        """Return (host, port) of a ``sockaddr``."""
        port = int.from_bytes(name[2:4], "big")
        if not self._v6:
            return socket.inet_ntoa(name[4:8]), port
        if name[8:20] == _MAPPED:
            return socket.inet_ntoa(name[20:24]), port
        return socket.inet_ntop(socket.AF_INET6, name[8:24]), port

    def target(self, name: bytes) -> Address:
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

    def flush(self, port: socket.socket, count: int, *, batched: bool) -> tuple[int, int]:
        """Send the first ``count``, each at once or not at all; return how many (found the buffer full, failed)."""
        at = full = failed = 0
        while at < count:
            if batched:
                sent = _library_calls.sendmmsg(port.fileno(), self._messages + at, count - at, 0)
                code = _ffi.errno if sent <= 0 else 0
            else:
                sent, code = self._send_singly(port, at)
            if sent > 0:
                at += sent
            elif code in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS):
                full += count - at  # a queue would only turn loss into delay
                break
            else:
                failed += 1  # an unreachable peer; consent expiry ends it
                at += 1
        return full, failed

    def _send_singly(self, port: socket.socket, at: int) -> tuple[int, int]:
        name = bytes(_ffi.buffer(_ffi.cast("char *", self.places[at]), self.names.length))
        try:
            port.sendto(self.bytes[at * SLOT : at * SLOT + self.lengths[at]], self.names.target(name))
        except OSError as error:
            return 0, error.errno or errno.EIO
        return 1, 0
