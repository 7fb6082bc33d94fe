"""Stopping the talk that explains: its text promises a phone call or a visit, so one is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.database import Database
from consent.gate import Answer, State
from consent.keys import CaseKey
from consent.notices import Purpose
from consent.policy import Role
from server.appointments.seats import NewSeat
from server.appointments.tables import Appointment, Seat
from server.cases.tables import Case, CaseClient
from server.consents import entry, other_ways, service, texts
from server.consents.service import Given
from server.consents.tables import ConsentRow, OtherWay
from server.person import service as own_page
from server.person.service import Opened
from server.seats import asking
from tests.support import casework, consents
from tests.support.casework import NOW, Worker

LATER = NOW + timedelta(hours=1)
STOPPED = LATER + timedelta(minutes=1)
AFTER = LATER + timedelta(minutes=2)


@dataclass
class Talk:
    """A client who has agreed to have it explained, and to nothing else yet."""

    session: AsyncSession
    key: CaseKey
    manager: Worker
    case: Case
    appointment: Appointment
    client: Seat
    yes: ConsentRow

    async def state(self) -> State:
        return (await service.standing(self.session, self.key, self.appointment.id, AFTER))[self.client.id].state

    async def way(self) -> OtherWay | None:
        return await other_ways.open_of(self.session, self.case.id, self.client.client_id)

    async def stop(self, purpose: str, about: str | None = None) -> None:
        """Stop agreeing, in the call."""
        await service.withdraw(
            self.session, self.key, seat_id=self.client.id, purpose=purpose, about_seat=about, now=STOPPED
        )

    async def stop_on_the_own_page(self) -> None:
        client = await self.session.get_one(CaseClient, self.client.client_id)
        page = await own_page.make(self.session, self.manager, client, NOW)
        opened = Opened(page, client, self.case, self.key)
        await own_page.withdraw(self.session, opened, self.yes.id, STOPPED)

    async def stop_by_telephone(self) -> None:
        await entry.withdraw(
            self.session, self.key, self.manager.id, self.yes, method="phone", witness="Maria", now=STOPPED
        )


@pytest.fixture
async def talk(database: Database) -> AsyncIterator[Talk]:
    async with database.write() as session:
        manager = await casework.hire(session, Role.CASE_MANAGER, "Maria")
        case = await casework.open_case(session, manager)
        await consents.told(session, NOW - timedelta(days=1))
        guests = [NewSeat(Role.AGENCY_GUEST, "Job centre", "uk")]
        appointment = await casework.plan(session, manager, case, guests=guests)
        key = await keys.open_case(session, keys.SYSTEM, case.id, keys.Purpose.SYSTEM)
        client = await casework.seat_of(session, appointment, Role.CLIENT)
        explain = next(each for each in await texts.published(session) if each.purpose.value == "explain")
        [yes] = await consents.agree(session, key, client, LATER, [Given("video", explain.hash_of("uk"), "explain")])
        talk = Talk(session, key, manager, case, appointment, client, yes)
        assert await talk.state() is State.EXPLAIN
        yield talk


STOPS: dict[str, Callable[[Talk], Awaitable[None]]] = {
    "in the call": lambda talk: talk.stop("video"),
    "the talk alone": lambda talk: talk.stop("explain"),
    "on the own page": Talk.stop_on_the_own_page,
    "by telephone": Talk.stop_by_telephone,
}


@pytest.mark.parametrize("where", STOPS)
async def test_whoever_stops_the_talk_that_explains_is_phoned_or_visited(talk: Talk, where: str) -> None:
    await STOPS[where](talk)
    assert await talk.state() is State.ASK
    way = await talk.way()
    assert way is not None
    assert (way.way, way.because, way.owner_id, way.due_on) == ("phone", "withdrawn", talk.manager.id, None)
    shown = await asking.of_seat(talk.session, talk.key, talk.appointment.id, talk.client.id, language="uk", now=AFTER)
    assert shown is not None
    assert shown.other_way is not None
    assert (shown.other_way.kind, shown.other_way.owner) == ("phone", "Maria")


@pytest.mark.parametrize("where", ["the talk alone", "on the own page", "by telephone"])
async def test_where_the_conversation_itself_is_agreed_to_the_end_of_the_talk_needs_no_call(
    talk: Talk, where: str
) -> None:
    await consents.agree(talk.session, talk.key, talk.client, LATER)
    assert await talk.state() is State.ALLOW
    await STOPS[where](talk)
    assert await talk.state() is State.ALLOW
    assert await talk.way() is None


async def test_who_says_no_to_the_talk_itself_is_phoned_or_visited(talk: Talk) -> None:
    no = Given("explain", talk.yes.notice_hash, "refused")
    await consents.agree(talk.session, talk.key, talk.client, STOPPED, [no])
    way = await talk.way()
    assert way is not None
    assert way.because == "refused"


async def test_a_no_to_the_talk_that_a_colleague_writes_down_is_followed_by_a_call_as_well(talk: Talk) -> None:
    said = entry.Entry(Purpose.EXPLAIN, Answer.REFUSED, "phone", "Maria", "uk", "", STOPPED)
    client = talk.client.client_id or ""
    await entry.enter(talk.session, talk.key, talk.manager, client_id=client, said=said, now=STOPPED)
    way = await talk.way()
    assert way is not None
    assert (way.way, way.because) == ("phone", "refused")


async def test_sending_one_person_away_closes_no_call_that_was_arranged(talk: Talk) -> None:
    await consents.agree(talk.session, talk.key, talk.client, LATER)
    arranged = await other_ways.open_for(talk.session, talk.key, talk.client.client_id, "wished", LATER)
    guest = await casework.seat_of(talk.session, talk.appointment, Role.AGENCY_GUEST)
    await talk.stop("sharing", guest.id)
    assert await talk.state() is State.ALLOW
    assert await talk.way() is arranged
