"""Tickets: short signed notes of ours that a browser carries from one door to the next."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

KEY_PURPOSE = "ticket"
"""What ``Secrets.derive`` is asked for."""
DEVICE_HASH_LENGTH = 32
_MAX_LENGTH = 2048


class Kind(StrEnum):
    """Which door a ticket opens; one for another door is as good as forged."""

    SOCKET = "socket"
    RESUME = "resume"
    ENTRY = "entry"


class TicketError(Exception):
    """A ticket that opens nothing; ``code`` is ``ticket_invalid`` or ``ticket_expired``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def issue(key: bytes, kind: str, claims: Mapping[str, str], expires_at: datetime) -> str:
    """A ticket: base64url(JSON) ‖ "." ‖ base64url(HMAC-SHA256). Whoever holds it can read the claims."""
    body = {"k": str(kind), "x": int(expires_at.timestamp() * 1000), "c": dict(claims)}
    payload = _encode(json.dumps(body, separators=(",", ":"), sort_keys=True).encode())
    return f"{payload}.{_encode(_mac(key, payload))}"


def verify(key: bytes, kind: str, token: str, now: datetime) -> dict[str, str]:
    """The claims of a genuine ticket of this kind. Raises TicketError."""
    payload, _, mac = token.partition(".")
    if len(token) > _MAX_LENGTH or not token.isascii() or not hmac.compare_digest(_encode(_mac(key, payload)), mac):
        raise TicketError("ticket_invalid")
    try:
        body = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        found, expires_at, claims = body["k"], datetime.fromtimestamp(body["x"] / 1000, UTC), body["c"]
    except (binascii.Error, ValueError, KeyError, TypeError) as error:  # signed by us, but by another version of us
        raise TicketError("ticket_invalid") from error
    if found != kind:
        raise TicketError("ticket_invalid")
    if now >= expires_at:
        raise TicketError("ticket_expired")
    return {str(name): str(value) for name, value in claims.items()}


def device_hash(device: str) -> str:
    """What tickets and tables keep of a device's name, so that neither gives it away."""
    return hashlib.sha256(b"poruch device\0" + device.encode()).hexdigest()[:DEVICE_HASH_LENGTH]


def _mac(key: bytes, payload: str) -> bytes:
    return hmac.new(key, b"poruch ticket v1\0" + payload.encode(), hashlib.sha256).digest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
