"""What a live meeting must know of its appointment, with what its clients agree to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.gate import NO_WAY_ROUND, Decision, Reason, State
from consent.keys import Purpose
from rooms.plan import Gate, MeetingPlan, SeatConsent
from server.appointments import service as appointments
from server.consents import service as consents

NO = frozenset({Reason.REFUSED, Reason.WITHDRAWN})


async def load(session: AsyncSession, appointment_id: str, now: datetime) -> MeetingPlan | None:
    """The plan of the meeting as it stands at this moment; None for what is not there."""
    plan = await appointments.load_meeting(session, appointment_id)
    if plan is None:
        return None
    key = await keys.open_case(session, keys.SYSTEM, plan.case_id, Purpose.SYSTEM)
    found = await consents.standing(session, key, appointment_id, now)
    seats = (
        replace(seat, consent=consent_of(found[seat.seat_id])) if seat.seat_id in found else seat for seat in plan.seats
    )
    return replace(plan, seats=tuple(seats))


def consent_of(said: Decision) -> SeatConsent:
    """A gate's decision as the room follows it."""
    asked = (
        ask.need.about.seat_id
        for ask in said.asks
        if ask.why not in NO and ask.need.about is not None and ask.need.about.seat_id is not None
    )
    stopped = {ask.need.purpose.value for ask in said.asks if ask.why is Reason.WITHDRAWN}
    return SeatConsent(_gate(said), said.kept_out, frozenset(asked) & said.kept_out, tuple(sorted(stopped)))


def _gate(said: Decision) -> Gate:
    """A client's own "no" shuts the gate, and one tap opens it again; what nobody there can change ends the meeting."""
    if said.state is State.REFUSE:
        return Gate.REFUSE if NO_WAY_ROUND.intersection(said.reasons) else Gate.ASK
    return Gate(said.state.value)
