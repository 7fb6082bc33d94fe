"""What strangers and hostile peers send to the media port, while a call goes on beside it."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from OpenSSL import SSL

from media import rtp
from media.pool import MediaPool, MediaRoom
from tests.support.headless import Headless
from tests.support.media_room import counters, join, need_own_address, settings

pytestmark = pytest.mark.timeout(60)


class Call:
    """Ann publishes sound and picture, Bob receives both."""

    def __init__(
        self, pool: MediaPool, room: MediaRoom, ann: Headless, bob: Headless, address: tuple[str, int]
    ) -> None:
        self.pool, self.room, self.ann, self.bob, self.address = pool, room, ann, bob, address

    async def goes_on(self) -> None:
        """Wait until both streams have moved on."""
        for producer, received in self.bob.received.items():
            await self.bob.wait_for(producer, changes=received.changes + 10)

    async def counted(self, name: str, at_least: int) -> Counter[str]:
        """Wait until a counter has been reached."""
        while (seen := await counters(self.pool))[name] < at_least:
            await asyncio.sleep(0.02)
        return seen


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    address = need_own_address()
    pool = MediaPool(settings())
    await pool.start()
    room = await pool.open_room("room")
    (ann, _), (bob, _) = await join(room, "ann"), await join(room, "bob")
    for kind in ("audio", "video"):
        await bob.consume(await ann.publish(kind))
    (worker,) = await pool.stats()
    made = Call(pool, room, ann, bob, (address, worker["port"]))
    await made.goes_on()
    yield made
    await ann.close()
    await bob.close()
    await pool.close()


def client_hello() -> bytes:
    """Return the first datagram of a DTLS handshake."""
    connection = SSL.Connection(SSL.Context(SSL.DTLS_METHOD))
    connection.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        connection.do_handshake()
    return connection.bio_read(2000)


async def test_strangers_are_dropped_unread(call: Call) -> None:
    noise = random.Random(1)
    with socket.socket(type=socket.SOCK_DGRAM) as stranger:
        stranger.connect(call.address)
        for datagram in (b"", client_hello(), b"\x80" + bytes(8000), b"\x80\x60" + bytes(100), b"\x80\xc9" + bytes(60)):
            stranger.send(datagram)
        await call.counted("dropped_stranger", 5)
        for batch in range(200):
            for _ in range(100):
                stranger.send(noise.randbytes(noise.randrange(1, 300)))
            await call.counted("datagrams_in", 100 * batch)
    seen = await counters(call.pool)
    assert seen["dropped_stranger"] > 10_000
    assert seen["packet_errors"] == 0
    assert (seen["transports"], seen["dtls_connected"]) == (2, 2)
    await call.goes_on()


async def test_a_malformed_extension_from_an_admitted_peer_costs_that_packet_only(call: Call) -> None:
    dtls = call.ann._send._handler.pc.getSenders()[0].transport
    for sequence, tail in enumerate((b"\xbe\xde\x00\x01\x17aaa", b"\x10\x00\x00\x01\x01\xffaa")):
        await dtls._send_rtp(b"\x90\x60" + sequence.to_bytes(2, "big") + bytes(4) + (77).to_bytes(4, "big") + tail)
    await dtls._send_rtp(b"\x80\xc9\x00\x09" + bytes(8))
    await call.counted("rtp_malformed", 2)
    await call.counted("rtcp_malformed", 1)
    await call.goes_on()
    assert (await counters(call.pool))["transports"] == 2


async def test_streams_that_nobody_declared_are_counted_and_dropped(call: Call) -> None:
    dtls = call.ann._send._handler.pc.getSenders()[0].transport
    packet = rtp.build(marker=False, payload_type=96, sequence=1, timestamp=1, ssrc=5, payload=b"x" * 50)
    await dtls._send_rtp(packet)
    await call.counted("rtp_unknown_ssrc", 1)
    await call.goes_on()
