"""Consent for tests, made by the real services: decisions of a supervisor, texts, and answers."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from consent.keys import CaseKey
from consent.policy import Role
from server.accounts.tables import Account
from server.appointments.tables import Seat
from server.cases.service import Doer
from server.consents import service, suitability, texts
from server.consents.service import Given
from server.consents.tables import ConsentRow

LANGUAGES = ("uk", "ru", "en")
LONG = timedelta(days=3650)


class Supervisor:
    """An account that decides, as services know who does something."""

    def __init__(self, account: Account) -> None:
        self.id, self.name, self.role = account.id, account.name, Role(account.role)


async def supervisor(session: AsyncSession, now: datetime) -> Supervisor:
    """A new supervisor's account."""
    account = Account(
        email=f"{secrets.token_hex(4)}@example.org",
        name="A supervisor",
        role=Role.SUPERVISOR.value,
        language="uk",
        time_zone="Europe/Kyiv",
        created_at=now,
    )
    session.add(account)
    await session.flush()
    return Supervisor(account)


async def suitable(session: AsyncSession, case_id: str, now: datetime, by: Doer | None = None) -> None:
    """A supervisor says that remote work is possible on this case, unless one has said so already."""
    if await suitability.why_not(session, case_id, now) is None:
        return
    decision = suitability.NewDecision(
        suitable=True, reason="Safe at home, own telephone.", expires_at=now + LONG, review_at=now + LONG
    )
    await suitability.decide(session, by or await supervisor(session, now), case_id, decision, now)


async def told(session: AsyncSession, now: datetime) -> None:
    """The organisation tells what the program brings."""
    await texts.ensure_defaults(session, "A service", "+380 44 000 00 00", LANGUAGES, now)


async def answers(
    session: AsyncSession, key: CaseKey, seat: Seat, now: datetime, decision: str = "given"
) -> list[Given]:
    """An answer to everything that this client is asked now."""
    said = (await service.standing(session, key, seat.appointment_id, now))[seat.id]
    return [
        Given(
            ask.need.purpose.value,
            ask.notice.hash_of(seat.language),
            decision,
            ask.need.about.seat_id if ask.need.about else None,
        )
        for ask in said.asks
    ]


async def agree(
    session: AsyncSession, key: CaseKey, seat: Seat, now: datetime, given: Sequence[Given] | None = None
) -> list[ConsentRow]:
    """This client agrees to everything that they are asked."""
    chosen = given if given is not None else await answers(session, key, seat, now)
    return await service.answer(session, key, seat_id=seat.id, answers=chosen, tapped_by="person", now=now)
