"""The person's own "no" to what a representative agreed to for them: kept as theirs, and nobody else's to change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.database import Database
from consent.gate import PERSON, Answer, State
from consent.keys import CaseKey
from consent.notices import Purpose
from consent.policy import Role
from server.appointments.seats import NewSeat
from server.appointments.tables import Appointment, Seat
from server.cases.tables import Case, CaseClient
from server.consents import entry, other_ways, overview, representation, service, writing
from server.consents.entry import Entry
from server.consents.tables import ConsentRow, OtherWay
from server.person import service as own_page
from server.person.service import Opened
from server.seats import asking
from signaling.exchange import SeatConsents
from tests.support import casework, consents
from tests.support.casework import NOW, Worker

LATER = NOW + timedelta(hours=1)
STOPPED = LATER + timedelta(minutes=1)
AFTER = LATER + timedelta(minutes=2)


@dataclass
class Family:
    """A client for whom a representative has agreed to the conversation and to a guest, by a document."""

    session: AsyncSession
    key: CaseKey
    manager: Worker
    case: Case
    appointment: Appointment
    client: Seat
    son: Seat
    yes: ConsentRow
    """The representative's."""

    async def state(self) -> State:
        return (await service.standing(self.session, self.key, self.appointment.id, AFTER))[self.client.id].state

    async def asked(self, seat: Seat) -> SeatConsents:
        found = await asking.of_seat(self.session, self.key, self.appointment.id, seat.id, language="uk", now=AFTER)
        assert found is not None
        return found

    async def stop(self, seat: Seat) -> list[ConsentRow]:
        return await service.withdraw(
            self.session, self.key, seat_id=seat.id, purpose="video", about_seat=None, now=STOPPED
        )

    async def call(self) -> OtherWay | None:
        """The phone call that is promised."""
        return await other_ways.open_of(self.session, self.case.id, self.client.client_id)

    async def own(self) -> ConsentRow | None:
        return await writing.last_row(self.session, self.client.client_id or "", Purpose.VIDEO, None, PERSON)

    async def page(self) -> Opened:
        """The person's own page."""
        client = await self.session.get_one(CaseClient, self.client.client_id)
        page = await own_page.make(self.session, self.manager, client, NOW)
        return Opened(page, client, self.case, self.key)

    async def nobody_undoes_it(self) -> None:
        """It is the person's own, the call is promised, and neither a new yes nor another no changes that."""
        own = await self.own()
        assert own is not None
        assert (own.answer, own.by, own.at) == ("withdrawn", PERSON, STOPPED)
        assert await self.state() is State.REFUSE
        assert await self.call() is not None
        assert (await self.asked(self.son)).pages == (), "nobody is asked to say yes where the person has said no"
        again = await consents.answers(self.session, self.key, self.client, AFTER)
        await service.answer(
            self.session, self.key, seat_id=self.son.id, answers=again, tapped_by="representative", now=AFTER
        )
        assert await self.state() is State.REFUSE
        assert await self.call() is not None
        assert (await self.asked(self.client)).pages, "one tap of the person gives it again"
        await service.answer(
            self.session, self.key, seat_id=self.client.id, answers=again[:1], tapped_by="person", now=AFTER
        )
        assert await self.state() is State.ALLOW


@pytest.fixture
async def family(database: Database) -> AsyncIterator[Family]:
    async with database.write() as session:
        manager = await casework.hire(session, Role.CASE_MANAGER, "Maria")
        case = await casework.open_case(session, manager)
        await consents.told(session, NOW - timedelta(days=1))
        guests = [NewSeat(Role.REPRESENTATIVE, "Petro", "uk")]
        appointment = await casework.plan(session, manager, case, guests=guests)
        key = await keys.open_case(session, keys.SYSTEM, case.id, keys.Purpose.SYSTEM)
        client = await casework.seat_of(session, appointment, Role.CLIENT)
        son = await casework.seat_of(session, appointment, Role.REPRESENTATIVE)
        paper = representation.NewRepresentation(
            client_id=client.client_id or "",
            kind="representative",
            name="Petro",
            document="A power of attorney",
            valid_from=NOW - timedelta(days=9),
            valid_until=NOW + timedelta(days=90),
        )
        row = await representation.add(session, key, manager, paper, NOW)
        await representation.link_seat(session, key, manager, row, son, now=NOW)
        video, present = await consents.answers(session, key, client, LATER)
        yes = await service.answer(session, key, seat_id=son.id, answers=[video], tapped_by="representative", now=LATER)
        # To the representative's own presence only the person agrees.
        await service.answer(session, key, seat_id=client.id, answers=[present], tapped_by="person", now=LATER)
        family = Family(session, key, manager, case, appointment, client, son, yes[0])
        assert await family.state() is State.ALLOW
        yield family


async def test_what_the_page_of_the_call_lets_a_person_stop_is_stopped_and_stays_so(family: Family) -> None:
    assert "video" in {each.purpose for each in (await family.asked(family.client)).given}
    first = await family.stop(family.client)
    assert [row.id for row in await family.stop(family.client)] == [row.id for row in first]
    await family.nobody_undoes_it()


async def test_what_a_person_stops_on_their_own_page_is_their_own_no(family: Family) -> None:
    opened = await family.page()
    for _ in range(2):
        await own_page.withdraw(family.session, opened, family.yes.id, STOPPED)
    await family.nobody_undoes_it()


async def test_the_own_page_shows_the_persons_no_in_the_place_of_the_representatives_yes(family: Family) -> None:
    opened = await family.page()
    await own_page.withdraw(family.session, opened, family.yes.id, STOPPED)
    seen = await overview.of_client(family.session, family.key, opened.client, AFTER)
    [video] = [line for line in seen.current if line.row.purpose == "video"]
    assert (video.row.by, video.state) == (PERSON, "withdrawn")
    assert [line.row.by for line in seen.history if line.row.purpose == "video"] == [PERSON, family.yes.by]
    assert video.row.notice_hash == family.yes.notice_hash
    again = await own_page.give_again(family.session, opened, video.row.id, video.row.notice_hash, AFTER)
    assert again.by == PERSON
    assert await family.state() is State.ALLOW


async def test_staff_write_down_that_the_person_does_not_want_what_a_representative_agreed_to(family: Family) -> None:
    said = Entry(Purpose.VIDEO, Answer.WITHDRAWN, "phone", "Maria", "uk", None, STOPPED)
    client_id = family.client.client_id or ""
    for _ in range(2):
        await entry.enter(family.session, family.key, family.manager, client_id=client_id, said=said, now=STOPPED)
    await family.nobody_undoes_it()


async def test_staff_take_it_back_on_the_page_of_the_representatives_record(family: Family) -> None:
    for _ in range(2):
        await entry.withdraw(
            family.session, family.key, family.manager.id, family.yes, method="phone", witness="Maria", now=STOPPED
        )
    await family.nobody_undoes_it()


async def test_a_representative_is_offered_to_stop_only_what_they_agreed_to(family: Family) -> None:
    assert [each.purpose for each in (await family.asked(family.son)).given] == ["video"]
    assert [each.purpose for each in (await family.asked(family.client)).given] == ["video", "representative"]
    rows = await family.stop(family.son)
    assert [row.by for row in rows] == [family.yes.by]
    assert await family.own() is None
