"""Asking for an erasure, confirming it, taking it back; and how long a case is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.events import Tag
from consent.ledger import account_actor, append
from rooms.tables import LiveRoom, LiveSeat
from server.accounts.tables import Account
from server.appointments.tables import Appointment
from server.cases.service import Doer
from server.cases.tables import Case, Retention
from server.consents import upkeep as consents
from server.erasure.rules import Kept, Reason, Refusal, Years, kept_until, refusal
from server.erasure.tables import Erasure
from server.person.tables import PersonPage
from server.sessions.tables import Contact, SessionFacet, SessionSummary
from server.vault.tables import VaultEntry


class ErasureError(Exception):
    """An erasure that cannot be; ``code`` is stable and says why, ``refused`` what the rules say."""

    def __init__(
        self, code: Literal["refused", "asked_already", "not_open", "same_person"], refused: Refusal | None = None
    ) -> None:
        super().__init__(code)
        self.code, self.refused = code, refused


@dataclass(frozen=True)
class Asked:
    """An erasure with the names of those who had to do with it."""

    erasure: Erasure
    case: Case
    asked_by: str
    ended_by: str | None


async def what_is_known(session: AsyncSession, case: Case) -> Kept:
    """What the rules ask about a case."""
    begun = select(LiveRoom.appointment_id)
    held = select(func.count()).where(
        Appointment.case_id == case.id, or_(Appointment.ended_at.is_not(None), Appointment.id.in_(begun))
    )
    entered = select(func.count()).where(Contact.case_id == case.id)
    sessions = (await session.scalar(held) or 0) + (await session.scalar(entered) or 0)
    return Kept(Retention(case.retention), case.closed_at, sessions)


def set_retention(session: AsyncSession, doer: Doer, case: Case, retention: Retention, now: datetime) -> None:
    """Decide how long a case is kept; nothing is written when nothing changes."""
    if case.retention == retention.value:
        return
    append(
        session,
        Tag.RETENTION_CHANGED,
        actor=account_actor(doer.id),
        at=now,
        case_id=case.id,
        details={"from": case.retention, "to": retention.value, "by": doer.name},
    )
    case.retention = retention.value


async def open_of(session: AsyncSession, case_id: str) -> Erasure | None:
    """The request that waits for its second person, if there is one."""
    return await session.scalar(select(Erasure).where(Erasure.case_id == case_id, Erasure.ended_at.is_(None)))


async def ask(session: AsyncSession, doer: Doer, case: Case, reason: Reason, *, years: Years, now: datetime) -> Erasure:
    """Ask for a case to be erased. Raises ErasureError."""
    await _check(session, case, reason, years, now)
    if await open_of(session, case.id) is not None:
        raise ErasureError("asked_already")
    erasure = Erasure(case_id=case.id, reason=reason.value, asked_by=doer.id, asked_at=now)
    session.add(erasure)
    await session.flush()
    _note(session, Tag.ERASURE_ASKED, doer, erasure, now)
    return erasure


async def take_back(session: AsyncSession, doer: Doer, erasure: Erasure, now: datetime) -> None:
    """The case stays. Raises ErasureError when there is nothing to take back any more."""
    if erasure.ended_at is not None:
        raise ErasureError("not_open")
    erasure.ended_by, erasure.ended_at = doer.id, now
    _note(session, Tag.ERASURE_WITHDRAWN, doer, erasure, now)


async def confirm(session: AsyncSession, doer: Doer, erasure: Erasure, years: Years, now: datetime) -> None:
    """Destroy the case's key, as the second person. Cannot be undone. Raises ErasureError.

    What is left is a row without content, and an entry that names nobody but those who did it.
    """
    if erasure.ended_at is not None:
        raise ErasureError("not_open")
    if erasure.asked_by == doer.id:
        raise ErasureError("same_person")
    case = await session.get_one(Case, erasure.case_id)
    await _check(session, case, Reason(erasure.reason), years, now)
    erasure.ended_by, erasure.ended_at, erasure.done = doer.id, now, True
    case.erased_at = now
    of_case = select(Appointment.id).where(Appointment.case_id == case.id)
    for table in (VaultEntry, LiveSeat, LiveRoom):
        await session.execute(delete(table).where(table.appointment_id.in_(of_case)))
    summarised = select(SessionSummary.session_id).where(SessionSummary.case_id == case.id)
    await session.execute(delete(SessionFacet).where(SessionFacet.session_id.in_(summarised)))
    await session.execute(delete(SessionSummary).where(SessionSummary.case_id == case.id))
    await session.execute(delete(PersonPage).where(PersonPage.case_id == case.id))
    await consents.erase(session, case.id)
    await session.flush()
    pseudonym = await keys.destroy(session, case.id, now)
    append(
        session,
        Tag.CASE_ERASED,
        actor=account_actor(doer.id),
        at=now,
        details={
            "case": pseudonym,
            "reason": erasure.reason,
            "retention": case.retention,
            "asked_by": erasure.asked_by,
            "by": doer.name,
        },
    )


async def waiting(session: AsyncSession) -> Sequence[Asked]:
    """Requests that wait for a second person, oldest first."""
    return await _listed(session, select(Erasure).where(Erasure.ended_at.is_(None)).order_by(Erasure.asked_at))


async def erased(session: AsyncSession, *, limit: int = 100) -> Sequence[Asked]:
    """What was erased, latest first."""
    return await _listed(session, select(Erasure).where(Erasure.done).order_by(Erasure.ended_at.desc()).limit(limit))


async def overdue(session: AsyncSession, years: Years, now: datetime, *, limit: int = 50) -> list[Case]:
    """Cases that need not be kept any longer and for which nobody has asked yet, those closed first before others."""
    asked = select(Erasure.case_id).where(Erasure.ended_at.is_(None))
    closed = select(Case).where(
        Case.closed_at.is_not(None), Case.erased_at.is_(None), Case.retention.in_(years), Case.id.not_in(asked)
    )
    today = now.astimezone(UTC).date()
    found: list[Case] = []
    for case in await session.scalars(closed.order_by(Case.closed_at, Case.id)):
        if case.closed_at is not None and kept_until(case.closed_at, years[Retention(case.retention)]) <= today:
            found.append(case)
            if len(found) == limit:
                break
    return found


async def find(session: AsyncSession, erasure_id: str) -> Asked | None:
    """One request."""
    found = await _listed(session, select(Erasure).where(Erasure.id == erasure_id))
    return found[0] if found else None


async def _listed(session: AsyncSession, chosen: Select[Erasure]) -> Sequence[Asked]:
    found = (await session.scalars(chosen)).all()
    people = {each.asked_by for each in found} | {each.ended_by for each in found if each.ended_by}
    names = dict((await session.execute(select(Account.id, Account.name).where(Account.id.in_(people)))).all())
    cases = await session.scalars(select(Case).where(Case.id.in_({each.case_id for each in found})))
    by_id = {case.id: case for case in cases}
    return [
        Asked(each, by_id[each.case_id], names[each.asked_by], names[each.ended_by] if each.ended_by else None)
        for each in found
    ]


async def _check(session: AsyncSession, case: Case, reason: Reason, years: Years, now: datetime) -> None:
    why_not = refusal(await what_is_known(session, case), reason, years, now)
    if why_not is not None:
        raise ErasureError("refused", why_not)


def _note(session: AsyncSession, tag: Tag, doer: Doer, erasure: Erasure, at: datetime) -> None:
    append(
        session,
        tag,
        actor=account_actor(doer.id),
        at=at,
        case_id=erasure.case_id,
        details={"reason": erasure.reason, "by": doer.name},
    )
