"""Naming: whom an answer from elsewhere is about, found by the name that staff wrote down."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.keys import CaseKey
from consent.needs import FOR_ROLE, JOINERS, About
from consent.notices import Purpose
from consent.policy import Role
from server.accounts.tables import Account
from server.appointments.tables import Appointment, Seat, Status
from server.cases.tables import TeamMember
from server.consents.scene import as_representation, person, representations_of
from server.consents.tables import NEWEST_FIRST, ConsentRow, RepresentationRow
from server.consents.writing import about_of


def same(one: str, other: str) -> bool:
    """Whether two names are written alike, but for spaces and capital letters."""
    return _plain(one) == _plain(other)


async def people(session: AsyncSession, key: CaseKey, purpose: Purpose, name: str, now: datetime) -> list[About]:
    """Who bears this name and is agreed to under this purpose, as the gate knows them.

    First of the team, then by a document, then by a link to what is not over, the next appointment first.
    """
    roles = {role for role, asked in FOR_ROLE.items() if asked is purpose} or JOINERS
    found = await _of_team(session, key, roles, name)
    if Role.REPRESENTATIVE in roles:
        found += await _by_document(session, key, name, now)
    return _each_once([*found, *await _invited(session, key, roles, name, now)])


async def answered(session: AsyncSession, key: CaseKey, client_id: str, purpose: Purpose, name: str) -> list[About]:
    """Whom of this name the client, or somebody for them, has answered about before under this purpose."""
    rows = (
        await session.scalars(
            select(ConsentRow)
            .where(ConsentRow.client_id == client_id, ConsentRow.purpose == purpose.value)
            .order_by(*NEWEST_FIRST)
        )
    ).all()
    key.unlock(list(rows))
    return _each_once(about for row in rows if (about := about_of(row)) is not None and same(about.name, name))


def channel(key: CaseKey, name: str) -> About:
    """A way to write or phone; the same one however it is spelled with spaces and capital letters."""
    pseudonym = key.data.pseudonym("channel", name.strip().casefold())[:16]
    return About(f"channel:{pseudonym}", None, name, Purpose.CONTACT.value)


async def _of_team(session: AsyncSession, key: CaseKey, roles: Iterable[Role], name: str) -> list[About]:
    found = await session.execute(
        select(Account.id, Account.name, Account.role)
        .join(TeamMember, TeamMember.account_id == Account.id)
        .where(
            TeamMember.case_id == key.case_id,
            TeamMember.until.is_(None),
            Account.role.in_([role.value for role in roles]),
        )
        .order_by(TeamMember.since, TeamMember.id)
    )
    return [About(f"account:{row.id}", None, row.name, row.role) for row in found if same(row.name, name)]


async def _by_document(session: AsyncSession, key: CaseKey, name: str, now: datetime) -> list[About]:
    rows = (await session.scalars(select(RepresentationRow).where(RepresentationRow.case_id == key.case_id))).all()
    key.unlock(list(rows))
    return [
        About(as_representation(row).by, None, row.name, Role.REPRESENTATIVE.value)
        for row in rows
        if same(row.name, name) and as_representation(row).acts(now)
    ]


async def _invited(session: AsyncSession, key: CaseKey, roles: Iterable[Role], name: str, now: datetime) -> list[About]:
    rows = await session.execute(
        select(Seat, Appointment)
        .join(Appointment, Appointment.id == Seat.appointment_id)
        .where(
            Appointment.case_id == key.case_id,
            Appointment.status == Status.PLANNED.value,
            Seat.revoked_at.is_(None),
            Seat.role.in_([role.value for role in roles]),
        )
        .order_by(Appointment.starts_at, Seat.id)
    )
    seats = [seat for seat, appointment in rows if not appointment.is_over(now)]
    key.unlock(seats)
    linked = await representations_of(session, [seat.id for seat in seats])
    return [
        About(person(seat, linked.get(seat.id), None).key, seat.id, seat.name, seat.role)
        for seat in seats
        if same(seat.name, name)
    ]


def _each_once(found: Iterable[About]) -> list[About]:
    once: dict[str, About] = {}
    for about in found:
        once.setdefault(about.key, about)
    return list(once.values())


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
