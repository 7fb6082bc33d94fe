"""Summaries and the search over them: what is found is what the ledger says, page by page, and no case is opened."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select

from consent.database import Database
from consent.events import Tag
from consent.ledger import append, seat_actor
from consent.policy import Role
from consent.tables import Base, CaseReading
from server.appointments import service as appointments
from server.http.paging import Place
from server.opening import belongs
from server.sessions import search as searching
from server.sessions import summaries
from server.sessions.record import Phase
from server.sessions.search import PAGE, Wanted, search
from server.sessions.tables import SessionFacet, SessionSummary, SummaryProgress
from server.sessions.unusual import Unusual
from tests.support.casework import NOW, Worker, hire, open_case, plan, seat_of

AFTER = NOW + timedelta(days=1)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database that knows teams."""
    opened = Database.in_file(tmp_path / "test.sqlite3", belongs)
    async with opened.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield opened
    await opened.close()


async def found(database: Database, doer: Worker, now: datetime = AFTER, **wanted: object) -> list[searching.Found]:
    async with database.read() as session:
        return (await search(session, doer, Wanted(**wanted), now)).sessions  # type: ignore[arg-type] # by name


async def held(database: Database, manager: Worker, *, minutes: int = 40) -> str:
    """A session in which a client was met; returns its id."""
    async with database.write() as session:
        case = await open_case(session, manager)
        appointment = await plan(session, manager, case)
        host = await seat_of(session, appointment, manager.role)
        client = await seat_of(session, appointment, Role.CLIENT)
        for minute, tag, seat in ((0, Tag.JOINED, host), (1, Tag.JOINED, client), (minutes, Tag.ENDED, host)):
            append(
                session,
                tag,
                actor=seat_actor(seat.id),
                at=appointment.starts_at + timedelta(minutes=minute),
                case_id=case.id,
                session_id=appointment.id,
                details={} if tag is Tag.ENDED else {"seat": seat.id},
            )
        await appointments.end(session, appointment.id, appointment.starts_at + timedelta(minutes=minutes))
    return appointment.id


async def people(database: Database) -> tuple[Worker, Worker]:
    async with database.write() as session:
        return await hire(session, Role.CASE_MANAGER, "Марія"), await hire(session, Role.SUPERVISOR)


async def test_a_session_is_found_by_what_it_was_and_by_nothing_else(database: Database) -> None:
    manager, supervisor = await people(database)
    session_id = await held(database, manager, minutes=5)
    assert await summaries.catch_up(database, AFTER) == 1
    (one,) = await found(database, supervisor)
    assert (one.session_id, one.phase, one.clients, one.workers) == (session_id, Phase.ENDED, 1, ("Марія",))
    assert set(one.unusual) == {Unusual.NO_CONSENT, Unusual.UNVERIFIED, Unusual.CUT_SHORT}
    for wanted in (
        {"worker": manager.id},
        {"role": "case_manager"},
        {"way": "video"},
        {"unusual": Unusual.CUT_SHORT},
        {"worker": manager.id, "role": "case_manager", "unusual": Unusual.UNVERIFIED, "way": "video"},
        {"since": one.starts_at, "until": one.starts_at + timedelta(seconds=1)},
    ):
        assert [each.session_id for each in await found(database, supervisor, **wanted)] == [session_id], wanted
    for wanted in (
        {"worker": supervisor.id},
        {"role": "lawyer"},
        {"way": "phone"},
        {"unusual": Unusual.WITHDRAWN},
        {"until": one.starts_at},
        {"worker": manager.id, "unusual": Unusual.ALONE},
    ):
        assert await found(database, supervisor, **wanted) == [], wanted


async def test_searching_and_summarising_open_no_case_for_anybody(database: Database) -> None:
    manager, supervisor = await people(database)
    await held(database, manager)
    await summaries.catch_up(database, AFTER)
    async with database.write() as session:
        await session.execute(delete(CaseReading))
    await found(database, supervisor)
    async with database.read() as session:
        assert (await session.scalars(select(CaseReading))).all() == []


async def test_a_planned_session_becomes_one_that_did_not_take_place_by_the_clock_alone(database: Database) -> None:
    manager, supervisor = await people(database)
    async with database.write() as session:
        await plan(session, manager, await open_case(session, manager))
    await summaries.catch_up(database, NOW)
    assert await found(database, supervisor, NOW) == []
    assert [each.phase for each in await found(database, supervisor)] == [Phase.PLANNED]
    assert await summaries.catch_up(database, AFTER) == 1
    assert [each.phase for each in await found(database, supervisor)] == [Phase.NOT_HELD]
    assert await summaries.catch_up(database, AFTER + timedelta(days=9)) == 0


async def test_they_follow_what_happens_later_and_can_be_made_again(database: Database) -> None:
    manager, supervisor = await people(database)
    ids = {await held(database, manager) for _ in range(3)}
    await summaries.catch_up(database, AFTER)
    before = await found(database, supervisor)
    assert {each.session_id for each in before} == ids
    async with database.write() as session:
        for table in (SessionSummary, SessionFacet, SummaryProgress):
            await session.execute(delete(table))
    assert await found(database, supervisor) == []
    assert await summaries.catch_up(database, AFTER) == 3
    assert await found(database, supervisor) == before


async def test_more_entries_than_one_window_are_followed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    manager, supervisor = await people(database)
    ids = {await held(database, manager) for _ in range(3)}
    monkeypatch.setattr(summaries, "WINDOW", 2)
    await summaries.catch_up(database, AFTER)
    assert {each.session_id for each in await found(database, supervisor)} == ids


async def test_a_team_finds_its_own_and_an_administrator_nothing(database: Database) -> None:
    manager, _ = await people(database)
    async with database.write() as session:
        other, administrator = await hire(session, Role.LAWYER), await hire(session, Role.ADMINISTRATOR)
        inspector = await hire(session, Role.INSPECTOR)
    session_id = await held(database, manager)
    await summaries.catch_up(database, AFTER)
    assert [each.session_id for each in await found(database, manager)] == [session_id]
    for person in (other, administrator, inspector):
        assert await found(database, person) == [], person.role


async def test_pages_follow_one_another_without_gap_or_repetition(database: Database) -> None:
    """Many sessions at few moments, so that moments alone cannot order them."""
    _, supervisor = await people(database)
    chance = random.Random(7)
    base = datetime(2026, 6, 1, tzinfo=UTC)
    rows = [(f"{chance.getrandbits(64):016x}", base + timedelta(days=chance.randrange(5))) for _ in range(120)]
    async with database.write() as session:
        await session.execute(
            insert(SessionSummary),
            [
                {"session_id": each, "case_id": "c", "way": "video", "phase": "ended", "starts_at": at, "clients": 1}
                for each, at in rows
            ],
        )
        await session.execute(
            insert(SessionFacet),
            [{"facet": "way:video", "starts_at": at, "session_id": each} for each, at in rows],
        )
    ordered = sorted(rows, key=lambda row: (row[1], row[0]), reverse=True)
    for way, until in ((None, None), ("video", None), (None, base + timedelta(days=3)), ("video", base)):
        expected = [each for each, at in ordered if until is None or at < until]
        seen: list[str] = []
        place: Place | None = None
        while True:
            async with database.read() as session:
                results = await search(session, supervisor, Wanted(way=way, until=until, after=place), AFTER)
            assert len(results.sessions) <= PAGE
            seen += [each.session_id for each in results.sessions]
            assert (results.total, results.more_than) == (len(expected), False)
            place = results.next
            if place is None:
                break
        assert seen == expected
        beyond = Wanted(way=way, until=until, after=Place(AFTER + timedelta(days=9), "f" * 16))
        async with database.read() as session:
            first = (await search(session, supervisor, beyond, AFTER)).sessions
        assert [each.session_id for each in first] == expected[:PAGE]


async def test_counting_stops_where_the_exact_number_helps_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, supervisor = await people(database)
    for _ in range(3):
        await held(database, manager)
    await summaries.catch_up(database, AFTER)
    monkeypatch.setattr(searching, "COUNTED", 2)
    async with database.read() as session:
        results = await search(session, supervisor, Wanted(), AFTER)
    assert (results.total, results.more_than, len(results.sessions)) == (2, True, 3)
