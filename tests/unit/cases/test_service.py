"""Cases and teams: what is refused, and that every fact has its entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.database import Database
from consent.events import Tag
from consent.keys import Purpose
from consent.policy import Role
from server.accounts.tables import Account
from server.cases import service
from server.cases.tables import Case, CaseClient, TeamMember
from tests.support.casework import NOW, Worker, hire, open_case
from tests.support.ledger import drafts, tags


class Undone(Exception):
    """What goes wrong in the middle of a transaction."""


async def code_of(step: Awaitable[object]) -> str:
    with pytest.raises(service.CaseError) as caught:
        await step
    return caught.value.code


async def test_it_takes_nobody_into_a_team_who_has_no_place_there(database: Database) -> None:
    async with database.write() as session:
        manager = await hire(session, Role.CASE_MANAGER)
        case = await open_case(session, manager)
        gone = await hire(session, Role.LAWYER)
        (await session.get_one(Account, gone.id)).disabled_at = NOW
        supervisor = await hire(session, Role.SUPERVISOR)
        administrator = await hire(session, Role.ADMINISTRATOR)
        await session.flush()
        for account_id in ("", "0" * 16, gone.id, supervisor.id, administrator.id):
            assert await code_of(service.join_team(session, manager, case, account_id)) == "account_unknown"
        assert await code_of(service.join_team(session, manager, case, manager.id)) == "already_on_team"
        assert [candidate.id for candidate in await service.candidates(session, case.id)] == []


async def test_it_keeps_one_who_manages_the_case(database: Database) -> None:
    async with database.write() as session:
        manager = await hire(session, Role.CASE_MANAGER)
        case = await open_case(session, manager)
        psychologist, colleague = await hire(session, Role.PSYCHOLOGIST), await hire(session, Role.SOCIAL_WORKER)
        await service.join_team(session, manager, case, psychologist.id)
        assert await code_of(service.leave_team(session, manager, case, manager.id)) == "team_needs_manager"
        await service.join_team(session, manager, case, colleague.id)
        await service.leave_team(session, manager, case, manager.id)
        assert [member.account_id for member in await service.team(session, case.id)] == [psychologist.id, colleague.id]
        assert await code_of(service.leave_team(session, manager, case, manager.id)) == "not_on_team"


async def test_it_knows_only_who_is_on_the_team_now(database: Database) -> None:
    async with database.write() as session:
        manager, lawyer = await hire(session, Role.CASE_MANAGER), await hire(session, Role.LAWYER)
        case, other = await open_case(session, manager), await open_case(session, manager, alias="Барвінок")
        assert await service.team_role(session, lawyer.id, case.id) is None
        await service.join_team(session, manager, case, lawyer.id)
        assert await service.team_role(session, lawyer.id, case.id) is Role.LAWYER
        assert await service.team_role(session, lawyer.id, other.id) is None
        await service.leave_team(session, manager, case, lawyer.id)
        assert await service.team_role(session, lawyer.id, case.id) is None
        await service.join_team(session, manager, case, lawyer.id)
        assert await service.team_role(session, lawyer.id, case.id) is Role.LAWYER


async def test_it_changes_nothing_in_a_closed_case(database: Database) -> None:
    async with database.write() as session:
        manager = await hire(session, Role.CASE_MANAGER)
        case = await open_case(session, manager)
        await service.close(session, manager, case)
        before = await tags(session)
        steps = (
            service.change(session, manager, case, alias="X", language="uk", help_phone=None),
            service.add_client(session, manager, case, service.NewClient("X", "uk")),
            service.join_team(session, manager, case, manager.id),
            service.leave_team(session, manager, case, manager.id),
            service.close(session, manager, case),
        )
        for step in steps:
            assert await code_of(step) == "case_closed"
        assert await tags(session) == before
        await service.reopen(session, manager, case)
        await service.reopen(session, manager, case)
        assert (await tags(session))[len(before) :] == [Tag.CASE_REOPENED.value]


async def test_it_lists_only_the_cases_within_reach(database: Database) -> None:
    async with database.write() as session:
        manager, lawyer = await hire(session, Role.CASE_MANAGER), await hire(session, Role.LAWYER)
        case, other = await open_case(session, manager), await open_case(session, manager, alias="Барвінок")
        await service.join_team(session, manager, case, lawyer.id)
        supervisor, administrator = await hire(session, Role.SUPERVISOR), await hire(session, Role.ADMINISTRATOR)
        assert (await service.reachable(session, lawyer)).cases == [case]
        assert (await service.reachable(session, supervisor)).cases == [other, case]
        assert (await service.reachable(session, administrator)).cases == []
        await service.close(session, manager, other)
        assert (await service.reachable(session, supervisor)).cases == [case]
        assert (await service.reachable(session, supervisor, closed=True)).cases == [other]


async def test_a_long_list_comes_in_pages_and_only_what_is_shown_is_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAGE", 3)
    async with database.write() as session:
        manager, supervisor = await hire(session, Role.CASE_MANAGER), await hire(session, Role.SUPERVISOR)
        for name in "гавбджє":
            await open_case(session, manager, alias=name)
    pages: list[list[str]] = []
    after = None
    async with database.write() as session:
        while True:
            found = await service.reachable(session, supervisor, after=after)
            pages.append([case.alias for case in found.cases])
            listed = [draft.case_id for draft in drafts(session) if draft.tag is Tag.CASE_READ]
            assert len(listed) == sum(map(len, pages))
            after = found.next
            if after is None:
                break
    assert pages == [["д", "ж", "є"], ["а", "б", "в"], ["г"]]  # opened last first, each page by name


@dataclass(frozen=True)
class Reading:
    """Opening a case, as a test does it."""

    session: AsyncSession
    case: Case

    async def by(self, who: Worker, purpose: Purpose, now: datetime, session_id: str | None = None) -> int:
        """Open it; returns how many readings the ledger then has."""
        await keys.open_case(
            self.session, service.reader_of(who), self.case.id, purpose, session_id=session_id, now=now
        )
        return (await tags(self.session)).count(Tag.CASE_READ.value)


async def test_it_writes_one_entry_for_several_readings_within_ten_minutes(database: Database) -> None:
    async with database.write() as session:
        manager, supervisor = await hire(session, Role.CASE_MANAGER), await hire(session, Role.SUPERVISOR)
        reading = Reading(session, await open_case(session, manager))
        assert await reading.by(supervisor, Purpose.READ, NOW) == 1
        assert await reading.by(supervisor, Purpose.READ, NOW + timedelta(minutes=9, seconds=59)) == 1
        assert await reading.by(supervisor, Purpose.RECORD, NOW, "a" * 16) == 2
        assert await reading.by(supervisor, Purpose.RECORD, NOW, "a" * 16) == 2
        assert await reading.by(supervisor, Purpose.RECORD, NOW, "b" * 16) == 3
        assert await reading.by(manager, Purpose.READ, NOW) == 4
        assert await reading.by(supervisor, Purpose.READ, NOW + timedelta(minutes=10)) == 5
        assert await reading.by(supervisor, Purpose.READ, NOW + timedelta(minutes=9)) == 6, "a clock set back"


Step = Callable[[AsyncSession, Worker, Case, Worker], Awaitable[object]]
STEPS: dict[Tag, Step] = {
    Tag.CASE_CHANGED: lambda session, by, case, _: service.change(
        session, by, case, alias="Мальва", language="uk", help_phone=None
    ),
    Tag.CLIENT_ADDED: lambda session, by, case, _: service.add_client(
        session, by, case, service.NewClient("Пан Тарас", "uk")
    ),
    Tag.TEAM_JOINED: lambda session, by, case, other: service.join_team(session, by, case, other.id),
    Tag.CASE_CLOSED: lambda session, by, case, _: service.close(session, by, case),
}


async def facts(session: AsyncSession) -> tuple[int, ...]:
    """How much of each there is; a changed case counts by its alias, a closed one by its date."""
    for case in await session.scalars(select(Case)):
        await keys.open_case(session, keys.SYSTEM, case.id, Purpose.SYSTEM)
    counts = (
        select(func.count()).select_from(CaseClient),
        select(func.count()).select_from(TeamMember),
        select(func.count()).where(Case.closed_at.is_not(None)),
    )
    renamed = sum(case.alias == "Мальва" for case in await session.scalars(select(Case)))
    return (*[await session.scalar(count) or 0 for count in counts], renamed)


@pytest.mark.parametrize("tag", STEPS)
async def test_it_writes_one_fact_with_one_entry_or_neither(database: Database, tag: Tag) -> None:
    async with database.write() as session:
        manager, other = await hire(session, Role.CASE_MANAGER), await hire(session, Role.LAWYER)
        case_id = (await open_case(session, manager)).id
    async with database.read() as session:
        facts_before, tags_before = await facts(session), await tags(session)

    async def undone() -> None:
        async with database.write() as session:
            await keys.open_case(session, keys.SYSTEM, case_id, Purpose.SYSTEM)
            await STEPS[tag](session, manager, await session.get_one(Case, case_id), other)
            await session.flush()
            raise Undone

    with pytest.raises(Undone):
        await undone()
    async with database.read() as session:
        assert (await facts(session), await tags(session)) == (facts_before, tags_before)
    async with database.write() as session:
        await keys.open_case(session, keys.SYSTEM, case_id, Purpose.SYSTEM)
        await STEPS[tag](session, manager, await session.get_one(Case, case_id), other)
    async with database.read() as session:
        assert sum(await facts(session)) == sum(facts_before) + 1
        assert await tags(session) == [*tags_before, tag.value]


async def test_it_writes_no_entry_when_nothing_changes(database: Database) -> None:
    async with database.write() as session:
        manager = await hire(session, Role.CASE_MANAGER)
        case = await open_case(session, manager)
        before = await tags(session)
        await service.change(session, manager, case, alias=case.alias, language=case.language, help_phone=None)
        assert await tags(session) == before


async def test_it_opens_a_case_with_an_entry_for_each_part(database: Database) -> None:
    async with database.write() as session:
        manager = await hire(session, Role.SOCIAL_WORKER, "Марія")
        case = await open_case(session, manager, clients=("Оля", "Тарас"))
        found = drafts(session)
        assert [entry.tag for entry in found] == [Tag.CASE_OPENED, Tag.TEAM_JOINED, Tag.CLIENT_ADDED, Tag.CLIENT_ADDED]
        assert {(entry.case_id, entry.actor) for entry in found} == {(case.id, f"account:{manager.id}")}
        assert {entry.details["by"] for entry in found} == {"Марія"}
