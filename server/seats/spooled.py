"""A withdrawal from a call, as it is kept while the database is away: what has to be known to write it down later."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from consent.keys import CaseKey
from consent.records import Method
from server.appointments.service import SeatContext
from server.consents import service as consents
from signaling.exchange import WithdrawRequest

KIND = "withdrawal"


def item(context: SeatContext, asked: WithdrawRequest, method: Method, now: datetime) -> dict[str, Any]:
    """As plain JSON; ``case`` is whose key it needs."""
    return {
        "case": context.case_id,
        "seat": context.seat_id,
        "purpose": asked.purpose,
        "about_seat": asked.about_seat,
        "tapped_by": asked.tapped_by,
        "method": method,
        "at": now.isoformat(),
    }


async def write(session: AsyncSession, key: CaseKey, said: dict[str, Any]) -> None:
    """Write it with its own time; twice is the same as once. Raises ConsentError when nothing is left to take back."""
    await consents.withdraw(
        session,
        key,
        seat_id=said["seat"],
        purpose=said["purpose"],
        about_seat=said["about_seat"],
        now=datetime.fromisoformat(said["at"]),
        tapped_by=said["tapped_by"],
        method=said["method"],
    )
