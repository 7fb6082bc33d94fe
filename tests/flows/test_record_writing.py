"""What the team writes: notes in versions, their signature, visits and calls; and what is taken away of a record."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent.database import Database
from consent.events import Tag
from consent.policy import Role
from consent.verify import verify
from server.appointments.tables import Appointment
from server.cases import service as cases
from server.sessions.tables import SessionNote
from tests.flows.conftest import Person
from tests.flows.test_session_records import held, worker
from tests.unit.sessions.test_fhir import faults

SignedIn = Callable[..., Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Any]]]


async def text_of(person: Person, path: str) -> str:
    response = await person.get(path)
    assert response.status == 200, await response.text()
    return await response.text()


async def write(person: Person, appointment: Appointment, outcome: str, after: int, **more: str) -> Any:
    fields = {"outcome": outcome, "decisions": "", "next_steps": "", "after": str(after)} | more
    return await person.post(f"/sessions/{appointment.id}/notes", fields, page="/sight")


async def sign(person: Person, appointment: Appointment, version: int) -> int:
    path = f"/sessions/{appointment.id}/notes/sign"
    return int((await person.post(path, {"version": str(version)}, page="/sight")).status)


async def with_psychologist(signed_in: SignedIn, database: Database) -> tuple[Person, Person, Appointment]:
    manager, psychologist = await signed_in(Role.CASE_MANAGER), await signed_in(Role.PSYCHOLOGIST)
    appointment = await held(database, worker(manager))
    async with database.write() as session:
        case = await cases.find(session, appointment.case_id)
        assert case is not None
        await cases.join_team(session, worker(manager), case, psychologist.id)
    return manager, psychologist, appointment


# --- notes


async def test_nobody_from_outside_writes_or_signs(signed_in: SignedIn, database: Database, entries: Entries) -> None:
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    for role in (Role.CASE_MANAGER, Role.SUPERVISOR, Role.INSPECTOR, Role.ADMINISTRATOR, Role.INTERPRETER):
        person = await signed_in(role)
        assert (await write(person, appointment, "Mine", 0)).status == 403, role
        assert await sign(person, appointment, 1) == 403, role
    assert await entries(Tag.NOTES_WRITTEN) == []


async def test_every_version_is_kept_and_read(signed_in: SignedIn, database: Database, entries: Entries) -> None:
    manager, psychologist, appointment = await with_psychologist(signed_in, database)
    assert (await write(psychologist, appointment, "A first talk.", 0)).status == 303
    assert (await write(manager, appointment, "A first, good talk.", 1, next_steps="Call on Monday.")).status == 303
    page = await text_of(manager, f"/sessions/{appointment.id}")
    assert re.findall(r'data-note-version="(\d)"', page) == ["2", "1"]
    for words in ("A first talk.", "A first, good talk.", "Call on Monday."):
        assert words in page
    written = await entries(Tag.NOTES_WRITTEN)
    assert [entry.details["outcome"] for entry in written] == ["A first talk.", "A first, good talk."]


async def test_two_who_write_at_once_lose_nothing(signed_in: SignedIn, database: Database) -> None:
    manager, psychologist, appointment = await with_psychologist(signed_in, database)
    assert (await write(manager, appointment, "Mine", 0)).status == 303
    response = await write(psychologist, appointment, "And mine", 0)
    assert response.status == 400
    page = await response.text()
    assert "Somebody else has written in the meantime" in page
    assert "And mine" in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"outcome": "  "}, "Write something in at least one"),
        ({"outcome": "x" * 8001}, "Use at most 8000 characters"),
        ({"outcome": "x", "after": "-1"}, "Open the notes again"),
        ({"outcome": "x", "after": "two"}, "Open the notes again"),
    ],
)
async def test_it_keeps_no_notes_that_make_no_sense(
    signed_in: SignedIn, database: Database, entries: Entries, fields: dict[str, str], words: str
) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    appointment = await held(database, worker(manager))
    response = await manager.post(f"/sessions/{appointment.id}/notes", {"after": "0"} | fields, page="/sight")
    assert response.status == 400
    assert words in await response.text()
    assert await entries(Tag.NOTES_WRITTEN) == []


async def test_the_case_manager_signs_the_version_that_they_read(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    manager, psychologist, appointment = await with_psychologist(signed_in, database)
    assert await sign(manager, appointment, 1) == 409
    await write(psychologist, appointment, "First", 0)
    await write(psychologist, appointment, "Second", 1)
    assert await sign(psychologist, appointment, 2) == 403
    assert await sign(manager, appointment, 1) == 409
    assert await sign(manager, appointment, 2) == 303
    assert await sign(manager, appointment, 2) == 409
    assert "signed" in await text_of(manager, f"/sessions/{appointment.id}")
    (entry,) = await entries(Tag.NOTES_SIGNED)
    (_, newest) = await entries(Tag.NOTES_WRITTEN)
    assert (entry.details["version"], entry.details["sha256"]) == (2, newest.details["sha256"])


async def test_a_change_after_the_signature_is_unsigned(signed_in: SignedIn, database: Database) -> None:
    manager, _, appointment = await with_psychologist(signed_in, database)
    await write(manager, appointment, "First", 0)
    await sign(manager, appointment, 1)
    await write(manager, appointment, "Second", 1)
    newest = (await text_of(manager, f"/sessions/{appointment.id}")).split('data-note-version="1"')[0]
    assert "not signed yet" in newest


async def test_notes_lie_sealed_in_the_database(signed_in: SignedIn, database: Database) -> None:
    manager, _, appointment = await with_psychologist(signed_in, database)
    await write(manager, appointment, "Nobody may read this.", 0)
    async with database.engine.connect() as connection:
        rows = (await connection.execute(SessionNote.__table__.select())).all()
    assert len(rows) == 1
    assert b"Nobody may" not in b"".join(value for value in rows[0] if isinstance(value, bytes))


# --- contacts


def contact(**changes: str) -> dict[str, str]:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    plain = {"way": "phone", "day": yesterday, "time": "14:30", "minutes": "20", "with_whom": "Пані Оля"}
    return plain | changes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"way": "video"}, "Choose how you met"),
        ({"day": "2099-01-01"}, "Enter a day and time that have passed"),
        ({"day": "2001-01-01"}, "Enter a day within the last year"),
        ({"day": "soon"}, "Enter the day"),
        ({"time": "25:00"}, "Enter a time"),
        ({"minutes": "0"}, "Enter how many minutes"),
        ({"minutes": "1441"}, "Enter how many minutes"),
        ({"with_whom": " "}, "Enter with whom"),
        ({"with_whom": "x" * 201}, "Use at most 200"),
        ({"outcome": "x" * 8001}, "Use at most 8000"),
    ],
)
async def test_it_enters_no_contact_that_makes_no_sense(
    signed_in: SignedIn, database: Database, entries: Entries, changes: dict[str, str], words: str
) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    appointment = await held(database, worker(manager))
    path = f"/cases/{appointment.case_id}/contacts/new"
    response = await manager.post(path, contact(**changes), page="/sight")
    assert response.status == 400
    assert words in await response.text()
    assert await entries(Tag.CONTACT_ENTERED) == []


async def test_a_contact_is_entered_and_always_shown_as_self_reported(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    _, psychologist, appointment = await with_psychologist(signed_in, database)
    supervisor = await signed_in(Role.SUPERVISOR)
    path = f"/cases/{appointment.case_id}/contacts/new"
    response = await psychologist.post(path, contact(outcome="She is well."), page="/sight")
    assert response.status == 303
    record = response.headers["Location"].partition("?")[0]
    for address in (record, f"{record}/print?language=en", f"/cases/{appointment.case_id}", "/sessions?way=phone"):
        page = await text_of(supervisor, address)
        assert "self-reported" in page, address
    assert "She is well." in await text_of(supervisor, record)
    assert "Пані Оля" not in await text_of(supervisor, "/sessions?way=phone")
    (entry,) = await entries(Tag.CONTACT_ENTERED)
    assert entry.details["self_reported"] is True


async def test_a_stranger_enters_no_contact(signed_in: SignedIn, database: Database) -> None:
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    path = f"/cases/{appointment.case_id}/contacts/new"
    for role in (Role.CASE_MANAGER, Role.SUPERVISOR, Role.INTERPRETER):
        assert (await (await signed_in(role)).post(path, contact(), page="/sight")).status == 403


# --- copies


async def test_a_copy_with_proof_is_intact_and_one_changed_byte_is_named(
    signed_in: SignedIn, database: Database
) -> None:
    manager, _, appointment = await with_psychologist(signed_in, database)
    await write(manager, appointment, "A good talk.", 0)
    response = await manager.get(f"/sessions/{appointment.id}/proof")
    assert "attachment" in response.headers["Content-Disposition"]
    lines = (await response.text()).splitlines(keepends=True)
    told = [json.loads(line) for line in lines[1:]]
    assert "A good talk." in json.dumps(told)
    assert Tag.RECORD_EXPORTED.value in json.dumps(told[-1])
    assert verify(lines).intact
    changed = next(number for number, line in enumerate(lines) if "A good talk." in line)
    broken = [line.replace("A good talk.", "A bad talk!!") for line in lines]
    report = verify(broken)
    assert not report.intact
    assert report.first is not None
    assert report.first.line == changed + 1


async def test_a_team_member_who_does_not_manage_takes_no_copy(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    _, psychologist, appointment = await with_psychologist(signed_in, database)
    for path in ("proof", "fhir"):
        assert (await psychologist.get(f"/sessions/{appointment.id}/{path}")).status == 403
    assert await entries(Tag.RECORD_EXPORTED) == []


@pytest.mark.parametrize("of", ["meeting", "contact"])
async def test_the_fhir_copy_keeps_the_rules(
    signed_in: SignedIn, database: Database, entries: Entries, of: str
) -> None:
    manager, _, appointment = await with_psychologist(signed_in, database)
    record = f"/sessions/{appointment.id}"
    if of == "contact":
        response = await manager.post(f"/cases/{appointment.case_id}/contacts/new", contact(), page="/sight")
        record = response.headers["Location"].partition("?")[0]
    response = await manager.get(f"{record}/fhir")
    assert response.content_type == "application/fhir+json"
    bundle = json.loads(await response.text())
    assert faults(bundle, "Bundle") == []
    encounter = bundle["entry"][0]["resource"]
    assert encounter["status"] == "completed"
    assert "actualPeriod" in encounter
    assert [entry.details["form"] for entry in await entries(Tag.RECORD_EXPORTED)] == ["fhir"]


async def test_the_printed_page_is_ukrainian_and_says_every_time_twice(signed_in: SignedIn, database: Database) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    appointment = await held(database, worker(manager))
    page = await text_of(manager, f"/sessions/{appointment.id}/print")
    assert '<html lang="uk"' in page
    assert "UTC" in page
    assert appointment.starts_at.strftime("%Y-%m-%d %H:%M") in page
    assert '<html lang="en"' in await text_of(manager, f"/sessions/{appointment.id}/print?language=en")
    assert '<html lang="uk"' in await text_of(manager, f"/sessions/{appointment.id}/print?language=xx")


# --- who has opened the case


async def test_the_access_list_shows_every_reading(signed_in: SignedIn, database: Database, entries: Entries) -> None:
    manager, psychologist, appointment = await with_psychologist(signed_in, database)
    supervisor = await signed_in(Role.SUPERVISOR)
    case = f"/cases/{appointment.case_id}"
    for person, path in (
        (manager, case),
        (psychologist, case),
        (psychologist, f"/sessions/{appointment.id}"),
        (supervisor, f"/sessions/{appointment.id}"),
        (supervisor, "/cases"),
    ):
        await text_of(person, path)
    await manager.get(f"/sessions/{appointment.id}/proof")
    page = await text_of(manager, f"{case}/readers")
    shown = re.findall(r'data-purpose="(\w+)"', page)
    readings = [entry.details["purpose"] for entry in await entries(Tag.CASE_READ)]
    assert sorted(each for each in shown if each != "taken") == sorted(readings)
    assert {"read", "record", "supervise", "listed", "export"} <= set(readings)
    assert shown.count("taken") == 1
    for person in (manager, psychologist, supervisor):
        assert person.account is not None
        assert person.account.name in page


async def test_the_access_list_is_for_those_whom_it_concerns(signed_in: SignedIn, database: Database) -> None:
    _, psychologist, appointment = await with_psychologist(signed_in, database)
    for person in (psychologist, await signed_in(Role.CASE_MANAGER), await signed_in(Role.ADMINISTRATOR)):
        assert (await person.get(f"/cases/{appointment.case_id}/readers")).status == 403
