"""SRTP: one direction of one DTLS session, through pylibsrtp's own cffi library without its size limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib  # type: ignore[import-not-found]  # a compiled module without types

_MAX_PACKET = 2048
_MAX_TRAILER = 4 + 16 + 128  # SRTCP index, tag and MKI at their longest
_REPLAY_WINDOW = 128


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master keys with salts for both directions, and libsrtp's number of the profile."""

    profile: int
    receive: bytes
    send: bytes


class SrtpSession:
    """Encrypts or decrypts the packets of one direction. Every failure is None, for the caller to count."""

    __slots__ = ("_buffer", "_context", "_data", "_length", "_session")

    def __init__(self, profile: int, key: bytes, *, inbound: bool) -> None:
        policy = Policy(
            key=key,
            ssrc_type=Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND,
            srtp_profile=profile,
        )
        policy.window_size = _REPLAY_WINDOW
        # True would let a sequence number that comes round again reuse its AEAD nonce.
        policy.allow_repeat_tx = False
        self._session = Session(policy)
        self._context = self._session._srtp[0]
        self._data = ffi.new("char[]", _MAX_PACKET + _MAX_TRAILER)
        self._buffer = ffi.buffer(self._data)
        self._length = ffi.new("int *")

    @property
    def context(self) -> Any:
        """Libsrtp's session, for those who encrypt and decrypt in place. It lives as long as this object."""
        return self._context

    def protect_rtp(self, packet: bytes) -> bytes | None:
        """Encrypt one RTP packet; None when its number was used before or is too old."""
        return self._apply(lib.srtp_protect, packet)

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        """Encrypt one RTCP packet."""
        return self._apply(lib.srtp_protect_rtcp, packet)

    def unprotect_rtp(self, packet: bytes) -> bytes | None:
        """Decrypt one RTP packet; None when it is forged, replayed or too old."""
        return self._apply(lib.srtp_unprotect, packet)

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """Decrypt one RTCP packet; None when it is forged or replayed."""
        return self._apply(lib.srtp_unprotect_rtcp, packet)

    def _apply(self, function: object, packet: bytes) -> bytes | None:
        size = len(packet)
        if size > _MAX_PACKET:
            return None
        self._length[0] = size
        self._buffer[0:size] = packet
        if function(self._context, self._data, self._length):  # type: ignore[operator]  # cffi functions have no type
            return None
        return bytes(self._buffer[0 : self._length[0]])


def sessions(keys: SrtpKeys) -> tuple[SrtpSession, SrtpSession]:
    """Return the (receiving, sending) sessions of one DTLS handshake. Raises :class:`pylibsrtp.Error`."""
    return (
        SrtpSession(keys.profile, keys.receive, inbound=True),
        SrtpSession(keys.profile, keys.send, inbound=False),
    )
