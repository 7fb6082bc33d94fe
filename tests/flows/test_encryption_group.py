"""The group of a call, as the client's own code keeps it with a real server: all converge, whatever comes between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from consent.database import Database
from consent.events import Tag
from consent.policy import Role
from media.pool import MediaPool
from rooms.plan import PlannedSeat
from tests.flows.group_people import APPOINTMENT, GroupPerson, Team, converge
from tests.flows.meeting import House
from tests.support.headless import Headless
from tests.support.keys_process import KeysProcess
from tests.support.media_room import need_own_address, settings
from tests.support.sframe import Stream
from tests.unit.rooms.people import CLIENT, GUEST, INTERPRETER, MANAGER, PSYCHOLOGIST

CROWD = [f"{number:016x}" for number in range(100, 108)]


@pytest.fixture
async def process() -> AsyncIterator[KeysProcess]:
    process = await KeysProcess.start()
    yield process
    await process.close()


@pytest.fixture
async def team(tmp_path: Path, process: KeysProcess) -> AsyncIterator[Team]:
    database = Database.in_file(tmp_path / "rooms.sqlite3")
    house = House(database, MediaPool(settings()))
    invited = house.plans[APPOINTMENT]
    crowd = tuple(PlannedSeat(seat, Role.HELPER, f"Helper {seat[-2:]}", by_link=True) for seat in CROWD)
    house.plans[APPOINTMENT] = replace(invited, seats=invited.seats + crowd)
    await house.start()
    yield await Team.gather(house, process)
    await house.stop()
    await database.close()


async def call_of(team: Team, *seats: str) -> list[GroupPerson]:
    """A call of these people, the first of whom is the host."""
    host = await team.join(MANAGER)
    others = [await team.join(seat, None if seat in team.certificates else host) for seat in seats]
    await converge(host, *others)
    return [host, *others]


async def requested(person: GroupPerson, event: str, data: dict[str, Any]) -> dict[str, Any]:
    """One request of a participant's media."""
    return await person.ask(event, **data)


def committed(epoch: int) -> Any:
    """Whether a delivery is the commit that was built on this epoch."""
    return lambda event, data: event == "mls.committed" and data["epoch"] == epoch


async def test_it_knows_everybody_by_what_they_have_proven(team: Team) -> None:
    host, client, psychologist = await call_of(team, CLIENT, PSYCHOLOGIST)
    for person in (host, client, psychologist):
        assert person.keys.standing(PSYCHOLOGIST) == "certified"
    assert host.keys.standing(CLIENT) == "invited"
    await client.keys.say("hello")
    await host.keys.until(lambda: host.keys.messages)
    assert host.keys.messages[0]["payload"] == "hello"
    assert host.keys.messages[0]["from"]["seat"] == CLIENT


async def test_two_of_the_staff_commit_at_the_same_moment(team: Team) -> None:
    host, psychologist = await call_of(team, PSYCHOLOGIST)
    release = [person.hold("mls.commit") for person in (host, psychologist)]
    client = await team.join(CLIENT, host)
    for person in (host, psychologist):
        await person.until_held("mls.commit")
    for each in release:
        each.set()
    await converge(host, psychologist, client)
    assert sorted(person.held_outcome("mls.commit") for person in (host, psychologist)) == ["epoch_taken", "ok"]


async def test_eight_people_join_at_once(team: Team) -> None:
    [host] = await call_of(team)
    crowd = [await team.come(seat, host) for seat in CROWD]
    await asyncio.gather(*(team.bring_keys(person) for person in crowd))
    await converge(host, *crowd)


@pytest.mark.timeout(180)
async def test_eight_people_who_join_at_once_see_one_another(team: Team) -> None:
    need_own_address()
    await team.house.pool.start()
    [host] = await call_of(team)
    crowd = [await team.come(seat, host) for seat in CROWD]
    await asyncio.gather(*(team.bring_keys(person) for person in crowd))
    await converge(host, *crowd)
    people = [host, *crowd]
    media = [Headless(partial(requested, person), person.keys.frames) for person in people]
    try:
        await asyncio.gather(*(each.load() for each in media))
        pictures = await asyncio.gather(*(each.publish("video") for each in media))
        # Each sees the next one in the round: all who send are seen, and all who came see.
        for at, each in enumerate(media):
            sender = (at + 1) % len(people)
            await each.consume(pictures[sender], Stream(people[sender].seat, "video", "camera"))
        await asyncio.gather(*(each.wait_for(next(iter(each.received)), changes=10) for each in media))
    finally:
        for each in media:
            await each.close()
        await team.house.pool.close()
    for person in people:
        assert set(person.keys.frames.refused) <= {"no_key", "unknown_epoch"}


async def test_a_member_leaves_during_a_commit(team: Team) -> None:
    host, client, psychologist = await call_of(team, CLIENT, PSYCHOLOGIST)
    release = host.hold("mls.commit")
    guest = await team.join(GUEST, host)
    await host.until_held("mls.commit")
    await client.ask("room.leave")
    await host.until_other(CLIENT, phase="left")
    release.set()
    await converge(host, psychologist, guest)


async def test_whoever_is_being_added_is_gone_before_the_commit_arrives(team: Team) -> None:
    host, psychologist = await call_of(team, PSYCHOLOGIST)
    release = host.hold("mls.commit")
    client = await team.join(CLIENT, host)
    await host.until_held("mls.commit")
    await client.ask("room.leave")
    await host.until_other(CLIENT, phase="left")
    release.set()
    await host.until(lambda: host.held_outcome("mls.commit") == "not_asked")
    guest = await team.join(GUEST, host)
    await converge(host, psychologist, guest)


async def test_the_only_worker_reloads_in_a_call_of_two(team: Team) -> None:
    host, client = await call_of(team, CLIENT)
    old = await converge(host, client)
    await host.keys.close()
    await host.drop()
    again = await team.join(MANAGER)
    group, _, _ = await converge(again, client)
    assert group != old[0]
    assert Tag.REKEYED in await team.house.tags(MANAGER)


async def test_the_only_certified_worker_reloads_while_a_colleague_without_certificate_stays(team: Team) -> None:
    host, client = await call_of(team, CLIENT)
    del team.certificates[PSYCHOLOGIST]
    psychologist = await team.join(PSYCHOLOGIST)
    await host.keys.until(lambda: host.keys.doubtful)
    await host.keys.approve(host.keys.doubtful[0])
    old = await converge(host, client, psychologist)
    await host.keys.close()
    await host.drop()
    again = await team.join(MANAGER)
    await again.keys.until(lambda: again.keys.doubtful)
    group, _, _ = await converge(again, client)
    assert group != old[0]


async def test_the_client_reloads_and_is_added_again_without_knocking(team: Team) -> None:
    host, client, psychologist = await call_of(team, CLIENT, PSYCHOLOGIST)
    group, epoch, _ = await converge(host, client, psychologist)
    await client.keys.close()
    await client.drop()
    again = await team.join(CLIENT)
    assert (await converge(host, again, psychologist))[:2] == (group, epoch + 1)


async def test_a_revoked_device_is_taken_out_whatever_the_server_says_of_its_seat(team: Team) -> None:
    host, client, psychologist = await call_of(team, CLIENT, PSYCHOLOGIST)
    group, epoch, _ = await converge(host, client, psychologist)
    revoked = [team.devices[PSYCHOLOGIST]]
    # The client's page does not know yet, and follows the commit; the seat stays in the room all the time.
    await host.keys.trust(team.trust(MANAGER, revoked=revoked))
    await converge(host, client)
    assert host.keys.at
    assert host.keys.at[:2] == (group, epoch + 1)
    await psychologist.keys.until(lambda: psychologist.keys.view is None and psychologist.keys.frames.sending is None)
    # It asks again at once, and for good in vain: a newcomer's commit leaves it out.
    guest = await team.join(GUEST, host)
    await converge(host, client, guest)
    assert Tag.KEYS_REFUSED in await team.house.tags(PSYCHOLOGIST)
    phases = {each["seat"]: each["phase"] for each in host.state["people"]}
    assert phases[PSYCHOLOGIST] == "in"


async def test_somebody_else_at_a_known_device_is_asked_about_and_who_was_here_is_not(team: Team) -> None:
    for seat in (CLIENT, GUEST):
        del team.invitations[seat]
    [host] = await call_of(team)
    client = await team.join(CLIENT, host)
    await host.keys.until(lambda: host.keys.doubtful)
    await host.keys.approve(host.keys.doubtful[0])
    await converge(host, client)
    await client.keys.close()
    await client.drop()
    # The client's device opens the link of somebody else, who has never been here.
    guest = await team.come(GUEST, host)
    await team.bring_keys(guest, device=CLIENT)
    await host.keys.until(lambda: [each["seat"] for each in host.keys.doubtful] == [GUEST])
    assert host.keys.doubtful[0]["device"] == team.devices[CLIENT]
    again = await team.join(CLIENT)
    await converge(host, again)
    assert [each["seat"] for each in host.keys.doubtful] == [GUEST]


async def test_a_member_who_stalls_holds_nobody_up(team: Team) -> None:
    host, client, psychologist = await call_of(team, CLIENT, PSYCHOLOGIST)
    client.catch = lambda _event, _data: True
    client.hold("mls.ack")
    guest = await team.join(GUEST, host)
    everybody = (host, psychologist, guest)
    await host.keys.until(lambda: len({each.keys.at for each in everybody}) == 1 and host.keys.seats >= {GUEST, CLIENT})
    # Nobody is told that all have the keys, and yet all go over to them.
    assert host.keys.view
    epoch = host.keys.view["epoch"]
    await host.keys.until(lambda: all(each.keys.frames.sending == epoch for each in everybody))
    assert ("mls.epoch_ready", {"group": host.keys.view["group"], "epoch": epoch}) not in host.heard
    assert client.keys.view
    assert client.keys.view["epoch"] == epoch - 1


async def test_the_last_certified_worker_follows_when_the_first_stalls(team: Team) -> None:
    host, psychologist, interpreter = await call_of(team, PSYCHOLOGIST, INTERPRETER)
    host.catch = lambda _event, _data: True
    client = await team.join(CLIENT, host)
    await psychologist.keys.until(lambda: psychologist.keys.seats >= {CLIENT, INTERPRETER})
    await client.keys.until(lambda: client.keys.at == interpreter.keys.at == psychologist.keys.at)


async def test_the_only_host_who_does_not_hear_that_its_commit_counted_begins_another_group(team: Team) -> None:
    host, client = await call_of(team, CLIENT)
    group, _, _ = await converge(host, client)
    host.unanswered.add("mls.commit")
    guest = await team.join(GUEST, host)
    assert (await converge(host, client, guest))[0] != group


async def test_a_turn_that_has_passed_commits_nothing_more(team: Team) -> None:
    """Whoever is next looks again two seconds after a change was due, also when the first has long made it.

    The clock is a second change: the first host holds that one back, so the next one has to make it, two seconds after
    it was due, and so later than the look that the first change had called for. That look must not have committed.
    """
    host, psychologist, interpreter = await call_of(team, PSYCHOLOGIST, INTERPRETER)
    _, epoch, _ = await converge(host, psychologist, interpreter)
    asked = psychologist.outcomes
    psychologist.hold("mls.commit").set()
    client = await team.join(CLIENT, host)
    # The first change: the first host makes it at once, while the next one's two seconds run.
    await converge(host, psychologist, interpreter, client)
    release = host.hold("mls.commit")
    guest = await team.join(GUEST, host)
    await host.until_held("mls.commit")
    await psychologist.until(lambda: asked.get("mls.commit", [])[-1:] == ["ok"])
    release.set()
    assert (await converge(host, psychologist, interpreter, client, guest))[1] == epoch + 2
    assert asked["mls.commit"] == ["ok"]
    assert host.outcomes["mls.commit"] == ["epoch_taken"]


async def test_a_server_that_withholds_a_commit_parts_nobody_else_and_a_fresh_leaf_makes_up_for_it(team: Team) -> None:
    host, client, psychologist = await call_of(team, CLIENT, PSYCHOLOGIST)
    _, epoch, _ = await converge(host, client, psychologist)
    client.catch = committed(epoch)
    guest = await team.join(GUEST, host)
    await host.keys.until(lambda: host.keys.at == psychologist.keys.at == guest.keys.at)
    assert client.keys.view
    assert client.keys.view["epoch"] == epoch
    await converge(host, client, psychologist, guest)
    assert [name for name, _ in client.caught] == ["mls.committed"]
    assert Tag.KEYS_REFUSED in await team.house.tags(CLIENT)


async def test_a_server_that_goes_on_withholding_is_said_on_the_page(team: Team) -> None:
    host, client = await call_of(team, CLIENT)
    client.catch = lambda event, _data: event in {"mls.committed", "mls.welcome"}
    psychologist = await team.join(PSYCHOLOGIST)
    await client.keys.until(lambda: client.keys.stages[-1] == {"name": "asking", "late": True})
    assert host.keys.stage == psychologist.keys.stage == "in"


async def test_commits_that_arrive_in_another_order(team: Team) -> None:
    host, client, psychologist = await call_of(team, CLIENT, PSYCHOLOGIST)
    client.catch = lambda event, _data: event == "mls.committed"
    guest = await team.join(GUEST, host)
    await guest.keys.until(lambda: guest.keys.at is not None)
    interpreter = await team.join(INTERPRETER)
    await client.until(lambda: len(client.caught) == 2)
    client.let_through(*reversed(client.caught))
    client.catch = lambda _event, _data: False
    await converge(host, client, psychologist, guest, interpreter)
