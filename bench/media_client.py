"""A cheap ICE, DTLS and SRTP client: one UDP socket of its own, the same for whichever server is measured."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from typing import Any

import aiortc.rtcdtlstransport as aiortc_dtls
from aioice import stun
from cffi import FFI
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi as srtp_ffi
from pylibsrtp._binding import lib as srtp

from media.dtls import Dtls
from media.ortc import PeerDtls
from media.srtp import SrtpKeys

# One profile for everybody: whoever measures two servers under two ciphers measures the ciphers.
aiortc_dtls.SRTP_PROFILES[:] = [aiortc_dtls.SRTP_AEAD_AES_128_GCM]

CONNECT_SECONDS = 30.0
SLOT = 2048
BATCH = 64
KEEPALIVE_SECONDS = 5.0
_RETRY_SECONDS = 0.25
_BUFFER = 4 << 20
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h

ffi: Any = FFI()
ffi.cdef(
    """
    struct iovec { void *iov_base; size_t iov_len; };
    struct msghdr { void *msg_name; unsigned int msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
                    void *msg_control; size_t msg_controllen; int msg_flags; };
    struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
    int sendmmsg(int, struct mmsghdr*, unsigned int, int);
    int recvmmsg(int, struct mmsghdr*, unsigned int, int, void*);
    """
)
libc = ffi.dlopen(None)


def session(keys: SrtpKeys, *, inbound: bool) -> Session:
    """One direction of SRTP that never refuses a number: what a generator sends is its own affair."""
    policy = Policy(
        key=keys.receive if inbound else keys.send,
        ssrc_type=Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND,
        srtp_profile=keys.profile,
    )
    policy.window_size = 1024
    policy.allow_repeat_tx = True
    return Session(policy)


class ClientTransport:
    """One peer connection. ``connect`` returns when packets can flow; the load then takes the socket over."""

    def __init__(self, address: str) -> None:
        self.ufrag, self.password = secrets.token_hex(4), secrets.token_hex(12)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.socket.bind((address, 0))
        self.address: tuple[str, int] = self.socket.getsockname()
        self.fd = self.socket.fileno()
        self._dtls = Dtls(self._send, self._got_keys, self._ended)
        self.fingerprint = self._dtls.fingerprint
        self._connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._checked = asyncio.Event()
        self._check_username = ""
        self._check_password = b""
        self.on_rtcp: Callable[[bytes], None] | None = None
        self._inbound: Session
        self._outbound: Session
        self.receive: Any = None
        self.protect: Any = None

    async def connect(self, remote: tuple[str, int], ufrag: str, password: str, dtls: PeerDtls) -> None:
        """Check, nominate and shake hands. Raises TimeoutError or ConnectionError."""
        self.socket.connect(remote)
        self._check_username, self._check_password = f"{ufrag}:{self.ufrag}", password.encode()
        loop = asyncio.get_running_loop()
        loop.add_reader(self.fd, self._readable)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                while not self._checked.is_set():
                    self.keep_alive()
                    await asyncio.wait([asyncio.ensure_future(self._checked.wait())], timeout=_RETRY_SECONDS)
                self._dtls.start(dtls)
                await self._connected
        finally:
            loop.remove_reader(self.fd)

    def keep_alive(self) -> None:
        """Send one connectivity check; consent ends without them."""
        check = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        check.attributes["USERNAME"] = self._check_username
        check.attributes["PRIORITY"] = 1853817087
        check.attributes["ICE-CONTROLLING"] = 1
        check.attributes["USE-CANDIDATE"] = None
        check.add_message_integrity(self._check_password)
        self._send(bytes(check))

    def take(self, datagram: bytes) -> None:
        """Take a datagram that is neither RTP nor RTCP."""
        if len(datagram) >= 20 and datagram[0] < 4:
            self._take_stun(datagram)
        elif datagram and 20 <= datagram[0] < 64:
            self._dtls.feed(datagram)

    async def close(self) -> None:
        """Hang up."""
        await self._dtls.stop()
        self.socket.close()

    def _readable(self) -> None:
        while True:
            try:
                datagram = self.socket.recv(SLOT)
            except (BlockingIOError, ConnectionError):
                return
            self.take(datagram)

    def _take_stun(self, datagram: bytes) -> None:
        message = stun.parse_message(datagram)
        if message.message_class == stun.Class.RESPONSE:
            self._checked.set()
        elif message.message_class == stun.Class.REQUEST:
            reply = stun.Message(message.message_method, stun.Class.RESPONSE, message.transaction_id)
            reply.attributes["XOR-MAPPED-ADDRESS"] = self.socket.getpeername()
            reply.add_message_integrity(self.password.encode())
            self._send(bytes(reply))

    def _send(self, datagram: bytes) -> None:
        try:
            self.socket.send(datagram)
        except (BlockingIOError, ConnectionError):
            return

    def _got_keys(self, keys: SrtpKeys) -> None:
        self._inbound, self._outbound = session(keys, inbound=True), session(keys, inbound=False)
        self.receive, self.protect = self._inbound._srtp[0], self._outbound._srtp[0]
        if not self._connected.done():
            self._connected.set_result(None)

    def _ended(self, reason: str) -> None:
        if not self._connected.done():
            self._connected.set_exception(ConnectionError(reason))


__all__ = ["BATCH", "KEEPALIVE_SECONDS", "SLOT", "ClientTransport", "ffi", "libc", "srtp", "srtp_ffi"]
