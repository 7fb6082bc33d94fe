"""After an erasure the ledger still proves itself, and shows nothing of the case that was erased."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from consent import keys
from consent.database import Database
from consent.events import Tag
from consent.keys import CaseErased
from consent.ledger import SYSTEM, append
from consent.tables import Base, LedgerEntry
from consent.verify import Wrong
from tests.support.evidence import CASE, LATER, OTHER, House, verdict
from tests.support.ledger import read_all


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A case that is erased after it was witnessed, and another one that goes on."""
    database = Database.in_file(tmp_path / "test.sqlite3")
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    house = House(tmp_path, database)
    await house.tell(4)
    await house.tell(3, case_id=OTHER, session_id=LATER)
    await house.sign()
    await house.witness()
    async with database.write() as session:
        pseudonym = await keys.destroy(session, CASE, house.now)
        append(session, Tag.CASE_ERASED, actor=SYSTEM, at=house.now, details={"case": pseudonym})
    await house.tell(2, case_id=OTHER, session_id=LATER)
    await house.sign()
    yield house
    await database.close()


async def test_the_whole_log_is_intact_and_so_is_the_other_case(house: House) -> None:
    for lines in (
        await house.log_export(),
        await house.session_export(LATER, OTHER),
        await house.session_export(None, OTHER),
    ):
        report = verdict(lines, witness=True)
        assert report.findings == []
        assert report.exit_code == 0
    assert verdict(await house.log_export()).entries == 10
    assert await house.checkpointer.audit() >= 10


async def test_nothing_of_the_erased_case_can_be_exported_or_read(house: House) -> None:
    with pytest.raises(CaseErased):
        await house.session_export()
    async with house.database.read() as session:
        left = await read_all(session)
    assert {entry.case_id for entry in left} == {OTHER, None}
    assert [entry.tag for entry in left if entry.case_id is None] == [Tag.CASE_ERASED]


async def test_the_entry_about_it_names_the_case_only_as_the_ledger_did(house: House) -> None:
    async with house.database.read() as session:
        [entry] = await read_all(session, Tag.CASE_ERASED)
        known = set(await session.scalars(select(LedgerEntry.case_ref).where(LedgerEntry.case_id == CASE)))
    assert known == {entry.details["case"]}


async def test_what_happens_around_an_erased_case_is_told_without_it(house: House) -> None:
    await house.tell(1)
    async with house.database.read() as session:
        last = (await read_all(session))[-1]
    assert (last.tag, last.case_id, last.session_id, dict(last.details)) == (Tag.JOINED, None, None, {})


async def test_an_entry_of_an_erased_case_that_is_changed_is_still_named(house: House) -> None:
    house.sql("UPDATE ledger_entries SET tag = 'room:seat:left' WHERE sequence = 2")
    found = verdict(await house.log_export()).first
    assert found is not None
    assert (found.wrong, found.sequence) == (Wrong.EDITED, 2)
