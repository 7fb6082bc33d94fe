"""A case that has grown beyond every page: pages stay short and lead on, records that are too long say where all is."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest

from consent.database import Database
from consent.events import Tag
from consent.ledger import append, seat_actor
from consent.policy import Role
from consent.verify import verify
from server.appointments.tables import Appointment
from server.cases import views as case_pages
from server.consents import overview
from server.person import service as person_page
from server.sessions import contacts, opening, readers, summaries
from tests.flows.conftest import Person
from tests.flows.test_person import Walk, walk
from tests.flows.test_session_records import held, worker
from tests.flows.test_supervision import SignedIn, admit, text_of
from tests.support import casework

__all__ = ["walk"]  # a fixture

MANY = 30


async def go_on(database: Database, appointment: Appointment, count: int = MANY) -> None:
    """So many more entries of one session."""
    async with database.write() as session:
        seat = await casework.seat_of(session, appointment, Role.CLIENT)
        for number in range(count):
            append(
                session,
                Tag.NETWORK,
                actor=seat_actor(seat.id),
                case_id=appointment.case_id,
                session_id=appointment.id,
                details={"seat": seat.id, "n": number},
            )


async def test_a_record_that_is_too_long_for_a_page_is_taken_away_with_proof(
    signed_in: SignedIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MOST_ENTRIES", MANY)
    monkeypatch.setattr(summaries, "MOST_ENTRIES", MANY)
    manager = await signed_in(Role.CASE_MANAGER)
    appointment = await held(database, worker(manager))
    await summaries.catch_up(database, datetime.now(UTC))
    await go_on(database, appointment)
    page = f"/sessions/{appointment.id}"
    text = await text_of(manager, page, 409)
    assert "too many entries for a page" in text
    assert f'href="{page}/proof"' in text
    for path in (f"{page}/print", f"{page}/fhir"):
        assert "too many entries for a page" in await text_of(manager, path, 409)
    lines = (await text_of(manager, f"{page}/proof")).splitlines(keepends=True)
    report = verify(lines)
    assert report.findings == []
    assert report.entries > MANY
    # The list still has it, as it was, and goes on with others.
    assert appointment.id in await text_of(await signed_in(Role.SUPERVISOR), "/sessions")
    other = await held(database, worker(manager))
    assert other.id in await text_of(manager, "/sessions")


async def test_the_pack_names_what_is_too_long_and_holds_the_rest(
    signed_in: SignedIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MOST_ENTRIES", MANY)
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    supervisor, inspector = await signed_in(Role.SUPERVISOR), await signed_in(Role.INSPECTOR)
    await admit(supervisor, appointment.case_id, inspector)
    assert "too many entries" not in await text_of(inspector, f"/cases/{appointment.case_id}/pack")
    await go_on(database, appointment)
    assert "too many entries" in await text_of(inspector, f"/cases/{appointment.case_id}/pack")


async def test_the_list_of_readers_is_walked_to_its_first_line(
    signed_in: SignedIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "PAGE", 4)
    manager = await signed_in(Role.CASE_MANAGER)
    appointment = await held(database, worker(manager))
    case = f"/cases/{appointment.case_id}"
    names = [f"Reader {number}" for number in range(10)]
    for name in names:
        await text_of(await signed_in(Role.SUPERVISOR, name=name), case)
    page, seen = f"{case}/readers", []
    while page:
        text = await text_of(manager, page)
        found = re.findall(r'<th scope="row"[^>]*>([^,<]*)', text)
        assert len(found) <= 4
        seen += found
        further = re.search(r'rel="next" href="([^"]+)"', text)
        page = html.unescape(further[1]) if further else ""
    assert [name for name in seen if name in names] == names[::-1]
    for strange in ("before=", "before=-1", "before=x", f"before={'9' * 40}", "before=%D9%A1"):
        assert (await manager.get(f"{case}/readers?{strange}")).status == 200, strange


async def test_the_page_of_a_case_shows_the_next_and_the_last_and_leads_to_all(
    signed_in: SignedIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_pages, "ON_A_PAGE", 2)
    manager, stranger = await signed_in(Role.CASE_MANAGER), await signed_in(Role.CASE_MANAGER)
    now = datetime.now(UTC)
    elsewhere = await held(database, worker(stranger))
    async with database.write() as session:
        case = await casework.open_case(session, worker(manager))
        ids = {}
        for days in (-5, -4, -3, -2, 1, 2, 3):
            at = now + timedelta(days=days)
            ids[days] = (await casework.plan(session, worker(manager), case, starts_at=at, now=at)).id
        for day in (-9, -8, -7):
            await contacts.enter(
                session,
                worker(manager),
                case,
                way=contacts.Way.VISIT,
                happened_at=now + timedelta(days=day),
                duration_min=30,
                time_zone="Europe/Kyiv",
                with_whom=f"day {-day}",
                texts=None,
                now=now,
            )
    text = await text_of(manager, f"/cases/{case.id}")
    shown = {days for days, each in ids.items() if each in text}
    assert shown == {-3, -2, 1, 2}
    assert [f"day {day}" in text for day in (7, 8, 9)] == [True, True, False]
    whole = f"/sessions?case={case.id}"
    assert f'href="{whole}"' in text
    listed = set(re.findall(r'data-session="(\w+)"', await text_of(manager, whole)))
    assert listed > {ids[days] for days in (-5, -4, -3, -2)}
    assert len(listed) == 7
    foreign = await text_of(manager, f"/sessions?case={elsewhere.case_id}")
    assert re.findall(r'data-session="(\w+)"', foreign) == []


async def test_answers_without_end_show_how_each_stands_and_the_last_of_them(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "HISTORY", 3)
    _, page = await walk.ask()
    first = page["agreements"][0]["record"]
    for _ in range(3):
        _, page = await walk.ask("/withdraw", record=first)
        [agreement] = page["agreements"]
        _, page = await walk.ask("/give", record=first, notice_hash=agreement["again"]["hash"])
    assert [each["state"] for each in page["agreements"]] == ["given"]
    assert len(page["history"]) == 3
    text = await text_of(walk.manager, f"/cases/{walk.case}/consents")
    assert "These are the latest" in text


async def test_the_person_is_told_that_there_were_more_readers_than_fit(
    walk: Walk, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = await walk.pin()
    _, told = await walk.ask("/readers", pin=pin)
    assert not told["more"]
    for number in range(3):
        await read_by(await signed_in(Role.SUPERVISOR, name=f"Reader {number}"), walk.case)
    monkeypatch.setattr(person_page, "MOST_READINGS", 2)
    _, told = await walk.ask("/readers", pin=pin)
    assert [each["name"] for each in told["readers"]][:1] == ["Reader 2"]
    assert told["more"]


async def read_by(person: Person, case_id: str) -> None:
    await text_of(person, f"/cases/{case_id}")
