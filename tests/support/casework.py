"""Cases, teams and appointments for tests, made by the real services."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.keys import CaseKey, Purpose
from consent.policy import Role
from server.accounts.tables import Account
from server.appointments import seats
from server.appointments import service as appointments
from server.appointments.tables import Appointment, Seat
from server.cases import service as cases
from server.cases.tables import Case
from tests.support import consents

NOW = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
PHONE = "+380 44 000 00 00"


@dataclass(frozen=True)
class Worker:
    """An account, as services know who does something."""

    id: str
    name: str
    role: Role


async def hire(session: AsyncSession, role: Role, name: str = "") -> Worker:
    """A new account of this role."""
    account = Account(
        email=f"{secrets.token_hex(4)}@example.org",
        name=name or f"A {role.value.replace('_', ' ')}",
        role=role.value,
        language="uk",
        time_zone="Europe/Kyiv",
        created_at=NOW,
    )
    session.add(account)
    await session.flush()
    return Worker(account.id, account.name, role)


async def open_case(
    session: AsyncSession, manager: cases.Doer, *, alias: str = "Калина", clients: Sequence[str] = ("Пані Оля",)
) -> Case:
    """A new case with its clients, managed by this worker."""
    case = await cases.open_case(
        session,
        manager,
        alias=alias,
        language="uk",
        help_phone=None,
        first_clients=[cases.NewClient(client, "uk") for client in clients],
    )
    await unlock(session, case.id)
    return case


async def unlock(session: AsyncSession, case_id: str) -> CaseKey:
    """Open a case in this session without an entry, as the server itself does."""
    return await keys.open_case(session, keys.SYSTEM, case_id, Purpose.SYSTEM)


async def plan(
    session: AsyncSession,
    manager: cases.Doer,
    case: Case,
    *,
    starts_at: datetime = NOW + timedelta(hours=1),
    now: datetime = NOW,
    guests: Sequence[seats.NewSeat] = (),
) -> Appointment:
    """An appointment with the whole team, all clients, and these guests; a supervisor has found it suitable."""
    await unlock(session, case.id)
    await consents.suitable(session, case.id, now - timedelta(days=1))
    people = [
        seats.NewSeat(member.role, member.name, member.language, account_id=member.account_id)
        for member in await cases.team(session, case.id)
    ]
    people += [
        seats.NewSeat(Role.CLIENT, client.alias, client.language, client_id=client.id)
        for client in await cases.clients(session, case.id)
    ]
    return await appointments.plan(
        session,
        manager,
        case,
        when=appointments.When(starts_at, 45, "Europe/Kyiv"),
        help_phone=PHONE,
        purpose="",
        people=[*people, *guests],
        now=now,
    )


async def seat_of(session: AsyncSession, appointment: Appointment, role: Role) -> Seat:
    """The first seat of this role."""
    return next(seat for seat in await seats.of_appointment(session, appointment.id) if seat.role == role.value)
