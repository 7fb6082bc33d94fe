"""A real relay takes the credentials that browsers are given, and no others."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aioice import stun, turn

from signaling.turn import LIFETIME, Turn

SECRET = "between the relay and the server"
PATIENCE_S = 20

pytestmark = pytest.mark.skipif(shutil.which("turnserver") is None, reason="coturn is not on this machine")


@dataclass
class Relay:
    port: int

    async def allocates(self, now: datetime, secret: str = SECRET) -> bool:
        """Say whether the relay gives an address to who comes with credentials made at ``now``."""
        (server,) = Turn((f"turn:127.0.0.1:{self.port}",), secret).ice_servers(now)
        try:
            transport, _ = await turn.create_turn_endpoint(
                asyncio.DatagramProtocol, ("127.0.0.1", self.port), server["username"], server["credential"]
            )
        except stun.TransactionFailed:
            return False
        transport.close()
        return True


def free_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Relay]:
    port = free_port()
    options = ("-n", "-p", str(port), "-L", "127.0.0.1", "-E", "127.0.0.1", "-r", "poruch", "--no-cli", "--no-tls")
    process = await asyncio.create_subprocess_exec(
        "turnserver",
        *options,
        "--no-dtls",
        "--allow-loopback-peers",
        "--use-auth-secret",
        f"--static-auth-secret={SECRET}",
        f"--db={tmp_path / 'turn.sqlite'}",
        f"--pidfile={tmp_path / 'turn.pid'}",
        f"--log-file={tmp_path / 'turn.log'}",
        "--simple-log",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    made = Relay(port)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await listens(port):
                assert process.returncode is None, (tmp_path / "turn.log").read_text()
        yield made
    finally:
        process.kill()
        await process.wait()


async def listens(port: int) -> bool:
    """Ask the relay for our own address (STUN), once."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[None] = loop.create_future()

    class Ask(asyncio.DatagramProtocol):
        def datagram_received(self, _data: bytes, _addr: object) -> None:
            if not answered.done():
                answered.set_result(None)

    transport, _ = await loop.create_datagram_endpoint(Ask, remote_addr=("127.0.0.1", port))
    transport.sendto(bytes(stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)))
    done, _ = await asyncio.wait([answered], timeout=0.2)
    transport.close()
    return bool(done)


async def test_credentials_of_this_moment_open_the_relay(relay: Relay) -> None:
    assert await relay.allocates(datetime.now(UTC))


async def test_credentials_of_another_secret_or_another_day_do_not(relay: Relay) -> None:
    assert not await relay.allocates(datetime.now(UTC), "another secret")
    assert not await relay.allocates(datetime.now(UTC) - LIFETIME - timedelta(minutes=1))
