"""The DTLS handshake of one transport, by aiortc's RTCDtlsTransport over a pipe that stands for ICE."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiortc.rtcdtlstransport import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
)

from .ortc import PeerDtls
from .srtp import SrtpKeys

_QUEUE = 64  # datagrams that may wait for ``connect``; a browser's first flight is one or two
_EXPORT_LABEL = b"EXTRACTOR-dtls_srtp"  # RFC 5764, section 4.2

_log = logging.getLogger(__name__)


class _Pipe:
    """What RTCDtlsTransport wants of an ICE transport: an order of datagrams in, a way out."""

    role = "controlled"
    state = "completed"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE)
        self._send_datagram = send

    def feed(self, datagram: bytes | None) -> None:
        """Queue a datagram; None ends the pipe. When it is full the datagram is dropped: DTLS sends it again."""
        if not self._queue.full():
            self._queue.put_nowait(datagram)

    async def _recv(self) -> bytes:
        datagram = await self._queue.get()
        if datagram is None:
            raise ConnectionError
        return datagram

    async def _send(self, data: bytes) -> None:
        self._send_datagram(data)


class Dtls:
    """One handshake. ``on_keys`` is called once when it succeeds, ``on_end(reason)`` once when it ends."""

    def __init__(
        self, send: Callable[[bytes], None], on_keys: Callable[[SrtpKeys], None], on_end: Callable[[str], None]
    ) -> None:
        self._on_keys = on_keys
        self._on_end = on_end
        self._pipe = _Pipe(send)
        # A certificate of its own for each transport: it never grows old, and links no two calls.
        certificate = RTCCertificate.generateCertificate()
        self.fingerprint = next(each.value for each in certificate.getFingerprints() if each.algorithm == "sha-256")
        self._transport = RTCDtlsTransport(self._pipe, [certificate])  # type: ignore[arg-type]  # the pipe stands for ICE
        self._task: asyncio.Task[None] | None = None
        self._ended = False

    def feed(self, datagram: bytes) -> None:
        """Take a DTLS datagram from the checked peer."""
        self._pipe.feed(datagram)

    def start(self, peer: PeerDtls) -> None:
        """Begin; a peer that wants to be the server (pymediasoup does) gets a client."""
        self._transport._set_role("client" if peer.role == "server" else "server")
        self._transport.on("statechange", self._changed)
        self._task = asyncio.create_task(self._handshake(peer))

    async def stop(self) -> None:
        """End without a report, with a close alert to the peer."""
        self._ended = True
        if self._task is not None:
            self._task.cancel()
        await self._transport.stop()
        self._pipe.feed(None)

    async def _handshake(self, peer: PeerDtls) -> None:
        fingerprints = [RTCDtlsFingerprint(algorithm, value) for algorithm, value in peer.fingerprints]
        try:
            await self._transport.start(RTCDtlsParameters(fingerprints=fingerprints))
            if self._transport.state == "connected":
                self._on_keys(self._export())
                return
        except Exception:
            # A peer's bytes went through OpenSSL and two libraries: whatever they raise ends this transport only.
            _log.warning("a DTLS handshake broke off", exc_info=True)
        self._end("dtls_failed")

    def _export(self) -> SrtpKeys:
        """Derive our own SRTP keys: aiortc's sessions allow repeated sequence numbers."""
        connection = self._transport._ssl
        if connection is None:
            raise ConnectionError("DTLS is connected without a session")
        name = connection.get_selected_srtp_profile()
        profile = next(each for each in self._transport._srtp_profiles if each.openssl_profile == name)
        size = 2 * (profile.key_length + profile.salt_length)
        material = connection.export_keying_material(_EXPORT_LABEL, size)
        client, server = profile.get_key_and_salt(material, 0), profile.get_key_and_salt(material, 1)
        if self._transport._role == "server":
            return SrtpKeys(profile.libsrtp_profile, receive=client, send=server)
        return SrtpKeys(profile.libsrtp_profile, receive=server, send=client)

    def _changed(self) -> None:
        if self._transport.state == "closed":
            self._end("closed_by_peer")

    def _end(self, reason: str) -> None:
        if not self._ended:
            self._ended = True
            self._on_end(reason)
