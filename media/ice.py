"""ICE-lite: connectivity checks of one transport (RFC 8445), consent (RFC 7675), restarts and address changes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import NamedTuple

from aioice import stun

from .parsing import ParseError


class StreamAddress(NamedTuple):
    """The far end of one TCP connection; ``number`` tells it from an earlier one, and from UDP of the same port."""

    host: str
    port: int
    number: int


Address = tuple[str, int] | StreamAddress
"""Where a peer sends from: (host, port) of UDP, or a TCP connection."""

SILENCE_BEFORE_MOVE = 1.5
"""Seconds after which any checked address may replace a silent one: Firefox nominates only once."""
CONSENT_EXPIRY = 30.0
"""Seconds without a check after which the peer no longer wants our packets (RFC 7675, section 5.1)."""

_MAX_CHECK = 1500
_MAX_UFRAG = 256  # RFC 8445, section 5.3
_USERNAME = 0x0006  # RFC 8489, section 18.3


@dataclass(frozen=True, slots=True)
class Credentials:
    """The ICE name and password of one side, for one generation."""

    ufrag: str
    password: str


def new_credentials() -> Credentials:
    """Return fresh random credentials: 64 and 128 bits, RFC 8445 asks for 24 and 128."""
    return Credentials(secrets.token_hex(8), secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class Check:
    """A parsed binding request that nobody has authenticated yet."""

    ufrag: str
    nominates: bool
    message: stun.Message


@dataclass(frozen=True, slots=True)
class Answer:
    """What an authenticated check leads to: a reply, and whether its source is now the one to send to."""

    reply: bytes
    moved: bool


def claimed_ufrag(datagram: bytes) -> str:
    """Return the name that a binding request claims to be for, without reading the rest of it.

    A stranger who floods us with checks does not know a name of 64 random bits, so this is all that they cost. Raises
    :class:`ParseError` and nothing else.
    """
    if not 20 <= len(datagram) <= _MAX_CHECK:
        raise ParseError(f"stun: {len(datagram)} bytes, expected 20 to {_MAX_CHECK}")
    if datagram[:2] != b"\x00\x01" or int.from_bytes(datagram[4:8], "big") != stun.COOKIE:
        raise ParseError("stun: expected a binding request")
    at = 20
    while at + 4 <= len(datagram):
        kind, size = int.from_bytes(datagram[at : at + 2], "big"), int.from_bytes(datagram[at + 2 : at + 4], "big")
        if kind == _USERNAME:
            return datagram[at + 4 : at + 4 + min(size, _MAX_UFRAG)].partition(b":")[0].decode("ascii", "replace")
        at += 4 + size + -size % 4
    raise ParseError("stun: expected USERNAME")


def parse_check(datagram: bytes) -> Check:
    """Parse a binding request addressed to us. Raises :class:`ParseError` and nothing else."""
    claimed_ufrag(datagram)
    try:
        message = stun.parse_message(datagram)
    except Exception as error:  # the codec is not ours, and its input is a stranger's: whatever it raises is one thing
        raise ParseError(f"stun: {error}") from error
    username = message.attributes.get("USERNAME")
    if not isinstance(username, str) or ":" not in username or "MESSAGE-INTEGRITY" not in message.attributes:
        raise ParseError("stun: expected USERNAME and MESSAGE-INTEGRITY")
    ufrag = username.partition(":")[0]
    if not 0 < len(ufrag) <= _MAX_UFRAG:
        raise ParseError(f"stun ufrag: {len(ufrag)} characters, expected 1 to {_MAX_UFRAG}")
    return Check(ufrag, "USE-CANDIDATE" in message.attributes, message)


class IceLite:
    """The controlled side of one transport: which credentials hold, and which address to send to."""

    __slots__ = ("_checked_at", "_heard_at", "_previous", "credentials", "selected")

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self.selected: Address | None = None
        self._previous: Credentials | None = None
        self._heard_at = 0.0
        self._checked_at: float | None = None

    @property
    def ufrags(self) -> tuple[str, ...]:
        """The names under which checks are accepted now."""
        return tuple(known.ufrag for known in (self.credentials, self._previous) if known is not None)

    def restart(self) -> Credentials:
        """Begin a new generation; the one in use stays valid until the first check with the new one."""
        if self._previous is None:
            self._previous = self.credentials
        self.credentials = new_credentials()
        return self.credentials

    def answer(self, check: Check, source: Address, now: float) -> Answer | None:
        """Authenticate a check from ``source`` at ``now`` (seconds); None when its integrity fails."""
        known = next((each for each in (self.credentials, self._previous) if each and each.ufrag == check.ufrag), None)
        if known is None or not check.message.check_message_integrity(known.password.encode()):
            return None
        if known is self.credentials:
            self._previous = None
        self._checked_at = now
        silent = now - self._heard_at > SILENCE_BEFORE_MOVE
        moved = source != self.selected and (self.selected is None or check.nominates or silent)
        if moved:
            self.selected = source
        if source == self.selected:
            self._heard_at = now
        return Answer(_success(check.message, source, known), moved)

    def heard(self, source: Address, now: float) -> None:
        """Note an authenticated packet from ``source``, so that a talking address is not taken for a silent one."""
        if source == self.selected:
            self._heard_at = max(self._heard_at, now)

    def expired(self, now: float) -> bool:
        """Tell whether consent has run out; a transport that was never checked is still waiting for its client."""
        return self._checked_at is not None and now - self._checked_at > CONSENT_EXPIRY


def _success(request: stun.Message, source: Address, known: Credentials) -> bytes:
    reply = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.RESPONSE,
        transaction_id=request.transaction_id,
    )
    reply.attributes["XOR-MAPPED-ADDRESS"] = (source[0], source[1])
    reply.add_message_integrity(known.password.encode())
    return bytes(reply)
