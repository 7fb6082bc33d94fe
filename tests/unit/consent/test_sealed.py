"""Sealed columns of every kind, in a table of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import String, select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from consent.database import Database
from consent.keys import SYSTEM, Locked, Purpose, SealBroken, open_case, open_organisation
from consent.sealed import SealedRow, is_open, sealed_bytes_or_none, sealed_json, sealed_text, sealed_text_or_none
from consent.tables import Base

CASE, OTHER = "a" * 16, "b" * 16


class Tables(DeclarativeBase):
    pass


class Paper(SealedRow, Tables):
    __tablename__ = "papers"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    case_id: Mapped[str | None] = mapped_column(String(16))
    title = sealed_text()
    note = sealed_text_or_none()
    answers = sealed_json()
    scan = sealed_bytes_or_none()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.in_file(tmp_path / "x.sqlite3")
    async with opened.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.run_sync(Tables.metadata.create_all)
    yield opened
    await opened.close()


async def keep(database: Database, **columns: Any) -> str:
    async with database.write() as session:
        paper = Paper(**{"case_id": CASE, "title": "Довіреність"} | columns)
        session.add(paper)
        await session.flush()
        return paper.id


async def papers(session: AsyncSession) -> list[Paper]:
    return list(await session.scalars(select(Paper).order_by(Paper.id)))


@pytest.mark.parametrize(
    "values",
    [
        {"note": None, "answers": None, "scan": None},
        {"note": "", "answers": {}, "scan": b""},
        {"note": "ї" * 5000, "answers": {"a": [1, None, "ї"]}, "scan": bytes(range(256)) * 100},
    ],
)
async def test_what_was_sealed_comes_back_as_it_was(database: Database, values: dict[str, Any]) -> None:
    await keep(database, **values)
    async with database.read() as session:
        [paper] = await papers(session)
        await open_case(session, SYSTEM, CASE, Purpose.SYSTEM)
        assert paper.title == "Довіреність"
        assert {name: getattr(paper, name) for name in values} == values


async def test_whoever_wrote_a_value_reads_it_and_nothing_else(database: Database) -> None:
    paper_id = await keep(database, note="old")
    async with database.write() as session:
        paper = await session.get_one(Paper, paper_id)
        paper.note = "new"
        await session.flush()
        assert (paper.note, is_open(paper, "note"), is_open(paper, "title")) == ("new", True, False)
        with pytest.raises(Locked):
            _ = paper.title
    async with database.read() as session:
        await open_case(session, SYSTEM, CASE, Purpose.SYSTEM)
        [paper] = await papers(session)
        assert (paper.title, paper.note) == ("Довіреність", "new")


async def test_rows_are_open_whether_they_were_loaded_before_or_after_their_case(database: Database) -> None:
    first = await keep(database)
    async with database.read() as session:
        before = await session.get_one(Paper, first)
        with pytest.raises(Locked):
            _ = before.title
        await open_case(session, SYSTEM, CASE, Purpose.SYSTEM)
        assert before.title == "Довіреність"
        session.expunge_all()
        assert [paper.title for paper in await papers(session)] == ["Довіреність"]
    assert before.title == "Довіреність", "a row that was open stays so after its session, for the page"


async def test_a_row_that_changes_its_case_does_not_open(database: Database) -> None:
    paper_id = await keep(database)
    await keep(database, case_id=OTHER)
    async with database.engine.begin() as connection:
        await connection.execute(text("UPDATE papers SET case_id = :other"), {"other": OTHER})
    async with database.read() as session:
        await open_case(session, SYSTEM, OTHER, Purpose.SYSTEM)
        paper = await session.get_one(Paper, paper_id)
        with pytest.raises(SealBroken):
            _ = paper.title


async def test_a_row_without_a_case_is_the_organisations(database: Database) -> None:
    paper_id = await keep(database, case_id=None)
    async with database.read() as session:
        paper = await session.get_one(Paper, paper_id)
        with pytest.raises(Locked):
            _ = paper.title
        await open_organisation(session, SYSTEM)
        assert paper.title == "Довіреність"


async def test_nothing_is_stored_that_no_flush_has_sealed(database: Database) -> None:
    paper_id = await keep(database)
    async with database.engine.begin() as connection:
        with pytest.raises(StatementError, match="not sealed"):
            await connection.execute(
                Paper.__table__.update().values(title=b"")  # type: ignore[attr-defined]  # a Table
            )
    async with database.read() as session:
        await open_case(session, SYSTEM, CASE, Purpose.SYSTEM)
        assert (await session.get_one(Paper, paper_id)).title == "Довіреність"
