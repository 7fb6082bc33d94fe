"""The ledger: entries get their place at the commit, one after the other, and open only as what was written."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from consent import ledger
from consent.database import Database
from consent.events import Tag
from consent.keyring import data_key
from consent.keys import SYSTEM, Purpose, open_case, open_organisation
from consent.ledger import LedgerBroken, account_actor, append, seat_actor
from consent.tables import Base, LedgerEntry, LedgerHead

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
CASE, OTHER, MEETING = "c" * 16, "d" * 16, "e" * 16


async def rows(database: Database) -> list[LedgerEntry]:
    async with database.read() as session:
        return list(await session.scalars(select(LedgerEntry).order_by(LedgerEntry.sequence)))


async def opened(database: Database, case_id: str | None = CASE, **narrowed: str) -> list[ledger.Entry]:
    async with database.write() as session:
        key = (
            await open_case(session, SYSTEM, case_id, Purpose.SYSTEM)
            if case_id
            else await open_organisation(session, SYSTEM)
        )
        return await ledger.entries(session, key, **narrowed)  # type: ignore[arg-type]  # only session_id is narrowed here


async def tell(database: Database, count: int = 1, case_id: str | None = CASE, actor: str = "seat:1") -> None:
    async with database.write() as session:
        for number in range(count):
            append(session, Tag.JOINED, actor=actor, at=NOON, case_id=case_id, details={"name": "Ганна", "n": number})


async def test_entries_open_as_what_was_written(database: Database) -> None:
    async with database.write() as session:
        append(
            session,
            Tag.JOINED,
            actor=seat_actor("5"),
            at=NOON,
            case_id=CASE,
            session_id=MEETING,
            details={"name": "Ганна", "list": [1, None, "я"]},
        )
        append(session, Tag.SIGNED_IN, actor=account_actor("6"), at=NOON)
    [entry] = await opened(database)
    assert (entry.sequence, entry.at, entry.tag, entry.actor) == (0, NOON, Tag.JOINED, "seat:5")
    assert (entry.case_id, entry.session_id) == (CASE, MEETING)
    assert entry.details == {"name": "Ганна", "list": [1, None, "я"]}
    [other] = [each for each in await opened(database, None) if each.tag is Tag.SIGNED_IN]
    assert (other.sequence, other.actor, other.details) == (1, "account:6", {})


@pytest.mark.embedded
async def test_the_database_holds_nothing_that_says_who_or_what(database: Database, tmp_path: Path) -> None:
    async with database.write() as session:
        append(session, Tag.JOINED, actor="account:0123456789abcdef", case_id=CASE, details={"name": "Hanna Koval"})
    [row] = await rows(database)
    assert row.actor != "account:0123456789abcdef"
    assert row.case_ref != CASE
    await database.close()
    files = b"".join(file.read_bytes() for file in tmp_path.glob("test.sqlite3*"))
    assert b"joined" in files
    assert b"Hanna" not in files
    assert b"0123456789abcdef" not in files


async def test_the_same_person_has_one_pseudonym_across_cases_only_with_an_account(database: Database) -> None:
    for case_id in (CASE, OTHER):
        await tell(database, case_id=case_id, actor="account:1")
        await tell(database, case_id=case_id, actor="client:1")
    await tell(database, case_id=CASE, actor="system")
    staff1, client1, staff2, client2, system = [row.actor for row in await rows(database)]
    assert staff1 == staff2
    assert client1 != client2
    assert system == "system"


async def test_places_have_no_gaps_and_are_counted_by_case_and_meeting(database: Database) -> None:
    async with database.write() as session:
        for case_id, meeting in (
            (CASE, MEETING),
            (None, None),
            (CASE, None),
            (OTHER, MEETING[:-1] + "f"),
            (CASE, MEETING),
        ):
            append(session, Tag.JOINED, actor="system", case_id=case_id, session_id=meeting)
    async with database.write() as session:
        append(session, Tag.LEFT, actor="system", case_id=CASE, session_id=MEETING)
    found = [(row.sequence, row.case_nth, row.session_nth) for row in await rows(database)]
    assert found == [(0, 1, 1), (1, None, None), (2, 2, None), (3, 1, 1), (4, 3, 2), (5, 4, 3)]


async def test_an_entry_goes_with_its_fact(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as session:
            append(session, Tag.JOINED, actor="system")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        await fail()
    assert await rows(database) == []
    await tell(database)
    assert [row.sequence for row in await rows(database)] == [0]


async def test_a_session_that_reads_cannot_append(database: Database) -> None:
    async with database.read() as session:
        with pytest.raises(RuntimeError):
            append(session, Tag.JOINED, actor="system")


async def test_an_entry_that_cannot_be_spelt_takes_its_fact_with_it(database: Database) -> None:
    with pytest.raises(ValueError, match="integer"):
        async with database.write() as session:
            append(session, Tag.JOINED, actor="system", details={"n": 2**60})
    assert await rows(database) == []


async def test_two_writers_share_one_line_of_places(database: Database) -> None:
    other = Database(database.engine.url.render_as_string(hide_password=False), database.keyring)
    await tell(database)
    await asyncio.gather(*(tell(each, 3) for each in (database, other) * 8))
    found = await rows(database)
    assert [row.sequence for row in found] == list(range(49))
    assert [row.case_nth for row in found] == list(range(1, 50))
    assert {row.log_id for row in found} == {found[0].log_id}
    await other.close()


async def test_a_fact_that_is_told_later_keeps_its_own_time(database: Database) -> None:
    await tell(database)
    async with database.write() as session:
        append(session, Tag.LEFT, actor="system", at=NOON - timedelta(hours=1), case_id=CASE)
    assert [(entry.tag, entry.at) for entry in await opened(database)] == [
        (Tag.JOINED, NOON),
        (Tag.LEFT, NOON - timedelta(hours=1)),
    ]


async def test_a_clock_that_was_set_back_is_told(database: Database) -> None:
    database.clock = lambda: NOON
    await tell(database)
    database.clock = lambda: NOON - timedelta(seconds=4)
    await tell(database)
    database.clock = lambda: NOON - timedelta(days=2)
    await tell(database)
    await tell(database)
    [told] = [entry for entry in await opened(database, None) if entry.tag is Tag.CLOCK_SET_BACK]
    assert told.sequence == 2
    assert told.details == {
        "from": (NOON - timedelta(seconds=4)).isoformat(),
        "to": (NOON - timedelta(days=2)).isoformat(),
    }


async def test_entries_are_narrowed_to_a_meeting_and_to_tags(database: Database) -> None:
    async with database.write() as session:
        append(session, Tag.JOINED, actor="system", case_id=CASE, session_id=MEETING)
        append(session, Tag.LEFT, actor="system", case_id=CASE, session_id=MEETING)
        append(session, Tag.LEFT, actor="system", case_id=CASE)
    assert len(await opened(database, session_id=MEETING)) == 2
    async with database.write() as session:
        key = await open_case(session, SYSTEM, CASE, Purpose.SYSTEM)
        left = await ledger.entries(session, key, tags=[Tag.LEFT])
    assert [entry.sequence for entry in left] == [1, 2]


@pytest.mark.embedded
@pytest.mark.parametrize(
    "change",
    [
        "at = '2026-03-05 12:00:01.000000'",
        "tag = 'room:seat:left'",
        "tag = 'no:such:tag'",
        "actor = 'system'",
        "case_ref = NULL",
        "case_nth = case_nth + 1",
        "session_id = 'ffffffffffffffff', session_nth = 1",
        f"log_id = '{'0' * 32}'",
        f"commitment = '{'0' * 64}'",
        "leaf_hash = zeroblob(32)",
        "sealed = zeroblob(80)",
        "sealed = (SELECT sealed FROM ledger_entries WHERE sequence = 1)",
        "sequence = 17",
    ],
)
async def test_a_row_that_was_edited_does_not_open(database: Database, change: str) -> None:
    await tell(database, 2)
    async with database.engine.begin() as connection:
        await connection.execute(text(f"UPDATE ledger_entries SET {change} WHERE sequence = 0"))
    with pytest.raises(LedgerBroken):
        await opened(database)


async def test_a_row_moved_into_another_case_does_not_open(database: Database) -> None:
    await tell(database, case_id=CASE)
    await tell(database, case_id=OTHER)
    async with database.engine.begin() as connection:
        await connection.execute(text(f"UPDATE ledger_entries SET case_id = '{CASE}'"))
    with pytest.raises(LedgerBroken) as broken:
        await opened(database)
    assert broken.value.sequence == 1


async def test_what_happens_after_an_erasure_is_told_without_the_case(database: Database) -> None:
    await tell(database)
    async with database.engine.begin() as connection:
        await connection.execute(text(f"UPDATE case_keys SET wrapped = NULL WHERE case_id = '{CASE}'"))
    await tell(database)
    last = (await rows(database))[-1]
    assert (last.case_id, last.case_ref, last.tag) == (None, None, Tag.JOINED)
    [told] = [entry for entry in await opened(database, None) if entry.tag is Tag.JOINED]
    assert told.details == {}


async def test_a_log_is_named_once(database: Database) -> None:
    await tell(database)
    await tell(database)
    async with database.read() as session:
        [head] = list(await session.scalars(select(LedgerHead)))
        key = await data_key(session, CASE)
    assert (head.size, len(head.log_id)) == (2, 32)
    assert all(entry.leaf.log == head.log_id for entry in ledger.open_rows(await rows(database), key))
    assert Base.metadata.tables["ledger_head"] is LedgerHead.__table__
