"""A "no" to a named person: it holds at the next appointment too, until the person says yes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.database import Database
from consent.gate import Answer, Decision, State
from consent.keys import CaseKey
from consent.notices import Purpose
from consent.policy import Role
from rooms.tables import LiveRoom
from server.appointments import seats
from server.appointments.seats import NewSeat
from server.appointments.tables import Appointment, Seat
from server.cases import service as cases
from server.cases.tables import Case
from server.consents import entry, service
from server.consents.entry import Entry
from server.consents.service import Given
from server.seats import meeting
from tests.support import casework, consents
from tests.support.casework import NOW, Worker

LATER = NOW + timedelta(hours=1)
MINUTE = timedelta(minutes=1)
WEEK = timedelta(days=7)


@dataclass
class Walk:
    """A conversation that runs, which a psychologist joins; and the same people again a week later."""

    session: AsyncSession
    key: CaseKey
    manager: Worker
    psychologist: Worker
    case: Case
    appointment: Appointment
    client: Seat
    joining: Seat

    async def answer(self, decision: str, now: datetime) -> None:
        """The client answers the question about the psychologist."""
        said = await self.gate(self.appointment, now)
        ask = next(each for each in said.asks if each.need.purpose is Purpose.JOINING)
        given = Given("joining", ask.notice.hash_of("uk"), decision, self.joining.id)
        await service.answer(
            self.session, self.key, seat_id=self.client.id, answers=[given], tapped_by="person", now=now
        )

    async def gate(self, appointment: Appointment, now: datetime) -> Decision:
        seat = await casework.seat_of(self.session, appointment, Role.CLIENT)
        return (await service.standing(self.session, self.key, appointment.id, now))[seat.id]

    async def next_week(self) -> tuple[Appointment, str]:
        """The next appointment, of the whole team from the start, and the psychologist's seat."""
        appointment = await casework.plan(
            self.session, self.manager, self.case, starts_at=LATER + WEEK, now=LATER + 5 * MINUTE
        )
        return appointment, (await casework.seat_of(self.session, appointment, Role.PSYCHOLOGIST)).id


@pytest.fixture
async def walk(database: Database) -> AsyncIterator[Walk]:
    async with database.write() as session:
        manager = await casework.hire(session, Role.CASE_MANAGER, "Maria")
        psychologist = await casework.hire(session, Role.PSYCHOLOGIST, "Iryna")
        case = await casework.open_case(session, manager)
        await consents.told(session, NOW - timedelta(days=1))
        appointment = await casework.plan(session, manager, case)
        key = await keys.open_case(session, keys.SYSTEM, case.id, keys.Purpose.SYSTEM)
        client = await casework.seat_of(session, appointment, Role.CLIENT)
        await consents.agree(session, key, client, LATER)
        await cases.join_team(session, manager, case, psychologist.id)
        began(session, appointment, LATER)
        person = NewSeat(Role.PSYCHOLOGIST, "Iryna", "uk", account_id=psychologist.id)
        [joining] = await seats.invite(session, manager, appointment, [person], LATER + MINUTE)
        yield Walk(session, key, manager, psychologist, case, appointment, client, joining)


def began(session: AsyncSession, appointment: Appointment, at: datetime) -> None:
    """The conversation began at this moment."""
    session.add(
        LiveRoom(
            appointment_id=appointment.id,
            locked=False,
            pause_told=False,
            started_at=at,
            client_came_at=at,
            arrivals=2,
        )
    )


async def test_whoever_was_refused_in_the_call_stays_outside_at_the_next_appointment(walk: Walk) -> None:
    await walk.answer("refused", LATER + 2 * MINUTE)
    appointment, seat = await walk.next_week()
    said = await walk.gate(appointment, LATER + WEEK)
    assert (said.state, said.kept_out) == (State.ALLOW, frozenset({seat}))
    assert meeting.consent_of(said).apart == {seat}
    assert meeting.consent_of(said).asked == frozenset(), "who has said no is not asked again at the door"


async def test_whoever_was_sent_away_again_stays_outside_until_the_person_says_yes(walk: Walk) -> None:
    await walk.answer("given", LATER + 2 * MINUTE)
    appointment, seat = await walk.next_week()
    assert (await walk.gate(appointment, LATER + WEEK)).kept_out == frozenset()
    await service.withdraw(
        walk.session,
        walk.key,
        seat_id=walk.client.id,
        purpose="joining",
        about_seat=walk.joining.id,
        now=LATER + 3 * MINUTE,
    )
    assert (await walk.gate(appointment, LATER + WEEK)).kept_out == {seat}
    await walk.answer("given", LATER + 4 * MINUTE)
    assert (await walk.gate(appointment, LATER + WEEK)).kept_out == frozenset()


async def test_a_no_that_staff_wrote_down_keeps_a_colleague_out_who_is_of_the_team_from_the_start(walk: Walk) -> None:
    said = Entry(Purpose.JOINING, Answer.REFUSED, "phone", "Maria", "uk", "Iryna", LATER)
    client_id = walk.client.client_id or ""
    await entry.enter(walk.session, walk.key, walk.manager, client_id=client_id, said=said, now=LATER + 2 * MINUTE)
    appointment, seat = await walk.next_week()
    assert (await walk.gate(appointment, LATER + WEEK)).kept_out == {seat}


async def test_planning_knows_whom_a_client_does_not_want_there(walk: Walk) -> None:
    await walk.answer("refused", LATER + 2 * MINUTE)
    appointment, seat = await walk.next_week()
    client = (await casework.seat_of(walk.session, appointment, Role.CLIENT)).id
    found = await service.unwanted(walk.session, walk.key, appointment.id, LATER + WEEK)
    assert found == {seat: [client]}
