"""When a conversation begins: with its first client, not with a colleague who opens the room before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.database import Database
from consent.gate import Decision, State
from consent.keys import CaseKey
from consent.notices import Purpose
from consent.policy import Role
from rooms import tables
from rooms.outside import change_plan
from rooms.room import Room
from rooms.seat import Arrival
from server.appointments import seats
from server.appointments.seats import NewSeat
from server.appointments.tables import Appointment, Seat
from server.cases import service as cases
from server.cases.tables import Case
from server.consents import service, texts
from server.seats import meeting
from tests.support import casework, consents
from tests.support.casework import NOW, PHONE, Worker

START = NOW + timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass
class Walk:
    """An appointment to which the client has agreed, and its room, which the case manager has opened before."""

    session: AsyncSession
    key: CaseKey
    manager: Worker
    case: Case
    appointment: Appointment
    client: Seat
    room: Room

    async def gate(self, now: datetime) -> Decision:
        return (await service.standing(self.session, self.key, self.appointment.id, now))[self.client.id]

    async def client_comes(self, now: datetime) -> None:
        """The client knocks and is let in, as the room writes it."""
        plan = await meeting.load(self.session, self.appointment.id, now)
        assert plan is not None
        change_plan(self.room, plan, now)
        before = self.room.copy()
        self.room.arrive(Arrival("c", self.client.id, "phone", now), now)
        self.room.admit("m", self.client.id, now)
        await tables.save(self.session, before, self.room)

    async def publish(self, purpose: Purpose, now: datetime) -> None:
        """The organisation tells something else about this from now on."""
        notice = next(each for each in await texts.published(self.session) if each.purpose is purpose)
        draft = await texts.begin_draft(self.session, purpose)
        changed = replace(notice.in_language("uk"), who="Also the neighbour.")
        await texts.write_draft(self.session, draft, changed, "A service", PHONE)
        await texts.publish(self.session, self.manager, draft, consents.LANGUAGES, now)

    async def invite(self, now: datetime) -> str:
        """A psychologist of the team is invited; returns the seat."""
        psychologist = await casework.hire(self.session, Role.PSYCHOLOGIST, "Iryna")
        await cases.join_team(self.session, self.manager, self.case, psychologist.id)
        person = NewSeat(Role.PSYCHOLOGIST, "Iryna", "uk", account_id=psychologist.id)
        [seat] = await seats.invite(self.session, self.manager, self.appointment, [person], now)
        return seat.id


@pytest.fixture
async def walk(database: Database) -> AsyncIterator[Walk]:
    async with database.write() as session:
        manager = await casework.hire(session, Role.CASE_MANAGER, "Maria")
        case = await casework.open_case(session, manager)
        await consents.told(session, NOW - timedelta(days=1))
        appointment = await casework.plan(session, manager, case)
        key = await keys.open_case(session, keys.SYSTEM, case.id, keys.Purpose.SYSTEM)
        client = await casework.seat_of(session, appointment, Role.CLIENT)
        await consents.agree(session, key, client, NOW)
        plan = await meeting.load(session, appointment.id, NOW)
        assert plan is not None
        room, opened = Room(plan), Room(plan)
        opener = await casework.seat_of(session, appointment, Role.CASE_MANAGER)
        opened.arrive(Arrival("m", opener.id, "laptop", START - 30 * MINUTE), START - 30 * MINUTE)
        await tables.save(session, room, opened)
        yield Walk(session, key, manager, case, appointment, client, opened)


async def test_a_new_text_is_asked_although_a_colleague_had_opened_the_room_before(walk: Walk) -> None:
    await walk.publish(Purpose.VIDEO, START - 10 * MINUTE)
    said = await walk.gate(START)
    assert (said.state, [each.value for each in said.reasons]) == (State.ASK, ["new_version"])


async def test_a_conversation_with_a_client_goes_on_under_its_texts_over_a_restart(walk: Walk) -> None:
    await walk.client_comes(START)
    await walk.publish(Purpose.VIDEO, START + 10 * MINUTE)
    assert (await walk.gate(START + 11 * MINUTE)).state is State.ALLOW
    again = await tables.load(walk.session, walk.room.plan)
    assert again.client_came_at == START


async def test_whoever_is_invited_before_the_client_comes_does_not_arrive_in_the_middle(walk: Walk) -> None:
    early = await walk.invite(START - 10 * MINUTE)
    await walk.client_comes(START)
    said = await walk.gate(START + MINUTE)
    assert (said.state, said.kept_out) == (State.ALLOW, frozenset())
    assert early in {each.seat_id for each in walk.room.plan.seats}


async def test_whoever_is_invited_after_the_client_came_waits_for_their_word(walk: Walk) -> None:
    await walk.client_comes(START)
    late = await walk.invite(START + MINUTE)
    said = await walk.gate(START + 2 * MINUTE)
    assert (said.state, said.kept_out) == (State.ALLOW, {late})
