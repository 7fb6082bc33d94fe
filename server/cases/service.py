"""What can be done with cases: open, read, change, close; who belongs to the team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from sqlalchemy import ColumnElement, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.events import Tag
from consent.ledger import account_actor, append
from consent.policy import ACCOUNTS, MANAGERS, Action, Reach, Role, reach
from consent.tables import UtcDateTime
from server.accounts.tables import Account
from server.cases.tables import Case, CaseClient, TeamMember
from server.http.paging import Place

PAGE = 50
"""Cases on one page of the list."""
TEAM_ROLES = ACCOUNTS - {Role.INSPECTOR, Role.SUPERVISOR, Role.ADMINISTRATOR}
"""Roles that work in a case's team."""

CaseCode = Literal[
    "case_closed", "already_on_team", "not_on_team", "account_unknown", "team_needs_manager", "still_planned"
]


class CaseError(Exception):
    """Something that cannot be done with a case as it is; ``code`` is stable and says why."""

    def __init__(self, code: CaseCode) -> None:
        super().__init__(code)
        self.code: CaseCode = code


class Doer(Protocol):
    """The account that does something: a signed-in person, or the demo's builder."""

    @property
    def id(self) -> str:
        """Account id."""

    @property
    def name(self) -> str:
        """The name under which the record says who did it."""

    @property
    def role(self) -> Role:
        """The account's role."""


@dataclass(frozen=True)
class Member:
    """One person of a team."""

    account_id: str
    name: str
    role: Role
    language: str
    since: datetime


@dataclass(frozen=True)
class NewClient:
    """A client as written in a form."""

    alias: str
    language: str
    phone: str | None = None


def reader_of(doer: Doer) -> keys.Reader:
    """Somebody who does things, as the one who opens a case."""
    return keys.Reader(account_actor(doer.id), doer.role, doer.name)


async def team_role(session: AsyncSession, account_id: str, case_id: str) -> Role | None:
    """The role that this account has on the case's team now, or None."""
    role = await session.scalar(select(TeamMember.role).where(*_now_on(case_id), TeamMember.account_id == account_id))
    return Role(role) if role else None


async def find(session: AsyncSession, case_id: str) -> Case | None:
    """The case with this id, if there is one."""
    return await session.get(Case, case_id)


@dataclass(frozen=True)
class Reachable:
    """One page of the cases that somebody may see, by alias; pages follow each other by when a case was opened."""

    cases: list[Case]
    next: Place | None
    """Where the next page begins, if there is one."""


async def reachable(
    session: AsyncSession, doer: Doer, *, closed: bool = False, after: Place | None = None
) -> Reachable:
    """The open (or the closed) cases which this account may see in a list, those opened last on the first page.

    Names are sealed, so only a page is sorted by them; listing it, and nothing more, is an entry for each of its cases.
    """
    chosen = select(Case).where(Case.closed_at.is_not(None) if closed else Case.closed_at.is_(None))
    match reach(doer.role, Action.LIST_CASES):
        case Reach.NOWHERE:
            return Reachable([], None)
        case Reach.TEAM:
            mine = select(TeamMember.case_id).where(TeamMember.account_id == doer.id, TeamMember.until.is_(None))
            chosen = chosen.where(Case.id.in_(mine))
    if after is not None:
        here = tuple_(literal(after.at, UtcDateTime), literal(after.id))
        chosen = chosen.where(tuple_(Case.created_at, Case.id) < here)
    in_order = chosen.where(Case.erased_at.is_(None)).order_by(Case.created_at.desc(), Case.id.desc())
    found = (await session.scalars(in_order.limit(PAGE + 1))).all()
    shown = found[:PAGE]
    await keys.open_cases(session, reader_of(doer), [case.id for case in shown])
    last = shown[-1] if len(found) > PAGE else None
    return Reachable(sorted(shown, key=lambda case: case.alias), Place(last.created_at, last.id) if last else None)


async def team(session: AsyncSession, case_id: str) -> list[Member]:
    """The team as it is now, in the order in which they came."""
    found = await session.execute(
        select(TeamMember.account_id, Account.name, TeamMember.role, Account.language, TeamMember.since)
        .join(Account, Account.id == TeamMember.account_id)
        .where(*_now_on(case_id))
        .order_by(TeamMember.since, TeamMember.id)
    )
    return [Member(account_id, name, Role(role), language, since) for account_id, name, role, language, since in found]


async def clients(session: AsyncSession, case_id: str) -> Sequence[CaseClient]:
    """The clients of an open case, by alias."""
    found = await session.scalars(select(CaseClient).where(CaseClient.case_id == case_id))
    return sorted(found, key=lambda client: (client.alias, client.id))


async def clients_of(session: AsyncSession, case_ids: Sequence[str]) -> dict[str, list[str]]:
    """The names of the clients of many open cases, for a list."""
    names: dict[str, list[str]] = {case_id: [] for case_id in case_ids}
    for client in await session.scalars(select(CaseClient).where(CaseClient.case_id.in_(case_ids))):
        names[client.case_id].append(client.alias)
    return {case_id: sorted(each) for case_id, each in names.items()}


async def candidates(session: AsyncSession, case_id: str) -> Sequence[Account]:
    """Accounts that could join the team: active, of a role that works on cases, not on it yet."""
    return (
        await session.scalars(
            select(Account)
            .where(
                Account.disabled_at.is_(None),
                Account.role.in_(TEAM_ROLES),
                Account.id.not_in(select(TeamMember.account_id).where(*_now_on(case_id))),
            )
            .order_by(Account.name)
        )
    ).all()


async def open_case(
    session: AsyncSession,
    doer: Doer,
    *,
    alias: str,
    language: str,
    help_phone: str | None,
    first_clients: Sequence[NewClient],
) -> Case:
    """A new case, with its clients and the one who opens it as its team."""
    now = datetime.now(UTC)
    case = Case(alias=alias, language=language, help_phone=help_phone, created_at=now)
    session.add(case)
    await session.flush()
    append(
        session,
        Tag.CASE_OPENED,
        actor=account_actor(doer.id),
        at=now,
        case_id=case.id,
        details={"alias": alias, "by": doer.name},
    )
    await _join(session, doer, case, await session.get_one(Account, doer.id))
    for client in first_clients:
        await add_client(session, doer, case, client)
    return case


async def change(
    session: AsyncSession, doer: Doer, case: Case, *, alias: str, language: str, help_phone: str | None
) -> None:
    """Correct what is known about a case; nothing is written when nothing changes."""
    _refuse_closed(case)
    wanted = {"alias": alias, "language": language, "help_phone": help_phone}
    changed = sorted(name for name, value in wanted.items() if getattr(case, name) != value)
    if not changed:
        return
    for name in changed:
        setattr(case, name, wanted[name])
    append(
        session,
        Tag.CASE_CHANGED,
        actor=account_actor(doer.id),
        case_id=case.id,
        details={"changed": changed, "by": doer.name},
    )


async def add_client(session: AsyncSession, doer: Doer, case: Case, client: NewClient) -> CaseClient:
    """One more client of the case."""
    _refuse_closed(case)
    row = CaseClient(case_id=case.id, alias=client.alias, language=client.language, phone=client.phone)
    session.add(row)
    await session.flush()
    append(
        session,
        Tag.CLIENT_ADDED,
        actor=account_actor(doer.id),
        case_id=case.id,
        details={"client": row.id, "alias": client.alias, "by": doer.name},
    )
    return row


async def join_team(session: AsyncSession, doer: Doer, case: Case, account_id: str) -> None:
    """Take an account into the team, in its own role. Raises CaseError."""
    _refuse_closed(case)
    account = await session.get(Account, account_id)
    if account is None or account.disabled_at is not None or account.role not in TEAM_ROLES:
        raise CaseError("account_unknown")
    if await team_role(session, account_id, case.id) is not None:
        raise CaseError("already_on_team")
    await _join(session, doer, case, account)


async def leave_team(session: AsyncSession, doer: Doer, case: Case, account_id: str) -> None:
    """End an account's stay in the team. Raises CaseError, also for the last one who manages the case."""
    _refuse_closed(case)
    stay = await session.scalar(select(TeamMember).where(*_now_on(case.id), TeamMember.account_id == account_id))
    if stay is None:
        raise CaseError("not_on_team")
    others = [member for member in await team(session, case.id) if member.account_id != account_id]
    if not any(member.role in MANAGERS for member in others):
        raise CaseError("team_needs_manager")
    stay.until = datetime.now(UTC)
    append(
        session,
        Tag.TEAM_LEFT,
        actor=account_actor(doer.id),
        at=stay.until,
        case_id=case.id,
        details={"account": account_id, "role": stay.role, "by": doer.name},
    )


async def close(session: AsyncSession, doer: Doer, case: Case) -> None:
    """Close a case: it can be read, and nothing more is planned in it."""
    _refuse_closed(case)
    case.closed_at = datetime.now(UTC)
    append(
        session,
        Tag.CASE_CLOSED,
        actor=account_actor(doer.id),
        at=case.closed_at,
        case_id=case.id,
        details={"by": doer.name},
    )


async def reopen(session: AsyncSession, doer: Doer, case: Case) -> None:
    """Open a closed case again; an open one stays as it is."""
    if case.closed_at is None:
        return
    case.closed_at = None
    append(session, Tag.CASE_REOPENED, actor=account_actor(doer.id), case_id=case.id, details={"by": doer.name})


async def _join(session: AsyncSession, doer: Doer, case: Case, account: Account) -> None:
    now = datetime.now(UTC)
    session.add(TeamMember(case_id=case.id, account_id=account.id, role=account.role, since=now))
    await session.flush()
    append(
        session,
        Tag.TEAM_JOINED,
        actor=account_actor(doer.id),
        at=now,
        case_id=case.id,
        details={"account": account.id, "name": account.name, "role": account.role, "by": doer.name},
    )


def _now_on(case_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return TeamMember.case_id == case_id, TeamMember.until.is_(None)


def _refuse_closed(case: Case) -> None:
    if case.closed_at is not None:
        raise CaseError("case_closed")
