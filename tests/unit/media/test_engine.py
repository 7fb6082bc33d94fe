"""A worker's engine, asked directly and checked by STUN on a real socket."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aioice import stun

from media import control
from media.control import Json, MediaError, MediaEvent, TransportClosed
from media.engine import MAX_TRANSPORTS, Engine
from media.ice import CONSENT_EXPIRY

FINGERPRINT = {"algorithm": "sha-256", "value": ":".join(["AB"] * 32)}


class Bench:
    """An engine with one room, a clock that the test turns, and a client's socket."""

    def __init__(self, client: socket.socket) -> None:
        self.now = 100.0
        self.events: asyncio.Queue[tuple[str, MediaEvent]] = asyncio.Queue()
        self.engine = Engine(
            control.Start("127.0.0.1", 0, ["127.0.0.1"]),
            lambda room, event: self.events.put_nowait((room, event)),
            clock=lambda: self.now,
        )
        self.engine.handle(control.OpenRoom("room"))
        self.client = client
        client.setblocking(False)
        client.connect(("127.0.0.1", self.engine.port))

    def transport(self, peer: str = "ann", direction: str = "send") -> Json:
        return self.engine.handle(control.CreateTransport("room", peer, direction))

    async def check(self, ice: Json) -> stun.Message:
        """Send a check with these credentials and return the reply."""
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{ice['usernameFragment']}:client"
        request.add_message_integrity(ice["password"].encode())
        self.client.send(bytes(request))
        reply = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.client, 2048), 5)
        return stun.parse_message(reply)

    async def refused(self, ice: Json) -> None:
        """Send a check that must not be answered, and wait until the engine has counted it."""
        before = self.engine.handle(control.ReadStats()).get("stun_refused", 0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await self.check(ice)
        while self.engine.handle(control.ReadStats()).get("stun_refused", 0) == before:
            await asyncio.sleep(0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        made = Bench(client)
        yield made
        await made.engine.close()


def refusal(bench: Bench, request: control.Request) -> str:
    with pytest.raises(MediaError) as refused:
        bench.engine.handle(request)
    return refused.value.code


async def test_it_answers_checks_of_its_transports(bench: Bench) -> None:
    reply = await bench.check(bench.transport()["iceParameters"])
    assert reply.attributes["XOR-MAPPED-ADDRESS"] == bench.client.getsockname()


async def test_it_does_not_answer_unknown_names_and_wrong_passwords(bench: Bench) -> None:
    ice = bench.transport()["iceParameters"]
    await bench.refused({**ice, "password": "guess"})
    await bench.refused({**ice, "usernameFragment": "nobody"})


async def test_a_closed_transport_is_deaf(bench: Bench) -> None:
    made = bench.transport()
    await bench.check(made["iceParameters"])
    bench.engine.handle(control.CloseTransport("room", made["id"]))
    await bench.refused(made["iceParameters"])


async def test_an_ice_restart_keeps_the_old_name_until_the_new_one_is_used(bench: Bench) -> None:
    made = bench.transport()
    old = made["iceParameters"]
    new = bench.engine.handle(control.RestartIce("room", made["id"]))["iceParameters"]
    await bench.check(old)
    await bench.check(new)
    await bench.refused(old)


async def test_a_peer_that_sends_no_check_for_30_seconds_is_lost(bench: Bench) -> None:
    made, waiting = bench.transport("ann"), bench.transport("bob")
    await bench.check(made["iceParameters"])
    bench.now += CONSENT_EXPIRY + 1
    assert await bench.events.get() == ("room", TransportClosed("ann", made["id"], "lost"))
    assert refusal(bench, control.CloseTransport("room", made["id"])) == "unknown_transport"
    bench.engine.handle(control.CloseTransport("room", waiting["id"]))  # never checked: it had not begun


async def test_it_says_what_it_does_not_know(bench: Bench) -> None:
    made = bench.transport()
    dtls = {"role": "client", "fingerprints": [FINGERPRINT]}
    assert refusal(bench, control.OpenRoom("room")) == "wrong_state"
    assert refusal(bench, control.CloseRoom("other")) == "unknown_room"
    assert refusal(bench, control.Detach("other", "ann")) == "unknown_room"
    assert refusal(bench, control.CreateTransport("room", "ann", "sideways")) == "bad_parameters"
    assert refusal(bench, control.RestartIce("room", "none")) == "unknown_transport"
    assert refusal(bench, control.ConnectTransport("room", made["id"], {})) == "bad_parameters"
    bench.engine.handle(control.ConnectTransport("room", made["id"], dtls))
    assert refusal(bench, control.ConnectTransport("room", made["id"], dtls)) == "wrong_state"
    bench.engine.handle(control.OpenRoom("other"))
    assert refusal(bench, control.CloseTransport("other", made["id"])) == "unknown_transport"


async def test_it_bounds_the_transports_of_a_peer(bench: Bench) -> None:
    for _ in range(MAX_TRANSPORTS):
        bench.transport("ann")
    assert refusal(bench, control.CreateTransport("room", "ann", "send")) == "limit_reached"
    bench.engine.handle(control.Detach("room", "ann"))
    assert bench.transport("ann")


async def test_a_handshake_that_is_no_handshake_ends_the_transport_only(bench: Bench) -> None:
    made = bench.transport()
    bench.engine.handle(control.ConnectTransport("room", made["id"], {"role": "client", "fingerprints": [FINGERPRINT]}))
    await bench.check(made["iceParameters"])
    bench.client.send(b"\x16\xfe\xfd" + bytes(200))
    bench.client.send(b"\x80\x60" + bytes(60))
    while not bench.engine.handle(control.ReadStats()).get("srtp_early"):
        await asyncio.sleep(0)
    assert await bench.check(bench.transport("bob")["iceParameters"])


async def test_it_says_how_much_memory_it_has_and_for_how_many(bench: Bench) -> None:
    idle = bench.engine.handle(control.ReadStats())
    assert (idle["peers"], idle["cache_octets"], idle["cache_octets_of_largest_room"]) == (0, 0, 0)
    for peer, direction in (("ann", "send"), ("ann", "recv"), ("bob", "recv")):
        bench.transport(peer, direction)
    ballast = bytearray(os.urandom(1 << 20)) * 64
    said = bench.engine.handle(control.ReadStats())
    assert said["peers"] == 2
    grown = said["resident_octets"] - idle["resident_octets"]
    assert grown > len(ballast) // 2 if Path("/proc/self/statm").exists() else said["resident_octets"] == 0
