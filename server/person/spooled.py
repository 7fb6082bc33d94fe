"""A withdrawal from a person's own page, as it is kept while the database is away, and written later."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from consent.keys import CaseKey
from server.consents.service import Proof
from server.person import service

KIND = "own_page"


def item(case_id: str, record_id: str, proof: Proof | None, now: datetime) -> dict[str, Any]:
    """As plain JSON; the link and the signature were looked at before."""
    return {
        "case": case_id,
        "record": record_id,
        "proof": [proof.key, proof.signature, proof.at] if proof else None,
        "at": now.isoformat(),
    }


async def write(session: AsyncSession, key: CaseKey, said: dict[str, Any]) -> None:
    """Write it with its own time; twice is the same as once. Raises PersonError when it cannot be theirs."""
    opened = await service.opened_again(session, key, said["record"])
    proof = Proof(*said["proof"]) if said["proof"] else None
    await service.withdraw(session, opened, said["record"], datetime.fromisoformat(said["at"]), proof=proof)
