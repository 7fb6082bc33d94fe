"""Who stands at the door of this person's meetings: told on every page of whoever may let them in."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import select

from consent.policy import Action, Reach, reach
from server.appointments.tables import Appointment, Seat
from server.http.context import DATABASE, DOOR, ROOMS, SIGNED_IN, AtTheDoor, SignedIn
from server.http.errors import Handler
from server.http.guard import account
from server.http.render import render

NOT_PAGES = ("/api/", "/static/", "/socket", "/health", "/metrics")
NOBODY = AtTheDoor(())


def routes() -> list[web.RouteDef]:
    """What a page that lies open asks every ten seconds."""
    return [web.get("/waiting-room", show)]


async def show(request: web.Request) -> web.Response:
    """GET /waiting-room: the piece of a page that says so. Opens no case, so that looking is no reading."""
    account(request)
    return render(request, "appointments/door.html")


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Look before the page is made, so that it is on every page, without script too."""
    signed_in = request.get(SIGNED_IN)
    may_admit = signed_in is not None and reach(signed_in.role, Action.ADMIT) is not Reach.NOWHERE
    if signed_in is not None and may_admit and not request.path.startswith(NOT_PAGES):
        request[DOOR] = await look(request, signed_in)
    return await handler(request)


async def look(request: web.Request, signed_in: SignedIn) -> AtTheDoor:
    """Who knocks at meetings to which this person is invited. Who is in a meeting hears it there."""
    doors = {door.appointment_id: door for door in request.app[ROOMS].doors()}
    if not doors:
        return NOBODY
    invited = (
        select(Appointment.id, Appointment.starts_at, Seat.id)
        .join(Seat, Seat.appointment_id == Appointment.id)
        .where(Appointment.id.in_(doors), Seat.account_id == signed_in.id, Seat.revoked_at.is_(None))
    )
    async with request.app[DATABASE].read() as session:
        found = (await session.execute(invited)).all()
    mine = [(doors[each], starts_at) for each, starts_at, seat in found if seat not in doors[each].inside]
    knocks = tuple(sorted(knock for door, _ in mine for knock in door.knocks))
    return AtTheDoor(knocks, mine[0][0].appointment_id, mine[0][1]) if len(mine) == 1 else AtTheDoor(knocks)
