"""Whose media ends when something is taken back: known before it is written, without opening the case."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.appointments.tables import Appointment, Seat
from server.consents.tables import ConsentRow, RepresentativeSeat


async def seats_of(session: AsyncSession, row: ConsentRow) -> set[str]:
    """As ``seats_about``, for one decision; its row need not be unlocked."""
    return await seats_about(session, row.case_id, row.client_id, row.about_key)


async def seats_about(session: AsyncSession, case_id: str, client_id: str, about_key: str | None = None) -> set[str]:
    """The seats, in any meeting of the case, of whom a decision is about: by default of the client themself.

    ``about_key`` is as in ``consent.needs.Person``; what is about no invited person ends nobody's media.
    """
    kind, _, name = (about_key or f"client:{client_id}").partition(":")
    found = select(Seat.id).join(Appointment, Appointment.id == Seat.appointment_id)
    match kind:
        case "client":
            found = found.where(Seat.client_id == name)
        case "account":
            found = found.where(Seat.account_id == name)
        case "seat":
            found = found.where(Seat.id == name)
        case "representation":
            speaking = select(RepresentativeSeat.seat_id).where(RepresentativeSeat.representation_id == name)
            found = found.where(Seat.id.in_(speaking))
        case _:
            return set()
    return set(await session.scalars(found.where(Appointment.case_id == case_id)))
