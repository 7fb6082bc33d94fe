"""A headless participant's line to a media room without a signaling server: the protocol's names on the pool's API."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

from media.pool import MediaPool, MediaRoom, own_addresses
from tests.support.headless import Headless


def settings(**changes: Any) -> SimpleNamespace:
    """Return what the pool reads of the server's settings: one worker on any port."""
    return SimpleNamespace(
        **{
            "media_listen": "0.0.0.0",
            "media_port": 0,
            "media_announced": [],
            "media_workers": 1,
            "media_tcp": True,
            **changes,
        }
    )


class Line:
    """Carries out one peer's requests in a room, as the signaling server would."""

    def __init__(self, room: MediaRoom, peer: str) -> None:
        self._room = room
        self._peer = peer
        self._receiving = ""
        self.transports: dict[str, str] = {}

    async def __call__(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        """Answer one event of the protocol."""
        room = self._room
        match event:
            case "media.capabilities":
                return {"routerRtpCapabilities": await room.capabilities()}
            case "transport.create":
                reply = await room.create_transport(self._peer, data["direction"])
                self.transports[data["direction"]] = reply["id"]
                return reply
            case "transport.connect":
                await room.connect_transport(data["transportId"], data["dtlsParameters"])
            case "producer.create":
                arguments = (data["transportId"], data["kind"], data["source"], data["rtpParameters"])
                return {"id": await room.create_producer(self._peer, *arguments, paused=data["paused"])}
            case "consumer.create":
                return await room.create_consumer(self._peer, self.transports["recv"], data["producerId"])
            case "consumer.resume":
                await room.resume_consumer(data["consumerId"])
            case "consumer.close":
                await room.close_consumer(data["consumerId"])
            case _:
                raise KeyError(event)
        return {}


async def join(room: MediaRoom, peer: str) -> tuple[Headless, Line]:
    """Return a loaded participant with its line."""
    line = Line(room, peer)
    participant = Headless(line)
    await participant.load()
    return participant, line


async def counters(pool: MediaPool) -> Counter[str]:
    """Return the sum of all workers' counters."""
    total: Counter[str] = Counter()
    about = ("worker", "port", "pid", "answers")
    for worker in await pool.stats():
        total.update({name: value for name, value in worker.items() if name not in about})
    return total


def need_own_address() -> str:
    """Return an address of this machine other than loopback, which aiortc's clients need."""
    addresses = own_addresses()
    assert addresses, "this test needs a non-loopback IPv4 address, for example of a dummy interface"
    return addresses[0]
