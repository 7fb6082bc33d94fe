"""A real TURN relay (coturn) as a child process, with the secret that it shares with the server."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aioice import stun

from tests.support.process import die_with_parent

SECRET = "between the relay and the server"
PATIENCE_S = 20


def installed() -> bool:
    """Whether this machine has one."""
    return shutil.which("turnserver") is not None


@dataclass(frozen=True)
class Relay:
    """Where it listens, and what it wrote."""

    address: str
    port: int
    log: Path

    def url(self, transport: str) -> str:
        """What browsers are told that are to reach it by ``udp`` or ``tcp``."""
        return f"turn:{self.address}:{self.port}?transport={transport}"


@asynccontextmanager
async def running(directory: Path, address: str = "127.0.0.1") -> AsyncIterator[Relay]:
    """Start a relay on ``address`` and any port, and end it."""
    made = Relay(address, _free_port(address), directory / "turn.log")
    options = ("-n", "-p", str(made.port), "-L", address, "-E", address, "-r", "poruch", "--no-cli", "--no-tls")
    process = await asyncio.create_subprocess_exec(
        "turnserver",
        *options,
        "--no-dtls",
        "--allow-loopback-peers",
        "--use-auth-secret",
        f"--static-auth-secret={SECRET}",
        f"--db={directory / 'turn.sqlite'}",
        f"--pidfile={directory / 'turn.pid'}",
        f"--log-file={made.log}",
        "--simple-log",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await _listens(made):
                assert process.returncode is None, made.log.read_text()
        yield made
    finally:
        process.kill()
        await process.wait()


def _free_port(address: str) -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


async def _listens(relay: Relay) -> bool:
    """Ask the relay for our own address (STUN), once."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[None] = loop.create_future()

    class Ask(asyncio.DatagramProtocol):
        def datagram_received(self, _data: bytes, _addr: object) -> None:
            if not answered.done():
                answered.set_result(None)

    transport, _ = await loop.create_datagram_endpoint(Ask, remote_addr=(relay.address, relay.port))
    transport.sendto(bytes(stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)))
    done, _ = await asyncio.wait([answered], timeout=0.2)
    transport.close()
    return bool(done)
