"""Pages of consent: decisions, answers from elsewhere, representation, other ways, and papers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent import keys
from consent.database import Database
from consent.events import Tag
from consent.policy import Role
from consent.records import missing
from server.appointments.seats import NewSeat
from server.cases.tables import Case
from server.consents import representation, service, suitability
from server.consents.tables import RepresentationRow
from tests.flows.conftest import Person
from tests.support import casework, consents
from tests.support.casework import Worker, open_case

SignedIn = Callable[..., Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Any]]]
UNKNOWN = "0" * 16


def worker(person: Person) -> Worker:
    assert person.account is not None
    return Worker(person.account.id, person.account.name, Role(person.account.role))


def day(offset: int) -> str:
    return (datetime.now(UTC) + timedelta(days=offset)).date().isoformat()


@dataclass
class Walk:
    manager: Person
    supervisor: Person
    case: str
    client: str
    database: Database

    @property
    def page(self) -> str:
        return f"/cases/{self.case}"

    @property
    def client_page(self) -> str:
        return f"/cases/{self.case}/clients/{self.client}"

    async def decide(self, **changes: str) -> int:
        fields = {"suitable": "yes", "reason": "Safe at home.", "expires": day(100), "review": day(50)} | changes
        return (await self.supervisor.post(f"{self.page}/suitability", fields)).status

    async def plan(self) -> int:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        fields = {
            "date": tomorrow.date().isoformat(),
            "time": "14:30",
            "duration": "45",
            "time_zone": "Europe/Kyiv",
            "help_phone": "+380 44 123 45 67",
            "client": self.client,
            "team": self.manager.id,
        }
        return (await self.manager.post(f"{self.page}/appointments/new", fields)).status

    async def text(self, path: str = "/consents", person: Person | None = None) -> str:
        response = await (person or self.manager).get(f"{self.page}{path}")
        assert response.status == 200, path
        return await response.text()

    async def enter(self, **changes: str) -> Any:
        fields = {
            "purpose": "video",
            "answer": "given",
            "method": "home_visit",
            "notice_language": "uk",
            "witness": "Olha, neighbour",
            "said": day(0),
            "told": "yes",
        } | changes
        return await self.manager.post(f"{self.client_page}/consents/new", fields)

    async def record(self) -> str:
        found = re.search(rf"{self.page}/consents/([0-9a-f]{{16}})", await self.text())
        assert found
        return f"{self.page}/consents/{found[1]}"


@pytest.fixture
async def walk(signed_in: SignedIn, database: Database) -> Walk:
    manager = await signed_in(Role.CASE_MANAGER, name="Maria")
    supervisor = await signed_in(Role.SUPERVISOR, name="Natalia")
    async with database.write() as session:
        case = await open_case(session, worker(manager))
        await keys.open_case(session, keys.SYSTEM, case.id, keys.Purpose.SYSTEM)
        client = (await casework.cases.clients(session, case.id))[0].id
    return Walk(manager, supervisor, case.id, client, database)


async def test_without_a_decision_nothing_can_be_planned_and_the_page_says_where_to_go(walk: Walk) -> None:
    assert await walk.plan() == 409
    assert "No supervisor has decided yet" in await walk.text("/suitability")
    assert await walk.decide() == 303
    assert await walk.plan() == 303


async def test_only_a_supervisor_decides(walk: Walk, signed_in: SignedIn, entries: Entries) -> None:
    fields = {"suitable": "yes", "reason": "Because.", "expires": day(9), "review": day(5)}
    for person in (walk.manager, await signed_in(Role.ADMINISTRATOR), await signed_in(Role.PSYCHOLOGIST)):
        assert (await person.post(f"{walk.page}/suitability", fields)).status == 403
    assert not await entries(Tag.SUITABILITY_DECIDED)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"suitable": ""}, "Choose whether video is suitable"),
        ({"reason": " "}, "Write the reason"),
        ({"expires": day(-1)}, "Choose a day within the next twelve months"),
        ({"expires": day(400)}, "Choose a day within the next twelve months"),
        ({"review": day(120)}, "Choose a day before the decision ends"),
        ({"danger": "yes"}, "video is not suitable"),
        ({"expires": "tomorrow"}, "Choose the day on which the decision ends"),
    ],
)
async def test_it_says_what_is_wrong_with_a_decision(
    walk: Walk, entries: Entries, changes: dict[str, str], message: str
) -> None:
    fields = {"suitable": "yes", "reason": "Safe.", "expires": day(100), "review": day(50)} | changes
    response = await walk.supervisor.post(f"{walk.page}/suitability", fields)
    assert response.status == 422
    assert (await response.text()).count(message) >= 2
    assert not await entries(Tag.SUITABILITY_DECIDED)


async def test_the_danger_flag_stops_everything_until_a_new_decision_and_asks_for_a_meeting_in_person(
    walk: Walk, entries: Entries
) -> None:
    assert await walk.decide() == 303
    assert await walk.plan() == 303
    assert (await walk.manager.post(f"{walk.page}/suitability/danger", {"reason": ""})).status == 422
    assert (await walk.manager.post(f"{walk.page}/suitability/danger", {"reason": "He listens in."})).status == 303
    assert await walk.plan() == 409
    page = await walk.text("/suitability")
    assert "Somebody may be in danger. There is no video" in page
    assert "A meeting in person has to be arranged" in page
    way = re.search(rf"{walk.page}/ways/[0-9a-f]{{16}}", page)
    assert way
    assert (
        await walk.manager.post(way[0], {"way": "in_person", "owner": walk.manager.id, "due": day(2)})
    ).status == 303
    assert "Meeting in person at the service: Maria" in await walk.text("/suitability")
    assert len(await entries(Tag.DANGER_FLAGGED)) == 1
    assert await walk.decide() == 303
    assert await walk.plan() == 303


async def test_after_the_flag_nobody_is_told_to_phone_or_to_visit(walk: Walk, entries: Entries) -> None:
    opened = (await walk.manager.post(f"{walk.client_page}/ways/new")).headers["Location"]
    by_phone = {"way": "phone", "owner": walk.manager.id, "due": day(2)}
    assert (await walk.manager.post(opened, by_phone)).status == 303
    assert await walk.decide(suitable="no") == 303
    case_way = re.search(rf"{walk.page}/ways/[0-9a-f]{{16}}", await walk.text("/suitability"))
    assert case_way
    assert (await walk.manager.post(case_way[0], by_phone)).status == 303
    assert "Phone call: Maria" in await walk.text("/suitability"), "it says what was planned"

    assert (await walk.manager.post(f"{walk.page}/suitability/danger", {"reason": "He listens in."})).status == 303
    shown = await walk.text("/suitability")
    assert "A meeting in person has to be arranged" in shown
    assert "Phone call" not in shown
    cards = (await walk.text()).split("Calls, visits and meetings in person")[1]
    assert "phone call" not in cards
    assert "Arrange a call or visit" not in await walk.text()
    assert "Arrange a meeting in person" in await walk.text()
    assert cards.count("no date yet") == 2
    assert "somebody may be in danger" in cards
    turned = [each.details for each in await entries(Tag.OTHER_WAY_PLANNED) if each.details.get("because") == "danger"]
    assert [each["way"] for each in turned] == ["in_person", "in_person"]

    for way in (opened, case_way[0]):
        form = await (await walk.manager.get(way)).text()
        assert "only a meeting in person can be planned" in form
        assert 'value="phone"' not in form
        for how in ("phone", "visit"):
            assert (await walk.manager.post(way, by_phone | {"way": how})).status == 422
        assert (await walk.manager.post(way, by_phone | {"way": "in_person"})).status == 303
    assert (await walk.manager.post(f"{opened}/done")).status == 303
    again = (await walk.manager.post(f"{walk.client_page}/ways/new")).headers["Location"]
    assert 'value="phone"' not in await (await walk.manager.get(again)).text()
    assert await walk.decide() == 303
    assert (await walk.manager.post(again, by_phone)).status == 303


async def test_no_link_is_shown_or_printed_while_a_case_is_not_suitable(walk: Walk) -> None:
    async with walk.database.write() as session:
        case = await session.get_one(Case, walk.case)
        now = datetime.now(UTC)
        appointment = await casework.plan(session, worker(walk.manager), case, starts_at=now, now=now)
        seat = (await casework.seat_of(session, appointment, Role.CLIENT)).id
    page = f"/appointments/{appointment.id}"
    assert "#i=" in await (await walk.manager.get(page)).text()
    await walk.manager.post(f"{walk.page}/suitability/danger", {"reason": "Threats."})
    shown = await (await walk.manager.get(page)).text()
    assert "#i=" not in shown
    assert "No video is possible on this case now" in shown
    assert (await walk.manager.get(f"{page}/people/{seat}/print")).status == 409
    assert (await walk.manager.post(f"{page}/people/{seat}/link")).status == 409
    guest = {"guest_name1": "Daughter", "guest_role1": "helper"}
    assert (await walk.manager.post(f"{page}/people/new", guest)).status == 409


async def test_staff_write_down_what_was_said_elsewhere_and_the_person_confirms_it(
    walk: Walk, entries: Entries
) -> None:
    assert (await walk.enter()).status == 303
    page = await walk.text()
    assert "not confirmed yet" in page
    record = await walk.record()
    shown = await (await walk.manager.get(record)).text()
    for text in ("At a home visit", "Olha, neighbour", "Розмова з вашою командою по відео"):
        assert text.casefold() in shown.casefold(), text
    assert (await walk.manager.post(f"{record}/confirm")).status == 303
    assert (await walk.manager.post(f"{record}/confirm")).status == 303
    assert "not confirmed yet" not in await walk.text()
    assert len(await entries(Tag.CONSENT_CONFIRMED)) == 1
    assert (await walk.manager.post(f"{record}/withdraw", {"method": "phone"})).status == 303
    assert "stopped agreeing" in await walk.text()
    assert len(await entries(Tag.CONSENT_WITHDRAWN)) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"purpose": "recording"}, "Choose what it is about"),
        ({"answer": "maybe"}, "Choose what the person said"),
        ({"method": "telepathy"}, "Choose how the person answered"),
        ({"method": "page"}, "Choose how the person answered"),
        ({"witness": ""}, "Write who was there"),
        ({"told": ""}, "Say that the whole text was read"),
        ({"said": day(3)}, "not in the future"),
        ({"purpose": "interpreter"}, "Write the name of the person"),
        ({"purpose": "sharing", "about": "Job centre", "answer": "refused"}, "Nobody of this name is in the team"),
        ({"notice_language": "tlh"}, "Choose the language"),
        ({"answer": "withdrawn"}, "There is nothing to take back"),
    ],
)
async def test_it_says_what_is_wrong_with_an_entry(
    walk: Walk, entries: Entries, changes: dict[str, str], message: str
) -> None:
    response = await walk.enter(**changes)
    assert response.status == 422
    assert message in await response.text()
    assert not await entries(Tag.CONSENT_GIVEN)


async def test_a_no_by_telephone_opens_a_call_that_alarms_until_it_has_an_owner_and_a_date(walk: Walk) -> None:
    assert (await walk.enter(answer="refused", method="phone")).status == 303
    today = await (await walk.manager.get("/today")).text()
    assert "no date yet" in today
    way = re.search(rf"{walk.page}/ways/[0-9a-f]{{16}}", today)
    assert way
    assert (await walk.manager.post(way[0], {"way": "visit", "owner": walk.manager.id, "due": day(-1)})).status == 422
    assert (await walk.manager.post(way[0], {"way": "visit", "owner": UNKNOWN, "due": day(1)})).status == 422
    assert (await walk.manager.post(way[0], {"way": "visit", "owner": walk.manager.id, "due": day(1)})).status == 303
    assert "no date yet" not in await (await walk.manager.get("/today")).text()
    async with walk.database.write() as session:
        row = (await service.other_ways.of_case(session, walk.case))[0]
        row.due_on = datetime.now(UTC) - timedelta(hours=1)
    assert "overdue" in await (await walk.manager.get("/today")).text()
    assert (await walk.manager.post(f"{way[0]}/done")).status == 303
    assert "overdue" not in await (await walk.manager.get("/today")).text()


async def test_a_no_to_a_colleague_is_said_where_the_next_appointment_is_planned(
    walk: Walk, signed_in: SignedIn
) -> None:
    colleague = await signed_in(Role.PSYCHOLOGIST, name="Iryna")
    now = datetime.now(UTC)
    async with walk.database.write() as session:
        case = await session.get_one(Case, walk.case)
        await casework.cases.join_team(session, worker(walk.manager), case, worker(colleague).id)
        await keys.open_case(session, keys.SYSTEM, walk.case, keys.Purpose.SYSTEM)
        appointment = await casework.plan(session, worker(walk.manager), case, starts_at=now, now=now)
    page, no = f"/appointments/{appointment.id}", "has said no to this person. Without a new yes they do not come in."
    assert no not in await (await walk.manager.get(page)).text()
    assert (await walk.enter(purpose="joining", about="Iryna", answer="refused", method="phone")).status == 303
    assert (await (await walk.manager.get(page)).text()).count(no) == 1
    assert no not in await (await colleague.get(page)).text(), (
        "what a client has said about them is not told to them here"
    )


async def test_papers_have_every_mandatory_field_and_leave_a_trace(walk: Walk, entries: Entries) -> None:
    await walk.enter()
    record = await walk.record()
    receipt = await (await walk.manager.get(f"{record}/receipt.json")).json()
    assert missing(receipt["record"]) == []
    assert receipt["receipt_metadata"]["record_id"] == record.rpartition("/")[2]
    fhir = await (await walk.manager.get(f"{record}/fhir.json")).json(content_type="application/fhir+json")
    assert (fhir["resourceType"], fhir["status"], fhir["decision"]) == ("Consent", "active", "permit")
    assert fhir["verification"] == [
        {"verified": False, "verifiedWith": {"type": "RelatedPerson", "display": f"Olha, neighbour, {day(0)}"}}
    ]
    assert len(await entries(Tag.CONSENT_EXPORTED)) == 2


async def test_another_team_sees_and_enters_nothing(walk: Walk, signed_in: SignedIn) -> None:
    await walk.enter()
    record = await walk.record()
    stranger = await signed_in(Role.CASE_MANAGER)
    for path in ("/consents", "/suitability", f"/clients/{walk.client}/consents/new"):
        assert (await stranger.get(f"{walk.page}{path}")).status == 403, path
    for path in (record, f"{record}/receipt.json", f"{record}/fhir.json"):
        assert (await stranger.get(path)).status == 403, path
    assert (await stranger.post(f"{record}/withdraw", {"method": "phone"})).status == 403
    own = (
        (
            await stranger.post(
                "/cases/new", {"alias": "X", "language": "uk", "client_alias1": "Y", "client_language1": "uk"}
            )
        )
        .headers["Location"]
        .partition("?")[0]
    )
    other = record.replace(walk.page, own)
    assert (await stranger.get(other)).status == 404
    assert (await stranger.post(f"{other}/confirm")).status == 404
    assert (await stranger.get(f"{own}/clients/{walk.client}/consents/new")).status == 404


async def test_a_representatives_document_is_kept_sealed_warned_about_and_ends(walk: Walk, entries: Entries) -> None:
    path = f"{walk.client_page}/representations/new"
    fields = {
        "kind": "guardian",
        "name": "Petro",
        "document": "Court of Kyiv, 12/2026",
        "since": day(-10),
        "until": day(20),
    }
    for changes, message in (
        ({"kind": "king"}, "Choose as what this person acts"),
        ({"until": day(-20)}, "comes before the first"),
        ({"until": day(-1)}, "over already"),
        ({"document": ""}, "Write what the document is"),
    ):
        refused = await walk.manager.post(path, fields | changes)
        assert refused.status == 422
        assert message in await refused.text()
    assert (await walk.manager.post(path, fields)).status == 303
    assert "Petro" in await walk.text()
    today = await (await walk.manager.get("/today")).text()
    assert "Petro" in today
    async with walk.database.read() as session:
        row = (await representation.of_case(session, walk.case))[0]
        assert "Petro" not in str(row.__dict__)
    assert len(await entries(Tag.REPRESENTATION_ADDED)) == 1
    assert (await walk.manager.post(f"{walk.page}/representations/{row.id}/end")).status == 303
    assert "Petro" not in await (await walk.manager.get("/today")).text()


async def test_an_expired_guardian_alarms_and_offers_another_way(walk: Walk) -> None:
    fields = {"kind": "guardian", "name": "Petro", "document": "Court", "since": day(-10), "until": day(20)}
    await walk.manager.post(f"{walk.client_page}/representations/new", fields)
    async with walk.database.write() as session:
        row = (await representation.of_case(session, walk.case))[0]
        row.valid_until = datetime.now(UTC) - timedelta(minutes=1)
    today = await (await walk.manager.get("/today")).text()
    assert "has expired" in today
    assert "the guardian&#39;s document has expired" in today or "the guardian's document has expired" in today


async def test_a_representatives_invitation_speaks_for_the_document_once_it_is_said_whose_it_is(
    walk: Walk, entries: Entries
) -> None:
    now = datetime.now(UTC)
    async with walk.database.write() as session:
        case = await session.get_one(Case, walk.case)
        guests = [NewSeat(Role.REPRESENTATIVE, "Petro", "uk")]
        appointment = await casework.plan(session, worker(walk.manager), case, starts_at=now, now=now, guests=guests)
        seat = (await casework.seat_of(session, appointment, Role.REPRESENTATIVE)).id
        other = (await casework.seat_of(session, appointment, Role.CLIENT)).id
    fields = {
        "kind": "representative",
        "name": "Petro",
        "document": "Power of attorney",
        "since": day(-1),
        "until": day(90),
    }
    await walk.manager.post(f"{walk.client_page}/representations/new", fields)
    async with walk.database.read() as session:
        paper = (await representation.of_case(session, walk.case))[0].id
    path = f"{walk.page}/representations/{paper}/seat"
    assert (await walk.manager.post(path, {"seat": other})).status == 404
    assert (await walk.manager.post(path, {"seat": UNKNOWN})).status == 404
    for _ in range(2):
        assert (await walk.manager.post(path, {"seat": seat})).status == 303
    (linked,) = await entries(Tag.REPRESENTATION_LINKED)
    assert (linked.details["representation"], linked.details["seat"]) == (paper, seat)
    assert linked.actor == f"account:{walk.manager.id}"
    assert linked.session_id == appointment.id
    record = await (await walk.manager.get(f"/sessions/{appointment.id}")).text()
    assert "It was noted by which document Petro acts for somebody" in record
    async with walk.database.write() as session:
        key = await keys.open_case(session, keys.SYSTEM, walk.case, keys.Purpose.SYSTEM)
        client = await casework.seat_of(session, await session.get_one(type(appointment), appointment.id), Role.CLIENT)
        video = (await consents.answers(session, key, client, now))[0]
        rows = await service.answer(
            session, key, seat_id=seat, answers=[video], tapped_by="representative", now=datetime.now(UTC)
        )
        assert rows[0].by == f"representation:{paper}"
        row = await session.get_one(RepresentationRow, paper)
        row.valid_until = datetime.now(UTC)
        with pytest.raises(service.ConsentError, match="representation_expired"):
            await service.answer(
                session, key, seat_id=seat, answers=[video], tapped_by="representative", now=datetime.now(UTC)
            )


async def test_every_form_that_changes_something_carries_the_token(walk: Walk) -> None:
    await walk.enter()
    record = await walk.record()
    for page in (f"{walk.page}/consents", record, f"{walk.page}/suitability", f"{walk.client_page}/consents/new"):
        text = await (await walk.manager.get(page)).text()
        forms = re.findall(r'<form[^>]*method="post".*?</form>', text, re.DOTALL)
        assert forms, page
        assert all('name="csrf_token"' in form for form in forms), page


async def test_the_case_manager_is_told_before_and_after_a_decision_ends(walk: Walk) -> None:
    assert await walk.decide(expires=day(10), review=day(5)) == 303
    assert "ends soon" in await (await walk.manager.get("/today")).text()
    async with walk.database.write() as session:
        (await suitability.history(session, walk.case))[0].expires_at = datetime.now(UTC) - timedelta(minutes=1)
    today = await (await walk.manager.get("/today")).text()
    assert "No link of this case works. Ask a supervisor to decide anew." in today
    assert await walk.decide() == 303
    assert "Needs you" not in await (await walk.manager.get("/today")).text()
