"""Pages of session records: who may read them, what they say, and that reading leaves its own trace."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from consent.database import Database
from consent.events import Tag
from consent.ledger import Entry, append, seat_actor
from consent.policy import Role
from server.appointments import service as appointments
from server.appointments.tables import Appointment
from tests.flows.conftest import Person
from tests.support.casework import Worker, open_case, plan, seat_of

SignedIn = Callable[..., Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Entry]]]


def worker(person: Person) -> Worker:
    assert person.account is not None
    return Worker(person.account.id, person.account.name, Role(person.account.role))


async def held(database: Database, manager: Worker, *, alias: str = "Калина", hours_ago: int = 3) -> Appointment:
    """A session that the manager attended, in which the client only waited."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours_ago)
    async with database.write() as session:
        case = await open_case(session, manager, alias=alias)
        appointment = await plan(session, manager, case, starts_at=start, now=start)
        host = await seat_of(session, appointment, manager.role)
        client = await seat_of(session, appointment, Role.CLIENT)
        for minute, tag, seat in ((0, Tag.JOINED, host), (2, Tag.WAITED, client), (30, Tag.ENDED, host)):
            append(
                session,
                tag,
                actor=seat_actor(seat.id),
                at=start + timedelta(minutes=minute),
                case_id=case.id,
                session_id=appointment.id,
                details={"seat": seat.id} if tag is not Tag.ENDED else {},
            )
        await appointments.end(session, appointment.id, start + timedelta(minutes=30))
    return appointment


async def test_it_shows_no_record_to_people_of_another_case_and_records_the_refusal(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    for role in (Role.PSYCHOLOGIST, Role.CASE_MANAGER, Role.INTERPRETER, Role.ADMINISTRATOR):
        response = await (await signed_in(role)).get(f"/sessions/{appointment.id}")
        assert response.status == 403, role
        assert "Пані Оля" not in await response.text()
    refusals = await entries(Tag.ACCESS_REFUSED)
    assert [each.details["role"] for each in refusals] == [
        "psychologist",
        "case_manager",
        "interpreter",
        "administrator",
    ]
    assert {each.case_id for each in refusals} == {appointment.case_id}


async def test_it_says_who_took_part_and_who_only_waited(signed_in: SignedIn, database: Database) -> None:
    manager = await signed_in(Role.CASE_MANAGER, name="Марія Коваль")
    appointment = await held(database, worker(manager))
    text = await (await manager.get(f"/sessions/{appointment.id}")).text()
    attended = re.search(r'data-table="attended".*?</table>', text, re.DOTALL)
    assert attended
    assert "Марія Коваль" in attended[0]
    assert "30 min" in attended[0]
    assert "Пані Оля" not in attended[0]
    waited = re.search(r'data-list="waited".*?</ul>', text, re.DOTALL)
    assert waited
    assert "Пані Оля" in waited[0]
    shown = re.findall(r'data-tag="([^"]+)"', text)
    assert shown == [
        Tag.PLANNED, Tag.INVITED, Tag.INVITED, Tag.JOINED, Tag.WAITED, Tag.ENDED,
    ]  # fmt: skip
    began = appointment.starts_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert f'datetime="{began}"' in text


async def test_it_records_each_persons_reading_once_and_never_shows_it_in_the_record(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    manager, supervisor = await signed_in(Role.CASE_MANAGER), await signed_in(Role.SUPERVISOR)
    appointment = await held(database, worker(manager))
    for _ in range(2):
        assert (await supervisor.get(f"/sessions/{appointment.id}")).status == 200
    assert (await manager.get(f"/sessions/{appointment.id}")).status == 200
    readings = await entries(Tag.CASE_READ)
    assert [(each.actor, each.session_id, each.details["purpose"]) for each in readings] == [
        (f"account:{supervisor.id}", appointment.id, "supervise"),
        (f"account:{manager.id}", appointment.id, "record"),
    ]
    assert Tag.CASE_READ.value not in await (await manager.get(f"/sessions/{appointment.id}")).text()


async def test_it_lists_sessions_by_period_and_worker(signed_in: SignedIn, database: Database) -> None:
    first, second = await signed_in(Role.CASE_MANAGER), await signed_in(Role.SOCIAL_WORKER)
    supervisor = await signed_in(Role.SUPERVISOR)
    today = await held(database, worker(first))
    long_ago = await held(database, worker(second), alias="Барвінок", hours_ago=24 * 40)

    async def listed(query: str) -> set[str]:
        response = await supervisor.get(f"/sessions{query}")
        assert response.status == 200
        return set(re.findall(r'href="/sessions/([0-9a-f]{16})"', await response.text()))

    assert await listed("") == {today.id, long_ago.id}
    assert await listed(f"?worker={first.id}") == {today.id}
    border = (datetime.now(UTC) - timedelta(days=20)).date().isoformat()
    assert await listed(f"?from={border}") == {today.id}
    assert await listed(f"?to={border}") == {long_ago.id}
    assert await listed(f"?from={border}&worker={second.id}") == set()


@pytest.mark.parametrize(
    "query", ["?from=x", "?to=9999-12-31", "?from=0001-01-01", "?page=-1", "?page=99999999999", "?page=٣", "?worker='"]
)
async def test_it_takes_a_filter_that_makes_no_sense_as_none(
    signed_in: SignedIn, database: Database, query: str
) -> None:
    appointment = await held(database, worker(await signed_in(Role.CASE_MANAGER)))
    response = await (await signed_in(Role.SUPERVISOR)).get(f"/sessions{query}")
    assert response.status == 200
    assert f"/sessions/{appointment.id}" in await response.text()


async def test_the_team_finds_the_sessions_of_its_own_cases_alone(signed_in: SignedIn, database: Database) -> None:
    manager, other = await signed_in(Role.CASE_MANAGER), await signed_in(Role.CASE_MANAGER)
    mine = await held(database, worker(manager))
    theirs = await held(database, worker(other), alias="Барвінок")
    text = await (await manager.get("/sessions")).text()
    assert mine.id in text
    assert theirs.id not in text


async def test_the_case_leads_to_its_records(signed_in: SignedIn, database: Database) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    appointment = await held(database, worker(manager))
    assert f'href="/sessions/{appointment.id}"' in await (await manager.get(f"/cases/{appointment.case_id}")).text()
