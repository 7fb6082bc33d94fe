"""A lost device: whoever takes it from the list, its sign-ins and its place in running calls end at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import socketio
from aiohttp import web
from aiohttp.test_utils import TestClient
from sqlalchemy.ext.asyncio import AsyncSession

from consent.policy import Role
from server.accounts import sessions
from server.appointments.tables import Seat
from server.devices import service
from server.devices.tables import Device
from server.http.context import DATABASE, SECRETS
from server.settings import Settings
from signaling import tickets
from signaling.tickets import Kind
from tests.flows.conftest import Person
from tests.support import casework
from tests.support.casework import Worker
from tests.support.staff_device import Organisation, StaffDevice

Running = TestClient[web.Request, web.Application]
DEVICE = "0" * 32


async def _device_of(session: AsyncSession, account_id: str) -> str:
    now, device = datetime.now(UTC), StaffDevice()
    await service.trust(session, Organisation().public, actor="system", now=now)
    row = Device(
        account_id=account_id,
        sign_key=device.sign_key,
        seal_key=device.seal_key,
        fingerprint=device.fingerprint,
        asked_at=now,
    )
    session.add(row)
    await session.flush()
    return row.id


class Caller:
    """A page in a call, as far as the server sees it; ``closed`` gets the reason why its seat was closed."""

    def __init__(self) -> None:
        self.socket = socketio.AsyncClient(reconnection=False)
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.socket.on("seat.closed", lambda data: self.closed.done() or self.closed.set_result(data["code"]))

    async def enter(self, client: Running, code: str) -> None:
        """Take the seat that the code stands for, and come into its room."""
        async with client.post("/api/seat", json={"code": code, "device": DEVICE}) as answer:
            ticket = (await answer.json())["ticket"]
        await self.socket.connect(
            str(client.make_url("/")), auth={"ticket": ticket}, socketio_path="socket", transports=["websocket"]
        )
        abilities = {"audio": True, "video": True}
        entered = await self.socket.call("room.enter", {"device": DEVICE, "with_helper": None, "abilities": abilities})
        assert entered["ok"]


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    made = Caller()
    yield made
    await made.socket.disconnect()


async def test_forgetting_a_lost_device_ends_its_sign_ins_and_its_call_and_keeps_this_one(
    client: Running,
    app: web.Application,
    settings: Settings,
    signed_in: Callable[..., Awaitable[Person]],
    visitor: Callable[[], Awaitable[Person]],
    caller: Caller,
) -> None:
    now = datetime.now(UTC)
    at_hand, lost = await signed_in(Role.CASE_MANAGER), await visitor()
    assert at_hand.account is not None
    worker = Worker(at_hand.id, at_hand.account.name, Role.CASE_MANAGER)
    async with app[DATABASE].write() as session:
        case = await casework.open_case(session, worker)
        appointment = await casework.plan(session, worker, case, starts_at=now, now=now)
        seat: Seat = await casework.seat_of(session, appointment, Role.CASE_MANAGER)
        token = await sessions.start(session, at_hand.id, settings, now)
        device_id = await _device_of(session, at_hand.id)
    lost.session.cookie_jar.update_cookies({sessions.cookie_name(settings): token}, lost.base_url)
    assert (await lost.get("/devices", allow_redirects=False)).status == 200
    key = app[SECRETS].derive(tickets.KEY_PURPOSE)
    code = tickets.issue(key, Kind.ENTRY, {"seat": seat.id}, now + timedelta(seconds=60))
    await caller.enter(client, code)

    assert (await at_hand.post(f"/devices/{device_id}/forget", page="/devices")).status == 303
    assert await asyncio.wait_for(caller.closed, 10) == "revoked"
    assert (await lost.get("/devices", allow_redirects=False)).status == 303, "whoever holds it is signed out"
    assert (await at_hand.get("/devices", allow_redirects=False)).status == 200, "and this browser is not"
