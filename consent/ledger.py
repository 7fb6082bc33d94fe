"""The ledger: the one function through which the record is written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from consent.events import Tag
from consent.tables import LedgerEntry

SYSTEM = "system"


def account_actor(account_id: str) -> str:
    """The actor of something that a signed-in person did."""
    return f"account:{account_id}"


def seat_actor(seat_id: str) -> str:
    """The actor of something that happened to, or was done by, a seat in a meeting."""
    return f"seat:{seat_id}"


def append(
    session: AsyncSession,
    tag: Tag,
    *,
    actor: str,
    at: datetime | None = None,
    case_id: str | None = None,
    session_id: str | None = None,
    details: dict[str, Any] | None = None,
) -> LedgerEntry:
    """Add an entry to the running transaction, so that fact and record are kept together or not at all.

    ``at`` is when the fact happened (UTC), by default now. ``details`` is plain JSON without links, keys or addresses.
    """
    entry = LedgerEntry(
        at=at or datetime.now(UTC),
        tag=tag.value,
        actor=actor,
        case_id=case_id,
        session_id=session_id,
        details=details or {},
    )
    session.add(entry)
    return entry
