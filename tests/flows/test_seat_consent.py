"""``POST /api/consent``: what a person answers and takes back by their link, and what nobody can answer for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.database import Database
from consent.events import Tag
from consent.keys import CaseKey, Purpose
from consent.ledger import Entry
from consent.policy import Role
from consent.records import SIGN_LABEL, to_sign
from server.appointments import links
from server.appointments.tables import Appointment
from server.consents import other_ways, suitability
from server.consents.service import Given
from server.consents.tables import SuitabilityRow
from server.devices import signatures
from server.http.context import ROOMS, SECRETS
from server.seats import service
from signaling import tickets
from tests.flows.test_signaling_seats import DEVICE, OTHER, Desk
from tests.support import casework
from tests.support.staff_device import new_key

Entries = Callable[..., Awaitable[Sequence[Entry]]]
Client = TestClient[web.Request, web.Application]
NEVER_SHOWN = "0" * 64


@pytest.fixture
async def desk(client: Client, database: Database, app: web.Application) -> Desk:
    async with database.write() as session:
        manager = await casework.hire(session, Role.CASE_MANAGER)
    derive = app[SECRETS].derive
    return Desk(client, database, manager, service.Keys(derive(links.KEY_PURPOSE), derive(tickets.KEY_PURPOSE)))


async def post(client: Client, path: str, expected: int, body: Any) -> dict[str, Any]:
    """The answer of this status."""
    async with client.post(path, json={"device": DEVICE, "language": "en", "tapped_by": "person"} | body) as answer:
        found: dict[str, Any] = await answer.json()
        assert answer.status == expected, found
        return found


async def refused(client: Client, path: str, status: int, body: Any) -> str:
    """The code of a refusal, which has words for people, too."""
    error = (await post(client, path, status, body))["error"]
    assert error["text"]
    return str(error["code"])


def yes(consent: dict[str, Any], decision: str = "given") -> list[dict[str, Any]]:
    """An answer to everything that is asked."""
    return [
        {
            "purpose": item["purpose"],
            "about_seat": item["about"] and item["about"]["seat"],
            "notice_hash": item["notice"]["hash"],
            "decision": decision,
        }
        for page in consent["pages"]
        for item in page["items"]
    ]


async def asked(desk: Desk, **starts_in: float) -> tuple[Appointment, str, dict[str, Any]]:
    """An appointment, the client's link, and what the client is asked."""
    appointment = await desk.plan(**(starts_in or {"minutes": 5}))
    link = await desk.link(appointment)
    return appointment, link, (await desk.ask(link=link))["consent"]


async def test_it_asks_on_pages_takes_the_answers_and_writes_each_down(desk: Desk, entries: Entries) -> None:
    _, link, consent = await asked(desk)
    assert consent["state"] == "ask"
    assert [page["key"] for page in consent["pages"]] == ["video", "sharing"]
    assert consent["explain"]["id"] == "explain"
    after = await post(desk.client, "/api/consent", 200, {"link": link, "answers": yes(consent), "tapped_by": "helper"})
    assert after["state"] == "allow"
    assert {each["purpose"] for each in after["given"]} == {"video", "sharing"}
    given = await entries(Tag.CONSENT_GIVEN)
    assert {entry.details["purpose"] for entry in given} == {"video", "sharing"}
    assert {entry.details["tapped_by"] for entry in given} == {"helper"}
    assert {entry.details["notice"] for entry in given} == {each["notice_hash"] for each in yes(consent)}


async def test_the_same_answer_twice_is_written_once(desk: Desk, entries: Entries) -> None:
    _, link, consent = await asked(desk)
    for _ in range(2):
        await post(desk.client, "/api/consent", 200, {"link": link, "answers": yes(consent)})
    assert len(await entries(Tag.CONSENT_GIVEN)) == 2


async def test_after_a_no_it_says_how_help_goes_on_and_takes_a_wish(desk: Desk) -> None:
    _, link, consent = await asked(desk)
    no = [yes(consent, "refused")[0]]
    after = await post(desk.client, "/api/consent", 200, {"link": link, "answers": no})
    assert after["state"] == "refuse"
    assert after["other_way"] == {"kind": "phone", "owner": desk.manager.name, "by": None}
    assert after["pages"], "one tap gives it again"
    after = await post(desk.client, "/api/consent/way", 200, {"link": link, "way": "visit"})
    assert after["other_way"]["kind"] == "visit"


async def test_what_was_given_is_taken_back_without_a_reason_and_twice_is_once(desk: Desk, entries: Entries) -> None:
    _, link, consent = await asked(desk)
    back = {"link": link, "purpose": "video"}
    assert await refused(desk.client, "/api/consent/withdraw", 409, back) == "nothing_given"
    await post(desk.client, "/api/consent", 200, {"link": link, "answers": yes(consent)})
    for _ in range(2):
        reply = await post(desk.client, "/api/consent/withdraw", 200, back)
        assert reply["written"]
        assert reply["consent"]["state"] == "refuse"
    assert len(await entries(Tag.CONSENT_WITHDRAWN)) == 1


async def test_nobody_stops_somebody_elses_media_by_taking_back_what_was_never_given(
    desk: Desk, app: web.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    appointment, link, consent = await asked(desk)
    await post(desk.client, "/api/consent", 200, {"link": link, "answers": yes(consent)})
    told: list[set[str]] = []
    withdraw = app[ROOMS].withdraw

    async def listen(appointment_id: str, ended: set[str], *more: Any) -> bool:
        told.append(ended)
        return await withdraw(appointment_id, ended, *more)

    monkeypatch.setattr(app[ROOMS], "withdraw", listen)
    manager = await desk.seat(appointment, Role.CASE_MANAGER)
    foreign = {"link": link, "purpose": "video", "about_seat": manager}
    assert await refused(desk.client, "/api/consent/withdraw", 409, foreign) == "nothing_given"
    await post(desk.client, "/api/consent/withdraw", 200, {"link": link, "purpose": "video"})
    assert told == [set(), {await desk.seat(appointment, Role.CLIENT)}]


async def test_nobody_answers_for_another_person(desk: Desk, entries: Entries) -> None:
    appointment, link, consent = await asked(desk)
    _, stranger, _ = await asked(desk)
    resume = (await desk.ask(link=link))["resume"]
    answers = yes(consent)
    guests_link = await _guest(desk, appointment)
    assert await refused(desk.client, "/api/consent", 409, {"link": guests_link, "answers": answers}) == "not_yours"
    elsewhere = {"resume": resume, "answers": answers, "device": OTHER}
    assert await refused(desk.client, "/api/consent", 400, elsewhere) == "ticket_invalid"
    # A seat of another appointment is nobody about whom this client is asked.
    foreign = [answers[1] | {"about_seat": await desk.seat(appointment, Role.AGENCY_GUEST)}]
    assert await refused(desk.client, "/api/consent", 409, {"link": stranger, "answers": foreign}) == "not_asked_for"
    assert await entries(Tag.CONSENT_GIVEN) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"notice_hash": NEVER_SHOWN}, "notice_unknown"),
        ({"purpose": "supervision"}, "not_asked_for"),
        ({"purpose": "recording"}, "not_asked_for"),
        ({"about_seat": "f" * 16}, "not_asked_for"),
    ],
)
async def test_an_answer_to_what_was_not_asked_is_none(
    desk: Desk,
    entries: Entries,
    change: dict[str, str],
    code: str,
) -> None:
    _, link, consent = await asked(desk)
    answers = yes(consent)
    wrong = [answers[0] | change, *answers[1:]]
    assert await refused(desk.client, "/api/consent", 409, {"link": link, "answers": wrong}) == code
    assert await entries(Tag.CONSENT_GIVEN) == [], "all answers are written, or none"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"answers": []},
        {"answers": [{"purpose": "video", "notice_hash": "x", "decision": "given"}]},
        {"answers": [{"purpose": "video", "notice_hash": NEVER_SHOWN, "decision": "maybe"}]},
        {"answers": [{"purpose": "video", "notice_hash": NEVER_SHOWN, "decision": "explain"}]},
        {"answers": [{"purpose": "video", "notice_hash": NEVER_SHOWN, "decision": "given"}], "tapped_by": "robot"},
        {"answers": [{"purpose": "video", "notice_hash": NEVER_SHOWN, "decision": "given"}] * 25},
        {"answers": [{"purpose": "video", "notice_hash": NEVER_SHOWN, "decision": "given"}], "code": "x"},
    ],
)
async def test_it_refuses_what_is_not_described(desk: Desk, body: dict[str, Any]) -> None:
    assert await refused(desk.client, "/api/consent", 400, {"link": "x"} | body) == "bad_message"


async def test_it_refuses_what_is_too_large_and_links_that_open_nothing(desk: Desk) -> None:
    huge = {"link": "x", "answers": [{"purpose": "v" * 20_000}]}
    assert await refused(desk.client, "/api/consent", 413, huge) == "too_large"
    _, _, consent = await asked(desk)
    unknown = {"link": "bm9ib2R5", "answers": yes(consent)}
    assert await refused(desk.client, "/api/consent", 404, unknown) == "link_unknown"


async def test_nothing_is_agreed_to_once_the_appointment_is_over(desk: Desk, database: Database) -> None:
    appointment, link, consent = await asked(desk)
    async with database.write() as session:
        stored = await session.get(Appointment, appointment.id)
        assert stored is not None
        stored.starts_at = datetime.now(UTC) - timedelta(days=2)
    body = {"link": link, "answers": yes(consent)}
    assert await refused(desk.client, "/api/consent", 409, body) == "room_ended"


async def test_after_the_flag_no_link_works_and_nothing_can_be_agreed_to(desk: Desk, database: Database) -> None:
    appointment, link, consent = await asked(desk)
    async with database.write() as session:
        await keys.open_case(session, keys.SYSTEM, appointment.case_id, Purpose.SYSTEM)
        await suitability.flag_danger(session, desk.manager, appointment.case_id, "Not safe.", datetime.now(UTC))
    for token in (link, await _guest(desk, appointment)):
        reply = await desk.ask(link=token)
        assert reply["appointment"]["status"] == "other_way"
        assert reply["ticket"] is None
        assert reply["resume"] is None
    assert (await desk.ask(link=link))["consent"]["pages"] == []
    body = {"link": link, "answers": yes(consent)}
    assert await refused(desk.client, "/api/consent", 409, body) == "other_way"


@pytest.mark.parametrize("before", ["asked", "said no", "wished for a visit"])
@pytest.mark.parametrize("way", ["link", "guest"])
async def test_whoever_holds_the_telephone_cannot_tell_a_flagged_case_from_any_other_without_video(
    desk: Desk, database: Database, before: str, way: str
) -> None:
    appointment, link, consent = await asked(desk)
    if before != "asked":
        await post(desk.client, "/api/consent", 200, {"link": link, "answers": [yes(consent, "refused")[0]]})
    if before == "wished for a visit":
        await post(desk.client, "/api/consent/way", 200, {"link": link, "way": "visit"})
    token = link if way == "link" else await _guest(desk, appointment)
    now = datetime.now(UTC)

    async def said(change: Callable[[AsyncSession, CaseKey], Awaitable[Any]]) -> tuple[bytes, ...]:
        """What comes when the link is opened, something is answered, and a way is wished for; then all is as before."""
        async with database.write() as session:
            key = await keys.open_case(session, keys.SYSTEM, appointment.case_id, Purpose.SYSTEM)
            await session.execute(delete(SuitabilityRow).where(SuitabilityRow.case_id == appointment.case_id))
            await change(session, key)
        body = {"device": DEVICE, "language": "en", "link": token}
        asks = (
            ("/api/seat", body),
            ("/api/consent", body | {"tapped_by": "person", "answers": yes(consent)}),
            ("/api/consent/withdraw", body | {"tapped_by": "person", "purpose": "video"}),
            ("/api/consent/way", body | {"tapped_by": "person", "way": "phone"}),
            ("/api/seat", body),
        )
        found = []
        for path, asking in asks:
            async with desk.client.post(path, json=asking) as answer:
                found.append(str(answer.status).encode() + await answer.read())
        return tuple(found)

    async def undecided(_session: AsyncSession, _key: CaseKey) -> None:
        """Nobody has decided."""

    async def ended(session: AsyncSession, _key: CaseKey) -> None:
        long_ago = now - timedelta(days=9)
        decision = suitability.NewDecision(True, "Safe.", long_ago + timedelta(days=5), long_ago + timedelta(days=5))
        await suitability.decide(session, desk.manager, appointment.case_id, decision, long_ago)

    async def unsuitable(session: AsyncSession, _key: CaseKey) -> None:
        decision = suitability.NewDecision(False, "No.", now + timedelta(days=5), now + timedelta(days=5))
        await suitability.decide(session, desk.manager, appointment.case_id, decision, now)

    async def flagged(session: AsyncSession, key: CaseKey) -> None:
        await suitability.flag_danger(session, desk.manager, appointment.case_id, "Not safe.", now)
        await other_ways.in_danger(session, key, now)

    answers = [await said(change) for change in (undecided, ended, unsuitable, flagged)]
    assert b'"status": "other_way"' in answers[0][0]
    assert b"danger" not in b"".join(answers[3])
    assert len(set(answers)) == 1


async def _guest(desk: Desk, appointment: Appointment) -> str:
    return links.make(desk.keys.link, await desk.seat(appointment, Role.AGENCY_GUEST), 1)


def signature(seat: str, answers: list[dict[str, Any]], at: str) -> dict[str, str]:
    """What a browser's device key signs over these answers, as ``web/client/consent/desk.ts`` does it."""
    key = new_key()
    given = [Given(each["purpose"], each["notice_hash"], each["decision"], each["about_seat"]) for each in answers]
    value = signatures.sign(key, SIGN_LABEL, to_sign(seat, given, at))
    return {"key": signatures.spki(key.public_key()), "at": at, "value": value}


async def test_a_devices_signature_is_kept_once_and_a_forged_one_refuses_everything(
    desk: Desk,
    entries: Entries,
) -> None:
    appointment, link, consent = await asked(desk)
    answers = yes(consent)
    signed = signature(await desk.seat(appointment, Role.CLIENT), answers, "2026-11-21T13:55:00.000Z")
    forged = signed | {"at": "2026-11-21T13:55:01.000Z"}
    body = {"link": link, "answers": answers}
    assert await refused(desk.client, "/api/consent", 409, body | {"signature": forged}) == "signature_invalid"
    assert await entries(Tag.CONSENT_GIVEN) == []
    await post(desk.client, "/api/consent", 200, body | {"signature": signed})
    assert [entry.details["signed"] for entry in await entries(Tag.CONSENT_GIVEN)] == [True, False]
    assert await refused(desk.client, "/api/consent", 409, body | {"signature": signed}) == "signature_used"
