"""A withdrawal that could not be written, in the spool: what was taken back stays so, even if the server is killed."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from consent import keys
from consent.database import Database
from consent.keys import CaseErased, Purpose
from consent.records import Method
from consent.spool import Spool
from server.appointments.service import SeatContext
from server.consents import service as consents
from server.consents.service import ConsentError
from signaling.exchange import WithdrawRequest

KIND = "withdrawal"

log = logging.getLogger("poruch.seats")


def item(context: SeatContext, asked: WithdrawRequest, method: Method, now: datetime) -> dict[str, Any]:
    """What has to be known to write it down later."""
    return {
        "case": context.case_id,
        "seat": context.seat_id,
        "purpose": asked.purpose,
        "about_seat": asked.about_seat,
        "tapped_by": asked.tapped_by,
        "method": method,
        "at": now.isoformat(),
    }


async def replay(spool: Spool, database: Database) -> None:
    """Write what a server that was killed had kept; taking back twice is the same as once. Raises DatabaseBusy."""
    for kept in [each for each in spool.waiting if each.kind == KIND]:
        said = kept.item
        try:
            async with database.write() as session:
                key = await keys.open_case(session, keys.SYSTEM, said["case"], Purpose.SYSTEM)
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
        except (ConsentError, CaseErased):
            # Nothing of that kind is given any more, so nothing is left to take back.
            log.warning("a withdrawal from before the restart had nothing left to take back")
        spool.done(kept.id)
