"""An answer about somebody, written down by staff by their name: it reaches whoever is called so, or is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.database import Database
from consent.gate import Answer, Decision, State
from consent.keys import CaseKey
from consent.notices import Purpose
from consent.policy import Role
from server.appointments import seats
from server.appointments.seats import NewSeat
from server.appointments.tables import Appointment, Seat
from server.cases.tables import Case
from server.consents import entry, representation, service
from server.consents.entry import Entry, EntryError
from server.consents.tables import ConsentRow
from tests.support import casework, consents
from tests.support.casework import NOW, Worker

LATER = NOW + timedelta(hours=1)
GUESTS = [NewSeat(Role.AGENCY_GUEST, "Job  centre", "uk"), NewSeat(Role.REPRESENTATIVE, "Petro", "uk")]


@dataclass
class Walk:
    """A case with two appointments, to each of which the same two guests are invited."""

    session: AsyncSession
    key: CaseKey
    manager: Worker
    case: Case
    first: Appointment
    second: Appointment

    async def gate(self, appointment: Appointment) -> Decision:
        seat = await casework.seat_of(self.session, appointment, Role.CLIENT)
        return (await service.standing(self.session, self.key, appointment.id, LATER))[seat.id]

    async def seat(self, appointment: Appointment, role: Role = Role.AGENCY_GUEST) -> Seat:
        return await casework.seat_of(self.session, appointment, role)

    async def enter(self, answer: Answer, about: str, purpose: Purpose = Purpose.SHARING) -> None:
        said = Entry(purpose, answer, "phone", "Maria", "uk", about, LATER)
        client = (await casework.seat_of(self.session, self.first, Role.CLIENT)).client_id or ""
        await entry.enter(self.session, self.key, self.manager, client_id=client, said=said, now=LATER)

    async def records(self) -> int:
        return await self.session.scalar(select(func.count()).select_from(ConsentRow)) or 0


@pytest.fixture
async def walk(database: Database) -> AsyncIterator[Walk]:
    async with database.write() as session:
        manager = await casework.hire(session, Role.CASE_MANAGER, "Maria")
        case = await casework.open_case(session, manager)
        await consents.told(session, NOW - timedelta(days=1))
        first = await casework.plan(session, manager, case, guests=GUESTS)
        second = await casework.plan(session, manager, case, starts_at=LATER + timedelta(days=7), guests=GUESTS)
        key = await keys.open_case(session, keys.SYSTEM, case.id, keys.Purpose.SYSTEM)
        yield Walk(session, key, manager, case, first, second)


async def test_a_no_about_a_guest_by_link_keeps_them_out(walk: Walk) -> None:
    for appointment in (walk.first, walk.second):
        client = await casework.seat_of(walk.session, appointment, Role.CLIENT)
        await consents.agree(walk.session, walk.key, client, NOW)
        assert await walk.gate(appointment) == Decision(State.ALLOW, (), (), frozenset())
    await walk.enter(Answer.REFUSED, " job Centre ")
    for appointment in (walk.first, walk.second):
        said = await walk.gate(appointment)
        assert (said.state, said.kept_out) == (State.ALLOW, {(await walk.seat(appointment)).id})


async def test_a_yes_about_a_guest_is_to_whoever_comes_next_by_that_name(walk: Walk) -> None:
    await walk.enter(Answer.GIVEN, "Job centre")
    asked = [
        {ask.need.purpose for ask in (await walk.gate(appointment)).asks} for appointment in (walk.first, walk.second)
    ]
    assert [Purpose.SHARING in each for each in asked] == [False, True]


async def test_not_any_more_about_a_guest_takes_back_what_was_agreed_to(walk: Walk) -> None:
    client = await casework.seat_of(walk.session, walk.first, Role.CLIENT)
    await consents.agree(walk.session, walk.key, client, NOW)
    await walk.enter(Answer.WITHDRAWN, "Job centre")
    said = await walk.gate(walk.first)
    assert (said.state, said.kept_out) == (State.ALLOW, {(await walk.seat(walk.first)).id})


async def test_it_is_taken_back_also_from_a_guest_who_is_not_invited_any_more(walk: Walk) -> None:
    client = await casework.seat_of(walk.session, walk.first, Role.CLIENT)
    await consents.agree(walk.session, walk.key, client, NOW)
    guest = await walk.seat(walk.first)
    for appointment in (walk.first, walk.second):
        seats.revoke(walk.session, walk.manager, appointment, await walk.seat(appointment), LATER)
    await walk.enter(Answer.WITHDRAWN, "Job centre")
    last = select(ConsentRow.answer).where(ConsentRow.about_key == f"seat:{guest.id}").order_by(ConsentRow.at.desc())
    assert await walk.session.scalar(last.limit(1)) == "withdrawn"


async def test_a_no_about_a_representative_reaches_whoever_acts_by_a_document(walk: Walk) -> None:
    client = await casework.seat_of(walk.session, walk.first, Role.CLIENT)
    paper = representation.NewRepresentation(
        client_id=client.client_id or "",
        kind="representative",
        name="Petro",
        document="A power of attorney",
        valid_from=NOW - timedelta(days=9),
        valid_until=NOW + timedelta(days=90),
    )
    row = await representation.add(walk.session, walk.key, walk.manager, paper, NOW)
    linked = await walk.seat(walk.first, Role.REPRESENTATIVE)
    await representation.link_seat(walk.session, walk.key, walk.manager, row, linked, now=NOW)
    for appointment in (walk.first, walk.second):
        theirs = await casework.seat_of(walk.session, appointment, Role.CLIENT)
        await consents.agree(walk.session, walk.key, theirs, NOW)
    await walk.enter(Answer.REFUSED, "Petro", Purpose.REPRESENTATIVE)
    assert (await walk.gate(walk.first)).kept_out == {linked.id}
    assert (await walk.gate(walk.second)).kept_out == {(await walk.seat(walk.second, Role.REPRESENTATIVE)).id}


@pytest.mark.parametrize(
    ("answer", "about", "purpose"),
    [
        (Answer.REFUSED, "The centre", Purpose.SHARING),
        (Answer.GIVEN, "The centre", Purpose.SHARING),
        (Answer.WITHDRAWN, "The centre", Purpose.SHARING),
        (Answer.REFUSED, "Job centre", Purpose.INTERPRETER),
        (Answer.REFUSED, "Petro", Purpose.JOINING),
    ],
)
async def test_it_refuses_a_name_that_nobody_bears_and_writes_nothing(
    walk: Walk, answer: Answer, about: str, purpose: Purpose
) -> None:
    with pytest.raises(EntryError) as refusal:
        await walk.enter(answer, about, purpose)
    assert (refusal.value.field, refusal.value.code) == ("about", "nobody_called_so")
    assert await walk.records() == 0


async def test_it_refuses_the_name_of_a_guest_whose_appointments_are_over(walk: Walk) -> None:
    for appointment in (walk.first, walk.second):
        appointment.status = "ended"
    with pytest.raises(EntryError, match="nobody_called_so"):
        await walk.enter(Answer.REFUSED, "Job centre")


async def test_a_channel_may_have_any_name(walk: Walk) -> None:
    await walk.enter(Answer.GIVEN, "Viber", Purpose.CONTACT)
    await walk.enter(Answer.WITHDRAWN, "viber ", Purpose.CONTACT)
    assert await walk.records() == 2
