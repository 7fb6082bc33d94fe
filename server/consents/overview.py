"""The overview: what one client agreed to, as it stands, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.gate import PERSON, Answer
from consent.keys import CaseKey
from consent.notices import Purpose
from server.accounts.tables import Account
from server.cases.tables import CaseClient
from server.consents.tables import NEWEST_FIRST, ConsentRow
from server.consents.writing import last_row

HISTORY = 200


@dataclass(frozen=True)
class Line:
    """One thing that was answered, as it stands now."""

    row: ConsentRow
    about: str | None
    stands: bool
    """Whether it is an agreement that holds now."""

    @property
    def state(self) -> str:
        """``given``, ``refused``, ``withdrawn`` or ``expired``."""
        return "expired" if self.row.answer == Answer.GIVEN.value and not self.stands else self.row.answer

    @property
    def no(self) -> bool:
        """Whether it was refused or taken back: what it is about is for those who may know it."""
        return self.row.answer != Answer.GIVEN.value


@dataclass(frozen=True)
class Overview:
    """Everything that one client has answered."""

    client: CaseClient
    current: Sequence[Line]
    """The last answer about each purpose and person; without a representative's yes to what the person has refused."""
    history: Sequence[Line]
    """The last ``HISTORY`` answers."""
    older: bool
    """Whether there are more than these."""
    to_confirm: Sequence[Line]
    """What staff wrote down and the person has not confirmed yet."""


async def of_client(session: AsyncSession, key: CaseKey, client: CaseClient, now: datetime) -> Overview:
    """What one client has answered, and what of it holds."""
    theirs = select(ConsentRow).where(ConsentRow.client_id == client.id).order_by(*NEWEST_FIRST)
    rows = (await session.scalars(theirs.limit(HISTORY + 1))).all()
    among = (ConsentRow.purpose, ConsentRow.about_key, ConsentRow.by)
    place = func.row_number().over(partition_by=among, order_by=NEWEST_FIRST)
    ranked = select(ConsentRow.id, place.label("place")).where(ConsentRow.client_id == client.id).subquery()
    last = select(ranked.c.id).where(ranked.c.place == 1)
    newest = (await session.scalars(theirs.where(ConsentRow.id.in_(last)).limit(HISTORY))).all()
    key.unlock(list(rows), list(newest))
    refused = {_of(row) for row in newest if row.by == PERSON and row.answer != Answer.GIVEN.value}
    current = [line(row, now) for row in newest if not (_is_others_yes(row) and _of(row) in refused)]
    return Overview(
        client=client,
        current=current,
        history=[line(row, now) for row in rows[:HISTORY]],
        older=len(rows) > HISTORY,
        to_confirm=[each for each in current if each.row.entered_by and each.row.confirmed_at is None],
    )


def line(row: ConsentRow, now: datetime) -> Line:
    """One unlocked decision as it stands now."""
    holds = row.answer == Answer.GIVEN.value and (row.until is None or now < row.until)
    return Line(row, row.about["name"] if row.about else None, holds)


def _is_others_yes(row: ConsentRow) -> bool:
    return row.by != PERSON and row.answer == Answer.GIVEN.value


def _of(row: ConsentRow) -> tuple[str, str | None]:
    return row.purpose, row.about_key


async def ends_in_no(session: AsyncSession, row: ConsentRow) -> bool:
    """Whether the last answer about the same thing, theirs or the person's own, is a "no".

    An earlier "yes", or a representative's, would tell what it is about, too.
    """
    lasts = [await last_row(session, row.client_id, Purpose(row.purpose), row.about_key, by) for by in {row.by, PERSON}]
    return any(last is not None and last.answer != Answer.GIVEN.value for last in lasts)


async def names(session: AsyncSession, account_ids: Iterable[str | None]) -> dict[str, str]:
    """The names of accounts by id."""
    wanted = {each for each in account_ids if each}
    found = await session.execute(select(Account.id, Account.name).where(Account.id.in_(wanted)))
    return {row.id: row.name for row in found}
