"""Invitation links: the token after the ``#``, made and read without a database.

A token is base64url(seat id, 8 bytes ‖ version, 1 byte ‖ first 16 bytes of HMAC-SHA256 over both). Nothing of it is
stored, so a leaked database opens no door, and it can be shown again; a higher version revokes every earlier link.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal

KEY_PURPOSE = "link"
"""What ``Secrets.derive`` is asked for."""
LAST_VERSION = 255
_SEAT_BYTES, _MAC_BYTES = 8, 16
_TOKEN_BYTES = _SEAT_BYTES + 1 + _MAC_BYTES
_TOKEN_LENGTH = 34

LinkCode = Literal["link_unknown", "link_revoked"]


class LinkError(Exception):
    """A link that opens nothing; ``code`` is stable and says which kind."""

    def __init__(self, code: LinkCode) -> None:
        super().__init__(code)
        self.code: LinkCode = code


@dataclass(frozen=True)
class Link:
    """What a genuine token says."""

    seat_id: str
    version: int


def make(key: bytes, seat_id: str, version: int) -> str:
    """The token of this seat's link, 34 characters. Raises ValueError when the version does not fit."""
    if not 1 <= version <= LAST_VERSION:
        raise ValueError(f"link version {version}: expected 1 to {LAST_VERSION}")
    body = bytes.fromhex(seat_id) + bytes([version])
    return base64.urlsafe_b64encode(body + _mac(key, body)).rstrip(b"=").decode()


def parse(key: bytes, token: str) -> Link:
    """Read a token. Raises LinkError ``link_unknown`` for everything that this server did not make."""
    try:
        raw = base64.b64decode(token.encode("ascii") + b"==", altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise LinkError("link_unknown") from error
    if len(raw) != _TOKEN_BYTES or len(token) != _TOKEN_LENGTH:
        raise LinkError("link_unknown")
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    # 34 characters hold four bits more than 25 bytes: without the comparison sixteen spellings would open one door.
    if not hmac.compare_digest(mac, _mac(key, body)) or make(key, body[:-1].hex(), body[-1]) != token:
        raise LinkError("link_unknown")
    return Link(body[:-1].hex(), body[-1])


def url(call_page: str, key: bytes, seat_id: str, version: int) -> str:
    """The whole invitation link; the token stays after the ``#``, which no server sees and no log keeps."""
    return f"{call_page}#i={make(key, seat_id, version)}"


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, b"poruch invitation v1\0" + body, hashlib.sha256).digest()[:_MAC_BYTES]
