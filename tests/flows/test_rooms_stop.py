"""The whole application stops in the middle of a meeting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import socketio
from aiohttp import web
from aiohttp.test_utils import TestClient

from consent.database import Database
from consent.events import Tag
from consent.ledger import Entry
from consent.policy import Role
from server.http.context import DATABASE, SECRETS
from signaling import tickets
from signaling.tickets import Kind
from tests.support import casework

DEVICE = "0" * 32


async def test_it_records_everybody_as_interrupted_by_the_server(
    client: TestClient[web.Request, web.Application],
    app: web.Application,
    database: Database,
    entries: Callable[..., Awaitable[Sequence[Entry]]],
) -> None:
    now = datetime.now(UTC)
    async with app[DATABASE].write() as session:
        manager = await casework.hire(session, Role.CASE_MANAGER)
        case = await casework.open_case(session, manager)
        appointment = await casework.plan(session, manager, case, starts_at=now, now=now)
        seat = await casework.seat_of(session, appointment, Role.CASE_MANAGER)
    key = app[SECRETS].derive(tickets.KEY_PURPOSE)
    code = tickets.issue(key, Kind.ENTRY, {"seat": seat.id}, now + timedelta(seconds=60))
    async with client.post("/api/seat", json={"code": code, "device": DEVICE}) as answer:
        ticket = (await answer.json())["ticket"]
    person = socketio.AsyncClient(reconnection=False)
    await person.connect(
        str(client.make_url("/")), auth={"ticket": ticket}, socketio_path="socket", transports=["websocket"]
    )
    abilities = {"audio": True, "video": True}
    entering = {"device": DEVICE, "with_helper": None, "abilities": abilities}
    assert (await person.call("room.enter", entering))["ok"]
    await client.close()
    await person.disconnect()
    dropped = await entries(Tag.DROPPED)
    assert [(entry.actor, entry.details["seat"], entry.details["reason"]) for entry in dropped] == [
        ("system", seat.id, "server")
    ]
    await database.close()
