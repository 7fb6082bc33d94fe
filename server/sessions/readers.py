"""Who has opened a case: every reading that is on the ledger, in plain words for those whom it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger
from consent.events import Tag
from consent.keys import CaseKey

_LOOKS = frozenset({Tag.CASE_READ, Tag.RECORD_READ})
READINGS = _LOOKS | {Tag.RECORD_EXPORTED, Tag.CONSENT_EXPORTED}


@dataclass(frozen=True)
class Reading:
    """One time that somebody opened the case, or took something of it away."""

    at: datetime
    name: str
    role: str | None
    purpose: str
    """A ``consent.keys.Purpose``, or ``taken`` for an export."""
    session_id: str | None
    """The session record that was read."""


async def of_case(session: AsyncSession, key: CaseKey) -> list[Reading]:
    """All readings of an open case, the latest first. Raises LedgerBroken."""
    found = await ledger.entries(session, key, tags=READINGS)
    return [
        Reading(
            at=entry.at,
            name=str(entry.details.get("by") or ""),
            role=entry.details.get("role"),
            purpose=str(entry.details.get("purpose") or ("taken" if entry.tag not in _LOOKS else "record")),
            session_id=entry.session_id,
        )
        for entry in reversed(found)
    ]
