"""What a connection may send wrongly: each gets its code, and nobody else's meeting is touched."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consent.database import Database
from consent.events import Tag
from media.pool import MediaPool
from signaling import gateway as gateways
from signaling import messages, tickets
from signaling.limits import Rate
from tests.flows.meeting import MEDIA, PATIENCE_S, House, Person
from tests.unit.rooms.people import CLIENT, MANAGER

ENTERING = {"with_helper": None, "abilities": {"audio": True, "video": True}}
ROOM_EVENTS = {"room.enter", "room.leave", "seat.update"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = Database.in_file(tmp_path / "rooms.sqlite3")
    house = House(database, MediaPool(MEDIA), origins=frozenset({"https://poruch.example"}))
    await house.start()
    yield house
    await house.stop()
    await database.close()


async def raw_code(person: Person, event: str, *data: object) -> str:
    """The code of the answer to an event with any number of arguments of any kind."""
    answer = await person.socket.call(event, data if len(data) != 1 else data[0], timeout=PATIENCE_S)
    assert answer["ok"] is False
    assert answer["error"]["text"]
    return str(answer["error"]["code"])


@pytest.mark.parametrize(
    ("ticket", "code"),
    [("", "ticket_invalid"), ("forged.ticket", "ticket_invalid"), ("x" * 10_000, "ticket_invalid")],
)
async def test_it_turns_away_a_socket_without_a_genuine_ticket(house: House, ticket: str, code: str) -> None:
    person = await house.person(CLIENT).connect(ticket)
    assert await person.until_closed() == code


async def test_it_turns_away_an_old_ticket_and_one_for_another_door(house: House) -> None:
    old = house.ticket(CLIENT, CLIENT * 2)
    resume = tickets.issue(b"k" * 32, tickets.Kind.RESUME, {"seat": CLIENT}, house.clock.now.replace(year=2030))
    house.clock.forward(seconds=61)
    assert await (await house.person(CLIENT).connect(old)).until_closed() == "ticket_expired"
    assert await (await house.person(CLIENT).connect(resume)).until_closed() == "ticket_invalid"


@pytest.mark.parametrize(
    ("origin", "code"),
    [("https://evil.example", "wrong_origin"), ("null", "wrong_origin"), ("https://poruch.example", None)],
)
async def test_it_talks_to_our_own_pages_alone(house: House, origin: str, code: str | None) -> None:
    person = await house.person(MANAGER).connect(headers={"Origin": origin})
    if code is None:
        await person.enter()
    else:
        assert await person.until_closed() == code
        assert house.gateway.connections == 0


async def test_it_takes_a_page_of_its_own_host(house: House) -> None:
    person = await house.person(MANAGER).connect(headers={"Origin": house.url})
    await person.enter()


async def test_it_refuses_another_devices_ticket(house: House) -> None:
    person = await house.connect(MANAGER)
    assert await person.code("room.enter", device="e" * 32, **ENTERING) == "ticket_invalid"
    await person.enter()


async def test_it_refuses_malformed_messages_and_goes_on(house: House) -> None:
    manager = await house.come(MANAGER)
    for data in ((), ({}, {}), ("text",), (None,), ([],), ({"seat": 5},), ({"seat": CLIENT, "and": "more"},)):
        assert await raw_code(manager, "host.admit", *data) == "bad_message"
    await manager.socket.emit("host.admit", {"seat": b"binary is dropped without an answer"})
    assert await raw_code(manager, "room.destroy", {}) == "unknown_event"
    assert await manager.code("host.lock", locked=True) is None


async def test_it_refuses_oversize_messages_and_ends_oversize_frames(house: House) -> None:
    manager = await house.come(MANAGER)
    assert await raw_code(manager, "host.admit", {"seat": "a" * messages.MAX_EVENT}) == "too_large"
    await manager.socket.emit("host.admit", {"seat": "a" * messages.MAX_FRAME})
    await manager.until(lambda: manager.gone)
    manager = await house.come(MANAGER)
    assert manager.state["you"]["phase"] == "in"


async def test_it_refuses_every_event_that_has_no_place_yet(house: House) -> None:
    person = await house.connect(CLIENT)
    examples = {
        "seat.update": {},
        "transport.connect": {
            "transportId": "t",
            "dtlsParameters": {"role": "client", "fingerprints": [{"algorithm": "sha-256", "value": "1"}]},
        },
        "transport.create": {"direction": "send"},
        "transport.restart_ice": {"transportId": "t"},
        "producer.create": {
            "transportId": "t", "kind": "audio", "source": "microphone", "rtpParameters": {}, "paused": False,
        },
        **{f"producer.{verb}": {"producerId": "p"} for verb in ("pause", "resume", "close")},
        "consumer.create": {"producerId": "p"},
        **{f"consumer.{verb}": {"consumerId": "c"} for verb in ("pause", "resume", "close")},
        "consumer.prefer": {"consumerId": "c", "height": 1, "rank": "grid"},
        "media.need": {"sight": True},
        "media.line": {"freezes": 0, "relayed": False},
        **{f"host.{verb}": {"seat": MANAGER} for verb in ("admit", "decline", "mute", "remove")},
        "host.helper": {"seat": MANAGER, "with_helper": True},
        "host.lock": {"locked": True},
        "mls.key_package": {"keyPackage": "AAAA"},
        "mls.create": {"group": "g" * 22},
        "mls.commit": {"group": "g" * 22, "epoch": 0, "commit": "AAAA", "added": [], "removed": []},
        "mls.ack": {"group": "g" * 22, "epoch": 0},
        "mls.message": {"group": "g" * 22, "message": "AAAA"},
        "mls.replace": {"old": "g" * 22, "group": "h" * 22},
        "mls.report": {"what": "verified"},
    }  # fmt: skip
    for event in messages.FROM_BROWSER:
        if event != "room.enter":
            assert await person.code(event, **examples.get(event, {})) == "out_of_order", event
    await person.enter()
    for event in messages.FROM_BROWSER:
        if event not in ROOM_EVENTS:
            assert await person.code(event, **examples.get(event, {})) == "out_of_order", event
    assert await person.code("room.enter", device=CLIENT * 2, **ENTERING) == "out_of_order"
    assert await house.tags() == [Tag.WAITED]


async def test_it_refuses_too_many_messages_and_then_the_connection(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "EVENTS", Rate(burst=5, per_s=0.001))
    quiet = await house.come(MANAGER)
    flood = await house.come(CLIENT)
    codes = [await flood.code("seat.update") for _ in range(10)]
    assert codes == [None] * 4 + ["too_many_requests"] * 6
    for _ in range(gateways.MAX_REFUSED):
        await flood.socket.emit("seat.update", {})
    assert await flood.until_closed() == "too_many_requests"
    await quiet.until_other(CLIENT, phase="expected")
    assert await quiet.code("host.lock", locked=True) is None


async def test_it_limits_sockets_by_address(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways, "MAX_PER_ADDRESS", 2)
    manager = await house.come(MANAGER)
    client = await house.come(CLIENT)
    assert await (await house.connect(CLIENT)).until_closed() == "too_many_connections"
    await client.drop()
    await manager.until_other(CLIENT, phase="expected")
    await house.come(CLIENT)


@pytest.mark.parametrize("event", ["connect", "disconnect", "connect_error", "*"])
async def test_it_is_not_fooled_by_events_named_like_its_own(house: House, event: str) -> None:
    manager = await house.come(MANAGER)
    client = await house.come(CLIENT)
    await client.socket.eio.send("2" + json.dumps([event, {"aiohttp.request": 1}]))
    await client.socket.eio.send("2" + json.dumps([event]))
    assert await client.code("seat.update", with_helper=True) is None
    await manager.until_other(CLIENT, phase="waiting", with_helper=True)
    assert house.gateway.connections == 2


@pytest.mark.parametrize(
    "frame",
    [
        *("42not json", "42", "42{}", "42[]", "42[5]", "42[null,{}]", "4", "9", "42" + "[" * 20_000, "43999[]"),
        *("451-", "459999999999-[]", '451-["host.admit",{"_placeholder":true,"num":7}]', '42/other,["host.admit",{}]'),
        *('40{"ticket":"again"}', '44{"message":"x"}', "3probe", "b!", "42" + "1" * 200 + '["host.lock",{}]'),
    ],
)
async def test_it_survives_frames_that_are_no_messages(house: House, frame: str) -> None:
    manager = await house.come(MANAGER)
    async with house.http.ws_connect(f"{house.url}/socket/?EIO=4&transport=websocket") as socket:
        await socket.receive_str()
        await socket.send_str("40" + json.dumps({"ticket": house.ticket(CLIENT, CLIENT * 2)}))
        await socket.receive_str()
        await socket.send_str(frame)
        await socket.send_bytes(b"\x00\x01")
        await socket.send_str("421" + json.dumps(["room.enter", {"device": CLIENT * 2, **ENTERING}]))
        async with asyncio.timeout(PATIENCE_S):
            while not (await socket.receive_str()).startswith('431[{"ok":true'):
                pass
        await manager.until_other(CLIENT, phase="waiting")
    await manager.until_other(CLIENT, phase="expected")
    assert await manager.code("host.lock", locked=True) is None


@pytest.mark.parametrize("frame", ["", "x", "é"])
async def test_it_takes_a_socket_that_speaks_another_protocol_for_gone(house: House, frame: str) -> None:
    manager = await house.come(MANAGER)
    client = await house.come(CLIENT)
    await client.socket.eio.ws.send_str(frame)
    await manager.until_other(CLIENT, phase="expected")
    assert await manager.code("host.lock", locked=True) is None


async def test_it_speaks_websocket_alone(house: House) -> None:
    async with house.http.get(f"{house.url}/socket/?EIO=4&transport=polling") as answer:
        assert answer.status == 400


async def test_it_keeps_one_meeting_from_another(house: House) -> None:
    manager = await house.come(MANAGER)
    ticket = house.ticket(CLIENT, CLIENT * 2, appointment="b" * 16)
    stranger = await house.person(CLIENT).connect(ticket)
    assert await stranger.code("room.enter", device=CLIENT * 2, **ENTERING) == "not_invited"
    assert manager.other(CLIENT)["phase"] == "expected"  # type: ignore[index]  # somebody who is invited
