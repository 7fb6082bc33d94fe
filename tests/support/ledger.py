"""Reading the whole ledger in a test, opened by every key there is."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger
from consent.events import Tag
from consent.keyring import data_key, data_keys
from consent.ledger import Draft, Entry
from consent.tables import LedgerEntry


async def read_all(session: AsyncSession, tag: Tag | None = None) -> list[Entry]:
    """All entries (of this tag) in their order; those of an erased case are left out."""
    query = select(LedgerEntry).order_by(LedgerEntry.sequence)
    rows = (await session.scalars(query.where(LedgerEntry.tag == tag.value) if tag else query)).all()
    keys = await data_keys(session, {row.case_id for row in rows if row.case_id})
    organisation = await data_key(session, None) if any(row.case_id is None for row in rows) else None
    opened = []
    for row in rows:
        key = organisation if row.case_id is None else keys.get(row.case_id)
        if key is not None:
            opened.append(ledger.open_row(row, key))
    return opened


def drafts(session: AsyncSession) -> list[Draft]:
    """What the running transaction has appended."""
    return list(session.info.get(ledger.LEDGER, []))


async def tags(session: AsyncSession) -> list[str]:
    """The tags of all entries in their order, those of the running transaction too."""
    kept = await session.scalars(select(LedgerEntry.tag).order_by(LedgerEntry.sequence))
    return [*kept, *(draft.tag.value for draft in drafts(session))]
