"""Exports: as long as a case is, and honest about what is not signed yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent import export
from consent.checkpointer import LedgerProblem
from consent.database import Database
from consent.events import Tag
from consent.export import NothingSigned
from consent.ledger import append
from consent.tree import WIDTH
from consent.verify import Wrong
from tests.support.evidence import CASE, MEETING, House, verdict


@pytest.fixture
def house(tmp_path: Path, database: Database) -> House:
    return House(tmp_path, database)


async def test_a_long_case_is_read_in_pieces_and_proven_to_its_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "CHUNK", 100)
    count = WIDTH + 107
    async with house.database.write() as session:
        for number in range(count):
            append(
                session,
                Tag.JOINED,
                actor="system",
                at=house.now,
                case_id=CASE,
                session_id=MEETING,
                details={"n": number},
            )
    await house.sign()
    lines = await house.session_export()
    report = verdict(lines)
    assert (report.findings, report.entries) == ([], count)
    assert verdict(await house.session_export(None)).intact
    assert verdict([*lines[:-50], *lines[-49:]]).first is not None


async def test_what_is_not_signed_yet_is_left_out(house: House) -> None:
    assert await house.checkpointer.signer() is None
    await house.tell(2)
    with pytest.raises(NothingSigned):
        await house.session_export()
    await house.sign()
    await house.tell(3)
    report = verdict(await house.session_export())
    assert (report.findings, report.entries) == ([], 2)


async def test_signing_the_same_again_makes_nothing(house: House) -> None:
    await house.tell(2)
    first = await house.sign()
    assert first is not None
    assert first.size == 2
    assert await house.sign() is None
    await house.tell(1)
    second = await house.sign()
    assert second is not None
    assert second.size > first.size


async def test_only_the_holder_of_the_lease_signs(house: House) -> None:
    await house.tell(2)
    mine, theirs = house.checkpointer, house.checkpointer
    theirs.holder = "another"
    assert await mine.make(house.now) is not None
    await house.tell(1)
    assert await theirs.make(house.now) is None
    house.now = house.now.replace(hour=house.now.hour + 1)
    assert await theirs.make(house.now) is not None


async def test_whoever_ends_lets_the_next_sign_at_once(house: House) -> None:
    await house.tell(2)
    mine, theirs = house.checkpointer, house.checkpointer
    theirs.holder = "another"
    assert await mine.make(house.now) is not None
    await house.tell(1)
    await theirs.release()  # what is not theirs to let go
    assert await theirs.make(house.now) is None
    await mine.release()
    assert await theirs.make(house.now) is not None


async def test_whoever_does_not_hold_the_lease_notices_all_the_same(house: House) -> None:
    await house.tell(3)
    mine, theirs = house.checkpointer, house.checkpointer
    theirs.holder = "another"
    assert await mine.make(house.now) is not None
    async with house.database.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM ledger_entries WHERE sequence = 2")
        await connection.exec_driver_sql("UPDATE ledger_head SET size = 2")
    with pytest.raises(LedgerProblem) as problem:
        await theirs.make(house.now)
    assert problem.value.wrong is Wrong.ROLLED_BACK
