"""Short-lived credentials for a TURN relay (coturn's ``use-auth-secret``; draft-uberti-behave-turn-rest).

The relay shares a secret with this server and keeps no accounts: the name says until when it works, the password is its
HMAC. The name is random beside that, so that the relay's log says nothing about a person.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

LIFETIME = timedelta(hours=12)
"""Longer than a meeting: a browser that moves to another network asks the relay again with what it was given."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The relays that browsers are told of; without ``urls`` they are told of none."""

    urls: tuple[str, ...] = ()
    secret: str = ""

    def ice_servers(self, now: datetime) -> list[dict[str, Any]]:
        """Return what a browser's RTCPeerConnection takes as ``iceServers``: one entry, or none."""
        if not self.urls:
            return []
        username = f"{int((now + LIFETIME).timestamp())}:{secrets.token_hex(8)}"
        digest = hmac.new(self.secret.encode(), username.encode(), hashlib.sha1).digest()  # the relay's own algorithm
        return [{"urls": list(self.urls), "username": username, "credential": base64.b64encode(digest).decode()}]
