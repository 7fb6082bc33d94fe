"""Credentials for a relay: what coturn computes, for as long as it says, and nothing about anybody."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

from signaling.turn import LIFETIME, Turn

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_no_relay_means_no_servers() -> None:
    assert Turn().ice_servers(NOON) == []


def test_the_password_is_the_hmac_of_the_name_under_the_shared_secret() -> None:
    (server,) = Turn(("turn:relay.example.org:3478",), "between us").ice_servers(NOON)
    digest = hmac.digest(b"between us", server["username"].encode(), hashlib.sha1)
    assert base64.b64decode(server["credential"]) == digest
    assert server["urls"] == ["turn:relay.example.org:3478"]


def test_the_name_says_only_until_when_it_works() -> None:
    turn = Turn(("turn:relay.example.org",), "s")
    names = {turn.ice_servers(NOON)[0]["username"] for _ in range(20)}
    assert len(names) == 20
    assert {name.partition(":")[0] for name in names} == {str(int((NOON + LIFETIME).timestamp()))}
