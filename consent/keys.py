"""Keys: the only way to read a case, which is itself written into the ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger, sealed
from consent.datakey import DataKey, SealBroken
from consent.events import Tag
from consent.keyring import (
    AT_ONCE,
    OPENED,
    WRITING,
    CaseErased,
    KeyMissing,
    Keyring,
    KeyringError,
    data_key,
    data_keys,
)
from consent.policy import Action, Role, allows
from consent.sealed import Locked, unlock
from consent.tables import ORGANISATION, CaseReading, DataKeyRow

__all__ = [
    "CaseErased",
    "CaseKey",
    "CaseRefused",
    "DataKey",
    "KeyMissing",
    "Keyring",
    "KeyringError",
    "Locked",
    "OrganisationKey",
    "Purpose",
    "Reader",
    "SealBroken",
    "data_key",
    "destroy",
    "open_case",
    "open_cases",
    "open_organisation",
    "opened",
]

READ_AGAIN_AFTER = timedelta(minutes=10)
"""The same reader, case and purpose within this time is one reading."""
BELONGS, _OPEN = "belongs", "open_cases"
"""Names in a session's ``info``."""


class Purpose(StrEnum):
    """What a case is opened for; part of the entry, and of what the client is told about it."""

    LISTED = "listed"
    READ = "read"
    CHANGE = "change"
    PLAN = "plan"
    MEET = "meet"
    RECORD = "record"
    EXPORT = "export"
    SUPERVISE = "supervise"
    BREAK_GLASS = "break_glass"
    INSPECT = "inspect"
    FEEDBACK = "feedback"  # what a reviewer wrote to the worker
    PERSON = "person"  # the client's own page
    SYSTEM = "system"  # the server itself: a meeting that is held, a reminder that is due


NEEDS: dict[Purpose, Action | None] = {
    Purpose.LISTED: Action.LIST_CASES,
    Purpose.READ: Action.READ_CASE,
    Purpose.CHANGE: Action.CHANGE_CASE,
    Purpose.PLAN: Action.PLAN_APPOINTMENT,
    Purpose.MEET: Action.JOIN_MEETING,
    Purpose.RECORD: Action.READ_RECORD,
    Purpose.EXPORT: Action.EXPORT_RECORD,
    Purpose.SUPERVISE: Action.READ_RECORD,
    Purpose.BREAK_GLASS: None,  # allowed by what ``Belongs`` knows of a running permission, not by role
    Purpose.INSPECT: None,
    Purpose.FEEDBACK: None,
    Purpose.PERSON: None,
    Purpose.SYSTEM: None,
}
"""What the policy must allow; None: nobody but those to whom the case is opened for just this purpose."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: ``account:ID``, ``seat:ID``, ``client:ID`` or ``system``; in what role, under what name."""

    actor: str
    role: Role | None
    name: str


SYSTEM = Reader(ledger.SYSTEM, None, "")

Belongs = Callable[[AsyncSession, Reader, str, Purpose], Awaitable[bool]]
"""(session, reader, case_id, purpose) -> whether the case is theirs (their team's) for this purpose, now."""


class CaseRefused(Exception):
    """The policy does not let this reader open the case for this purpose."""

    def __init__(self, case_id: str, purpose: Purpose) -> None:
        super().__init__(f"{purpose.value} of a case refused")
        self.case_id, self.purpose = case_id, purpose


@dataclass(frozen=True, slots=True)
class CaseKey:
    """A case that is open for one reader and purpose; lives as long as the session it came from."""

    case_id: str
    reader: Reader
    purpose: Purpose
    data: DataKey

    def unlock(self, *rows: Any) -> None:
        """Make the sealed columns of these rows (or lists of rows) readable. Raises Locked for another case's row."""
        for row in rows:
            if isinstance(row, (list, tuple)):
                self.unlock(*row)
            elif row is not None:
                unlock(row, self.case_id, self.data)


@dataclass(frozen=True, slots=True)
class OrganisationKey:
    """The organisation's own key: entries and rows that belong to no case."""

    reader: Reader
    data: DataKey

    def unlock(self, *rows: Any) -> None:
        """Make the sealed columns of these rows (or lists of rows) readable."""
        for row in rows:
            if isinstance(row, (list, tuple)):
                self.unlock(*row)
            elif row is not None:
                unlock(row, ORGANISATION, self.data)


async def open_case(
    session: AsyncSession,
    reader: Reader,
    case_id: str,
    purpose: Purpose,
    *,
    session_id: str | None = None,
    now: datetime | None = None,
) -> CaseKey:
    """Open one case, in a writing session: asks the policy, writes the entry, yields the key.

    From now on the session reads the case's rows. The server itself (``SYSTEM``) needs no writing session and leaves no
    entry: what it hands on to a person is that person's reading. ``session_id`` names the session record that is read,
    if it is about one. Raises CaseRefused, CaseErased.
    """
    if not await _may(session, reader, case_id, purpose):
        raise CaseRefused(case_id, purpose)
    key = await data_key(session, case_id)
    await _note(session, reader, [case_id], purpose, session_id=session_id, now=now)
    return _open(session, {case_id: CaseKey(case_id, reader, purpose, key)})[case_id]


async def open_cases(
    session: AsyncSession,
    reader: Reader,
    case_ids: Collection[str],
    purpose: Purpose = Purpose.LISTED,
    *,
    now: datetime | None = None,
) -> dict[str, CaseKey]:
    """Open many cases for a list, with an entry for each. Erased ones are left out. Raises CaseRefused."""
    wanted = sorted(set(case_ids))
    for case_id in wanted:
        if not await _may(session, reader, case_id, purpose):
            raise CaseRefused(case_id, purpose)
    found = await data_keys(session, wanted)
    await _note(session, reader, list(found), purpose, now=now)
    return _open(session, {case_id: CaseKey(case_id, reader, purpose, key) for case_id, key in found.items()})


def opened(session: AsyncSession, case_id: str) -> CaseKey:
    """The key of a case that was opened in this session. Raises Locked."""
    key: CaseKey | None = session.info.get(_OPEN, {}).get(case_id)
    if key is None:
        raise Locked("a case was read before it was opened")
    return key


async def destroy(session: AsyncSession, case_id: str, now: datetime) -> str:
    """Destroy a case's key: nothing that was sealed under it can be read again, by anybody. Cannot be undone.

    Returns the pseudonym under which the ledger knew the case. Raises CaseErased when it was destroyed before.
    """
    pseudonym = (await data_key(session, case_id)).pseudonym("case", case_id)
    gone = update(DataKeyRow).where(DataKeyRow.case_id == case_id).values(wrapped=None, destroyed_at=now)
    await session.execute(gone)
    await session.execute(delete(CaseReading).where(CaseReading.case_id == case_id))
    session.info.get(OPENED, {}).pop(case_id, None)
    session.info.get(_OPEN, {}).pop(case_id, None)
    sealed.take_back(session.sync_session, case_id)
    return pseudonym


async def open_organisation(session: AsyncSession, reader: Reader, *, now: datetime | None = None) -> OrganisationKey:
    """Open what belongs to no case (sign-ins, accounts): for supervisor, administrator and the server itself."""
    if reader != SYSTEM and reader.role not in {Role.SUPERVISOR, Role.ADMINISTRATOR}:
        raise CaseRefused(ORGANISATION, Purpose.READ)
    key = await data_key(session, None)
    await _note(session, reader, [ORGANISATION], Purpose.READ, now=now)
    sealed.lend(session.sync_session, {ORGANISATION: key})
    return OrganisationKey(reader, key)


def _open(session: AsyncSession, opened: dict[str, CaseKey]) -> dict[str, CaseKey]:
    session.info.setdefault(_OPEN, {}).update(opened)
    sealed.lend(session.sync_session, {case_id: key.data for case_id, key in opened.items()})
    return opened


async def _may(session: AsyncSession, reader: Reader, case_id: str, purpose: Purpose) -> bool:
    if reader == SYSTEM:
        return purpose is Purpose.SYSTEM
    if purpose is Purpose.SYSTEM:
        return False
    needed, role = NEEDS[purpose], reader.role
    if needed is not None and role is not None and allows(role, needed, on_team=False):
        return True
    belongs: Belongs | None = session.info.get(BELONGS)
    theirs = belongs is not None and await belongs(session, reader, case_id, purpose)
    return theirs and (needed is None or role is None or allows(role, needed, on_team=True))


async def _note(
    session: AsyncSession,
    reader: Reader,
    case_ids: list[str],
    purpose: Purpose,
    *,
    session_id: str | None = None,
    now: datetime | None,
) -> None:
    if reader == SYSTEM:
        return  # what it hands on to a person is their reading, or their coming to the meeting
    if not session.info.get(WRITING):
        raise RuntimeError("a case is opened in a writing session only: its reading is an entry")
    now = now or datetime.now(UTC)
    # A statement holds so many values at most, and a supervisor may list every case there is.
    for begin in range(0, len(case_ids), AT_ONCE):
        await _note_some(session, reader, case_ids[begin : begin + AT_ONCE], purpose, session_id=session_id, now=now)


async def _note_some(
    session: AsyncSession,
    reader: Reader,
    case_ids: list[str],
    purpose: Purpose,
    *,
    session_id: str | None,
    now: datetime,
) -> None:
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    rows = [
        {
            "case_id": case_id,
            "actor": reader.actor,
            "purpose": purpose.value,
            "session_id": session_id or "",
            "at": now,
        }
        for case_id in case_ids
    ]
    noting = insert(CaseReading).values(rows)
    # A clock that was set back hides no reading: a time ahead of now counts as long ago.
    noting = noting.on_conflict_do_update(
        index_elements=["case_id", "actor", "purpose", "session_id"],
        set_={"at": now},
        where=or_(CaseReading.at <= now - READ_AGAIN_AFTER, CaseReading.at > now),
    )
    fresh = await session.scalars(noting.returning(CaseReading.case_id))
    for case_id in sorted(fresh):
        ledger.append(
            session,
            Tag.CASE_READ if case_id else Tag.ORGANISATION_READ,
            actor=reader.actor,
            at=now,
            case_id=case_id or None,
            session_id=session_id,
            details={
                "purpose": purpose.value,
                "by": reader.name,
                "role": reader.role.value if reader.role else None,
            },
        )
