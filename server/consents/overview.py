"""The overview: what one client agreed to, as it stands, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.gate import Answer
from consent.keys import CaseKey
from server.accounts.tables import Account
from server.cases.tables import CaseClient
from server.consents.tables import NEWEST_FIRST, ConsentRow


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


@dataclass(frozen=True)
class Overview:
    """Everything that one client has answered."""

    client: CaseClient
    current: Sequence[Line]
    """The last answer about each purpose and person."""
    history: Sequence[Line]
    to_confirm: Sequence[Line]
    """What staff wrote down and the person has not confirmed yet."""


async def rows_of(session: AsyncSession, client_id: str) -> Sequence[ConsentRow]:
    """All decisions about one client, newest first."""
    chosen = select(ConsentRow).where(ConsentRow.client_id == client_id)
    return (await session.scalars(chosen.order_by(*NEWEST_FIRST))).all()


async def of_client(session: AsyncSession, key: CaseKey, client: CaseClient, now: datetime) -> Overview:
    """What one client has answered, and what of it holds."""
    rows = await rows_of(session, client.id)
    key.unlock(list(rows))
    lines = [line(row, now) for row in rows]
    newest: dict[tuple[str, str | None, str], Line] = {}
    for each in lines:
        newest.setdefault((each.row.purpose, each.row.about_key, each.row.by), each)
    return Overview(
        client=client,
        current=list(newest.values()),
        history=lines,
        to_confirm=[each for each in newest.values() if each.row.entered_by and each.row.confirmed_at is None],
    )


def line(row: ConsentRow, now: datetime) -> Line:
    """One unlocked decision as it stands now."""
    holds = row.answer == Answer.GIVEN.value and (row.until is None or now < row.until)
    return Line(row, row.about["name"] if row.about else None, holds)


async def names(session: AsyncSession, account_ids: Iterable[str | None]) -> dict[str, str]:
    """The names of accounts by id."""
    wanted = {each for each in account_ids if each}
    found = await session.execute(select(Account.id, Account.name).where(Account.id.in_(wanted)))
    return {row.id: row.name for row in found}
