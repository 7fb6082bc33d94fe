"""Supervision: broken glass is seen, inspectors read what is named to them, sessions are drawn and reviewed."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select

from consent.checkpoint import Checkpoint
from consent.database import Database
from consent.events import Tag
from consent.policy import TABLE, Action, Role, reach
from server.accounts.tables import Account
from server.evidence.job import LEDGER_JOB
from server.sessions import summaries
from server.supervision import draw, samples
from server.supervision.draw import Month
from server.supervision.tables import AccessGrant, Sample
from server.supervision.words import REACHES
from tests.flows.conftest import Person
from tests.flows.test_session_records import held, worker

SignedIn = Callable[..., Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Any]]]
REASON = "The client phoned, has fallen, and nobody of the team answers."


async def text_of(person: Person, path: str, status: int = 200) -> str:
    response = await person.get(path)
    assert response.status == status, await response.text()
    return await response.text()


def count_in(page: str) -> int:
    """What the main menu says is waiting."""
    found = re.search(r"data-waiting( hidden)?><span data-waiting-count>(\d+)</span>", page)
    assert found
    assert (found[1] is None) is (int(found[2]) > 0)
    return int(found[2])


async def break_glass(person: Person, case: str, /, **changes: str) -> Any:
    return await person.post("/emergency", {"case": case, "reason": REASON, "hours": "1"} | changes, page="/emergency")


# --- broken glass


@pytest.mark.parametrize(
    "role", [Role.INTERPRETER, Role.ADMINISTRATOR, Role.SUPERVISOR, Role.INSPECTOR], ids=lambda role: role.value
)
async def test_it_lets_nobody_break_the_glass_whose_work_it_is_not(
    signed_in: SignedIn, database: Database, entries: Entries, role: Role
) -> None:
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    person = await signed_in(role)
    assert (await person.get("/emergency")).status == 403
    assert (await person.post("/emergency", {"case": appointment.case_id}, page="/sight")).status in {400, 403}
    assert await entries(Tag.GLASS_BROKEN) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reason": ""}, "Write the reason in a sentence"),
        ({"reason": "because"}, "Write the reason in a sentence"),
        ({"hours": "24"}, "Choose for how long"),
        ({"case": ""}, "Enter the name of the case"),
        ({"case": "Nowhere"}, "There is no open case with this name"),
    ],
)
async def test_it_opens_nothing_without_a_reason_a_time_and_a_case(
    signed_in: SignedIn, database: Database, entries: Entries, changes: dict[str, str], words: str
) -> None:
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    stranger = await signed_in(Role.PSYCHOLOGIST)
    response = await break_glass(stranger, appointment.case_id, **changes)
    assert response.status == 400
    assert words in await response.text()
    assert (await stranger.get(f"/cases/{appointment.case_id}/reading")).status == 403
    assert await entries(Tag.GLASS_BROKEN) == []


async def test_broken_glass_opens_the_case_for_reading_and_nothing_else(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    case_id = appointment.case_id
    stranger = await signed_in(Role.CASE_MANAGER, name="Андрій Черговий")
    response = await break_glass(stranger, "калина")
    assert response.headers["Location"] == f"/cases/{case_id}/reading"
    assert "Пані Оля" in await text_of(stranger, f"/cases/{case_id}/reading")
    assert "Пані Оля" in await text_of(stranger, f"/sessions/{appointment.id}")
    for path in (f"/cases/{case_id}/change", f"/sessions/{appointment.id}/notes", f"/cases/{case_id}/pack"):
        assert (await stranger.get(path)).status == 403, path
    for path in (f"/sessions/{appointment.id}/proof", f"/cases/{case_id}/readers", f"/cases/{case_id}/contacts/new"):
        assert (await stranger.get(path)).status == 403, path
    (entry,) = await entries(Tag.GLASS_BROKEN)
    assert (entry.details["reason"], entry.details["by"]) == (REASON, "Андрій Черговий")
    purposes = {each.details["purpose"] for each in await entries(Tag.CASE_READ) if stranger.id in each.actor}
    assert purposes == {"break_glass"}


async def test_every_supervisor_sees_it_on_every_page_until_one_of_them_says_so(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    first, second = await signed_in(Role.SUPERVISOR), await signed_in(Role.SUPERVISOR)
    pages = ("/supervision", "/sessions", "/cases", "/supervision/samples", f"/sessions/{appointment.id}")
    assert [count_in(await text_of(first, page)) for page in pages] == [0] * 5
    await break_glass(await signed_in(Role.LAWYER), appointment.case_id)
    assert [count_in(await text_of(second, page)) for page in pages] == [1] * 5
    assert (await (await first.get("/api/waiting")).json())["count"] == 1
    desk = await text_of(first, "/supervision")
    assert REASON in desk
    (alarm,) = re.findall(r'data-alarm="(\w+)"', desk)
    assert (await first.post(f"/supervision/grants/{alarm}/seen", page="/supervision")).status == 303
    assert count_in(await text_of(second, "/supervision")) == 0
    assert [entry.actor for entry in await entries(Tag.GLASS_SEEN)] == [f"account:{first.id}"]


async def test_broken_glass_closes_by_itself_and_by_a_supervisor(signed_in: SignedIn, database: Database) -> None:
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    stranger, supervisor = await signed_in(Role.PSYCHOLOGIST), await signed_in(Role.SUPERVISOR)
    reading = f"/cases/{appointment.case_id}/reading"
    await break_glass(stranger, appointment.case_id)
    assert (await stranger.get(reading)).status == 200
    async with database.write() as session:
        row = (await session.scalars(select(AccessGrant))).one()
        row.since, row.until = row.since - timedelta(hours=2), row.until - timedelta(hours=2)
    assert (await stranger.get(reading)).status == 403
    await break_glass(stranger, appointment.case_id)
    assert (await stranger.get(reading)).status == 200
    newest = re.findall(r'data-alarm="(\w+)"', await text_of(supervisor, "/supervision"))[0]
    await supervisor.post(f"/supervision/grants/{newest}/end", page="/supervision")
    assert (await stranger.get(reading)).status == 403


async def test_only_a_supervisor_acknowledges_or_closes(signed_in: SignedIn, database: Database) -> None:
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    stranger, supervisor = await signed_in(Role.PSYCHOLOGIST), await signed_in(Role.SUPERVISOR)
    await break_glass(stranger, appointment.case_id)
    (alarm,) = re.findall(r'data-alarm="(\w+)"', await text_of(supervisor, "/supervision"))
    for deed in ("seen", "end"):
        assert (await stranger.post(f"/supervision/grants/{alarm}/{deed}", page="/emergency")).status == 403
        assert (await supervisor.post(f"/supervision/grants/nonsense/{deed}", page="/supervision")).status == 404
    assert count_in(await text_of(supervisor, "/sessions")) == 1


# --- inspectors


async def admit(supervisor: Person, case_id: str, inspector: Person, /, **changes: str) -> Any:
    last = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
    fields = {"inspector": inspector.id, "until": last, "reason": "Inspection order 12 of today"} | changes
    return await supervisor.post(f"/cases/{case_id}/inspectors", fields, page="/supervision")


async def test_an_inspector_sees_nothing_that_is_not_named_to_them(signed_in: SignedIn, database: Database) -> None:
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    inspector = await signed_in(Role.INSPECTOR)
    assert (await inspector.get("/", allow_redirects=False)).headers["Location"] == "/inspection"
    assert "No case is named to you now" in await text_of(inspector, "/inspection")
    for path in ("reading", "pack", "readers", "consents", "change"):
        assert (await inspector.get(f"/cases/{appointment.case_id}/{path}")).status == 403, path
    assert (await inspector.get(f"/sessions/{appointment.id}")).status == 403
    assert (await inspector.get(f"/cases/{appointment.case_id}")).status == 403


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"until": "2020-01-01"}, "Choose a shorter time"),
        ({"until": "2099-01-01"}, "Choose a shorter time"),
        ({"until": ""}, "Enter the last day"),
        ({"reason": "x"}, "Write the reason in a sentence"),
        ({"inspector": ""}, "Choose an inspector"),
        ({"inspector": "nobody"}, "Choose an inspector"),
    ],
)
async def test_it_names_no_case_without_an_inspector_a_day_and_a_ground(
    signed_in: SignedIn, database: Database, entries: Entries, changes: dict[str, str], words: str
) -> None:
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    supervisor, inspector = await signed_in(Role.SUPERVISOR), await signed_in(Role.INSPECTOR)
    response = await admit(supervisor, appointment.case_id, inspector, **changes)
    assert response.status == 400
    assert words in await response.text()
    assert await entries(Tag.INSPECTOR_ADMITTED) == []


async def test_a_case_is_named_by_a_supervisor_alone(signed_in: SignedIn, database: Database) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    appointment = await held(database, worker(manager))
    inspector = await signed_in(Role.INSPECTOR)
    for person in (manager, await signed_in(Role.ADMINISTRATOR), inspector):
        assert (await admit(person, appointment.case_id, inspector)).status in {400, 403}
        assert (await person.get(f"/cases/{appointment.case_id}/inspectors")).status == 403
    assert (await inspector.get(f"/cases/{appointment.case_id}/reading")).status == 403


async def test_an_inspector_reads_and_prints_a_named_case_and_everybody_sees_that(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    appointment = await held(database, worker(manager))
    other = await held(database, worker(manager), alias="Барвінок")
    supervisor, inspector = await signed_in(Role.SUPERVISOR), await signed_in(Role.INSPECTOR, name="Інна Перевір")
    assert (await admit(supervisor, appointment.case_id, inspector)).status == 303
    listed = await text_of(inspector, "/inspection")
    assert "Калина" in listed
    assert "Барвінок" not in listed
    pack = await text_of(inspector, f"/cases/{appointment.case_id}/pack")
    for words in ("Пані Оля", "UTC", "joined", "Who has opened this case"):
        assert words in pack
    assert "Пані Оля" in await text_of(inspector, f"/sessions/{appointment.id}")
    assert (await inspector.get(f"/sessions/{appointment.id}/proof")).status == 200
    sessions = await text_of(inspector, "/sessions")
    assert appointment.id in sessions
    assert other.id not in sessions
    for path in (f"/sessions/{other.id}", f"/cases/{other.case_id}/reading", f"/sessions/{appointment.id}/notes"):
        assert (await inspector.get(path)).status == 403, path
    readers = await text_of(manager, f"/cases/{appointment.case_id}/readers")
    assert "Інна Перевір" in readers
    assert "read it as inspector" in readers
    assert [entry.details["form"] for entry in await entries(Tag.RECORD_EXPORTED)] == ["pack", "proof"]


async def test_an_inspection_that_is_closed_is_over_at_once(signed_in: SignedIn, database: Database) -> None:
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    supervisor, inspector = await signed_in(Role.SUPERVISOR), await signed_in(Role.INSPECTOR)
    await admit(supervisor, appointment.case_id, inspector)
    assert (await inspector.get(f"/cases/{appointment.case_id}/reading")).status == 200
    page = await text_of(supervisor, f"/cases/{appointment.case_id}/inspectors")
    (grant,) = re.findall(r"/supervision/grants/(\w+)/end", page)
    await supervisor.post(f"/supervision/grants/{grant}/end", page="/supervision")
    assert (await inspector.get(f"/cases/{appointment.case_id}/reading")).status == 403


# --- sampling


async def drawn(database: Database, supervisor: Person, manager: Person, sessions: int) -> tuple[str, list[str]]:
    """Hold so many sessions, draw, and return the month's page and the samples on it."""
    for number in range(sessions):
        await held(database, worker(manager), alias=f"Case {number}")
    response = await supervisor.post("/supervision/samples/draw", page="/supervision/samples")
    assert response.status == 303, await response.text()
    page = await text_of(supervisor, response.headers["Location"])
    return page, re.findall(r"/supervision/samples/([0-9a-f]{16})", page)


ANSWERS = {each.value: "yes" for each in samples.Question}


async def test_two_sessions_are_drawn_by_a_checkpoint_and_can_be_drawn_again(
    signed_in: SignedIn, database: Database, app: web.Application
) -> None:
    supervisor, manager = await signed_in(Role.SUPERVISOR), await signed_in(Role.CASE_MANAGER)
    page, picked = await drawn(database, supervisor, manager, 4)
    assert len(picked) == 2
    (draw_id,) = re.findall(r"/supervision/draws/(\w+)", page)
    made = await (await supervisor.get(f"/supervision/draws/{draw_id}")).json()
    assert len(made["sessions"][manager.id]) == 4
    again = draw.draw(bytes.fromhex(made["seed"]), made["sessions"])
    async with database.read() as session:
        kept = {(each.worker_id, each.session_id) for each in await _samples(session)}
    assert {(pick.worker, pick.session) for pick in again} == kept
    signer = await app[LEDGER_JOB].checkpointer.signer()
    assert signer is not None

    checkpoint = Checkpoint.read(made["checkpoint"])
    assert checkpoint.signed_by(signer.verifier)
    assert checkpoint.size > made["after_size"]
    assert draw.seed(checkpoint.origin, checkpoint.size, checkpoint.root).hex() == made["seed"]


async def _samples(session: Any) -> Sequence[Any]:

    return (await session.scalars(select(Sample))).all()


async def test_a_month_is_drawn_once_while_it_runs(signed_in: SignedIn, database: Database) -> None:
    supervisor, manager = await signed_in(Role.SUPERVISOR), await signed_in(Role.CASE_MANAGER)
    _, before = await drawn(database, supervisor, manager, 3)
    assert (await supervisor.post("/supervision/samples/draw", page="/supervision/samples")).status == 409
    after = await text_of(supervisor, "/supervision/samples")
    assert re.findall(r"/supervision/samples/([0-9a-f]{16})", after) == before


async def test_the_final_draw_fills_up_and_keeps_what_was_drawn(signed_in: SignedIn, database: Database) -> None:
    manager = worker(await signed_in(Role.CASE_MANAGER))
    await held(database, manager)
    month = Month.of(datetime.now(UTC) - timedelta(hours=3))
    async with database.read() as session:
        assert await samples.month_view(session, month, datetime.now(UTC)) == []  # nothing is summarised yet

    await summaries.catch_up(database, datetime.now(UTC))
    async with database.read() as session:
        (owed,) = await samples.month_view(session, month, datetime.now(UTC))
        assert (owed.name, owed.held, owed.owed) == (manager.name, 1, 1)
    later = month.next.begins_at + timedelta(hours=1)
    async with database.write() as session:
        await samples.keep_up(session, later)
        await samples.keep_up(session, later)
    async with database.read() as session:
        (asked,) = await samples.draws_of(session, month)
        assert (asked.number, asked.asked_by, asked.drawn_at) == (samples.FINAL, "system", None)
    async with database.write() as session:
        assert await samples.settle(session, later) == []  # no checkpoint since


async def test_only_supervisors_draw_and_review(signed_in: SignedIn, database: Database) -> None:
    supervisor, manager = await signed_in(Role.SUPERVISOR), await signed_in(Role.CASE_MANAGER)
    _, picked = await drawn(database, supervisor, manager, 1)
    for person in (manager, await signed_in(Role.ADMINISTRATOR), await signed_in(Role.PSYCHOLOGIST)):
        assert (await person.get("/supervision")).status == 403
        assert (await person.get("/supervision/samples")).status == 403
        assert (await person.get(f"/supervision/samples/{picked[0]}")).status == 403
        assert (await person.post("/supervision/samples/draw", page="/sight")).status == 403


async def test_nobody_reviews_a_session_to_which_they_were_invited(signed_in: SignedIn, database: Database) -> None:
    supervisor, manager = await signed_in(Role.SUPERVISOR), await signed_in(Role.CASE_MANAGER)
    _, picked = await drawn(database, supervisor, manager, 1)
    await _becomes_supervisor(database, manager)
    assert "Somebody else reviews it" in await text_of(manager, f"/supervision/samples/{picked[0]}")
    response = await manager.post(
        f"/supervision/samples/{picked[0]}", ANSWERS | {"verdict": "good"}, page="/supervision"
    )
    assert response.status == 409


async def _becomes_supervisor(database: Database, person: Person) -> None:

    async with database.write() as session:
        (await session.get_one(Account, person.id)).role = Role.SUPERVISOR.value


async def test_a_verdict_that_is_not_good_needs_feedback_and_every_answer(
    signed_in: SignedIn, database: Database
) -> None:
    supervisor, manager = await signed_in(Role.SUPERVISOR), await signed_in(Role.CASE_MANAGER)
    _, picked = await drawn(database, supervisor, manager, 1)
    path = f"/supervision/samples/{picked[0]}"
    response = await supervisor.post(path, ANSWERS | {"verdict": "serious"}, page="/supervision")
    assert response.status == 400
    assert "Write to the worker what should be better" in await response.text()
    response = await supervisor.post(path, {"verdict": "good"}, page="/supervision")
    assert (await response.text()).count("Choose an answer") >= len(ANSWERS)


async def test_the_worker_reads_what_the_reviewer_wrote_and_nobody_else_does(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    supervisor, manager = await signed_in(Role.SUPERVISOR), await signed_in(Role.CASE_MANAGER)
    _, picked = await drawn(database, supervisor, manager, 1)
    path = f"/supervision/samples/{picked[0]}"
    fields = ANSWERS | {"verdict": "improve", "feedback": "Write who does what."}
    assert (await supervisor.post(path, fields, page="/supervision")).status == 303
    assert (await supervisor.post(path, fields, page="/supervision")).status == 409
    assert count_in(await text_of(manager, "/today")) == 1
    told = await text_of(manager, "/feedback")
    assert "Write who does what." in told
    assert not any(name in told for name in ("Калина", "Пані Оля")), "nothing of the case itself is on the page"
    read = [each for each in await entries(Tag.CASE_READ) if each.details["purpose"] == "feedback"]
    assert [(each.actor, each.details["by"]) for each in read] == [(f"account:{manager.id}", worker(manager).name)]
    assert count_in(await text_of(manager, "/today")) == 0
    assert "Write who does what." not in await text_of(await signed_in(Role.CASE_MANAGER), "/feedback")
    assert "The worker read it on" in await text_of(supervisor, path)
    (entry,) = await entries(Tag.SAMPLE_REVIEWED)
    assert entry.details["verdict"] == "improve"
    assert "Write who does what." not in json.dumps(entry.details)


# --- sight


async def test_the_page_of_sight_is_the_policy(signed_in: SignedIn) -> None:
    page = await text_of(await signed_in(Role.PSYCHOLOGIST), "/sight")
    rows = re.findall(r"<tr.*?</tr>", page, re.DOTALL)[1:]
    assert len(rows) == len(Action)

    for action, row in zip(Action, rows, strict=True):
        cells = [re.sub(r"<.*?>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row)]

        assert cells == [REACHES[reach(role, action)] for role in TABLE], action
