"""Somebody who was removed by mistake: a new link, or another invitation, lets them come to the same appointment."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from aiohttp import web

from consent.policy import Role
from rooms.effects import RoomError
from rooms.seat import Arrival
from rooms.service import Rooms
from server.http.context import ROOMS
from tests.flows.test_appointments import DEVICE, SignedIn, Walk, walk
from tests.flows.test_door import colleague, comes

__all__ = ["walk"]


async def enters(rooms: Rooms, walk: Walk, seat: str, conn: str) -> str | None:
    """Come to one's seat; returns the code of a refusal."""
    try:
        await rooms.enter(walk.appointment, Arrival(conn, seat, DEVICE, datetime.now(UTC)))
    except RoomError as refusal:
        return refusal.code
    return None


@pytest.fixture
async def rooms(walk: Walk, app: web.Application) -> Rooms:
    """The rooms, with the manager in the meeting."""
    await comes(walk, app, Role.CASE_MANAGER, "manager")
    return app[ROOMS]


async def test_a_client_who_was_removed_comes_again_by_a_new_link(
    walk: Walk, app: web.Application, rooms: Rooms
) -> None:
    await comes(walk, app)
    seat = await walk.seat(Role.CLIENT)
    await rooms.admit("manager", seat)
    await rooms.act("manager", lambda room, now: room.remove("manager", seat, now))
    assert await enters(rooms, walk, seat, "again") == "removed"
    before = await walk.link()
    assert (await walk.manager.post(f"{walk.seat_pages}/{seat}/link")).status == 303
    assert await walk.link() != before
    assert await enters(rooms, walk, seat, "by the new link") is None
    assert rooms.summary(walk.appointment).waiting == 1
    await rooms.admit("manager", seat)
    assert rooms.summary(walk.appointment).present == 2


async def test_a_colleague_who_was_removed_comes_again_when_invited_again(
    walk: Walk, rooms: Rooms, signed_in: SignedIn
) -> None:
    psychologist = await colleague(walk, signed_in, Role.PSYCHOLOGIST)
    await rooms.appointment_changed(walk.appointment)
    seat = await walk.seat(Role.PSYCHOLOGIST)
    assert await enters(rooms, walk, seat, "first") is None
    await rooms.act("manager", lambda room, now: room.remove("manager", seat, now))
    assert await enters(rooms, walk, seat, "again") == "removed"
    assert (await walk.manager.post(f"{walk.seat_pages}/{seat}/revoke")).status == 303
    assert await enters(rooms, walk, seat, "uninvited") == "not_invited"
    assert (await walk.manager.post(f"{walk.seat_pages}/{seat}/link")).status == 303
    assert (await psychologist.post(f"{walk.page}/join")).status == 303
    assert await enters(rooms, walk, seat, "invited again") is None
    assert rooms.summary(walk.appointment).present == 2
