"""A withdrawal that staff write down, as it is kept while the database is away, and written later."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from consent.keys import CaseKey
from server.consents import entry
from server.consents.tables import ConsentRow

KIND = "entered"


def item(row: ConsentRow, account_id: str, method: str, witness: str, now: datetime) -> dict[str, Any]:
    """As plain JSON; that this account may do it was looked at before."""
    return {
        "case": row.case_id,
        "record": row.id,
        "account": account_id,
        "method": method,
        "witness": witness,
        "at": now.isoformat(),
    }


async def write(session: AsyncSession, key: CaseKey, said: dict[str, Any]) -> None:
    """Write it with its own time; twice is the same as once."""
    row = await session.get_one(ConsentRow, said["record"])
    await entry.withdraw(
        session,
        key,
        said["account"],
        row,
        method=said["method"],
        witness=said["witness"],
        now=datetime.fromisoformat(said["at"]),
    )
