"""The end of a case: two people, the retention class, and nothing left to read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from consent import keys
from consent.database import Database
from consent.events import Tag
from consent.keyring import data_key
from consent.keys import CaseErased, Purpose
from consent.ledger import Entry
from consent.policy import Role
from consent.tables import CaseReading, DataKeyRow, LedgerEntry
from server.cases import service as cases
from server.cases.tables import Case
from server.settings import Settings
from tests.flows.conftest import Person
from tests.support.casework import Worker, open_case

SignedIn = Callable[..., Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Entry]]]


async def closed_case(database: Database, manager: Person, *, days_ago: int = 0, alias: str = "Калина") -> str:
    """A case that ended so many days ago."""
    assert manager.account is not None
    async with database.write() as session:
        worker = Worker(manager.id, manager.account.name, Role.CASE_MANAGER)
        case = await open_case(session, worker, alias=alias)
        await cases.close(session, worker, case)
        case.closed_at = datetime.now(UTC) - timedelta(days=days_ago)
        return case.id


async def asked(manager: Person, case_id: str, reason: str) -> tuple[int, str]:
    answer = await manager.post(f"/cases/{case_id}/erase", {"reason": reason}, page=f"/cases/{case_id}/erase")
    return answer.status, await answer.text()


async def only_request(supervisor: Person) -> str:
    page = await (await supervisor.get("/erasures")).text()
    [path] = {part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("/erasures/")}
    return path


async def test_it_refuses_what_the_law_wants_kept_and_says_until_when(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    case_id = await closed_case(database, manager, days_ago=30)
    for reason, words in (("time_over", "has to be kept until"), ("person_asked", "also when the person asks")):
        status, page = await asked(manager, case_id, reason)
        assert status == 422
        assert words in page
    assert not await entries(Tag.ERASURE_ASKED)


async def test_it_lets_only_managers_ask_and_only_supervisors_confirm(signed_in: SignedIn, database: Database) -> None:
    manager, psychologist = await signed_in(Role.CASE_MANAGER), await signed_in(Role.PSYCHOLOGIST)
    stranger, administrator = await signed_in(Role.CASE_MANAGER), await signed_in(Role.ADMINISTRATOR)
    case_id = await closed_case(database, manager, days_ago=6 * 366)
    for nobody in (psychologist, stranger, administrator):
        assert (await nobody.get(f"/cases/{case_id}/erase")).status == 403
        assert (await nobody.get("/erasures")).status == 403
    assert (await manager.get("/erasures")).status == 403
    assert (await asked(manager, case_id, "time_over"))[0] == 303
    request = await only_request(await signed_in(Role.SUPERVISOR))
    assert (await manager.get(request)).status == 403
    assert (await manager.post(f"{request}/confirm", page="/cases")).status == 403


async def test_nobody_confirms_what_they_asked_for(signed_in: SignedIn, database: Database) -> None:
    manager, supervisor = await signed_in(Role.CASE_MANAGER), await signed_in(Role.SUPERVISOR)
    case_id = await closed_case(database, manager, days_ago=6 * 366)
    assert (await asked(supervisor, case_id, "time_over"))[0] == 303
    request = await only_request(supervisor)
    assert "Another supervisor has to confirm it" in await (await supervisor.get(request)).text()
    assert (await supervisor.post(f"{request}/confirm", page=request)).status == 409
    assert (await manager.get(f"/cases/{case_id}")).status == 200


async def test_a_request_that_is_taken_back_leaves_the_case_as_it_was(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    manager, supervisor = await signed_in(Role.CASE_MANAGER), await signed_in(Role.SUPERVISOR)
    case_id = await closed_case(database, manager, days_ago=6 * 366)
    assert (await asked(manager, case_id, "time_over"))[0] == 303
    assert (await asked(manager, case_id, "time_over"))[0] == 409
    request = await only_request(supervisor)
    assert (await supervisor.post(f"{request}/take-back", page=request)).status == 303
    assert (await supervisor.get(request)).status == 404
    assert (await supervisor.post(f"{request}/confirm", page="/erasures")).status == 404
    assert "Калина" in await (await manager.get(f"/cases/{case_id}")).text()
    assert [each.actor for each in await entries(Tag.ERASURE_WITHDRAWN)] == [f"account:{supervisor.id}"]


async def test_a_confirmed_erasure_leaves_nothing_to_read_and_an_entry_without_content(
    signed_in: SignedIn, database: Database, entries: Entries, settings: Settings
) -> None:
    manager, supervisor = await signed_in(Role.CASE_MANAGER), await signed_in(Role.SUPERVISOR)
    case_id = await closed_case(database, manager, days_ago=6 * 366)
    other = await closed_case(database, manager, alias="Барвінок")
    async with database.write() as session:
        pseudonym = (await data_key(session, case_id)).pseudonym("case", case_id)
        wrapped = await session.scalar(select(DataKeyRow.wrapped).where(DataKeyRow.case_id == case_id))
    assert (await asked(manager, case_id, "time_over"))[0] == 303
    request = await only_request(supervisor)
    assert "Backups" in await (await supervisor.get(request)).text()
    confirmed = await supervisor.post(f"{request}/confirm", page=request)
    assert (confirmed.status, confirmed.headers["Location"]) == (303, "/erasures?done=erased")

    page = await supervisor.get("/erasures")
    assert f'data-erased="{case_id}"' in await page.text()
    assert "Калина" not in await page.text()
    for path in (f"/cases/{case_id}", f"/cases/{case_id}/erase", f"/cases/{case_id}/readers"):
        for person in (manager, supervisor):
            assert (await person.get(path)).status == 410
    for person in (manager, supervisor):
        listed = await (await person.get("/cases?closed=1")).text()
        assert "Барвінок" in listed
        assert "Калина" not in listed
    assert (await manager.post(f"/cases/{case_id}/reopen", page="/cases/new")).status == 410

    [entry] = await entries(Tag.CASE_ERASED)
    assert (entry.actor, entry.case_id) == (f"account:{supervisor.id}", None)
    assert entry.details["case"] == pseudonym
    assert (entry.details["reason"], entry.details["asked_by"]) == ("time_over", manager.id)
    async with database.read() as session:
        with pytest.raises(CaseErased):
            await keys.open_case(session, keys.SYSTEM, case_id, Purpose.SYSTEM)
        assert await session.scalar(select(CaseReading).where(CaseReading.case_id == case_id)) is None
        assert await session.scalar(select(LedgerEntry).where(LedgerEntry.case_id == case_id)) is not None
        await keys.open_case(session, keys.SYSTEM, other, Purpose.SYSTEM)
        assert (await session.get_one(Case, other)).alias == "Барвінок"
    assert wrapped is not None
    if settings.database_url.get_secret_value():
        return  # what PostgreSQL keeps in its files and logs is its administrator's
    on_disk = b"".join(file.read_bytes() for file in settings.data_dir.iterdir() if file.is_file())
    assert case_id.encode() in on_disk
    assert wrapped not in on_disk, "the wrapped key is still in the database's file or its log"


async def test_it_lists_what_need_not_be_kept_any_longer_until_somebody_asks(
    signed_in: SignedIn, database: Database
) -> None:
    manager, supervisor = await signed_in(Role.CASE_MANAGER), await signed_in(Role.SUPERVISOR)
    old = await closed_case(database, manager, days_ago=6 * 366)
    young = await closed_case(database, manager, days_ago=4 * 365, alias="Барвінок")
    page = await (await supervisor.get("/erasures")).text()
    assert f'data-overdue="{old}"' in page
    assert young not in page
    assert (await asked(manager, old, "time_over"))[0] == 303
    assert "data-overdue" not in await (await supervisor.get("/erasures")).text()


async def test_a_hold_stops_an_erasure_that_was_asked_for(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    manager, supervisor = await signed_in(Role.CASE_MANAGER), await signed_in(Role.SUPERVISOR)
    case_id = await closed_case(database, manager, days_ago=6 * 366)
    assert (await asked(manager, case_id, "time_over"))[0] == 303
    path = f"/cases/{case_id}/retention"
    assert (await manager.post(path, {"retention": "hold"}, page=f"/cases/{case_id}/erase")).status == 403
    assert (await supervisor.post(path, {"retention": "hold"}, page=f"/cases/{case_id}/erase")).status == 303
    request = await only_request(supervisor)
    answer = await supervisor.post(f"{request}/confirm", page=request)
    assert answer.status == 409
    assert "on hold" in await answer.text()
    assert (await entries(Tag.RETENTION_CHANGED))[0].details["to"] == "hold"
    assert not await entries(Tag.CASE_ERASED)
    assert (await manager.get(f"/cases/{case_id}")).status == 200
