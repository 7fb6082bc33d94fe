"""Pages of appointments: planning, links, moving, cancelling, joining, and every way in which they are refused."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientResponse

from consent.database import Database
from consent.events import Tag
from consent.ledger import Entry
from consent.policy import Role
from server.appointments import links, seats
from server.appointments.service import When, move
from server.appointments.tables import LINGER, Appointment
from server.cases import service as cases
from server.cases.tables import Case
from tests.flows.conftest import Person
from tests.support.casework import Worker, open_case, plan, seat_of, unlock

SignedIn = Callable[..., Awaitable[Person]]
Visitor = Callable[[], Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Entry]]]

UNKNOWN = "0" * 16
LINK = re.compile(r'value="(http[^"]*/call#i=[^"]+)"')
DEVICE = "0123456789abcdef" * 2


@dataclass
class Walk:
    """A manager with a case and an appointment that begins now."""

    manager: Person
    case: str
    appointment: str
    database: Database

    @property
    def page(self) -> str:
        """The appointment's page."""
        return f"/appointments/{self.appointment}"

    @property
    def seat_pages(self) -> str:
        """What the paths of single invitations begin with."""
        return f"{self.page}/people"

    async def seat(self, role: Role) -> str:
        """The id of the first seat of this role."""
        async with self.database.read() as session:
            return (await seat_of(session, await session.get_one(Appointment, self.appointment), role)).id

    async def link(self) -> str:
        """The client's link, as the page shows it."""
        found = LINK.search(await (await self.manager.get(self.page)).text())
        assert found
        return html.unescape(found[1])

    async def shift(self, by: timedelta) -> None:
        """Let the appointment have begun at another time, as if the clock had gone on."""
        async with self.database.write() as session:
            (await session.get_one(Appointment, self.appointment)).starts_at += by


def worker(person: Person) -> Worker:
    assert person.account is not None
    return Worker(person.account.id, person.account.name, Role(person.account.role))


@pytest.fixture
async def walk(signed_in: SignedIn, database: Database) -> Walk:
    """The manager, their case and its appointment."""
    manager = await signed_in(Role.CASE_MANAGER, name="Марія Коваль")
    now = datetime.now(UTC)
    async with database.write() as session:
        case = await open_case(session, worker(manager))
        appointment = await plan(session, worker(manager), case, starts_at=now, now=now)
    return Walk(manager, case.id, appointment.id, database)


async def seat_status(person: Person, link: str) -> tuple[int, str]:
    """What the call page is told: the status of the appointment, or the code of the error."""
    response = await person.session.post(
        person.base_url.with_path("/api/seat"), json={"link": link.partition("#i=")[2], "device": DEVICE}
    )
    body = await response.json()
    return response.status, body["error"]["code"] if "error" in body else body["appointment"]["status"]


async def fields(walk: Walk, **changes: Any) -> dict[str, Any]:
    """A form that plans something tomorrow."""
    async with walk.database.read() as session:
        await unlock(session, walk.case)
        client = (await cases.clients(session, walk.case))[0].id
    tomorrow = datetime.now(ZoneInfo("Europe/Kyiv")) + timedelta(days=1)
    return {
        "date": tomorrow.date().isoformat(),
        "time": "14:30",
        "duration": "45",
        "time_zone": "Europe/Kyiv",
        "help_phone": "+380 44 123 45 67",
        "client": client,
        "team": walk.manager.id,
    } | changes


async def test_it_refuses_a_form_without_the_token(walk: Walk, entries: Entries) -> None:
    before = len(await entries())
    seat = await walk.seat(Role.CLIENT)
    for path in (
        f"/cases/{walk.case}/appointments/new",
        f"{walk.page}/join",
        f"{walk.page}/move",
        f"{walk.page}/cancel",
        f"{walk.page}/restore",
        f"{walk.seat_pages}/new",
        f"{walk.seat_pages}/{seat}/link",
        f"{walk.seat_pages}/{seat}/revoke",
    ):
        response = await walk.manager.session.post(walk.manager.base_url.with_path(path), allow_redirects=False)
        assert response.status == 403, path
    assert len(await entries()) == before


async def test_every_form_that_changes_something_carries_the_token(walk: Walk) -> None:
    pages = ("/today", walk.page, f"{walk.page}/move", f"{walk.page}/cancel", f"{walk.seat_pages}/new")
    for page in (*pages, f"/cases/{walk.case}/appointments/new"):
        text = await (await walk.manager.get(page)).text()
        forms = re.findall(r'<form[^>]*method="post".*?</form>', text, re.DOTALL)
        assert forms, page
        assert all('name="csrf_token"' in form for form in forms), page


async def test_it_is_closed_to_people_of_another_case(walk: Walk, signed_in: SignedIn, entries: Entries) -> None:
    stranger = await signed_in(Role.CASE_MANAGER)
    seat = await walk.seat(Role.CLIENT)
    for path in (walk.page, f"{walk.page}/move", f"{walk.page}/cancel", f"{walk.seat_pages}/{seat}/print"):
        assert (await stranger.get(path)).status == 403, path
    # The token of a form comes from a page that anybody who manages cases may open.
    for path in ("join", "move", "cancel", "restore", "people/new", f"people/{seat}/link", f"people/{seat}/revoke"):
        assert (await stranger.post(f"{walk.page}/{path}", page="/cases/new")).status == 403, path
    assert {each.case_id for each in await entries(Tag.ACCESS_REFUSED)} == {walk.case}


async def test_it_gives_no_seat_of_one_appointment_through_another(walk: Walk, signed_in: SignedIn) -> None:
    other = await signed_in(Role.CASE_MANAGER)
    async with walk.database.write() as session:
        case = await open_case(session, worker(other), alias="Барвінок")
        appointment = await plan(session, worker(other), case, starts_at=datetime.now(UTC), now=datetime.now(UTC))
    seat = await walk.seat(Role.CLIENT)
    for path in (f"people/{seat}/link", f"people/{seat}/revoke", f"people/{UNKNOWN}/revoke"):
        response = await other.post(f"/appointments/{appointment.id}/{path}", page="/cases/new")
        assert response.status == 404, path
    assert (await other.get(f"/appointments/{appointment.id}/people/{seat}/print")).status == 404


async def test_it_answers_unknown_appointments_with_a_page_that_says_so(walk: Walk) -> None:
    assert (await walk.manager.get(f"/appointments/{UNKNOWN}")).status == 404
    assert (await walk.manager.post(f"/appointments/{UNKNOWN}/join")).status == 404
    assert (await walk.manager.get(f"/sessions/{UNKNOWN}")).status == 404


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"date": "2020-02-03"}, "date", "This time is already over"),
        ({"date": "2090-12-31"}, "date", "more than two years ahead"),
        ({"date": "9999-12-31"}, "date", "Choose the day"),
        ({"date": "0001-01-01", "time": "00:00"}, "date", "Choose the day"),
        ({"date": "31.02.2027"}, "date", "Choose the day"),
        ({"date": ""}, "date", "Choose the day"),
        ({"time": "25:00"}, "time", "Write the time like"),
        ({"time": "noon"}, "time", "Write the time like"),
        ({"duration": "46"}, "duration", "Choose how long"),
        ({"duration": "-1"}, "duration", "Choose how long"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "Choose a time zone"),
        ({"client": []}, "client", "Choose at least one client"),
        ({"client": UNKNOWN}, "client", "Choose at least one client"),
        ({"help_phone": ""}, "help_phone", "Write a phone number that people can call"),
        ({"help_phone": "x"}, "help_phone", "Write a phone number like"),
        ({"purpose": "п" * 301}, "purpose", "This is too long"),
        ({"guest_name1": "x" * 81, "guest_role1": "helper"}, "guest_name1", "The name is too long"),
        ({"guest_name1": "Донька"}, "guest_role1", "Choose as whom"),
        ({"guest_name1": "Донька", "guest_role1": "case_manager"}, "guest_role1", "Choose as whom"),
        ({"guest_role2": "helper"}, "guest_name2", "Write the guest"),
    ],
)
async def test_it_says_what_is_wrong_with_a_plan(
    walk: Walk, entries: Entries, changes: dict[str, Any], field: str, message: str
) -> None:
    response = await walk.manager.post(f"/cases/{walk.case}/appointments/new", await fields(walk, **changes))
    text = await response.text()
    assert response.status == 422
    assert f'href="#{field}"' in text
    assert text.count(message) >= 2  # in the summary and beside the field
    assert len(await entries(Tag.PLANNED)) == 1


def night_of_change(*, forward: bool) -> str:
    """The next Sunday on which Kyiv's clocks change, in two years at most."""
    zone, day = ZoneInfo("Europe/Kyiv"), datetime.now(UTC).date() + timedelta(days=1)
    while True:
        before, after = (datetime(day.year, day.month, day.day, hour, tzinfo=zone).utcoffset() for hour in (1, 5))
        assert before is not None
        assert after is not None
        if (after > before) if forward else (after < before):
            return day.isoformat()
        day += timedelta(days=1)


async def test_it_refuses_an_hour_that_the_clocks_jump_over(walk: Walk) -> None:
    form = await fields(walk, date=night_of_change(forward=True), time="03:30")
    response = await walk.manager.post(f"/cases/{walk.case}/appointments/new", form)
    assert response.status == 422
    assert "This time does not exist" in await response.text()


async def test_it_asks_which_of_two_equal_hours_is_meant(walk: Walk) -> None:
    form = await fields(walk, date=night_of_change(forward=False), time="03:30")
    path = f"/cases/{walk.case}/appointments/new"
    response = await walk.manager.post(path, form)
    text = await response.text()
    assert response.status == 422
    assert "this time comes twice" in text
    assert 'name="which"' in text
    starts = []
    for which in ("first", "second"):
        response = await walk.manager.post(path, form | {"which": which})
        assert response.status == 303
        appointment_id = response.headers["Location"].split("/")[-1].partition("?")[0]
        async with walk.database.read() as session:
            starts.append((await session.get_one(Appointment, appointment_id)).starts_at)
    assert starts[1] - starts[0] == timedelta(hours=1)


async def test_it_plans_with_team_client_and_guests_and_gives_links_only_to_those_without_account(walk: Walk) -> None:
    form = await fields(
        walk, purpose="Перша розмова", guest_name1="Донька Ліза", guest_role1="helper", guest_name2="п. Ян",
        guest_role2="interpreter",
    )  # fmt: skip
    response = await walk.manager.post(f"/cases/{walk.case}/appointments/new", form)
    assert response.status == 303
    page = html.unescape(await (await walk.manager.get(response.headers["Location"])).text())
    for shown in ("Перша розмова", "Донька Ліза", "п. Ян", "Пані Оля", "Марія Коваль", "+380 44 123 45 67"):
        assert shown in page
    assert len(set(LINK.findall(page))) == 3
    assert page.count("<svg") >= 3
    assert 'action="' + response.headers["Location"].partition("?")[0] + '/join"' not in page  # it is tomorrow


async def test_it_shows_no_links_to_those_who_may_not_invite(walk: Walk, signed_in: SignedIn) -> None:
    lawyer, interpreter = await signed_in(Role.LAWYER), await signed_in(Role.INTERPRETER)
    supervisor = await signed_in(Role.SUPERVISOR)
    async with walk.database.write() as session:
        case = await session.get_one(Case, walk.case)
        appointment = await session.get_one(Appointment, walk.appointment)
        for person, role in ((lawyer, Role.LAWYER), (interpreter, Role.INTERPRETER)):
            await cases.join_team(session, worker(walk.manager), case, person.id)
            new = seats.NewSeat(role, "x", "en", account_id=person.id)
            await seats.invite(session, worker(walk.manager), appointment, [new], datetime.now(UTC))
    for person in (lawyer, interpreter, supervisor):
        response = await person.get(walk.page)
        text = await response.text()
        assert response.status == 200
        assert "/call#i=" not in text
        assert ("/join" in text) is (person is not supervisor)
        assert (await person.get(f"{walk.seat_pages}/{await walk.seat(Role.CLIENT)}/print")).status == 403
    assert (await supervisor.post(f"{walk.page}/join")).status == 403


async def test_it_opens_the_door_with_a_code_that_works_once(walk: Walk) -> None:
    response = await walk.manager.post(f"{walk.page}/join")
    assert response.status == 303
    path, _, code = response.headers["Location"].partition("#c=")
    assert path == "/call"

    async def exchange() -> ClientResponse:
        return await walk.manager.session.post(
            walk.manager.base_url.with_path("/api/seat"), json={"code": code, "device": DEVICE}
        )

    first = await (await exchange()).json()
    assert first["you"]["kind"] == "staff"
    assert first["appointment"]["id"] == walk.appointment
    second = await exchange()
    assert (second.status, (await second.json())["error"]["code"]) == (410, "code_used")
    again = await walk.manager.post(f"{walk.page}/join")
    assert again.headers["Location"] != response.headers["Location"]


async def test_it_lets_nobody_of_the_team_join_who_is_not_invited(walk: Walk, signed_in: SignedIn) -> None:
    lawyer = await signed_in(Role.LAWYER)
    async with walk.database.write() as session:
        await cases.join_team(session, worker(walk.manager), await session.get_one(Case, walk.case), lawyer.id)
    response = await lawyer.post(f"{walk.page}/join")
    assert response.status == 403
    assert "You are not invited" in await response.text()


async def test_it_opens_no_door_to_what_is_cancelled_or_over(walk: Walk) -> None:
    assert (await walk.manager.post(f"{walk.page}/cancel")).status == 303
    assert (await walk.manager.post(f"{walk.page}/join")).status == 409
    assert (await walk.manager.post(f"{walk.page}/restore")).status == 303
    await walk.shift(-LINGER - timedelta(hours=1))
    assert (await walk.manager.post(f"{walk.page}/join")).status == 409


async def test_the_link_follows_move_cancel_restore_and_end(walk: Walk, visitor: Visitor) -> None:
    client, link = await visitor(), await walk.link()
    assert await seat_status(client, link) == (200, "open")
    form = await fields(walk, time="10:00")
    form["date"] = (datetime.now(ZoneInfo("Europe/Kyiv")) + timedelta(days=3)).date().isoformat()
    assert (await walk.manager.post(f"{walk.page}/move", form)).status == 303
    assert await walk.link() == link
    assert await seat_status(client, link) == (200, "moved")
    assert (await walk.manager.post(f"{walk.page}/cancel")).status == 303
    assert await seat_status(client, link) == (200, "cancelled")
    page = await (await walk.manager.get(walk.page)).text()
    assert "/call#i=" not in page
    assert "Take the cancellation back" in page
    assert (await walk.manager.post(f"{walk.page}/restore")).status == 303
    assert await seat_status(client, link) == (200, "moved")
    await walk.shift(-timedelta(days=10))
    assert await seat_status(client, link) == (200, "ended")
    assert (await walk.manager.post(f"{walk.page}/move", form)).status == 409
    assert (await walk.manager.post(f"{walk.page}/cancel")).status == 409


async def test_a_move_to_a_time_that_cannot_be_changes_nothing(walk: Walk, entries: Entries) -> None:
    response = await walk.manager.post(f"{walk.page}/move", await fields(walk, date="2020-01-01"))
    assert response.status == 422
    assert not await entries(Tag.MOVED)


async def test_old_links_stop_when_there_is_a_new_one_or_none(walk: Walk, visitor: Visitor, entries: Entries) -> None:
    client, first, seat = await visitor(), await walk.link(), await walk.seat(Role.CLIENT)
    assert (await walk.manager.post(f"{walk.seat_pages}/{seat}/link")).status == 303
    second = await walk.link()
    assert await seat_status(client, first) == (410, "link_revoked")
    assert await seat_status(client, second) == (200, "open")
    assert (await walk.manager.post(f"{walk.seat_pages}/{seat}/revoke")).status == 303
    assert (await walk.manager.post(f"{walk.seat_pages}/{seat}/revoke")).status == 303
    assert await seat_status(client, second) == (410, "link_revoked")
    assert (await walk.manager.get(f"{walk.seat_pages}/{seat}/print")).status == 404
    assert len(await entries(Tag.INVITATION_REVOKED)) == 2


async def test_a_forged_link_opens_nothing_and_says_so(walk: Walk, visitor: Visitor) -> None:
    client, link = await visitor(), await walk.link()
    forged = link[:-2] + ("A" if link[-2] != "A" else "B") + link[-1]
    assert await seat_status(client, forged) == (404, "link_unknown")
    staff = links.make(b"x" * 32, await walk.seat(Role.CLIENT), 1)
    assert await seat_status(client, f"#i={staff}") == (404, "link_unknown")


async def test_it_invites_one_more_person_and_says_what_is_missing(walk: Walk) -> None:
    empty = await walk.manager.post(f"{walk.seat_pages}/new", {})
    assert empty.status == 422
    assert "Choose a person, or write" in html.unescape(await empty.text())
    guest = {"guest_name1": "Донька Ліза", "guest_role1": "helper"}
    assert (await walk.manager.post(f"{walk.seat_pages}/new", guest)).status == 303
    assert "Донька Ліза" in await (await walk.manager.get(walk.page)).text()
    await walk.shift(-LINGER - timedelta(hours=1))
    assert (await walk.manager.get(f"{walk.seat_pages}/new")).status == 409


async def test_the_printed_sheet_is_in_the_clients_language_and_names_no_case(walk: Walk) -> None:
    text = await (await walk.manager.get(f"{walk.seat_pages}/{await walk.seat(Role.CLIENT)}/print")).text()
    assert '<html lang="uk"' in text
    assert "Калина" not in text
    assert html.unescape(text).count(await walk.link()) == 1
    assert "<svg" in text


async def test_today_shows_what_is_on_now_and_what_comes_next(walk: Walk, signed_in: SignedIn) -> None:
    assert (await walk.manager.post(f"/cases/{walk.case}/appointments/new", await fields(walk))).status == 303
    text = await (await walk.manager.get("/today")).text()
    assert f'data-appointment="{walk.appointment}" data-state="due"' in text
    assert "Coming next" in text
    assert f'action="{walk.page}/join"' in text
    nobody = await signed_in(Role.PSYCHOLOGIST)
    text = await (await nobody.get("/today")).text()
    assert "You have no appointments today." in text
    assert walk.appointment not in text


async def test_it_closes_no_case_with_appointments_ahead(walk: Walk) -> None:
    response = await walk.manager.post(f"/cases/{walk.case}/close")
    assert response.status == 409
    assert "There are still appointments ahead" in await response.text()


async def test_it_takes_the_invitation_from_who_leaves_the_team(walk: Walk, signed_in: SignedIn) -> None:
    lawyer = await signed_in(Role.LAWYER)
    async with walk.database.write() as session:
        case = await session.get_one(Case, walk.case)
        appointment = await session.get_one(Appointment, walk.appointment)
        await cases.join_team(session, worker(walk.manager), case, lawyer.id)
        new = seats.NewSeat(Role.LAWYER, "Юрій", "en", account_id=lawyer.id)
        await seats.invite(session, worker(walk.manager), appointment, [new], datetime.now(UTC))
    assert (await lawyer.post(f"{walk.page}/join")).status == 303
    assert (await walk.manager.post(f"/cases/{walk.case}/team/{lawyer.id}/remove")).status == 303
    assert (await lawyer.post(f"{walk.page}/join")).status == 403
    assert (await lawyer.get(walk.page)).status == 403


async def test_a_plan_that_only_changes_its_zone_is_a_move(walk: Walk, entries: Entries) -> None:
    async with walk.database.write() as session:
        appointment = await session.get_one(Appointment, walk.appointment)
        when = When(appointment.starts_at, appointment.duration_min, "Europe/Warsaw")
        move(session, worker(walk.manager), appointment, when, datetime.now(UTC))
    assert (await entries(Tag.MOVED))[0].details["time_zone"] == "Europe/Warsaw"
    assert "Warsaw" in await (await walk.manager.get(walk.page)).text()
