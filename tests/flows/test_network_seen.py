"""What is kept of a person's network when their media ends: what was counted, and what only the page knew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from media.pool import MediaPool
from rooms.placement import MAX_FREEZES, Placement
from tests.support.headless import Headless
from tests.support.media_room import need_own_address, settings

pytestmark = pytest.mark.timeout(60)


class Seat:
    """One connection's requests, carried out by a room's placement as the gateway has it do."""

    def __init__(self, placement: Placement, conn: str) -> None:
        self.placement = placement
        self.conn = conn
        self.media = Headless(self)

    async def __call__(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        placement, conn = self.placement, self.conn
        match event:
            case "media.capabilities":
                return {"routerRtpCapabilities": await placement.capabilities()}
            case "transport.create":
                return await placement.create_transport(conn, conn, data["direction"])
            case "transport.connect":
                await placement.connect_transport(conn, data["transportId"], data["dtlsParameters"])
            case "producer.create":
                said = {"kind": data["kind"], "source": data["source"], "rtp": data["rtpParameters"]}
                made = await placement.create_producer(conn, data["transportId"], **said, paused=False, height=None)
                return {"id": made}
            case "consumer.create":
                return await placement.create_consumer(conn, data["producerId"])
            case "consumer.resume":
                await placement.pause_consumer(conn, data["consumerId"], paused=False)
            case _:
                raise KeyError(event)
        return {}


@pytest.fixture
async def placement() -> AsyncIterator[Placement]:
    need_own_address()
    pool = MediaPool(settings())
    await pool.start()
    made = Placement(pool, "room")
    made.paused = False
    yield made
    await made.close()
    await pool.close()


async def test_freezes_and_a_relay_are_kept_beside_what_was_lost(placement: Placement) -> None:
    ann, bob = Seat(placement, "ann"), Seat(placement, "bob")
    for seat in (ann, bob):
        await seat.media.load()
    sound = await ann.media.publish("audio")
    await bob.media.consume(sound)
    while (await placement.line("bob", freezes=1, relayed=True))["lost_down_permille"] is None:
        await asyncio.sleep(0.05)
    now = await placement.line("bob", freezes=0, relayed=True)
    assert (now["path"], now["held"], now["smaller"]) == ("relay", 0, 0)
    kept = await placement.quality("bob")
    assert (kept["path"], kept["freezes"], kept["lost_down_permille"]) == ("relay", now["freezes"], 0)
    assert now["freezes"] >= 1
    for _ in range(MAX_FREEZES // 60 + 1):
        now = await placement.line("bob", freezes=60, relayed=False)
    assert (now["freezes"], now["path"]) == (MAX_FREEZES, "udp")
    assert (await placement.quality("ann"))["freezes"] == 0
    for seat in (ann, bob):
        await seat.media.close()


async def test_what_a_network_did_before_a_page_builds_its_media_anew_is_kept_as_well(placement: Placement) -> None:
    ann, bob = Seat(placement, "ann"), Seat(placement, "bob")
    for seat in (ann, bob):
        await seat.media.load()
    await bob.media.consume(await ann.media.publish("audio"))
    while (await placement.line("bob", freezes=0, relayed=False))["lost_down_permille"] is None:
        await asyncio.sleep(0.05)
    for seat in (bob, ann):
        await seat.media.close()
        while (await placement.line(seat.conn, freezes=0, relayed=False))["path"] is not None:
            await asyncio.sleep(0.05)
    kept = await placement.quality("bob")
    assert (kept["path"], kept["lost_down_permille"]) == ("udp", 0)
    assert (await placement.quality("ann"))["lost_up_permille"] == 0
    again = Seat(placement, "bob")
    await again.media.load()
    assert (await placement.quality("bob"))["lost_down_permille"] == 0
    await again.media.close()
    await placement.detach("bob")
    assert await placement.quality("bob") == {}
