"""A drawn session whose case is erased before anybody has looked through it: another is drawn, or none is owed."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from aiohttp import web
from sqlalchemy import select

from consent.database import Database
from consent.policy import Role
from server.cases.tables import Case, Retention
from server.erasure import service as erasure
from server.erasure.rules import Reason
from server.evidence.job import LEDGER_JOB
from server.supervision import draw, samples
from server.supervision.draw import Month
from server.supervision.samples import Owed
from server.supervision.tables import Sample
from tests.flows.conftest import Person
from tests.flows.test_session_records import worker
from tests.flows.test_supervision import ANSWERS, SignedIn, drawn, text_of
from tests.support import casework


async def erase(database: Database, sample_id: str, now: datetime) -> None:
    """Two people end the case of this sample."""
    async with database.write() as session:
        asking = await casework.hire(session, Role.CASE_MANAGER)
        confirming = await casework.hire(session, Role.SUPERVISOR)
        case = await session.get_one(Case, (await session.get_one(Sample, sample_id)).case_id)
        case.closed_at, case.retention = now, Retention.ON_REQUEST.value
        wish = await erasure.ask(session, asking, case, Reason.PERSON_ASKED, years={}, now=now)
        await erasure.confirm(session, confirming, wish, {}, now)


async def owed(database: Database, month: Month, now: datetime) -> Owed:
    async with database.read() as session:
        (found,) = await samples.month_view(session, month, now)
        return found


async def final_draw(app: web.Application, database: Database, later: datetime) -> None:
    async with database.write() as session:
        await samples.keep_up(session, later)
    await app[LEDGER_JOB].now()
    async with database.write() as session:
        assert len(await samples.settle(session, later)) == 1


async def review(supervisor: Person, sample_id: str) -> None:
    path = f"/supervision/samples/{sample_id}"
    assert (await supervisor.post(path, ANSWERS | {"verdict": "good"}, page="/supervision")).status == 303


async def the_month(database: Database) -> tuple[Month, datetime]:
    """The month of the samples, and a moment after it."""
    async with database.read() as session:
        month = Month.parse((await session.scalars(select(Sample.month).limit(1))).one())
    return month, month.next.begins_at + timedelta(hours=1)


async def test_the_final_draw_takes_another_in_its_place_and_anybody_can_draw_that_again(
    signed_in: SignedIn, database: Database, app: web.Application
) -> None:
    supervisor, manager = await signed_in(Role.SUPERVISOR), await signed_in(Role.CASE_MANAGER)
    _, (gone, left) = await drawn(database, supervisor, manager, 4)
    month, later = await the_month(database)
    await erase(database, gone, month.next.begins_at - timedelta(seconds=1))
    await review(supervisor, left)
    before = await owed(database, month, later)
    assert (before.held, before.due, before.owed, before.erased) == (3, 2, 1, {gone})
    page = await text_of(supervisor, f"/supervision/samples?month={month}")
    assert "erased before the review" in page
    assert f"/supervision/samples/{gone}" not in page

    await final_draw(app, database, later)
    after = await owed(database, month, later)
    assert (after.due, after.owed, len(after.samples)) == (2, 1, 3)
    (fresh,) = {sample.id for sample in after.samples} - {gone, left}
    page = await text_of(supervisor, f"/supervision/samples?month={month}")
    made = [await (await supervisor.get(path)).json() for path in re.findall(r"/supervision/draws/\w+", page)]
    again = draw.draw(
        bytes.fromhex(made[1]["seed"]), made[1]["sessions"], [draw.Pick(*each) for each in made[1]["already"]]
    )
    sessions = {sample.id: sample.session_id for sample in after.samples}
    assert [pick.session for pick in again] == [sessions[fresh]]
    assert made[1]["already"] == [[worker(manager).id, sessions[left]]]
    await review(supervisor, fresh)
    assert (await owed(database, month, later)).owed == 0


async def test_what_is_erased_after_the_final_draw_is_owed_to_nobody(
    signed_in: SignedIn, database: Database, app: web.Application
) -> None:
    supervisor, manager = await signed_in(Role.SUPERVISOR), await signed_in(Role.CASE_MANAGER)
    _, (gone, left) = await drawn(database, supervisor, manager, 3)
    month, later = await the_month(database)
    await final_draw(app, database, later)
    assert (await owed(database, month, later)).owed == 2
    await erase(database, gone, later)
    assert (await owed(database, month, later)).owed == 1
    await review(supervisor, left)
    assert (await owed(database, month, later)).owed == 0


async def test_what_was_reviewed_before_it_was_erased_has_been_looked_through(
    signed_in: SignedIn, database: Database, app: web.Application
) -> None:
    supervisor, manager = await signed_in(Role.SUPERVISOR), await signed_in(Role.CASE_MANAGER)
    _, (one, other) = await drawn(database, supervisor, manager, 3)
    month, later = await the_month(database)
    await review(supervisor, one)
    await review(supervisor, other)
    await erase(database, one, month.next.begins_at - timedelta(seconds=1))
    await final_draw(app, database, later)
    found = await owed(database, month, later)
    assert (found.owed, len(found.samples), found.erased) == (0, 2, frozenset())
