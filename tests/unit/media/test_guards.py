"""Budgets, and what a flood costs an engine that has them."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

import pytest
from aioice import stun
from pylibsrtp import Policy

from media import control
from media.engine import Engine
from media.guards import Budget
from media.ice import Address
from media.memory import Memory
from media.srtp import SrtpSession
from media.transport import CHECKS_AT_ONCE
from media.wire import PACKET_COST, Inlet, Kind, Wire


def test_a_budget_gives_its_burst_and_then_its_rate() -> None:
    budget = Budget(per_s=10, burst=5)
    assert [budget.take(1, 0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert budget.take(1, 0.05) is False
    assert budget.take(1, 0.1) is True
    assert [budget.take(1, 100.0) for _ in range(6)] == [True] * 5 + [False]


def test_what_is_refused_costs_nothing() -> None:
    budget = Budget(per_s=1, burst=10)
    assert budget.take(11, 0.0) is False
    assert budget.take(10, 0.0) is True


@pytest.mark.parametrize("wrong", [(0, 1), (1, 0), (-1, 5)])
def test_a_budget_of_nothing_is_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="more than nothing"):
        Budget(*wrong)


async def test_a_flood_of_checks_for_one_transport_ends_at_its_budget_and_leaves_others_alone() -> None:
    engine = Engine(control.Start("127.0.0.1", 0, ["127.0.0.1"]), lambda _room, _event: None, clock=lambda: 5.0)
    engine.handle(control.OpenRoom("room"))
    victim, other = (engine.handle(control.CreateTransport("room", peer, "send")) for peer in ("ann", "bob"))

    def check(made: control.Json, password: str) -> bytes:
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{made['iceParameters']['usernameFragment']}:client"
        request.add_message_integrity(password.encode())
        return bytes(request)

    flood = check(victim, "guessed")
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect(("127.0.0.1", engine.port))
        async with asyncio.timeout(20):
            sent = 0
            while engine.handle(control.ReadStats()).get("over_budget", 0) < 50:
                client.send(flood)
                sent += 1
                await asyncio.sleep(0)
            seen = engine.handle(control.ReadStats())
            assert seen["stun_refused"] == CHECKS_AT_ONCE
            client.send(check(other, other["iceParameters"]["password"]))
            reply = stun.parse_message(await asyncio.get_running_loop().sock_recv(client, 2048))
    assert reply.message_class == stun.Class.RESPONSE
    await engine.close()


@pytest.mark.parametrize("size", [20, 900], ids=["small packets", "large packets"])
async def test_a_peer_that_floods_us_is_decrypted_no_further_than_its_budget(size: int) -> None:
    key = bytes(range(28))
    sending = SrtpSession(Policy.SRTP_PROFILE_AEAD_AES_128_GCM, key, inbound=False)
    receiving = SrtpSession(Policy.SRTP_PROFILE_AEAD_AES_128_GCM, key, inbound=True)
    counters, taken = Counter[str](), Counter[str]()
    wire = Wire("127.0.0.1", 0, lambda _datagram, source, _now: wire.admit(source, sink), counters)

    def sink(_kind: Kind, _datagram: bytes, _source: Address, _now: float) -> None:
        taken["by the sink"] += 1

    def take(_memory: Memory, _at: int, _size: int, _now: float, _arrived: float) -> None:
        taken["packets"] += 1

    charged = 12 + size + 16 + PACKET_COST  # header, payload, tag
    inlet = Inlet(receiving.context, take, bytes_left=10 * charged)
    wire.open_inlet(sink, inlet)

    async def flood(numbers: range) -> None:
        before = counters["datagrams_in"]
        for number in numbers:
            packet = b"\x80\x60" + number.to_bytes(2, "big") + bytes(4) + (7).to_bytes(4, "big") + bytes(size)
            sealed = sending.protect_rtp(packet)
            assert sealed is not None
            peer.send(sealed)
        async with asyncio.timeout(10):
            while counters["datagrams_in"] < before + len(numbers):
                await asyncio.sleep(0)

    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.connect(("127.0.0.1", wire.port))
        peer.send(b"\0\1")
        async with asyncio.timeout(10):
            while not counters["datagrams_in"]:
                await asyncio.sleep(0)
        await flood(range(40))
        assert (taken["packets"], counters["over_budget"]) == (10, 30)
        inlet.bytes_left = 5 * charged
        await flood(range(40, 50))
        assert (taken["packets"], counters["over_budget"]) == (15, 35)
    wire.close()
    assert taken["by the sink"] == 0


async def test_checks_for_a_name_that_nobody_has_are_refused_without_being_read() -> None:
    engine = Engine(control.Start("127.0.0.1", 0, ["127.0.0.1"]), lambda _room, _event: None)
    rubbish = b"\x00\x01\x00\x0c" + stun.COOKIE.to_bytes(4, "big") + bytes(12) + b"\x00\x06\x00\x05abc:d" + b"\xff" * 3
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", engine.port))
        client.send(rubbish)
        async with asyncio.timeout(10):
            while not engine.handle(control.ReadStats()).get("stun_refused"):
                await asyncio.sleep(0)
    await engine.close()
