"""Budgets, and what a flood costs an engine that has them."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aioice import stun

from media import control
from media.engine import Engine
from media.guards import Budget
from media.transport import CHECKS_AT_ONCE


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
