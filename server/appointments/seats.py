"""Seats: who is invited to an appointment, their links, and taking an invitation back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.events import Tag
from consent.ledger import account_actor, append
from consent.policy import Role
from consent.sealed import is_open
from server.appointments import links
from server.appointments.tables import Appointment, Seat, Status
from server.cases.service import Doer
from server.consents import suitability

GUEST_ROLES = (Role.AGENCY_GUEST, Role.INTERPRETER, Role.REPRESENTATIVE, Role.HELPER, Role.SUPERVISOR)
"""Roles that somebody who is not on the case's team, other than a client, can be invited in.

A supervisor is among them: no team has one, and whoever wants to be present is invited by name, so that each client is
asked about that very person.
"""


class TooManyLinks(Exception):
    """A seat has had as many links as a token can tell apart; invite the person anew."""


@dataclass(frozen=True)
class NewSeat:
    """A person to invite: a team member (``account_id``), a client (``client_id``), or a guest by link."""

    role: Role
    name: str
    language: str
    account_id: str | None = None
    client_id: str | None = None


async def of_appointment(session: AsyncSession, appointment_id: str, *, revoked: bool = True) -> Sequence[Seat]:
    """The seats of an appointment, team first; those taken back too unless ``revoked`` is false.

    By name where the case is open in this session.
    """
    chosen = select(Seat).where(Seat.appointment_id == appointment_id)
    if not revoked:
        chosen = chosen.where(Seat.revoked_at.is_(None))
    return sorted(await session.scalars(chosen), key=_place)


async def of_appointments(session: AsyncSession, appointment_ids: Sequence[str]) -> dict[str, list[Seat]]:
    """The seats of many appointments whose invitations stand, for a list; in the same order."""
    found = await session.scalars(
        select(Seat).where(Seat.appointment_id.in_(appointment_ids), Seat.revoked_at.is_(None))
    )
    seats: dict[str, list[Seat]] = {appointment_id: [] for appointment_id in appointment_ids}
    for seat in sorted(found, key=_place):
        seats[seat.appointment_id].append(seat)
    return seats


async def of_account(session: AsyncSession, appointment_id: str, account_id: str) -> Seat | None:
    """The seat that this account may take in this appointment, or None."""
    return await session.scalar(
        select(Seat).where(
            Seat.appointment_id == appointment_id, Seat.account_id == account_id, Seat.revoked_at.is_(None)
        )
    )


async def held_by(session: AsyncSession, account_id: str) -> Sequence[str]:
    """Ids of all seats that this account may take."""
    held = select(Seat.id).where(Seat.account_id == account_id, Seat.revoked_at.is_(None))
    return (await session.scalars(held)).all()


async def invite(
    session: AsyncSession, doer: Doer, appointment: Appointment, people: Sequence[NewSeat], now: datetime
) -> list[Seat]:
    """Give each person a seat. A team member who was uninvited before gets the same seat back. Raises NotSuitable."""
    await suitability.require(session, appointment.case_id, now)
    taken = {seat.account_id or seat.client_id: seat for seat in await of_appointment(session, appointment.id)}
    seats = []
    for person in people:
        seat = taken.get(person.account_id or person.client_id or "")
        if seat is None:
            seat = Seat(
                appointment_id=appointment.id,
                case_id=appointment.case_id,
                role=person.role.value,
                name=person.name,
                language=person.language,
                account_id=person.account_id,
                client_id=person.client_id,
                link_version=1,
            )
            session.add(seat)
            await session.flush()
        elif seat.revoked_at is None:
            continue
        else:
            _next_link(seat)
        seat.invited_at = now
        _note_invited(session, doer, appointment, seat, now)
        seats.append(seat)
    return seats


def renew_link(session: AsyncSession, doer: Doer, appointment: Appointment, seat: Seat, now: datetime) -> None:
    """A new link; the one before stops working. Brings back somebody who was uninvited, too. Raises TooManyLinks."""
    if seat.revoked_at is None:
        _note_revoked(session, doer, appointment, seat, now, new_link=True)
    _next_link(seat)
    _note_invited(session, doer, appointment, seat, now)


def revoke(session: AsyncSession, doer: Doer, appointment: Appointment, seat: Seat, now: datetime) -> None:
    """Take the invitation back; doing it twice changes nothing."""
    if seat.revoked_at is not None:
        return
    seat.revoked_at = now
    _note_revoked(session, doer, appointment, seat, now, new_link=False)


async def revoke_account(session: AsyncSession, doer: Doer, case_id: str, account_id: str, now: datetime) -> list[str]:
    """Take back all invitations of somebody who leaves a case's team; returns the ids of the seats."""
    found = await session.execute(
        select(Seat, Appointment)
        .join(Appointment, Appointment.id == Seat.appointment_id)
        .where(
            Appointment.case_id == case_id,
            Appointment.status != Status.ENDED.value,
            Seat.account_id == account_id,
            Seat.revoked_at.is_(None),
        )
    )
    closed = []
    for seat, appointment in found:
        # What is long over stays as it was: they were invited then.
        if not appointment.is_over(now):
            revoke(session, doer, appointment, seat, now)
            closed.append(seat.id)
    return closed


def _place(seat: Seat) -> tuple[bool, str, str]:
    return seat.by_link, seat.name if is_open(seat, "name") else "", seat.id


def _next_link(seat: Seat) -> None:
    if seat.link_version >= links.LAST_VERSION:
        raise TooManyLinks
    seat.link_version += 1
    seat.revoked_at = None


def _note_invited(session: AsyncSession, doer: Doer, appointment: Appointment, seat: Seat, at: datetime) -> None:
    append(
        session,
        Tag.INVITED,
        actor=account_actor(doer.id),
        at=at,
        case_id=appointment.case_id,
        session_id=appointment.id,
        details={
            "seat": seat.id,
            "role": seat.role,
            "name": seat.name,
            "by_link": seat.by_link,
            "link": seat.link_version,
            "by": doer.name,
        },
    )


def _note_revoked(
    session: AsyncSession, doer: Doer, appointment: Appointment, seat: Seat, at: datetime, *, new_link: bool
) -> None:
    append(
        session,
        Tag.INVITATION_REVOKED,
        actor=account_actor(doer.id),
        at=at,
        case_id=appointment.case_id,
        session_id=appointment.id,
        details={"seat": seat.id, "link": seat.link_version, "new_link": new_link, "by": doer.name},
    )
