"""Appointments, seats and what links open: refusals, the clock, and that every fact has its entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.database import Database
from consent.events import Tag
from consent.policy import Role
from rooms.plan import PlanStatus
from server.appointments import links, seats, service
from server.appointments.service import When
from server.appointments.tables import LINGER, Appointment, Seat, Status
from server.cases import service as cases
from tests.support.casework import NOW, Worker, hire, open_case, plan, seat_of, unlock
from tests.support.ledger import drafts, tags

KEY = b"k" * 32
KYIV = "Europe/Kyiv"
LATER = When(NOW + timedelta(days=1), 60, KYIV)


class Undone(Exception):
    """What goes wrong in the middle of a transaction."""


async def planned(session: AsyncSession) -> tuple[Worker, Appointment]:
    manager = await hire(session, Role.CASE_MANAGER, "Марія")
    case = await open_case(session, manager)
    return manager, await plan(session, manager, case)


def code_of(step: Callable[[], object]) -> str:
    with pytest.raises(service.AppointmentError) as caught:
        step()
    return caught.value.code


async def link_code(session: AsyncSession, token: str) -> str:
    with pytest.raises(links.LinkError) as caught:
        await service.link_context(session, KEY, token, NOW)
    return caught.value.code


async def test_it_refuses_to_plan_what_cannot_be(database: Database) -> None:
    async with database.write() as session:
        manager = await hire(session, Role.CASE_MANAGER)
        case = await open_case(session, manager)
        client = seats.NewSeat(Role.CLIENT, "Оля", "uk")

        async def refused(when: When, people: list[seats.NewSeat]) -> str:
            with pytest.raises(service.AppointmentError) as caught:
                await service.plan(
                    session, manager, case, when=when, help_phone="112", purpose="", people=people, now=NOW
                )
            return caught.value.code

        assert await refused(LATER, []) == "no_client"
        assert await refused(LATER, [seats.NewSeat(Role.HELPER, "Донька", "uk")]) == "no_client"
        past = When(NOW - service.START_GRACE - timedelta(seconds=1), 45, KYIV)
        assert await refused(past, [client]) == "time_past"
        assert await refused(When(LATER.starts_at, 46, KYIV), [client]) == "duration_unknown"
        await cases.close(session, manager, case)
        assert await refused(LATER, [client]) == "case_closed"
        assert await session.scalar(select(func.count()).select_from(Appointment)) == 0
        assert Tag.PLANNED.value not in await tags(session)


async def test_it_plans_what_begins_this_very_minute(database: Database) -> None:
    async with database.write() as session:
        manager = await hire(session, Role.CASE_MANAGER)
        appointment = await plan(
            session, manager, await open_case(session, manager), starts_at=NOW - timedelta(minutes=4)
        )
        assert appointment.status == Status.PLANNED


async def test_it_refuses_to_move_or_cancel_what_is_over_or_cancelled(database: Database) -> None:
    async with database.write() as session:
        manager, appointment = await planned(session)
        over = appointment.ends_at + LINGER
        assert code_of(lambda: service.move(session, manager, appointment, LATER, over)) == "over"
        assert code_of(lambda: service.cancel(session, manager, appointment, over)) == "over"
        assert code_of(lambda: service.restore(session, manager, appointment, NOW)) == "not_cancelled"
        past = When(NOW - timedelta(hours=1), 45, KYIV)
        assert code_of(lambda: service.move(session, manager, appointment, past, NOW)) == "time_past"
        service.cancel(session, manager, appointment, NOW)
        assert code_of(lambda: service.cancel(session, manager, appointment, NOW)) == "cancelled"
        assert code_of(lambda: service.move(session, manager, appointment, LATER, NOW)) == "cancelled"
        assert code_of(lambda: service.restore(session, manager, appointment, appointment.ends_at)) == "over"
        service.restore(session, manager, appointment, NOW)
        assert appointment.status == Status.PLANNED
        await service.end(session, appointment.id, NOW)
        assert code_of(lambda: service.move(session, manager, appointment, LATER, NOW)) == "over"


async def test_it_ends_once_and_does_not_revive_a_cancelled_one(database: Database) -> None:
    async with database.write() as session:
        manager, appointment = await planned(session)
        service.cancel(session, manager, appointment, NOW)
        await service.end(session, appointment.id, NOW)
        assert (appointment.status, appointment.ended_at) == (Status.CANCELLED, None)
        service.restore(session, manager, appointment, NOW)
        await service.end(session, appointment.id, NOW)
        await service.end(session, appointment.id, NOW + timedelta(minutes=5))
        await service.end(session, "0" * 16, NOW)
        assert (appointment.status, appointment.ended_at) == (Status.ENDED, NOW)


async def test_a_link_stays_and_says_the_new_time(database: Database) -> None:
    async with database.write() as session:
        manager, appointment = await planned(session)
        seat = await seat_of(session, appointment, Role.CLIENT)
        token = links.make(KEY, seat.id, seat.link_version)
        before = appointment.starts_at
        service.move(session, manager, appointment, LATER, NOW)
        await session.flush()
        context = await service.link_context(session, KEY, token, NOW)
        assert (context.starts_at, context.moved_from, context.status) == (LATER.starts_at, before, Status.PLANNED)


async def test_a_link_says_that_it_is_cancelled_or_over(database: Database) -> None:
    async with database.write() as session:
        manager, appointment = await planned(session)
        seat = await seat_of(session, appointment, Role.CLIENT)
        token = links.make(KEY, seat.id, seat.link_version)
        late = appointment.ends_at + LINGER
        assert (await service.link_context(session, KEY, token, late - timedelta(seconds=1))).status is Status.PLANNED
        assert (await service.link_context(session, KEY, token, late)).status is Status.ENDED
        service.cancel(session, manager, appointment, NOW)
        assert (await service.link_context(session, KEY, token, late)).status is Status.CANCELLED


async def test_a_link_opens_nothing_once_it_is_revoked_or_replaced(database: Database) -> None:
    async with database.write() as session:
        manager, appointment = await planned(session)
        seat = await seat_of(session, appointment, Role.CLIENT)
        first = links.make(KEY, seat.id, seat.link_version)
        seats.renew_link(session, manager, appointment, seat, NOW)
        await session.flush()
        assert await link_code(session, first) == "link_revoked"
        second = links.make(KEY, seat.id, seat.link_version)
        assert (await service.link_context(session, KEY, second, NOW)).seat_id == seat.id
        seats.revoke(session, manager, appointment, seat, NOW)
        await session.flush()
        assert await link_code(session, second) == "link_revoked"
        seats.renew_link(session, manager, appointment, seat, NOW)
        await session.flush()
        assert await link_code(session, second) == "link_revoked"
        assert (await service.link_context(session, KEY, links.make(KEY, seat.id, 3), NOW)).revoked is False


async def test_a_link_of_nobody_or_of_a_team_member_is_unknown(database: Database) -> None:
    async with database.write() as session:
        _, appointment = await planned(session)
        staff = await seat_of(session, appointment, Role.CASE_MANAGER)
        assert await link_code(session, links.make(KEY, "0" * 16, 1)) == "link_unknown"
        assert await link_code(session, links.make(KEY, staff.id, staff.link_version)) == "link_unknown"
        assert (await service.seat_context(session, staff.id, NOW)).kind == "staff"


async def test_it_runs_out_of_links_before_an_old_one_works_again(database: Database) -> None:
    async with database.write() as session:
        manager, appointment = await planned(session)
        seat = await seat_of(session, appointment, Role.CLIENT)
        seat.link_version = links.LAST_VERSION - 1
        seats.renew_link(session, manager, appointment, seat, NOW)
        with pytest.raises(seats.TooManyLinks):
            seats.renew_link(session, manager, appointment, seat, NOW)


async def test_it_tells_the_room_only_of_those_whose_invitation_stands(database: Database) -> None:
    async with database.write() as session:
        manager, appointment = await planned(session)
        seat = await seat_of(session, appointment, Role.CLIENT)
        seats.revoke(session, manager, appointment, seat, NOW)
        seats.revoke(session, manager, appointment, seat, NOW)
        await session.flush()
        meeting = await service.load_meeting(session, appointment.id)
        assert meeting is not None
        assert [(each.role, each.by_link) for each in meeting.seats] == [(Role.CASE_MANAGER, False)]
        assert meeting.status is PlanStatus.PLANNED
        assert await service.load_meeting(session, "0" * 16) is None
        assert (await tags(session)).count(Tag.INVITATION_REVOKED.value) == 1


async def test_it_takes_back_the_invitations_of_who_leaves_the_team(database: Database) -> None:
    async with database.write() as session:
        manager, lawyer = await hire(session, Role.CASE_MANAGER), await hire(session, Role.LAWYER)
        case = await open_case(session, manager)
        await cases.join_team(session, manager, case, lawyer.id)
        ahead, long_over = await plan(session, manager, case), await plan(session, manager, case)
        long_over.starts_at = NOW - timedelta(days=2)
        await session.flush()
        closed = await seats.revoke_account(session, manager, case.id, lawyer.id, NOW)
        assert closed == [(await seat_of(session, ahead, Role.LAWYER)).id]
        assert (await seat_of(session, long_over, Role.LAWYER)).revoked_at is None


async def test_it_invites_nobody_twice_and_gives_a_returning_member_the_same_seat(database: Database) -> None:
    async with database.write() as session:
        manager, appointment = await planned(session)
        mine = seats.NewSeat(Role.CASE_MANAGER, manager.name, "uk", account_id=manager.id)
        guest = seats.NewSeat(Role.HELPER, "Донька", "uk")
        assert await seats.invite(session, manager, appointment, [mine], NOW) == []
        assert len(await seats.invite(session, manager, appointment, [guest], NOW)) == 1
        assert len(await seats.invite(session, manager, appointment, [guest], NOW)) == 1
        seat = await seat_of(session, appointment, Role.CASE_MANAGER)
        seats.revoke(session, manager, appointment, seat, NOW)
        await session.flush()
        assert await seats.of_account(session, appointment.id, manager.id) is None
        assert await seats.invite(session, manager, appointment, [mine], NOW) == [seat]


async def test_it_writes_no_entry_for_a_move_to_the_same_time(database: Database) -> None:
    async with database.write() as session:
        manager, appointment = await planned(session)
        before = await tags(session)
        same = When(appointment.starts_at, appointment.duration_min, appointment.time_zone)
        service.move(session, manager, appointment, same, NOW)
        await session.flush()
        assert (appointment.moved_from, await tags(session)) == (None, before)


async def test_it_keeps_links_keys_and_phones_out_of_the_ledger(database: Database) -> None:
    async with database.write() as session:
        _, appointment = await planned(session)
        seat = await seat_of(session, appointment, Role.CLIENT)
        told = str([entry.details for entry in drafts(session)])
        assert links.make(KEY, seat.id, 1) not in told
        assert appointment.help_phone not in told


Step = Callable[[AsyncSession, Worker, Appointment, Seat], Awaitable[object]]


async def _move(session: AsyncSession, by: Worker, appointment: Appointment, _: Seat) -> None:
    service.move(session, by, appointment, LATER, NOW)


async def _cancel(session: AsyncSession, by: Worker, appointment: Appointment, _: Seat) -> None:
    service.cancel(session, by, appointment, NOW)


async def _revoke(session: AsyncSession, by: Worker, appointment: Appointment, seat: Seat) -> None:
    seats.revoke(session, by, appointment, seat, NOW)


async def _renew(session: AsyncSession, by: Worker, appointment: Appointment, seat: Seat) -> None:
    seats.renew_link(session, by, appointment, seat, NOW)


async def _invite(session: AsyncSession, by: Worker, appointment: Appointment, _: Seat) -> None:
    await seats.invite(session, by, appointment, [seats.NewSeat(Role.HELPER, "Донька", "uk")], NOW)


STEPS: dict[tuple[Tag, ...], Step] = {
    (Tag.MOVED,): _move,
    (Tag.CANCELLED,): _cancel,
    (Tag.INVITATION_REVOKED,): _revoke,
    (Tag.INVITATION_REVOKED, Tag.INVITED): _renew,
    (Tag.INVITED,): _invite,
}


async def state(session: AsyncSession) -> list[tuple[object, ...]]:
    appointments = await session.execute(select(Appointment.starts_at, Appointment.status, Appointment.moved_from))
    invited = await session.execute(select(Seat.id, Seat.link_version, Seat.revoked_at).order_by(Seat.id))
    return [tuple(row) for row in appointments] + [tuple(row) for row in invited]


@pytest.mark.parametrize("expected", STEPS, ids=str)
async def test_it_writes_each_fact_with_its_entries_or_neither(database: Database, expected: tuple[Tag, ...]) -> None:
    async with database.write() as session:
        manager, appointment = await planned(session)
        seat_id = (await seat_of(session, appointment, Role.CLIENT)).id
    async with database.read() as session:
        state_before, tags_before = await state(session), await tags(session)

    async def step(session: AsyncSession) -> None:
        await unlock(session, appointment.case_id)
        appointment_now = await session.get_one(Appointment, appointment.id)
        await STEPS[expected](session, manager, appointment_now, await session.get_one(Seat, seat_id))
        await session.flush()

    async def undone() -> None:
        async with database.write() as session:
            await step(session)
            raise Undone

    with pytest.raises(Undone):
        await undone()
    async with database.read() as session:
        assert (await state(session), await tags(session)) == (state_before, tags_before)
    async with database.write() as session:
        await step(session)
    async with database.read() as session:
        assert await state(session) != state_before
        assert await tags(session) == [*tags_before, *(tag.value for tag in expected)]


async def test_it_plans_with_one_entry_and_one_for_each_person(database: Database) -> None:
    async with database.write() as session:
        _, appointment = await planned(session)
        found = [entry for entry in drafts(session) if entry.session_id == appointment.id]
        invited = await seats.of_appointment(session, appointment.id)
        assert [entry.tag for entry in found] == [Tag.PLANNED] + [Tag.INVITED] * len(invited)
