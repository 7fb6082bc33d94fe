"""Summaries: one row a session without its contents, made from the ledger, so that searching opens no case.

They follow the ledger at a distance of seconds and can be thrown away: whoever deletes them all, and the row of
``summary_progress``, gets them again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys, ledger
from consent.database import Database
from consent.events import Tag
from consent.gate import Answer
from consent.notices import Purpose
from consent.policy import ACCOUNTS, Role
from consent.tables import LedgerEntry
from server.appointments.tables import Seat
from server.consents.tables import ConsentRow
from server.sessions import unusual
from server.sessions.record import Fact, Outcome, Phase, SessionRecord, build
from server.sessions.tables import SessionFacet, SessionSummary, SummaryProgress

log = logging.getLogger(__name__)

WINDOW = 2_000
MOST_ENTRIES = 10_000
"""A session that goes on beyond so many keeps the summary that it had."""
"""How many entries are looked at in one transaction, so that others get their turn."""
DUE_AT_ONCE = 200
VIDEO = "video"

_STAFF = frozenset(role.value for role in ACCOUNTS)


@dataclass(frozen=True)
class Summary:
    """What is kept of one session."""

    way: str
    phase: Phase
    starts_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    clients: int
    due_at: datetime | None
    facets: frozenset[str]


async def catch_up(database: Database, now: datetime) -> int:
    """Bring the summaries up to the ledger and the clock; returns how many were made. Raises DatabaseBusy."""
    made = 0
    while await _is_behind(database, now):
        async with database.write() as session:
            sessions, looked_to = await _told_of(session)
            sessions |= await _due(session, now)
            for session_id, case_id in sorted(sessions):
                await _renew(session, session_id, case_id, now)
            await session.merge(SummaryProgress(id=1, next_sequence=looked_to))
        made += len(sessions)
    return made


async def _is_behind(database: Database, now: datetime) -> bool:
    async with database.read() as session:
        progress = await session.get(SummaryProgress, 1)
        newest = await session.scalar(select(func.max(LedgerEntry.sequence)))
        if newest is not None and newest >= (progress.next_sequence if progress else 0):
            return True
        due = select(SessionSummary.session_id).where(SessionSummary.due_at <= now).limit(1)
        return await session.scalar(due) is not None


async def _told_of(session: AsyncSession) -> tuple[set[tuple[str, str]], int]:
    """The sessions that the next window of entries is about (with their cases), and where the window after begins."""
    progress = await session.get(SummaryProgress, 1)
    begin = progress.next_sequence if progress else 0
    newest = await session.scalar(select(func.max(LedgerEntry.sequence)))
    end = min(begin + WINDOW, (newest if newest is not None else -1) + 1)
    found = await session.execute(
        select(LedgerEntry.session_id, LedgerEntry.case_id)
        .where(
            LedgerEntry.sequence >= begin,
            LedgerEntry.sequence < end,
            LedgerEntry.session_id.is_not(None),
            LedgerEntry.case_id.is_not(None),
        )
        .distinct()
    )
    return {(session_id or "", case_id or "") for session_id, case_id in found}, max(begin, end)


async def _due(session: AsyncSession, now: datetime) -> set[tuple[str, str]]:
    found = await session.execute(
        select(SessionSummary.session_id, SessionSummary.case_id).where(SessionSummary.due_at <= now).limit(DUE_AT_ONCE)
    )
    return {(session_id, case_id) for session_id, case_id in found}


async def _renew(session: AsyncSession, session_id: str, case_id: str, now: datetime) -> None:
    try:
        key = await keys.open_case(session, keys.SYSTEM, case_id, keys.Purpose.SYSTEM)
        entries = await ledger.entries(session, key, session_id=session_id, at_most=MOST_ENTRIES)
    except (keys.CaseErased, ledger.LedgerBroken, ledger.TooMany) as error:
        # What was known stays; that an entry is not what was written is for `poruch verify` to prove.
        log.warning("a session could not be summarised: %s", type(error).__name__)
        known = await session.get(SessionSummary, session_id)
        if known is not None:
            known.due_at = None
        return
    facts = [Fact(entry.at, entry.tag, entry.actor, entry.details) for entry in entries]
    seats = await session.execute(
        select(Seat.id, Seat.account_id).where(Seat.appointment_id == session_id, Seat.account_id.is_not(None))
    )
    accounts = {seat_id: account_id or "" for seat_id, account_id in seats}
    summary = of_facts(facts, accounts, await _agreed(session, session_id), now)
    if summary is not None:
        await _keep(session, session_id, case_id, summary)


async def _agreed(session: AsyncSession, session_id: str) -> unusual.Agreed:
    """What the clients of a session have said to the conversation, or to having it explained.

    Consents outlive the session in which they were given, so its own entries do not tell.
    """
    found = await session.execute(
        select(Seat.id, ConsentRow.at, ConsentRow.answer)
        .join(ConsentRow, ConsentRow.client_id == Seat.client_id)
        .where(
            Seat.appointment_id == session_id,
            ConsentRow.purpose.in_([purpose.value for purpose in (Purpose.VIDEO, Purpose.EXPLAIN)]),
        )
    )
    said: dict[str, list[tuple[datetime, bool]]] = {}
    for seat_id, at, answer in found:
        said.setdefault(seat_id, []).append((at, answer == Answer.GIVEN.value))
    return said


def of_facts(
    facts: Sequence[Fact], accounts: Mapping[str, str], agreed: unusual.Agreed, now: datetime
) -> Summary | None:
    """What follows from one session's entries ◇, or None when it was never planned.

    ``accounts`` are account ids by seat; ``agreed`` as in ``unusual.find``.
    """
    entered = next((fact for fact in facts if fact.tag is Tag.CONTACT_ENTERED), None)
    if entered is not None:
        return _of_contact(entered)
    record = build(facts, now)
    if record.starts_at is None or record.ends_at is None:
        return None
    waits = record.phase in {Phase.PLANNED, Phase.RUNNING} and record.ends_at > now
    return Summary(
        way=VIDEO,
        phase=record.phase,
        starts_at=record.starts_at,
        began_at=record.began_at,
        ended_at=record.ended_at,
        clients=sum(person.role == Role.CLIENT.value for person in record.with_outcome(Outcome.ATTENDED)),
        due_at=record.ends_at if waits else None,
        facets=_facets(record, facts, accounts, agreed),
    )


def _of_contact(entered: Fact) -> Summary:
    at = datetime.fromisoformat(entered.details["happened_at"])
    worker = entered.actor.removeprefix("account:")
    way = str(entered.details["way"])
    return Summary(
        way=way,
        phase=Phase.ENDED,
        starts_at=at,
        began_at=at,
        ended_at=at + timedelta(minutes=entered.details["duration_min"]),
        clients=1,
        due_at=None,
        facets=frozenset({f"worker:{worker}", f"way:{way}"}),
    )


def _facets(
    record: SessionRecord, facts: Collection[Fact], accounts: Mapping[str, str], agreed: unusual.Agreed
) -> frozenset[str]:
    there = record.with_outcome(Outcome.ATTENDED)
    team = [person for person in there or record.people if person.role in _STAFF]
    planners = {fact.actor for fact in facts if fact.tag is Tag.PLANNED and fact.actor.startswith("account:")}
    found = {f"way:{VIDEO}"}
    found |= {f"worker:{account}" for account in accounts.values()}
    found |= {f"worker:{actor.removeprefix('account:')}" for actor in planners}
    found |= {f"role:{person.role}" for person in team}
    found |= {f"unusual:{mark.value}" for mark in unusual.find(record, facts, agreed)}
    if record.phase is Phase.ENDED:
        found |= {f"held:{accounts[person.seat]}" for person in there if person.seat in accounts}
    return frozenset(found)


async def _keep(session: AsyncSession, session_id: str, case_id: str, summary: Summary) -> None:
    await session.merge(
        SessionSummary(
            session_id=session_id,
            case_id=case_id,
            way=summary.way,
            phase=summary.phase.value,
            starts_at=summary.starts_at,
            began_at=summary.began_at,
            ended_at=summary.ended_at,
            clients=summary.clients,
            due_at=summary.due_at,
        )
    )
    await session.flush()
    await session.execute(delete(SessionFacet).where(SessionFacet.session_id == session_id))
    rows = [
        {"facet": facet, "starts_at": summary.starts_at, "session_id": session_id} for facet in sorted(summary.facets)
    ]
    await session.execute(insert(SessionFacet), rows)
