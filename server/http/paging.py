"""Pages of a long list: where the next one begins, as it stands in an address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from consent.tables import ID_LENGTH


@dataclass(frozen=True)
class Place:
    """Where a page begins: after the row with this moment and id, in falling order."""

    at: datetime
    id: str

    @property
    def spelt(self) -> str:
        """For an address; ``wanted`` reads it."""
        return f"{self.at.isoformat()}~{self.id}"


def wanted(request: web.Request, name: str = "after") -> Place | None:
    """The place that the address names; what cannot be read counts as not given."""
    at, _, row_id = request.query.get(name, "").partition("~")
    try:
        moment = datetime.fromisoformat(at)
        return Place(moment.astimezone(UTC), row_id[:ID_LENGTH]) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
