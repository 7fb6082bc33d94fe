"""The delivery service over real sockets: the group follows who is in the room, and the record what matters of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from consent.database import Database
from consent.events import Tag
from media.pool import MediaPool
from signaling import mls
from tests.flows.meeting import MEDIA, House, Person
from tests.unit.rooms.people import CLIENT, GUEST, INTERPRETER, MANAGER, PSYCHOLOGIST

GROUP, OTHER = "g" * 22, "h" * 22


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = Database.in_file(tmp_path / "rooms.sqlite3")
    house = House(database, MediaPool(MEDIA))
    await house.start()
    yield house
    await house.stop()
    await database.close()


def heard(person: Person, event: str) -> list[dict[str, Any]]:
    return [data for name, data in person.heard if name == event]


async def until_group(person: Person, **expected: Any) -> dict[str, Any]:
    """Wait until the last picture of the group shows this."""

    def shows() -> bool:
        states = heard(person, "mls.state")
        return bool(states) and expected.items() <= states[-1].items()

    await person.until(shows)
    return heard(person, "mls.state")[-1]


async def admitted(house: House, manager: Person, seat: str) -> Person:
    person = await house.come(seat)
    await manager.until_other(seat, knock="first")
    await manager.ask("host.admit", seat=seat)
    await person.until(lambda: person.state["you"]["phase"] == "in")
    return person


async def joined(manager: Person, person: Person, epoch: int) -> None:
    await person.ask("mls.key_package", keyPackage="cGFja2FnZQ")
    await manager.until(lambda: person.seat in {each["seat"] for each in heard(manager, "mls.state")[-1]["pending"]})
    added = [{"seat": person.seat, "welcome": "d2VsY29tZQ"}]
    answer = await manager.ask("mls.commit", group=GROUP, epoch=epoch, commit="Y29tbWl0", added=added, removed=[])
    assert answer == {"epoch": epoch + 1}
    await person.until(lambda: heard(person, "mls.welcome"))


async def test_it_carries_a_group_from_its_beginning_to_the_end_of_the_room(house: House) -> None:
    manager = await house.come(MANAGER)
    await until_group(manager, group=None, committer=None)
    await manager.ask("mls.create", group=GROUP)
    client = await admitted(house, manager, CLIENT)
    psychologist = await house.come(PSYCHOLOGIST)
    await until_group(client, group=GROUP, epoch=0)
    await joined(manager, client, 0)
    await joined(manager, psychologist, 1)
    assert heard(client, "mls.committed") == [{"group": GROUP, "epoch": 1, "commit": "Y29tbWl0", "by": MANAGER}]
    for person in (manager, client, psychologist):
        await person.ask("mls.ack", group=GROUP, epoch=2)
    for person in (manager, client, psychologist):
        await person.until(lambda person=person: {"group": GROUP, "epoch": 2} in heard(person, "mls.epoch_ready"))
    await client.ask("mls.message", group=GROUP, message="aGVsbG8")
    await psychologist.until(lambda: heard(psychologist, "mls.forwarded"))
    assert heard(manager, "mls.forwarded") == [{"group": GROUP, "message": "aGVsbG8", "by": CLIENT}]
    assert heard(client, "mls.forwarded") == []
    await manager.ask("host.end")
    assert await client.until_closed() == "ended"
    assert "aGVsbG8" not in repr([entry.details for entry in await house.record()])


async def test_it_tells_nobody_of_the_group_who_only_waits(house: House) -> None:
    manager = await house.come(MANAGER)
    await manager.ask("mls.create", group=GROUP)
    client = await house.come(CLIENT)
    assert await client.code("mls.key_package", keyPackage="AAAA") == "out_of_order"
    await manager.until_other(CLIENT, phase="waiting")
    assert heard(client, "mls.state") == []


async def test_it_records_a_refusal_to_lead_the_group_once(house: House) -> None:
    manager = await house.come(MANAGER)
    interpreter = await house.come(INTERPRETER)
    for _ in range(2):
        assert await interpreter.code("mls.create", group=GROUP) == "forbidden"
    await manager.ask("mls.create", group=GROUP)
    assert await interpreter.code("mls.replace", old=GROUP, group=OTHER) == "forbidden"
    client = await admitted(house, manager, CLIENT)
    commit: dict[str, Any] = {"group": GROUP, "epoch": 0, "commit": "Y29tbWl0", "added": [], "removed": []}
    assert await client.code("mls.commit", **commit) == "forbidden"
    refusals = [entry for entry in await house.record() if entry.tag == Tag.ACCESS_REFUSED]
    assert [(each.actor, each.details["action"]) for each in refusals] == [
        (f"seat:{INTERPRETER}", "admit"),
        (f"seat:{CLIENT}", "admit"),
    ]


async def test_two_hosts_commit_at_once_and_one_of_them_wins(house: House) -> None:
    manager = await house.come(MANAGER)
    await manager.ask("mls.create", group=GROUP)
    psychologist = await house.come(PSYCHOLOGIST)
    await joined(manager, psychologist, 0)
    commit: dict[str, Any] = {"group": GROUP, "epoch": 1, "commit": "Y29tbWl0", "added": [], "removed": []}
    codes = await asyncio.gather(*(each.code("mls.commit", **commit) for each in (manager, psychologist)))
    assert sorted(map(str, codes)) == ["None", "epoch_taken"]
    loser = manager if codes[0] else psychologist
    await loser.until(lambda: [each["epoch"] for each in heard(loser, "mls.committed")] == [1])


def leaf(seat: str, *, live: bool = True, leads: bool = False) -> dict[str, Any]:
    """A member as the state tells of it."""
    return {"seat": seat, "live": live, "leads": leads}


async def test_it_shows_a_dropped_leaf_and_records_that_a_group_was_replaced(house: House) -> None:
    manager = await house.come(MANAGER)
    await manager.ask("mls.create", group=GROUP)
    client = await admitted(house, manager, CLIENT)
    await joined(manager, client, 0)
    await manager.drop()
    await until_group(client, members=[leaf(MANAGER, live=False, leads=True), leaf(CLIENT)])
    manager = await house.come(MANAGER)
    await manager.ask("mls.replace", old=GROUP, group=OTHER)
    await until_group(client, group=OTHER, epoch=0, members=[leaf(MANAGER, leads=True)])
    assert Tag.REKEYED in await house.tags(MANAGER)


async def test_it_gives_the_leaf_back_when_only_the_socket_was_gone(house: House) -> None:
    manager = await house.come(MANAGER)
    await manager.ask("mls.create", group=GROUP)
    client = await admitted(house, manager, CLIENT)
    await joined(manager, client, 0)
    await client.drop()
    await until_group(manager, members=[leaf(MANAGER, leads=True), leaf(CLIENT, live=False)])
    again = await house.come(CLIENT)
    await again.ask("mls.ack", group=GROUP, epoch=1)
    await until_group(manager, members=[leaf(MANAGER, leads=True), leaf(CLIENT)])


async def test_it_records_what_devices_report_without_keys_and_codes(house: House) -> None:
    manager = await house.come(MANAGER)
    await admitted(house, manager, CLIENT)
    for what in ("verified", "mismatch", "refused"):
        await manager.ask("mls.report", what=what, seat=CLIENT, reason="spoken_code")
    await manager.ask("mls.report", what="stopped")
    tags = await house.tags(CLIENT)
    assert [tag for tag in tags if tag.value.startswith("encryption:")] == [
        Tag.VERIFIED,
        Tag.MISMATCH,
        Tag.KEYS_REFUSED,
    ]
    assert Tag.ENCRYPTION_STOPPED in await house.tags(MANAGER)
    [entry] = [each for each in await house.record() if each.tag == Tag.VERIFIED.value]
    assert entry.details == {"seat": CLIENT, "role": "client", "reason": "spoken_code"}
    assert await manager.code("mls.report", what="verified", seat="f" * 16) == "unknown_seat"
    assert await manager.code("mls.report", what="verified", reason="4711 blue") == "bad_message"


@pytest.mark.parametrize(
    ("event", "data", "code"),
    [
        ("mls.key_package", {"keyPackage": "a" * (mls.MAX_BYTES["mls.key_package"] + 1)}, "too_large"),
        ("mls.key_package", {"keyPackage": "not base64url!"}, "bad_message"),
        ("mls.create", {"group": "short"}, "bad_message"),
        ("mls.message", {"group": GROUP, "message": "a" * (mls.MAX_BYTES["mls.message"] + 1)}, "too_large"),
        ("mls.message", {"group": OTHER, "message": "AAAA"}, "wrong_group"),
        ("mls.commit", {"group": GROUP, "epoch": 0, "commit": "a" * (mls.COMMIT + 1), "added": [], "removed": []},
         "bad_message"),
        ("mls.commit", {"group": GROUP, "epoch": -1, "commit": "AAAA", "added": [], "removed": []}, "bad_message"),
        ("mls.commit", {"group": GROUP, "epoch": 0, "commit": "AAAA", "added": [], "removed": [GUEST]}, "not_asked"),
        ("mls.ack", {"group": GROUP, "epoch": 7}, "epoch_taken"),
    ],
)  # fmt: skip
async def test_it_refuses_what_is_too_large_or_makes_no_sense(
    house: House, event: str, data: dict[str, Any], code: str
) -> None:
    manager = await house.come(MANAGER)
    await manager.ask("mls.create", group=GROUP)
    assert await manager.code(event, **data) == code
    assert heard(manager, "mls.state")[-1]["epoch"] == 0


async def test_ten_thousand_key_packages_end_one_connection_and_disturb_nobody(house: House) -> None:
    manager = await house.come(MANAGER)
    await manager.ask("mls.create", group=GROUP)
    flood = await house.come(PSYCHOLOGIST)
    client = await admitted(house, manager, CLIENT)
    for _ in range(10_000):
        if flood.gone:
            break
        await flood.socket.emit("mls.key_package", {"keyPackage": "AAAA"})
    assert await flood.until_closed() == "too_many_requests"
    await until_group(manager, pending=[])
    await joined(manager, client, 0)
