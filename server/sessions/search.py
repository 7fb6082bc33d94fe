"""The search: sessions by worker, period, field of work, way and what is unusual, from summaries alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, String, exists, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from consent.policy import Action, Reach, reach
from consent.tables import UtcDateTime
from server.accounts.tables import Account
from server.cases.service import Doer
from server.cases.tables import TeamMember
from server.http.paging import Place
from server.sessions.record import Phase
from server.sessions.tables import SessionFacet, SessionSummary
from server.sessions.unusual import Unusual
from server.supervision import grants

PAGE = 25
COUNTED = 1_000
"""Counting stops here: "more than a thousand" is as good an answer as the exact number."""


@dataclass(frozen=True)
class Wanted:
    """What the list is narrowed to; moments in UTC, ``until`` not included."""

    since: datetime | None = None
    until: datetime | None = None
    worker: str | None = None
    """An account id."""
    role: str | None = None
    way: str | None = None
    unusual: Unusual | None = None
    case: str | None = None
    """A case id: its sessions alone, as far as the reader may see them."""
    after: Place | None = None

    @property
    def facets(self) -> list[str]:
        """What it asks for, the rarest kind first: the first one drives the query."""
        asked = (("worker", self.worker), ("unusual", self.unusual and self.unusual.value), ("role", self.role))
        return [f"{kind}:{value}" for kind, value in (*asked, ("way", self.way)) if value]


@dataclass(frozen=True)
class Found:
    """One session of the list: nothing that would need its case to be opened."""

    session_id: str
    case_id: str
    way: str
    phase: Phase
    starts_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    clients: int
    workers: tuple[str, ...]
    """Names of staff, by name."""
    unusual: tuple[Unusual, ...]


@dataclass(frozen=True)
class Results:
    """One page of the list."""

    sessions: list[Found]
    total: int
    """Exact up to ``COUNTED``."""
    more_than: bool
    """Whether there are more than ``total``."""
    next: Place | None
    """Where the next page begins, if there is one."""


async def search(session: AsyncSession, doer: Doer, wanted: Wanted, now: datetime) -> Results:
    """Sessions that have begun by now and that this person may read, latest first."""
    query = await _matching(session, doer, wanted, now)
    total = await session.scalar(query.counted()) or 0
    summaries = (await session.scalars(query.page(wanted.after))).all()
    shown = summaries[:PAGE]
    facets = await _facets_of(session, [each.session_id for each in shown])
    last = shown[-1] if len(summaries) > PAGE else None
    return Results(
        sessions=[_found(each, facets[each.session_id]) for each in shown],
        total=min(total, COUNTED),
        more_than=total > COUNTED,
        next=Place(last.starts_at, last.session_id) if last else None,
    )


async def unusual_counts(session: AsyncSession, since: datetime, now: datetime) -> dict[Unusual, int]:
    """How many sessions bear each mark since a moment."""
    found = await session.execute(
        select(SessionFacet.facet, func.count())
        .where(
            SessionFacet.facet.in_([f"unusual:{mark.value}" for mark in Unusual]),
            SessionFacet.starts_at >= since,
            SessionFacet.starts_at <= now,
        )
        .group_by(SessionFacet.facet)
    )
    counts = {facet.partition(":")[2]: count for facet, count in found}
    return {mark: counts.get(mark.value, 0) for mark in Unusual}


async def workers(session: AsyncSession) -> Sequence[Account]:
    """Everybody by whom a session can be found, by name."""
    known = exists().where(SessionFacet.facet == literal("worker:", String).concat(Account.id))
    return (await session.scalars(select(Account).where(known).order_by(Account.name, Account.id))).all()


@dataclass(frozen=True)
class _Query:
    """Matching summaries, and the columns of the index by which they are read in order."""

    select: Select[SessionSummary]
    """Without its end in time."""
    starts_at: InstrumentedAttribute[datetime]
    session_id: InstrumentedAttribute[str]
    now: datetime
    until: datetime | None

    def page(self, after: Place | None) -> Select[SessionSummary]:
        """One page and a row more, latest first."""
        found = self.select.order_by(self.starts_at.desc(), self.session_id.desc()).limit(PAGE + 1)
        if after is None or after.at > self._end[0]:
            return found.where(self._in_time)
        # One end alone, or SQLite begins to read at the wrong one.
        here = tuple_(literal(after.at, UtcDateTime), literal(after.id))
        found = found.where(tuple_(self.starts_at, self.session_id) < here)
        return found if self._end[1] or after.at < self._end[0] else found.where(self._in_time)

    def counted(self) -> Select[int]:
        """How many there are, as far as they are counted."""
        return select(func.count()).select_from(self.select.where(self._in_time).limit(COUNTED + 1).subquery())

    @property
    def _end(self) -> tuple[datetime, bool]:
        """The latest start that matches, and whether that moment itself does."""
        if self.until is not None and self.until <= self.now:
            return self.until, False
        return self.now, True

    @property
    def _in_time(self) -> ColumnElement[bool]:
        end, with_it = self._end
        return self.starts_at <= end if with_it else self.starts_at < end


async def _matching(session: AsyncSession, doer: Doer, wanted: Wanted, now: datetime) -> _Query:
    query = select(SessionSummary)
    start, ident = SessionSummary.starts_at, SessionSummary.session_id
    for first in wanted.facets[:1]:
        driver = aliased(SessionFacet)
        start, ident = driver.starts_at, driver.session_id
        query = query.join(driver, driver.session_id == SessionSummary.session_id).where(driver.facet == first)
    for facet in wanted.facets[1:]:
        other = aliased(SessionFacet)
        # By the whole key: looks for one facet then stay side by side in the index, instead of all over it.
        same = (other.facet == facet, other.starts_at == start, other.session_id == ident)
        query = query.where(exists().where(*same))
    if wanted.since is not None:
        query = query.where(start >= wanted.since)
    if wanted.case is not None:
        query = query.where(SessionSummary.case_id == wanted.case)
    match reach(doer.role, Action.READ_RECORD):
        case Reach.EVERYWHERE:
            pass
        case Reach.TEAM:
            mine = select(TeamMember.case_id).where(TeamMember.account_id == doer.id, TeamMember.until.is_(None))
            query = query.where(SessionSummary.case_id.in_(mine))
        case _:
            named = [grant.case_id for grant in await grants.named_to(session, doer.id, now)]
            query = query.where(SessionSummary.case_id.in_(named))
    return _Query(query, start, ident, now, wanted.until)


async def _facets_of(session: AsyncSession, session_ids: list[str]) -> dict[str, list[tuple[str, str]]]:
    """Marks and workers' names of these sessions, as pairs of kind and text."""
    known: dict[str, list[tuple[str, str]]] = {session_id: [] for session_id in session_ids}
    found = (
        await session.execute(
            select(SessionFacet.session_id, SessionFacet.facet).where(SessionFacet.session_id.in_(session_ids))
        )
    ).all()
    ids = {facet.removeprefix("worker:") for _, facet in found if facet.startswith("worker:")}
    names = dict((await session.execute(select(Account.id, Account.name).where(Account.id.in_(ids)))).all())
    for session_id, facet in found:
        kind, _, value = facet.partition(":")
        if kind == "unusual":
            known[session_id].append((kind, value))
        elif kind == "worker" and value in names:
            known[session_id].append((kind, names[value]))
    return known


def _found(summary: SessionSummary, facets: list[tuple[str, str]]) -> Found:
    marks = {value for kind, value in facets if kind == "unusual"}
    return Found(
        session_id=summary.session_id,
        case_id=summary.case_id,
        way=summary.way,
        phase=Phase(summary.phase),
        starts_at=summary.starts_at,
        began_at=summary.began_at,
        ended_at=summary.ended_at,
        clients=summary.clients,
        workers=tuple(sorted(value for kind, value in facets if kind == "worker")),
        unusual=tuple(mark for mark in Unusual if mark.value in marks),
    )
