"""``POST /api/seat``: links, entry codes and resume tokens become tickets, and nothing is written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from consent.database import Database
from consent.ledger import Entry
from consent.policy import Role
from server.appointments import links, seats
from server.appointments import service as appointments
from server.appointments.tables import Appointment
from server.http.context import SECRETS
from server.seats import service
from server.settings import Settings
from signaling import tickets
from signaling.exchange import SeatRequest
from signaling.tickets import Kind
from tests.support import casework

Entries = Callable[..., Awaitable[Sequence[Entry]]]
Client = TestClient[web.Request, web.Application]

DEVICE, OTHER = "0" * 32, "1" * 32


@dataclass
class Desk:
    """An appointment, and the call page's questions about it."""

    client: Client
    database: Database
    manager: casework.Worker
    keys: service.Keys

    async def plan(self, also: Sequence[seats.NewSeat] = (), **starts_in: float) -> Appointment:
        """An appointment that begins so far from now, with these people beside the usual ones."""
        now = datetime.now(UTC)
        starts_at = now + timedelta(**starts_in)
        async with self.database.write() as session:
            case = await casework.open_case(session, self.manager)
            guest = seats.NewSeat(Role.AGENCY_GUEST, "Гість", "uk")
            return await casework.plan(
                session, self.manager, case, starts_at=starts_at, now=min(now, starts_at), guests=[guest, *also]
            )

    async def seat(self, appointment: Appointment, role: Role) -> str:
        """The id of a seat."""
        async with self.database.read() as session:
            return (await casework.seat_of(session, appointment, role)).id

    async def link(self, appointment: Appointment, version: int = 1) -> str:
        """The client's link token."""
        return links.make(self.keys.link, await self.seat(appointment, Role.CLIENT), version)

    async def code(self, appointment: Appointment, role: Role = Role.CASE_MANAGER) -> str:
        """An entry code of this member of the team."""
        claims = {"seat": await self.seat(appointment, role)}
        return tickets.issue(self.keys.ticket, Kind.ENTRY, claims, datetime.now(UTC) + timedelta(seconds=60))

    async def ask(self, expected: int = 200, **body: Any) -> dict[str, Any]:
        """The answer to a question, of this status."""
        async with self.client.post("/api/seat", json={"device": DEVICE, "language": "en"} | body) as answer:
            found: dict[str, Any] = await answer.json()
            assert answer.status == expected, found
            return found

    async def refused(self, status: int, **body: Any) -> str:
        """The code of a refusal of this status."""
        error = (await self.ask(status, **body))["error"]
        assert error["text"]
        return str(error["code"])


@pytest.fixture
async def desk(client: Client, database: Database, app: web.Application) -> Desk:
    async with database.write() as session:
        manager = await casework.hire(session, Role.CASE_MANAGER)
    derive = app[SECRETS].derive
    return Desk(client, database, manager, service.Keys(derive(links.KEY_PURPOSE), derive(tickets.KEY_PURPOSE)))


async def test_it_gives_a_ticket_for_a_link_and_writes_nothing(desk: Desk, entries: Entries) -> None:
    appointment = await desk.plan(minutes=30)
    before = len(await entries())
    reply = await desk.ask(link=await desk.link(appointment))
    assert reply["appointment"]["status"] == "open"
    assert reply["you"]["kind"] == "link"
    assert reply["appointment"]["help_phone"] == casework.PHONE
    claims = tickets.verify(desk.keys.ticket, Kind.SOCKET, reply["ticket"], datetime.now(UTC))
    assert claims["seat"] == reply["you"]["seat"]
    assert claims["device"] == tickets.device_hash(DEVICE)
    assert claims["language"] == "en"
    assert len(await entries()) == before


async def test_it_names_the_team_and_oneself_but_no_other_guest(desk: Desk) -> None:
    reply = await desk.ask(link=await desk.link(await desk.plan(minutes=30)))
    assert {each["role"] for each in reply["appointment"]["expected"]} == {"case_manager", "client"}


async def test_it_tells_of_the_record_whom_the_policy_lets_read_it(desk: Desk) -> None:
    async with desk.database.write() as session:
        other = await casework.hire(session, Role.INTERPRETER)
    interpreter = seats.NewSeat(Role.INTERPRETER, "Олег", "en", account_id=other.id)
    appointment = await desk.plan([interpreter], minutes=30)
    for role, reads in ((Role.CASE_MANAGER, True), (Role.INTERPRETER, False)):
        you = (await desk.ask(code=await desk.code(appointment, role)))["you"]
        assert (you["kind"], you["reads_record"]) == ("staff", reads)
    assert (await desk.ask(link=await desk.link(appointment)))["you"]["reads_record"] is False


@pytest.mark.parametrize(("starts_in", "status"), [({"minutes": 59}, "open"), ({"hours": 2}, "early")])
async def test_it_opens_the_waiting_room_an_hour_before(desk: Desk, starts_in: dict[str, float], status: str) -> None:
    reply = await desk.ask(link=await desk.link(await desk.plan(**starts_in)))
    assert reply["appointment"]["status"] == status
    assert (reply["ticket"] is not None) is (reply["resume"] is not None) is (status == "open")


async def test_it_says_that_an_appointment_was_moved_or_cancelled(desk: Desk) -> None:
    appointment = await desk.plan(minutes=30)
    link, now = await desk.link(appointment), datetime.now(UTC)
    later = appointments.When(now + timedelta(days=2), 45, "Europe/Kyiv")
    async with desk.database.write() as session:
        found = await session.get_one(Appointment, appointment.id)
        appointments.move(session, desk.manager, found, later, now)
    assert (await desk.ask(link=link))["appointment"]["status"] == "moved"
    async with desk.database.write() as session:
        appointments.cancel(session, desk.manager, await session.get_one(Appointment, appointment.id), now)
    reply = await desk.ask(link=link)
    assert (reply["appointment"]["status"], reply["ticket"]) == ("cancelled", None)


async def test_it_says_that_an_appointment_is_over(desk: Desk) -> None:
    appointment = await desk.plan(minutes=30)
    async with desk.database.write() as session:
        await appointments.end(session, appointment.id, datetime.now(UTC))
    reply = await desk.ask(link=await desk.link(appointment))
    assert (reply["appointment"]["status"], reply["ticket"]) == ("ended", None)


async def test_it_refuses_links_that_are_unknown_or_were_replaced(desk: Desk) -> None:
    appointment = await desk.plan(minutes=30)
    assert await desk.refused(404, link="nonsense") == "link_unknown"
    assert await desk.refused(410, link=await desk.link(appointment, version=2)) == "link_revoked"
    staff = links.make(desk.keys.link, await desk.seat(appointment, Role.CASE_MANAGER), 1)
    assert await desk.refused(404, link=staff) == "link_unknown"


async def test_it_takes_an_entry_code_once(desk: Desk) -> None:
    code = await desk.code(await desk.plan(minutes=30))
    assert (await desk.ask(code=code))["you"]["kind"] == "staff"
    assert await desk.refused(410, code=code) == "code_used"
    assert await desk.refused(400, code="forged.code") == "ticket_invalid"


async def test_it_resumes_on_the_same_device_until_the_link_is_replaced(desk: Desk) -> None:
    appointment = await desk.plan(minutes=30)
    resume = (await desk.ask(link=await desk.link(appointment)))["resume"]
    again = await desk.ask(resume=resume)
    assert again["you"]["seat"] == await desk.seat(appointment, Role.CLIENT)
    assert again["ticket"] is not None
    assert await desk.refused(400, resume=resume, device=OTHER) == "ticket_invalid"
    async with desk.database.write() as session:
        found = await session.get_one(Appointment, appointment.id)
        await casework.unlock(session, found.case_id)
        seat = await casework.seat_of(session, found, Role.CLIENT)
        seats.renew_link(session, desk.manager, found, seat, datetime.now(UTC))
    assert await desk.refused(410, resume=resume) == "link_revoked"


async def test_it_resumes_without_a_sign_in_and_not_as_a_socket_ticket(desk: Desk) -> None:
    first = await desk.ask(code=await desk.code(await desk.plan(minutes=30)))
    assert (await desk.ask(resume=first["resume"]))["ticket"] is not None
    assert await desk.refused(400, resume=first["ticket"]) == "ticket_invalid"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"link": "a", "code": "b"},
        {"link": 5},
        {"link": "a", "device": "short"},
        {"link": "a", "extra": True},
        {"link": "a", "language": "x" * 100},
    ],
)
async def test_it_refuses_what_is_not_a_question(desk: Desk, body: dict[str, Any]) -> None:
    assert await desk.refused(400, **body) == "bad_message"


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"", 400, "bad_message"),
        (b"[]", 400, "bad_message"),
        (b"\xff", 400, "bad_message"),
        (b"[" * 4000, 400, "bad_message"),
        (b" " * 5000, 413, "too_large"),
    ],
)
async def test_it_refuses_what_is_not_json_or_too_large(desk: Desk, raw: bytes, status: int, code: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with desk.client.post("/api/seat", data=raw, headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (status, code)


async def test_it_slows_down_whoever_tries_links(desk: Desk) -> None:
    codes = {await desk.refused(404, link=f"try{number}") for number in range(60)}
    assert codes == {"link_unknown"}
    assert await desk.refused(429, link="once more") == "too_many_requests"


async def test_it_forgets_used_codes_when_they_would_have_expired_anyway(desk: Desk, settings: Settings) -> None:
    appointment = await desk.plan(minutes=30)
    now, used = datetime.now(UTC), service.UsedCodes()
    house = service.Desk(desk.keys, used, settings.organisation, settings.help_phone)
    asked = SeatRequest(code=await desk.code(appointment), device=DEVICE)
    async with desk.database.read() as session:
        await service.exchange(session, house, asked, language=None, now=now)
        for later, code in ((30, "code_used"), (90, "ticket_expired")):
            with pytest.raises(service.SeatError, match=code):
                await service.exchange(session, house, asked, language=None, now=now + timedelta(seconds=later))
