"""The person's own page: opened by its own link, one tap to stop and to agree again, and who has read, after a PIN."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from consent import keys
from consent.database import Database
from consent.events import Tag
from consent.policy import Role
from consent.records import SIGN_LABEL, missing, to_sign
from server.appointments import links
from server.appointments.tables import Seat
from server.consents import ending, other_ways, texts
from server.consents.service import Given
from server.devices.signatures import sign, spki
from server.http.context import SECRETS
from server.person import service
from server.person.tables import PersonPage
from tests.flows.conftest import Person
from tests.flows.test_consents import worker
from tests.support import casework, consents
from tests.support.casework import open_case

SignedIn = Callable[..., Awaitable[Person]]
Visitor = Callable[[], Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Any]]]


@dataclass
class Walk:
    manager: Person
    person: Person
    case: str
    client: str
    database: Database
    token: str = ""

    @property
    def page(self) -> str:
        return f"/cases/{self.case}/clients/{self.client}/page"

    async def link(self) -> str:
        """The token of the link as the page for staff shows it."""
        found = re.search(r"/mine#p=([\w-]{34})", html.unescape(await (await self.manager.get(self.page)).text()))
        assert found
        return found[1]

    async def ask(self, path: str = "", *, link: str | None = None, **words: Any) -> tuple[int, Any]:
        """What the page asks, and the answer: its status, and its body or the code of the refusal."""
        response = await self.person.session.post(
            self.person.base_url.with_path(f"/api/person{path}"),
            json={"link": link or self.token, "language": "en"} | words,
        )
        body = await response.json()
        return response.status, body["error"]["code"] if "error" in body else body

    async def pin(self) -> str:
        """A new PIN, as staff read it out."""
        page = await (await self.manager.post(f"{self.page}/pin")).text()
        found = re.search(r"(\d{3}) (\d{3})</h2>", page)
        assert found
        return found[1] + found[2]


@pytest.fixture
async def walk(signed_in: SignedIn, visitor: Visitor, database: Database) -> Walk:
    """A client who has agreed to a conversation and somebody from an agency, and whose page is open."""
    manager = await signed_in(Role.CASE_MANAGER, name="Maria Koval")
    now = datetime.now(UTC)
    async with database.write() as session:
        case = await open_case(session, worker(manager))
        appointment = await casework.plan(session, worker(manager), case, starts_at=now, now=now)
        key = await keys.open_case(session, keys.SYSTEM, case.id, keys.Purpose.SYSTEM)
        seat = await casework.seat_of(session, appointment, Role.CLIENT)
        await consents.agree(session, key, seat, now)
        client = seat.client_id or ""
    walk = Walk(manager, await visitor(), case.id, client, database)
    assert (await manager.post(walk.page)).status == 303
    walk.token = await walk.link()
    return walk


async def test_one_tap_stops_and_one_tap_agrees_again(walk: Walk, entries: Entries) -> None:
    _, page = await walk.ask()
    [agreement] = page["agreements"]
    assert (agreement["state"], agreement["stop"], agreement["again"]) == ("given", True, None)
    _, page = await walk.ask("/withdraw", record=agreement["record"])
    [stopped] = page["agreements"]
    assert (stopped["state"], stopped["stop"]) == ("withdrawn", False)
    async with walk.database.read() as session:
        way = await other_ways.open_of(session, walk.case, walk.client)
        assert way is not None
        assert way.because == "withdrawn"
    _, page = await walk.ask("/give", record=stopped["record"], notice_hash=stopped["again"]["hash"])
    [given] = page["agreements"]
    assert given["state"] == "given"
    assert len(page["history"]) == 3
    assert {each.actor for each in await entries(Tag.CONSENT_WITHDRAWN)} == {f"client:{walk.client}"}


async def test_whose_media_ends_is_known_before_it_is_written_and_by_nobody_elses_link(
    walk: Walk, signed_in: SignedIn, app: web.Application, entries: Entries
) -> None:
    _, page = await walk.ask()
    record = page["agreements"][0]["record"]
    link_key = app[SECRETS].derive(service.LINK_PURPOSE)
    before = await entries()
    async with walk.database.read() as session:
        seats = set(await session.scalars(select(Seat.id).where(Seat.client_id == walk.client)))
        assert await service.ends(session, link_key, walk.token, record) == (walk.case, seats)
        assert seats
        for about, role in ((f"account:{walk.manager.id}", Role.CASE_MANAGER), ("named:0123", None)):
            found = await ending.seats_about(session, walk.case, walk.client, about)
            roles = set(await session.scalars(select(Seat.role).where(Seat.id.in_(found))))
            assert roles == ({role.value} if role else set())
        assert await ending.seats_about(session, "0" * 16, walk.client) == set()
        with pytest.raises(service.PersonError, match="record_unknown"):
            await service.ends(session, link_key, walk.token, "0" * 16)
    assert await entries() == before
    assert (await walk.manager.post(f"{walk.page}/close")).status == 303
    async with walk.database.read() as session:
        with pytest.raises(service.PersonError, match="link_unknown"):
            await service.ends(session, link_key, walk.token, record)
    stranger = await signed_in(Role.CASE_MANAGER)
    path = f"/cases/{walk.case}/consents/{record}/withdraw"
    assert (await stranger.post(path, {"method": "telephone"})).status == 403
    assert await entries(Tag.CONSENT_WITHDRAWN) == []


async def test_while_somebody_may_be_in_danger_nobody_opens_the_page_again(
    walk: Walk, signed_in: SignedIn, entries: Entries
) -> None:
    suitability, day = f"/cases/{walk.case}/suitability", (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    assert (await walk.manager.post(f"{suitability}/danger", {"reason": "He reads along."})).status == 303
    for _ in range(2):
        refused = await walk.manager.post(walk.page)
        assert refused.status == 409
        assert "stays closed" in await refused.text()
    page = await (await walk.manager.get(walk.page)).text()
    assert "stays closed" in html.unescape(page)
    assert "The phone is safe" not in page
    assert "#p=" not in page
    assert (await walk.ask()) == (404, "link_unknown")
    assert len(await entries(Tag.PERSON_PAGE_MADE)) == 1
    supervisor = await signed_in(Role.SUPERVISOR)
    anew = {"suitable": "no", "reason": "He has moved out.", "expires": day, "review": day}
    assert (await supervisor.post(suitability, anew)).status == 303
    assert (await walk.manager.post(walk.page)).status == 303
    walk.token = await walk.link()
    assert (await walk.ask())[0] == 200


async def test_a_page_that_was_opened_as_the_flag_fell_shows_nothing(walk: Walk) -> None:
    assert (await walk.ask())[0] == 200
    assert (await walk.manager.post(f"/cases/{walk.case}/suitability/danger", {"reason": "Threats."})).status == 303
    async with walk.database.write() as session:
        (await session.get_one(PersonPage, walk.client)).off = False
    assert (await walk.ask()) == (404, "link_unknown")


async def test_stopping_twice_is_the_same_as_once_also_from_an_old_tab(walk: Walk, entries: Entries) -> None:
    _, page = await walk.ask()
    record = page["agreements"][0]["record"]
    for _ in range(2):
        assert (await walk.ask("/withdraw", record=record))[0] == 200
    assert len(await entries(Tag.CONSENT_WITHDRAWN)) == 1


async def test_it_agrees_only_to_the_text_that_is_current(walk: Walk) -> None:
    _, page = await walk.ask()
    record = page["agreements"][0]["record"]
    await walk.ask("/withdraw", record=record)
    assert await walk.ask("/give", record=record, notice_hash="0" * 64) == (409, "notice_old")
    assert (await walk.ask("/give", record=record))[1] == "notice_old"
    async with walk.database.read() as session:
        helper = next(each for each in await texts.published(session) if each.purpose.value == "helper")
    assert await walk.ask("/give", record=record, notice_hash=helper.hash_of("en")) == (409, "notice_old")


async def test_a_receipt_can_be_kept(walk: Walk) -> None:
    _, page = await walk.ask()
    status, receipt = await walk.ask("/receipt", record=page["agreements"][0]["record"])
    assert status == 200
    assert missing(receipt["record"]) == []


async def test_the_person_confirms_what_staff_wrote_down(walk: Walk, entries: Entries) -> None:
    fields = {
        "purpose": "contact",
        "about": "Viber",
        "answer": "given",
        "method": "oral",
        "notice_language": "uk",
        "witness": "Maria",
        "said": datetime.now(UTC).date().isoformat(),
        "told": "yes",
    }
    page = f"/cases/{walk.case}/clients/{walk.client}/consents/new"
    assert (await walk.manager.post(page, fields)).status == 303
    _, shown = await walk.ask()
    entered = next(each for each in shown["agreements"] if each["purpose"] == "contact")
    assert (entered["about"], entered["entered"], entered["confirmed"]) == ("Viber", True, False)
    _, shown = await walk.ask("/confirm", record=entered["record"])
    assert next(each for each in shown["agreements"] if each["purpose"] == "contact")["confirmed"] is True
    assert [each.actor for each in await entries(Tag.CONSENT_CONFIRMED)] == [f"client:{walk.client}"]


@pytest.mark.parametrize("path", ["", "/withdraw", "/give", "/confirm", "/receipt", "/readers"])
async def test_no_other_link_opens_the_page(walk: Walk, path: str) -> None:
    invitation = links.make(b"0" * 32, walk.client, 1)
    for link in (invitation, "A" * 34, "x", walk.token[:-1] + ("A" if walk.token[-1] != "A" else "B")):
        status, code = await walk.ask(path, link=link, record="0" * 16, notice_hash="0" * 64, pin="000000")
        assert (status, code) == (404, "link_unknown")


@pytest.mark.parametrize("path", ["/withdraw", "/give", "/confirm", "/receipt"])
async def test_another_persons_record_is_not_on_the_page(walk: Walk, path: str) -> None:
    now = datetime.now(UTC)
    async with walk.database.write() as session:
        other = await open_case(session, worker(walk.manager), alias="Other")
        appointment = await casework.plan(session, worker(walk.manager), other, starts_at=now, now=now)
        key = await keys.open_case(session, keys.SYSTEM, other.id, keys.Purpose.SYSTEM)
        rows = await consents.agree(session, key, await casework.seat_of(session, appointment, Role.CLIENT), now)
    assert await walk.ask(path, record=rows[0].id, notice_hash=rows[0].notice_hash) == (404, "record_unknown")
    assert await walk.ask(path, record="0" * 16) == (404, "record_unknown")


async def test_a_new_link_revokes_the_old_one_and_a_closed_page_says_nothing(walk: Walk) -> None:
    old = walk.token
    assert (await walk.manager.post(walk.page)).status == 303
    assert await walk.ask(link=old) == (404, "link_unknown")
    walk.token = await walk.link()
    assert (await walk.ask())[0] == 200
    assert (await walk.manager.post(f"{walk.page}/close")).status == 303
    assert "/mine#p=" not in await (await walk.manager.get(walk.page)).text()
    assert await walk.ask() == (404, "link_unknown")


async def test_the_danger_flag_closes_the_page(walk: Walk) -> None:
    flag = {"reason": "He reads her messages."}
    assert (await walk.manager.post(f"/cases/{walk.case}/suitability/danger", flag)).status == 303
    assert await walk.ask() == (404, "link_unknown")


async def test_after_a_pin_the_person_sees_completely_who_has_opened_the_case(walk: Walk, signed_in: SignedIn) -> None:
    assert await walk.ask("/readers", pin="000000") == (409, "no_pin")
    supervisor = await signed_in(Role.SUPERVISOR, name="Natalia Shevchuk")
    assert (await supervisor.get(f"/cases/{walk.case}")).status == 200
    pin = await walk.pin()
    status, found = await walk.ask("/readers", pin=pin)
    assert status == 200
    assert ("Natalia Shevchuk", "supervisor", "read your case") in {
        (each["name"], each["role"], each["why"]) for each in found["readers"]
    }
    assert {each["name"] for each in found["readers"]} == {"Natalia Shevchuk", "Maria Koval"}
    async with walk.database.write() as session:
        key = await keys.open_case(session, keys.SYSTEM, walk.case, keys.Purpose.SYSTEM)
        written = await keys.ledger.entries(session, key, tags=[Tag.CASE_READ])
    by_people = [each for each in written if each.actor.startswith("account:")]
    assert len(found["readers"]) == len(by_people)


async def test_wrong_pins_lock_the_list_even_for_the_right_one(walk: Walk, entries: Entries) -> None:
    pin = await walk.pin()
    wrong = "000000" if pin != "000000" else "111111"
    for _ in range(service.MAX_FAILURES):
        assert await walk.ask("/readers", pin=wrong) == (403, "pin_wrong")
    assert await walk.ask("/readers", pin=pin) == (429, "pin_locked")
    assert len(await entries(Tag.PERSON_PIN_REFUSED)) == service.MAX_FAILURES
    async with walk.database.write() as session:
        page = await session.get_one(PersonPage, walk.client)
        page.pin_locked_until = datetime.now(UTC) - timedelta(seconds=1)
    assert (await walk.ask("/readers", pin=pin))[0] == 200


@pytest.mark.parametrize(
    "words",
    [
        {"record": "../../etc"},
        {"record": 5},
        {"pin": "12345"},
        {"pin": "abcdef"},
        {"notice_hash": "x"},
        {"link": "x" * 65},
        {"link": ""},
        {"more": "words"},
    ],
)
async def test_it_refuses_questions_that_are_none(walk: Walk, words: dict[str, Any]) -> None:
    response = await walk.person.session.post(
        walk.person.base_url.with_path("/api/person"), json={"link": walk.token} | words
    )
    assert (response.status, (await response.json())["error"]["code"]) == (400, "bad_message")


async def test_only_the_team_that_enters_consent_opens_pages_for_people(walk: Walk, signed_in: SignedIn) -> None:
    for role in (Role.CASE_MANAGER, Role.SUPERVISOR, Role.ADMINISTRATOR):
        stranger = await signed_in(role)
        assert (await stranger.get(walk.page)).status == 403
        for path in (walk.page, f"{walk.page}/close", f"{walk.page}/pin"):
            assert (await stranger.post(path)).status == 403


async def test_the_page_names_nobody_and_offers_the_way_out(walk: Walk) -> None:
    text = await (await walk.person.get("/mine")).text()
    assert "<title>My page</title>" in text
    assert "data-exit" in text
    assert "site-nav" not in text


async def test_the_persons_device_signs_what_is_answered_here_and_a_forged_signature_changes_nothing(
    walk: Walk, entries: Entries
) -> None:
    device, stranger = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    _, page = await walk.ask()
    [agreement] = page["agreements"]
    said = [Given("video", agreement["hash"], "withdrawn")]
    body = to_sign(agreement["record"], said, "now")
    key = spki(device.public_key())
    forged = {"key": key, "at": "now", "value": sign(stranger, SIGN_LABEL, body)}
    another = {"key": key, "at": "now", "value": sign(device, SIGN_LABEL, body.replace("withdrawn", "given"))}
    for signature in (forged, another):
        answered = await walk.ask("/withdraw", record=agreement["record"], signature=signature)
        assert answered == (400, "signature_invalid")
    assert not await entries(Tag.CONSENT_WITHDRAWN)
    genuine = {"key": key, "at": "now", "value": sign(device, SIGN_LABEL, body)}
    _, page = await walk.ask("/withdraw", record=agreement["record"], signature=genuine)
    assert page["agreements"][0]["signed"] is True
    _, receipt = await walk.ask("/receipt", record=page["agreements"][0]["record"])
    assert receipt["signature"]["signed"] == body
