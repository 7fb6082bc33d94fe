"""Somebody with full write access to the database, and with the log's signing key: what an export then shows."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from consent import tree
from consent.checkpoint import Checkpoint
from consent.checkpointer import LedgerProblem
from consent.database import Database
from consent.events import Tag
from consent.keyring import data_key
from consent.ledger import Draft, leaf_of, row_of
from consent.merkle import root_of
from consent.tables import Base, LedgerEntry
from consent.verify import Wrong
from tests.support.evidence import CASE, LATER, OTHER, House, verdict

pytestmark = pytest.mark.embedded  # rows are changed by the language of SQLite


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Two meetings of one case, one of another, signed twice and witnessed once."""
    database = Database.in_file(tmp_path / "test.sqlite3")
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    house = House(tmp_path, database)
    await house.tell(4)
    await house.tell(3, case_id=OTHER, session_id=LATER)
    await house.sign()
    await house.witness()
    await house.tell(5)
    await house.sign()
    yield house
    await database.close()


def first(lines: list[str], **how: object) -> tuple[Wrong, int | None] | None:
    found = verdict(lines, **how).first  # type: ignore[arg-type]  # passed on as they are
    return (found.wrong, found.sequence) if found else None


async def test_an_honest_log_is_intact(house: House) -> None:
    for lines in (await house.session_export(), await house.session_export(None), await house.log_export()):
        report = verdict(lines, witness=True)
        assert report.findings == []
        assert report.exit_code == 0
    assert report.entries == 12
    assert report.witnessed[0][1] == 7
    assert report.unwitnessed == 5
    assert await house.checkpointer.audit() >= 12


@pytest.mark.parametrize(
    "change",
    [
        "at = '2026-03-05 13:00:00.000000'",
        "tag = 'room:seat:left'",
        "actor = 'system'",
        "commitment = replace(commitment, substr(commitment, 1, 8), '00000000')",
        "sealed = zeroblob(100)",
        "sealed = (SELECT sealed FROM ledger_entries WHERE sequence = 1)",
        "leaf_hash = zeroblob(32)",
    ],
)
async def test_an_edited_row_is_named(house: House, change: str) -> None:
    house.sql(f"UPDATE ledger_entries SET {change} WHERE sequence = 2")
    assert first(await house.session_export()) == (Wrong.EDITED, 2)
    if "sealed" not in change:
        assert first(await house.log_export()) == (Wrong.EDITED, 2)
        with pytest.raises(LedgerProblem) as problem:
            await house.checkpointer.audit()
        assert (problem.value.wrong, problem.value.sequence) == (Wrong.EDITED, 2)


async def test_a_deleted_row_is_named(house: House) -> None:
    house.sql("DELETE FROM ledger_entries WHERE sequence = 2")
    assert first(await house.session_export()) == (Wrong.MISSING, 3)  # it says before which entry
    assert first(await house.log_export()) == (Wrong.MISSING, 2)
    with pytest.raises(LedgerProblem) as problem:
        await house.checkpointer.audit()
    assert (problem.value.wrong, problem.value.sequence) == (Wrong.MISSING, 2)


async def test_the_last_rows_cannot_be_cut_off(house: House) -> None:
    house.sql("DELETE FROM ledger_entries WHERE sequence >= 10", "UPDATE ledger_head SET size = 10")
    assert first(await house.log_export()) == (Wrong.ROLLED_BACK, 10)
    with pytest.raises(LedgerProblem) as problem:
        await house.sign()
    assert problem.value.wrong is Wrong.ROLLED_BACK


async def test_an_inserted_row_is_named(house: House) -> None:
    columns = "log_id, at, tag, actor, case_ref, session_id, commitment, sealed, leaf_hash, case_id"
    house.sql(
        f"INSERT INTO ledger_entries (sequence, case_nth, session_nth, {columns}) "
        f"SELECT 12, case_nth + 1, session_nth + 1, {columns} FROM ledger_entries WHERE sequence = 11"
    )
    assert first(await house.session_export()) == (Wrong.EDITED, 12)  # its hash was not even made anew
    # With the right hash it still lies beyond what was signed.
    async with house.database.read() as session:
        row = await session.get(LedgerEntry, 12)
        assert row is not None
        leaf = leaf_of(row).hash().hex()
    house.sql(f"UPDATE ledger_entries SET leaf_hash = x'{leaf}' WHERE sequence = 12")
    report = verdict(await house.session_export())
    assert {each.sequence for each in report.findings} == {12}
    assert Wrong.INSERTED in {each.wrong for each in report.findings}


@pytest.mark.parametrize("hashes_too", [False, True])
async def test_rows_that_changed_places_are_named(house: House, hashes_too: bool) -> None:
    for old, new in ((1, -1), (2, 1), (-1, 2)):
        house.sql(f"UPDATE ledger_entries SET sequence = {new} WHERE sequence = {old}")
    if not hashes_too:
        house.sql(
            "CREATE TABLE swapped AS SELECT 3 - sequence AS sequence, leaf_hash FROM ledger_entries "
            "WHERE sequence IN (1, 2)",
            "UPDATE ledger_entries SET leaf_hash = (SELECT leaf_hash FROM swapped "
            "WHERE swapped.sequence = ledger_entries.sequence) WHERE sequence IN (1, 2)",
        )
    found = verdict(await house.session_export()).first
    assert found is not None
    assert (found.wrong, found.sequence) == (Wrong.REORDERED, 1)
    assert first(await house.log_export()) == (Wrong.EDITED, 1)


async def test_a_restored_old_backup_is_noticed_before_anything_is_signed(house: House) -> None:
    await house.database.close()
    file = house.folder / "test.sqlite3"
    house.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(file, house.folder / "backup")
    house.database = Database.in_file(file)
    await house.tell(3)
    newest = await house.sign()
    assert newest is not None
    await house.database.close()
    house.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(house.folder / "backup", file)
    house.database = Database.in_file(file)
    assert first(await house.session_export(), known=(newest,)) == (Wrong.ROLLED_BACK, None)
    assert first(await house.log_export(ahead=newest)) == (Wrong.ROLLED_BACK, 12)
    for more in (0, 5):  # even when it has grown beyond the lost entries again
        await house.tell(more)
        with pytest.raises(LedgerProblem) as problem:
            await house.sign()
        assert problem.value.wrong is Wrong.ROLLED_BACK
    assert first(await house.log_export(ahead=newest)) == (Wrong.EDITED, 12)


async def rewrite(house: House, sequence: int) -> Checkpoint:
    """Everything that a whole server can do: another past, sealed, hashed and signed anew, checkpoints included."""
    async with house.database.write() as session:
        row = await session.get(LedgerEntry, sequence)
        assert row is not None
        key, organisation = await data_key(session, CASE), await data_key(session, None)
        draft = Draft(Tag(row.tag), "seat:9", row.at, CASE, row.session_id, {"n": 99})
        fresh = row_of(
            row.log_id, sequence, draft, key=key, organisation=organisation, nth=(row.case_nth, row.session_nth)
        )
        for name, value in fresh.items():
            setattr(row, name, value)
        await session.flush()
        leaves = [leaf_of(each).hash() for each in await session.scalars(select(LedgerEntry).order_by("sequence"))]
        await session.execute(text("DELETE FROM ledger_nodes"))
        signer = await house.signer()
        last = signer.sign(Checkpoint(signer.verifier.name, len(leaves), root_of(leaves)))
        await session.execute(text("DELETE FROM ledger_checkpoints WHERE cosigned_at IS NULL"))
        await session.execute(
            text("INSERT INTO ledger_checkpoints (size, at, note) VALUES (:size, '2026-03-05 12:00:00.000000', :note)"),
            {"size": last.size, "note": last.note},
        )
    return last


async def test_a_past_that_was_rewritten_and_signed_anew_is_a_fork_to_the_witness(house: House) -> None:
    async with house.database.read() as session:
        witnessed = await tree.newest(session, cosigned=True)
    assert witnessed is not None
    await rewrite(house, 2)
    # The server alone says that all is well with its own key.
    house.sql("DELETE FROM ledger_checkpoints WHERE cosigned_at IS NOT NULL")
    assert first(await house.session_export()) is None
    # It cannot make what the witness alone can sign …
    assert first(await house.session_export(), witness=True) == (Wrong.UNWITNESSED, None)
    # … and what the witness did sign says otherwise.
    assert first(await house.log_export(), known=(witnessed,)) == (Wrong.FORKED, 0)
    with pytest.raises(LedgerProblem):
        await house.sign()  # the file outside the database knows better, too


async def test_a_rewritten_past_does_not_go_with_an_old_cosignature(house: House) -> None:
    await rewrite(house, 2)
    report = verdict(await house.session_export(), witness=True)
    assert Wrong.FORKED in {each.wrong for each in report.findings}
    report = verdict(await house.log_export(), witness=True)
    assert report.first is not None
    assert report.first.wrong is Wrong.FORKED
    assert report.first.sequence == 0
    assert report.first.text == "the entries from 0 to 6 are not those that were signed"


async def test_what_came_after_the_witness_saw_it_is_said_to_be_unwitnessed(house: House) -> None:
    await rewrite(house, 9)
    report = verdict(await house.session_export(), witness=True)
    assert report.intact
    assert report.unwitnessed == 5
