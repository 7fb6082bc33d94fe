"""Who has opened a case: every reading that is on the ledger, in plain words for those whom it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger
from consent.events import Tag
from consent.keys import CaseKey
from consent.ledger import Entry

_LOOKS = frozenset({Tag.CASE_READ, Tag.RECORD_READ})
READINGS = _LOOKS | {Tag.RECORD_EXPORTED, Tag.CONSENT_EXPORTED}
PAGE = 100


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


@dataclass(frozen=True)
class Readings:
    """One page of the list, the latest first."""

    shown: list[Reading]
    next: int | None
    """Where the page before it in time begins: its readings stand before this entry."""


async def of_case(session: AsyncSession, key: CaseKey, *, most: int, before: int | None = None) -> Readings:
    """The last readings of an open case, or the last before an entry. Raises LedgerBroken."""
    found = await ledger.latest(session, key, tags=READINGS, most=most + 1, before=before)
    further = found[most - 1].sequence if len(found) > most else None
    return Readings([_reading(entry) for entry in found[:most]], further)


def _reading(entry: Entry) -> Reading:
    return Reading(
        at=entry.at,
        name=str(entry.details.get("by") or ""),
        role=entry.details.get("role"),
        purpose=str(entry.details.get("purpose") or ("taken" if entry.tag not in _LOOKS else "record")),
        session_id=entry.session_id,
    )
