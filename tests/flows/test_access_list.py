"""Who has opened a case: every page that shows something of it is on the list, once in ten minutes, nothing else is."""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from consent.database import Database
from consent.events import Tag
from consent.ledger import Entry
from consent.policy import Role
from server.cases import service as cases
from tests.flows.conftest import Person
from tests.support.casework import Worker, open_case, plan

SignedIn = Callable[..., Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Entry]]]

ROW = re.compile(r'<tr class="govuk-table__row" data-purpose="(\w+)">.*?<th scope="row"[^>]*>([^,<]+)', re.DOTALL)


def worker(person: Person) -> Worker:
    assert person.account is not None
    return Worker(person.id, person.account.name, Role(person.account.role))


async def test_a_list_after_many_readings_in_any_order_is_complete(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    manager = await signed_in(Role.CASE_MANAGER, name="Mariia")
    lawyer = await signed_in(Role.LAWYER, name="Luka")
    supervisor = await signed_in(Role.SUPERVISOR, name="Nataliia")
    stranger = await signed_in(Role.PSYCHOLOGIST, name="Andrii")
    async with database.write() as session:
        case = await open_case(session, worker(manager))
        await cases.join_team(session, worker(manager), case, lawyer.id)
        now = datetime.now(UTC)
        appointment = await plan(session, worker(manager), case, starts_at=now + timedelta(hours=2), now=now)
        await open_case(session, worker(manager), alias="Барвінок")
    one, meeting = f"/cases/{case.id}", f"/appointments/{appointment.id}"
    pages: dict[Person, list[tuple[str, str]]] = {
        manager: [
            (one, "read"),
            ("/today", "listed"),
            ("/cases", "listed"),
            (f"{one}/change", "change"),
            (f"{one}/team", "change"),
            (f"{one}/appointments/new", "plan"),
            (f"{meeting}/move", "plan"),
            (meeting, "meet"),
        ],
        lawyer: [(one, "read"), ("/cases", "listed"), (meeting, "meet"), (f"{one}/change", "")],
        supervisor: [(one, "read"), ("/cases", "listed"), (f"{meeting}/move", "")],
        stranger: [(one, ""), (meeting, ""), ("/cases", ""), ("/today", "")],
    }
    steps = [(person, path, purpose) for person, each in pages.items() for path, purpose in each]
    seen: set[tuple[str, str]] = set()
    for person, path, purpose in random.Random(20261122).choices(steps, k=60):
        status = (await person.get(path)).status
        lists = path in {"/cases", "/today"}
        assert status == (200 if purpose or lists else 403), (path, status)
        if purpose:
            assert person.account is not None
            seen.add((purpose, person.account.name))
    assert len(seen) >= 8
    listed = await (await supervisor.get(f"{one}/readers")).text()
    shown = [(purpose, name.strip()) for purpose, name in ROW.findall(listed)]
    assert len(shown) == len(set(shown)), "a reading is listed twice"
    opening_the_list = ("supervise", "Nataliia")
    assert set(shown) == {*seen, opening_the_list}
    recorded = [entry for entry in await entries(Tag.CASE_READ) if entry.case_id == case.id]
    assert {(entry.details["purpose"], entry.details["by"]) for entry in recorded} == set(shown)
