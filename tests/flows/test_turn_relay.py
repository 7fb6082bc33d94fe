"""A real relay takes the credentials that browsers are given, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aioice import stun, turn

from signaling.turn import LIFETIME, Turn
from tests.support import relay as relays
from tests.support.relay import SECRET, Relay

pytestmark = pytest.mark.skipif(not relays.installed(), reason="coturn is not on this machine")


async def allocates(relay: Relay, now: datetime, secret: str = SECRET) -> bool:
    """Say whether the relay gives an address to who comes with credentials made at ``now``."""
    (server,) = Turn((relay.url,), secret).ice_servers(now)
    try:
        transport, _ = await turn.create_turn_endpoint(
            asyncio.DatagramProtocol, (relay.address, relay.port), server["username"], server["credential"]
        )
    except stun.TransactionFailed:
        return False
    transport.close()
    return True


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Relay]:
    async with relays.running(tmp_path) as made:
        yield made


async def test_credentials_of_this_moment_open_the_relay(relay: Relay) -> None:
    assert await allocates(relay, datetime.now(UTC))


async def test_credentials_of_another_secret_or_another_day_do_not(relay: Relay) -> None:
    assert not await allocates(relay, datetime.now(UTC), "another secret")
    assert not await allocates(relay, datetime.now(UTC) - LIFETIME - timedelta(minutes=1))
