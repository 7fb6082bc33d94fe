"""Datagrams of the load by the batch, received with the time when the kernel got them."""

from __future__ import annotations

from array import array

from pylibsrtp._binding import ffi as srtp_ffi

from bench.media_client import BATCH, SLOT, ffi, libc

_MEDIA = bytes(range(128, 192))
_NOT_RTCP = bytes(each for each in range(256) if not 63 < each & 0x7F < 96)
_STAMP, _DONTWAIT = 32, 0x40  # a struct cmsghdr with a struct timespec; MSG_DONTWAIT


class Batch:
    """Message slots for recvmmsg or sendmmsg over connected sockets, in memory that libsrtp may work on."""

    def __init__(self, count: int) -> None:
        self.data = srtp_ffi.new("char[]", count * SLOT)
        self.view = memoryview(srtp_ffi.buffer(self.data)).cast("B")
        base = ffi.cast("char *", int(srtp_ffi.cast("uintptr_t", self.data)))
        self.messages = ffi.new("struct mmsghdr[]", count)
        self.vectors = ffi.new("struct iovec[]", count)
        for place in range(count):
            self.vectors[place].iov_base = base + place * SLOT
            self.vectors[place].iov_len = SLOT
            self.messages[place].msg_hdr.msg_iov = self.vectors + place
            self.messages[place].msg_hdr.msg_iovlen = 1
        self.stamps = ffi.new("char[]", count * _STAMP)
        for place in range(count):
            self.messages[place].msg_hdr.msg_control = self.stamps + place * _STAMP
        # A struct cmsghdr of 16 bytes, then seconds and nanoseconds.
        self.stamp_words = memoryview(ffi.buffer(self.stamps)).cast("B").cast("q")
        self.stamp_sizes = memoryview(ffi.buffer(self.messages)).cast("B").cast("Q")[5::8]
        self._sizes = memoryview(array("Q", [_STAMP]) * count)
        # 64-byte mmsghdr: its msg_len is the fifteenth 32-bit word.
        self.lengths = memoryview(ffi.buffer(self.messages)).cast("B").cast("I")[14::16]

    def receive(self, fd: int) -> int:
        """Read what waits at a socket; return how many datagrams, 0 or less for none."""
        self.stamp_sizes[:] = self._sizes
        count: int = libc.recvmmsg(fd, self.messages, len(self._sizes), _DONTWAIT, ffi.NULL)
        return count

    def only_media(self, count: int) -> bool:
        """Tell whether the last ``count`` datagrams are RTP, every one."""
        end = count * SLOT
        others = bytes(self.view[:end:SLOT]).translate(None, _MEDIA)
        return not others and not bytes(self.view[1:end:SLOT]).translate(None, _NOT_RTCP)

    def came_at(self, place: int) -> float:
        """Return the wall-clock time when the kernel got a datagram."""
        at = _STAMP // 8 * place
        return self.stamp_words[at + 2] + self.stamp_words[at + 3] / 1e9


__all__ = ["BATCH", "SLOT", "Batch"]
