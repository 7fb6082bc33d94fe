"""A meeting over real sockets and a real database: waiting, admission, hosting, drops and returns, the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from consent.database import Database
from consent.events import Tag
from media.pool import MediaPool
from rooms.plan import PlanStatus
from tests.flows.meeting import MEDIA, House
from tests.unit.rooms.people import CLIENT, GUEST, INTERPRETER, MANAGER, NOON, PSYCHOLOGIST, plan

APPOINTMENT = plan().appointment_id


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = Database.in_file(tmp_path / "rooms.sqlite3")
    house = House(database, MediaPool(MEDIA))
    await house.start()
    yield house
    await house.stop()
    await database.close()


async def test_it_shows_to_those_who_wait_the_team_and_themselves_alone(house: House) -> None:
    await house.come(MANAGER)
    await house.come(GUEST)
    client = await house.come(CLIENT, with_helper=True)
    assert client.state["you"] == {
        "seat": CLIENT,
        "role": "client",
        "name": "Name of the client",
        "phase": "waiting",
        "knock": "first",
        "host": False,
        "can": [],
        "muted_by_host": False,
        "consent": "allow",
        "asked": [],
    }
    assert {each["seat"] for each in client.state["people"]} == {MANAGER, PSYCHOLOGIST, INTERPRETER, CLIENT}
    assert client.state["producers"] == []
    assert client.state["room"]["help_phone"] == "+380 44 000 00 00"


async def test_it_lets_the_host_see_who_waits_and_admit_them(house: House) -> None:
    manager = await house.come(MANAGER)
    house.clock.forward(seconds=10)
    client = await house.come(CLIENT, with_helper=True)
    seen = await manager.until_other(CLIENT, phase="waiting")
    assert (seen["knock"], seen["with_helper"], seen["since"]) == ("first", True, "2026-03-05T12:00:10.000Z")
    house.clock.forward(seconds=5)
    await manager.ask("host.admit", seat=CLIENT)
    await client.until(lambda: client.state["you"]["phase"] == "in")
    assert {each["seat"] for each in client.state["people"]} == {MANAGER, PSYCHOLOGIST, INTERPRETER, CLIENT, GUEST}
    assert (await manager.until_other(CLIENT, phase="in"))["admitted_by"] == MANAGER
    entries = [entry for entry in await house.record() if entry.details.get("seat") == CLIENT]
    assert [(Tag(entry.tag), entry.actor, (entry.at - NOON).total_seconds()) for entry in entries] == [
        (Tag.WAITED, f"seat:{CLIENT}", 10),
        (Tag.HELPER_STATED, f"seat:{CLIENT}", 10),
        (Tag.ADMITTED, f"seat:{MANAGER}", 15),
        (Tag.JOINED, f"seat:{CLIENT}", 15),
    ]
    assert {entry.session_id for entry in entries} == {APPOINTMENT}
    assert {entry.case_id for entry in entries} == {plan().case_id}


async def test_it_refuses_rights_by_role_and_records_a_repeated_refusal_once(house: House) -> None:
    manager = await house.come(MANAGER)
    interpreter = await house.come(INTERPRETER)
    await house.come(CLIENT)
    for _ in range(3):
        assert await interpreter.code("host.admit", seat=CLIENT) == "forbidden"
    assert await interpreter.code("host.end") == "forbidden"
    house.clock.forward(minutes=11)
    assert await interpreter.code("host.admit", seat=CLIENT) == "forbidden"
    refusals = [entry for entry in await house.record() if entry.tag == Tag.ACCESS_REFUSED]
    assert [entry.details["action"] for entry in refusals] == ["admit", "end_meeting", "admit"]
    assert {entry.actor for entry in refusals} == {f"seat:{INTERPRETER}"}
    assert manager.other(CLIENT)["phase"] == "waiting"  # type: ignore[index]  # somebody who is there


async def test_it_tells_staff_since_when_somebody_is_lost_and_lets_the_device_back(house: House) -> None:
    manager = await house.come(MANAGER)
    client = await house.come(CLIENT)
    await manager.ask("host.admit", seat=CLIENT)
    house.clock.forward(seconds=100)
    await client.drop()
    assert (await manager.until_other(CLIENT, phase="lost"))["since"] == "2026-03-05T12:01:40.000Z"
    house.clock.forward(seconds=59)
    client = await house.come(CLIENT)
    assert client.state["you"]["phase"] == "in"
    await client.drop()
    await manager.until_other(CLIENT, phase="lost")
    house.clock.forward(seconds=61)
    client = await house.come(CLIENT)
    assert (client.state["you"]["phase"], client.state["you"]["knock"]) == ("waiting", "returning")
    await manager.until_other(CLIENT, knock="returning", phase="lost")
    await manager.ask("host.admit", seat=CLIENT)
    await client.until(lambda: client.state["you"]["phase"] == "in")
    assert (await house.tags(CLIENT))[3:] == [
        *(Tag.DROPPED, Tag.RETURNED, Tag.DROPPED),
        *(Tag.WAITED, Tag.ADMITTED, Tag.RETURNED),
    ]


async def test_it_moves_a_seat_to_another_device_when_the_host_confirms(house: House) -> None:
    manager = await house.come(MANAGER)
    tablet = await house.come(CLIENT)
    await manager.ask("host.admit", seat=CLIENT)
    phone = await house.come(CLIENT, "d" * 32)
    assert phone.state["you"]["knock"] == "new_device"
    await manager.until_other(CLIENT, phase="in", knock="new_device")
    await manager.ask("host.admit", seat=CLIENT)
    assert await tablet.until_closed() == "moved_device"
    await phone.until(lambda: phone.state["you"]["phase"] == "in")


async def test_it_gives_the_seat_to_a_second_tab_and_back(house: House) -> None:
    manager = await house.come(MANAGER)
    first = await house.come(CLIENT)
    await manager.ask("host.admit", seat=CLIENT)
    second = await house.come(CLIENT)
    assert await first.until_closed() == "other_tab"
    assert second.state["you"]["phase"] == "in"
    third = await house.come(CLIENT)
    assert await second.until_closed() == "other_tab"
    assert third.state["you"]["phase"] == "in"
    assert manager.other(CLIENT)["phase"] == "in"  # type: ignore[index]  # somebody who is there


async def test_it_pauses_without_staff_and_says_why(house: House) -> None:
    manager = await house.come(MANAGER)
    client = await house.come(CLIENT)
    await manager.ask("host.admit", seat=CLIENT)
    await client.until(lambda: client.state["room"]["phase"] == "open")
    await manager.drop()
    await client.until(lambda: client.state["room"]["phase"] == "paused")
    assert client.state["room"]["reason"] == "no_staff"
    assert await client.code("transport.create", direction="send") == "room_paused"
    psychologist = await house.come(PSYCHOLOGIST)
    assert psychologist.state["you"]["host"] is True
    await client.until(lambda: client.state["room"]["phase"] == "open")
    manager = await house.come(MANAGER)
    assert manager.state["room"]["host"] == MANAGER
    assert [tag for tag in await house.tags() if tag in {Tag.MEDIA_PAUSED, Tag.MEDIA_RESUMED}] == [
        Tag.MEDIA_PAUSED,
        Tag.MEDIA_RESUMED,
    ]


async def test_it_mutes_locks_corrects_declines_and_removes(house: House) -> None:
    manager = await house.come(MANAGER)
    client = await house.come(CLIENT)
    await manager.ask("host.admit", seat=CLIENT)
    await manager.ask("host.mute", seat=CLIENT)
    await client.until(lambda: client.state["you"]["muted_by_host"])
    await manager.ask("host.helper", seat=CLIENT, with_helper=True)
    await client.until_other(CLIENT, with_helper=True)
    await client.ask("seat.update", abilities={"audio": True, "video": False})
    await manager.until_other(CLIENT, abilities={"audio": True, "video": False, "vp9": False})
    guest = await house.come(GUEST)
    await manager.ask("host.decline", seat=GUEST)
    assert await guest.until_closed() == "declined"
    guest = await house.connect(GUEST)
    entering = {"device": GUEST * 2, "with_helper": None, "abilities": {"audio": True, "video": True}}
    assert await guest.code("room.enter", **entering) == "declined_wait"
    house.clock.forward(seconds=31)
    await manager.ask("host.lock", locked=True)
    assert await guest.code("room.enter", **entering) == "room_locked"
    await manager.ask("host.remove", seat=CLIENT)
    assert await client.until_closed() == "removed"
    client = await house.connect(CLIENT)
    assert await client.code("room.enter", **(entering | {"device": CLIENT * 2})) == "removed"
    assert await manager.code("host.remove", seat=MANAGER) == "forbidden"
    assert await manager.code("host.mute", seat=GUEST) == "not_present"
    assert await manager.code("host.admit", seat=GUEST) == "not_waiting"
    assert await manager.code("host.admit", seat="0" * 16) == "unknown_seat"


async def test_it_ends_for_all_and_tells_the_planning_side_in_the_same_transaction(house: House) -> None:
    manager = await house.come(MANAGER)
    client = await house.come(CLIENT)
    house.clock.forward(minutes=40)
    await manager.ask("host.end")
    assert await manager.until_closed() == "ended"
    assert await client.until_closed() == "ended"
    assert house.ended == [(APPOINTMENT, NOON + timedelta(minutes=40))]
    late = await house.connect(MANAGER)
    assert (
        await late.code("room.enter", device=MANAGER * 2, with_helper=None, abilities={"audio": True, "video": True})
        == "room_ended"
    )


async def test_it_ends_an_abandoned_meeting_by_itself(house: House) -> None:
    manager = await house.come(MANAGER)
    await manager.ask("room.leave")
    assert await manager.code("host.end") == "out_of_order"
    house.clock.forward(minutes=104)
    await house.rooms.tick()
    assert Tag.ENDED not in await house.tags()
    house.clock.forward(minutes=1)
    await house.rooms.tick()
    assert [(entry.actor, entry.at) for entry in await house.record() if entry.tag == Tag.ENDED] == [
        ("system", NOON + timedelta(minutes=105))
    ]


async def test_it_lets_who_left_enter_again_on_the_same_connection(house: House) -> None:
    manager = await house.come(MANAGER)
    await manager.ask("room.leave")
    manager.states.clear()
    await manager.enter()
    assert manager.state["you"]["phase"] == "in"
    assert await house.tags(MANAGER) == [Tag.JOINED, Tag.HOST_CHANGED, Tag.LEFT, Tag.JOINED]


async def test_it_tells_people_that_the_appointment_was_cancelled_or_moved(house: House) -> None:
    client = await house.come(CLIENT)
    house.plans[APPOINTMENT] = replace(plan(), starts_at=NOON + timedelta(days=1), ends_at=NOON + timedelta(days=1.1))
    await house.rooms.appointment_changed(APPOINTMENT)
    assert await client.until_closed() == "moved"
    manager = await house.come(MANAGER)
    house.plans[APPOINTMENT] = replace(plan(), status=PlanStatus.CANCELLED)
    await house.rooms.appointment_changed(APPOINTMENT)
    assert await manager.until_closed() == "cancelled"


async def test_it_tells_who_waits_the_new_time_when_they_need_not_go(house: House) -> None:
    client = await house.come(CLIENT)
    assert client.state["room"]["starts_at"] == "2026-03-05T12:00:00.000Z"
    house.plans[APPOINTMENT] = replace(plan(), starts_at=NOON + timedelta(minutes=45))
    await house.rooms.appointment_changed(APPOINTMENT)
    await client.until(lambda: client.state["room"]["starts_at"] == "2026-03-05T12:45:00.000Z")
    assert client.state["you"]["phase"] == "waiting"


async def test_it_ends_the_connection_of_a_revoked_invitation_and_voids_its_tickets(house: House) -> None:
    manager = await house.come(MANAGER)
    client = await house.come(CLIENT)
    old = house.ticket(CLIENT, CLIENT * 2)
    await manager.ask("host.admit", seat=CLIENT)
    house.clock.forward(seconds=10)
    await house.rooms.close_seat(CLIENT)
    assert await client.until_closed() == "revoked"
    entering = {"device": CLIENT * 2, "with_helper": None, "abilities": {"audio": True, "video": True}}
    again = await house.person(CLIENT).connect(old)
    assert await again.code("room.enter", **entering) == "link_revoked"
    fresh = await house.come(CLIENT)
    assert fresh.state["you"]["knock"] == "first"


async def test_it_learns_of_people_who_were_invited_later(house: House) -> None:
    complete = plan()
    house.plans[APPOINTMENT] = replace(complete, seats=complete.seats[:1])
    await house.come(MANAGER)
    house.plans[APPOINTMENT] = complete
    psychologist = await house.come(PSYCHOLOGIST)
    assert psychologist.state["you"]["phase"] == "in"


async def test_it_lets_admitted_people_back_after_a_restart(house: House) -> None:
    manager = await house.come(MANAGER)
    client = await house.come(CLIENT)
    await manager.ask("host.admit", seat=CLIENT)
    await manager.ask("host.lock", locked=True)
    await house.stop()
    house.people.clear()
    house.clock.forward(minutes=3)
    await house.start()
    client = await house.come(CLIENT)
    assert client.state["you"]["phase"] == "in"
    assert client.state["room"] == client.state["room"] | {"phase": "paused", "locked": True}
    manager = await house.come(MANAGER)
    await client.until(lambda: client.state["room"]["phase"] == "open")
    assert (await house.tags(CLIENT))[-2:] == [Tag.DROPPED, Tag.RETURNED]
    summary = house.rooms.summary(APPOINTMENT)
    assert (summary.waiting, summary.present) == (0, 2)


async def test_it_says_that_it_is_about_to_restart(house: House) -> None:
    manager = await house.come(MANAGER)
    await house.gateway.drain()
    await manager.until(lambda: ("server.draining", {}) in manager.heard)
