"""One session, whether it was held here or entered by hand: found, opened, and everything that its page says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger
from consent.keys import Purpose
from consent.ledger import Entry
from consent.policy import Action
from server.accounts.tables import Account
from server.appointments.tables import Appointment
from server.cases.tables import Case
from server.http.errors import NotFound, Problem
from server.http.guard import account
from server.i18n import N_
from server.sessions import notes
from server.sessions.record import Fact, Phase, SessionRecord, build
from server.sessions.tables import Contact, SessionNote
from server.supervision.access import Entrance, enter

MOST_ENTRIES = 10_000
"""Of one session, for a page; an hour with four people comes to a hundred or two."""


class TooLong(Problem):
    """The record of a session has more entries than a page can show."""

    status = 409
    code = "record_too_long"
    text = N_("This record has too many entries for a page. Take it away with proof: the file holds all of them.")


@dataclass(frozen=True)
class Opened:
    """One session whose case is open for one reader; exactly one of appointment and contact is there."""

    id: str
    case: Case
    appointment: Appointment | None
    contact: Contact | None
    entrance: Entrance

    @property
    def way(self) -> str:
        """``video``, ``visit`` or ``phone``."""
        return self.contact.way if self.contact else "video"


@dataclass(frozen=True)
class Whole:
    """Everything that is known about one session."""

    opened: Opened
    entries: tuple[Entry, ...]
    record: SessionRecord
    notes: tuple[SessionNote, ...]
    """The newest first."""
    names: Mapping[str, str]
    """Staff by account id."""

    @property
    def zone(self) -> str:
        """The zone in which people speak of it."""
        if self.opened.contact:
            return self.opened.contact.time_zone
        return self.record.time_zone or self.opened.entrance.signed_in.time_zone

    @property
    def happened(self) -> tuple[datetime, datetime] | None:
        """From when to when it was, if it was."""
        if self.opened.contact:
            at = self.opened.contact.happened_at
            return at, at + timedelta(minutes=self.opened.contact.duration_min)
        if self.record.began_at and self.record.ended_at:
            return self.record.began_at, self.record.ended_at
        return None


async def open_session(
    request: web.Request, session: AsyncSession, action: Action = Action.READ_RECORD, purpose: Purpose = Purpose.RECORD
) -> Opened:
    """The session that the address names, in a writing session. Raises NotFound, Forbidden, CaseErased."""
    account(request)
    session_id = request.match_info["session_id"]
    appointment = await session.get(Appointment, session_id)
    contact = None if appointment else await session.get(Contact, session_id)
    found = appointment or contact
    if found is None:
        raise NotFound
    case = await session.get_one(Case, found.case_id)
    entrance = await enter(request, session, action, case.id, purpose, session_id=session_id)
    return Opened(session_id, case, appointment, contact, entrance)


async def of_case(session: AsyncSession, session_id: str, case: Case, entrance: Entrance) -> Opened:
    """One session of a case that is open already. Raises NotFound for another case's."""
    appointment = await session.get(Appointment, session_id)
    contact = None if appointment else await session.get(Contact, session_id)
    found = appointment or contact
    if found is None or found.case_id != case.id:
        raise NotFound
    return Opened(session_id, case, appointment, contact, entrance)


async def read(session: AsyncSession, opened: Opened, now: datetime) -> Whole:
    """Everything about an open session. Raises LedgerBroken, and TooLong."""
    try:
        entries = await ledger.entries(session, opened.entrance.key, session_id=opened.id, at_most=MOST_ENTRIES)
    except ledger.TooMany:
        raise TooLong from None
    facts = [Fact(entry.at, entry.tag, entry.actor, entry.details) for entry in entries]
    written = await notes.versions(session, opened.id)
    return Whole(
        opened=opened,
        entries=tuple(entries),
        record=build(facts, now),
        notes=tuple(written),
        names=await names_of(session, _accounts(entries, written, opened.contact)),
    )


async def names_of(session: AsyncSession, account_ids: Collection[str]) -> dict[str, str]:
    """The names of these accounts."""
    found = await session.execute(select(Account.id, Account.name).where(Account.id.in_(account_ids)))
    return dict(found.all())


def _accounts(entries: Collection[Entry], written: Collection[SessionNote], contact: Contact | None) -> set[str]:
    ids = {entry.actor.removeprefix("account:") for entry in entries if entry.actor.startswith("account:")}
    ids |= {note.written_by for note in written} | {note.signed_by for note in written if note.signed_by}
    return ids | ({contact.entered_by} if contact else set())


def record_of(whole: Whole) -> SessionRecord:
    """The record, also of a contact: then with the times that were reported."""
    happened = whole.happened
    if whole.opened.contact is None or happened is None:
        return whole.record
    return replace(whole.record, phase=Phase.ENDED, began_at=happened[0], ended_at=happened[1])
