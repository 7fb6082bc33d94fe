"""Who stands at the door: said on every page of whoever may let them in, to nobody else, and without a reading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp import web
from sqlalchemy import select, update

from consent.database import Database
from consent.events import Tag
from consent.policy import Role
from rooms.seat import Arrival
from server.accounts.sessions import UNATTENDED
from server.accounts.tables import AccountSession
from server.appointments import seats
from server.appointments.tables import Appointment, Seat
from server.cases import service as cases
from server.cases.tables import Case
from server.http.context import ROOMS
from tests.flows.conftest import Person
from tests.flows.test_appointments import DEVICE, Entries, SignedIn, Walk, walk, worker
from tests.support import consents
from tests.support.casework import plan, unlock

__all__ = ["walk"]

SAYS = "Somebody is in the waiting room."


async def comes(walk: Walk, app: web.Application, role: Role = Role.CLIENT, conn: str = "conn-1") -> None:
    """The person of this role comes to the meeting: a client, having agreed once, to its door."""
    seat = await walk.seat(role)
    if role is Role.CLIENT and conn == "conn-1":
        async with walk.database.write() as session:
            now = datetime.now(UTC)
            await consents.told(session, now)
            key = await unlock(session, walk.case)
            await consents.agree(session, key, await session.get_one(Seat, seat), now)
    await app[ROOMS].enter(walk.appointment, Arrival(conn, seat, DEVICE, datetime.now(UTC)))


async def colleague(walk: Walk, signed_in: SignedIn, role: Role) -> Person:
    """Somebody on the case's team who is invited to its appointment, too."""
    person = await signed_in(role)
    async with walk.database.write() as session:
        case = await session.get_one(Case, walk.case)
        appointment = await session.get_one(Appointment, walk.appointment)
        await cases.join_team(session, worker(walk.manager), case, person.id)
        new = seats.NewSeat(role, "Юрій", "en", account_id=person.id)
        await seats.invite(session, worker(walk.manager), appointment, [new], datetime.now(UTC))
    return person


async def says(person: Person, path: str = "/today") -> bool:
    return SAYS in await (await person.get(path)).text()


async def test_every_page_says_when_somebody_waits_with_a_way_in(walk: Walk, app: web.Application) -> None:
    pages = ("/today", walk.page, f"/cases/{walk.case}", "/cases", "/devices", "/waiting-room")
    assert not any([await says(walk.manager, page) for page in pages])
    await comes(walk, app)
    for page in pages:
        assert await says(walk.manager, page), page
    assert f'action="{walk.page}/join"' in await (await walk.manager.get("/waiting-room")).text()
    today = await (await walk.manager.get("/today")).text()
    assert f'data-appointment="{walk.appointment}" data-state="waiting"' in today
    assert "someone is waiting" in today


async def test_it_is_said_to_who_is_invited_and_may_let_people_in(
    walk: Walk, app: web.Application, signed_in: SignedIn
) -> None:
    psychologist = await colleague(walk, signed_in, Role.PSYCHOLOGIST)
    interpreter = await colleague(walk, signed_in, Role.INTERPRETER)
    stranger, supervisor = await signed_in(Role.CASE_MANAGER), await signed_in(Role.SUPERVISOR)
    await comes(walk, app)
    assert await says(psychologist)
    assert not await says(interpreter)
    assert not await says(stranger)
    assert "data-knocks" not in await (await supervisor.get("/supervision")).text()


async def test_who_is_in_the_meeting_hears_it_there(walk: Walk, app: web.Application, signed_in: SignedIn) -> None:
    psychologist = await colleague(walk, signed_in, Role.PSYCHOLOGIST)
    await comes(walk, app, Role.CASE_MANAGER, "conn-0")
    await comes(walk, app)
    assert not await says(walk.manager)
    assert await says(psychologist)


async def test_people_at_two_doors_are_told_apart(walk: Walk, app: web.Application) -> None:
    await comes(walk, app)
    now = datetime.now(UTC)
    async with walk.database.write() as session:
        case = await session.get_one(Case, walk.case)
        await unlock(session, walk.case)
        second = await plan(session, worker(walk.manager), case, starts_at=now + timedelta(minutes=5), now=now)
    await comes(Walk(walk.manager, walk.case, second.id, walk.database), app, conn="conn-2")
    page = await (await walk.manager.get("/waiting-room")).text()
    assert len(page.partition('data-knocks="')[2].partition('"')[0].split()) == 2
    assert 'href="/today"' in page, "one cannot join two meetings by one press"


async def test_looking_at_the_door_opens_no_case(walk: Walk, app: web.Application, entries: Entries) -> None:
    await comes(walk, app)
    before = len(await entries(Tag.CASE_READ))
    assert await says(walk.manager, "/waiting-room")
    assert len(await entries(Tag.CASE_READ)) == before


async def test_a_page_that_looks_by_itself_keeps_nobody_signed_in(walk: Walk, database: Database) -> None:
    before = datetime.now(UTC) - timedelta(minutes=45)
    async with database.write() as session:
        await session.execute(update(AccountSession).values(last_seen_at=before))

    async def seen() -> datetime:
        async with database.read() as session:
            return (await session.scalars(select(AccountSession.last_seen_at))).one()

    alone = {UNATTENDED: "1"}
    for path in ("/waiting-room", "/api/waiting"):
        assert (await walk.manager.get(path, headers=alone)).status == 200
    assert await seen() == before
    await walk.manager.get("/waiting-room")
    assert await seen() > before, "somebody is there"
    async with database.write() as session:
        await session.execute(update(AccountSession).values(last_seen_at=before - timedelta(minutes=16)))
    ended = await walk.manager.get("/waiting-room", headers=alone, allow_redirects=False)
    assert (ended.status, ended.headers["Location"]) == (303, "/sign-in?next=/waiting-room")
