"""A running meeting and its clients' consent: no media before it, none after it, and recorded second."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from consent import database as databases
from consent.database import Database, DatabaseBusy
from consent.events import Tag
from media.pool import MediaPool
from rooms import withdrawal
from rooms.plan import Gate, SeatConsent
from rooms.withdrawal import Recording
from tests.flows.meeting import MEDIA, PATIENCE_S, House, Person
from tests.flows.test_rooms_media import publish, together
from tests.unit.rooms.people import AGREED, CLIENT, GUEST, INTERPRETER, MANAGER, PSYCHOLOGIST, plan

EVERYBODY = frozenset({MANAGER, PSYCHOLOGIST, INTERPRETER, GUEST})
TAKEN_BACK = SeatConsent(Gate.ASK, apart=EVERYBODY, stopped=("video",))
ENTERING = {"with_helper": None, "abilities": {"audio": True, "video": True}}


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(databases, "BUSY_TIMEOUT_S", 1)  # long enough for two writers, short for one that is shut out
    monkeypatch.setattr(withdrawal, "RETRY_S", 0.02)
    database, pool = Database.in_file(tmp_path / "rooms.sqlite3"), MediaPool(MEDIA)
    house = House(database, pool)
    await house.start()
    await pool.start()
    yield house
    await house.stop()
    await pool.close()
    await database.close()


def says(house: House, consent: SeatConsent) -> None:
    """This is what the client agrees to, as the planning side has it from now on."""
    seats = tuple(replace(each, consent=consent) if each.seat_id == CLIENT else each for each in plan().seats)
    house.plans[plan().appointment_id] = replace(plan(), seats=seats)


async def follow(house: House, consent: SeatConsent) -> None:
    """It has changed, and the room is told."""
    says(house, consent)
    await house.rooms.appointment_changed(plan().appointment_id)


async def stops(house: House, seat: str = CLIENT, consent: SeatConsent = TAKEN_BACK) -> bool:
    """Somebody takes something back in the call; True when it is written."""

    async def record() -> None:
        async with house.database.write():
            says(house, consent)

    return await house.rooms.withdraw(plan().appointment_id, {seat}, record, lambda: (record, lambda: None))


async def refusals(person: Person, producer: str = "p0") -> set[str | None]:
    """What the server says to everything about media."""
    return {
        await person.code("media.capabilities"),
        await person.code("transport.create", direction="send"),
        await person.code("transport.create", direction="recv"),
        await person.code("consumer.create", producerId=producer),
        await person.code("producer.close", producerId=producer),
    }


@pytest.mark.parametrize(("gate", "code"), [(Gate.ASK, "consent_missing"), (Gate.REFUSE, "other_way")])
async def test_a_client_who_has_not_agreed_comes_to_no_door(house: House, gate: Gate, code: str) -> None:
    says(house, SeatConsent(gate))
    await house.come(MANAGER)
    client = await house.connect(CLIENT)
    assert await client.code("room.enter", device=CLIENT * 2, **ENTERING) == code
    assert await client.code("transport.create", direction="send") == "out_of_order"
    await follow(house, AGREED)
    assert await client.code("room.enter", device=CLIENT * 2, **ENTERING) is None


async def test_what_a_client_agrees_to_is_read_anew_when_they_come(house: House) -> None:
    await house.come(MANAGER)
    says(house, SeatConsent())  # nobody has told the room
    client = await house.connect(CLIENT)
    assert await client.code("room.enter", device=CLIENT * 2, **ENTERING) == "consent_missing"


async def test_what_a_meeting_stands_on_ends_by_the_clock_while_it_goes_on(house: House) -> None:
    manager, client = await together(house)
    producer = await publish(client, 1)
    await manager.until(lambda: [each["id"] for each in manager.state["producers"]] == [producer])
    says(house, SeatConsent(Gate.REFUSE))  # a document or a decision has ended, and nobody is there to say so
    loads = house.loads
    house.clock.forward(seconds=44)
    await house.rooms.tick()
    assert house.loads == loads, "not at each tick"
    house.clock.forward(seconds=16)
    await house.rooms.tick()
    await house.rooms.tick()
    assert await client.until_closed() == "other_way"
    await manager.until_other(CLIENT, phase="left")
    assert manager.state["producers"] == []
    assert house.loads == loads + 1, "once for all ticks"
    assert [each.details["reason"] for each in await house.record() if each.tag is Tag.LEFT] == ["other_way"]
    house.clock.forward(minutes=2)
    await house.rooms.tick()
    assert house.loads == loads + 1, "there is nobody left whom it concerns"


async def test_whoever_waits_while_it_ends_is_not_let_in(house: House) -> None:
    manager, client = await house.come(MANAGER), await house.come(CLIENT)
    await manager.until_other(CLIENT, phase="waiting")
    says(house, SeatConsent(Gate.REFUSE))
    house.clock.forward(minutes=1)
    await house.rooms.tick()
    assert await client.until_closed() == "other_way"
    assert await manager.code("host.admit", seat=CLIENT) == "not_waiting"


async def test_whoever_is_let_in_is_let_in_by_what_holds_at_that_moment(house: House) -> None:
    manager, client = await house.come(MANAGER), await house.come(CLIENT)
    await manager.until_other(CLIENT, phase="waiting")
    house.away = True
    assert await manager.code("host.admit", seat=CLIENT) == "busy"
    house.away = False
    says(house, SeatConsent(Gate.REFUSE))  # and no time has passed
    assert await manager.code("host.admit", seat=CLIENT) == "not_waiting"
    assert await client.until_closed() == "other_way"
    assert Tag.ADMITTED not in await house.tags()


async def test_a_plan_that_cannot_be_read_is_read_a_minute_later(house: House) -> None:
    _, client = await together(house)
    says(house, SeatConsent(Gate.REFUSE))
    loads, house.away = house.loads, True
    house.clock.forward(minutes=1)
    await house.rooms.tick()
    async with asyncio.timeout(PATIENCE_S):
        await house.in_vain.wait()
    assert client.closed is None
    house.away = False
    await house.rooms.tick()
    assert house.loads == loads + 1, "not at once"
    house.clock.forward(minutes=1)
    await house.rooms.tick()
    assert await client.until_closed() == "other_way"


async def test_taking_it_back_ends_the_clients_media_at_once_and_nothing_is_given_until_they_agree_again(
    house: House,
) -> None:
    manager, client = await together(house)
    producer = await publish(client, 1)
    own = await publish(manager, 2)
    await manager.until(lambda: len(manager.state["producers"]) == 2)
    await manager.ask("transport.create", direction="recv")
    await manager.ask("consumer.create", producerId=producer)

    assert await stops(house)
    await manager.until_other(CLIENT, consent="ask", took_back=True, stopped=["video"])
    assert [each["id"] for each in manager.state["producers"]] == [own]
    assert client.state["you"]["phase"] == "in"
    assert client.state["producers"] == []
    assert await refusals(client, own) == {"consent_missing"}
    assert await manager.code("consumer.create", producerId=producer) == "unknown_producer"
    stats = await house.pool.stats()
    assert sum(each["producers"] for each in stats) == 1

    await follow(house, AGREED)
    await client.until(lambda: client.state["you"]["consent"] == "allow")
    producer = await publish(client, 3)
    await manager.ask("consumer.create", producerId=producer)


async def test_media_ends_before_the_database_can_take_it_and_it_is_written_as_soon_as_it_can(
    house: House, tmp_path: Path
) -> None:
    manager, client = await together(house)
    own = await publish(manager, 2)
    await publish(client, 1)
    other = sqlite3.connect(tmp_path / "rooms.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert not await stops(house)
    await manager.until_other(CLIENT, consent="ask")
    assert await refusals(client, own) == {"consent_missing"}
    assert sum(each["producers"] for each in await house.pool.stats()) == 1
    other.close()
    await manager.until_other(CLIENT, consent="ask", took_back=True)
    assert house.plans[plan().appointment_id].seats[3].consent == TAKEN_BACK


async def test_a_withdrawal_that_is_nobodys_to_make_leaves_everything_as_it_was(house: House) -> None:
    _, client = await together(house)

    async def record() -> None:
        raise LookupError("not theirs")

    with pytest.raises(LookupError):
        await house.rooms.withdraw(plan().appointment_id, {CLIENT}, record)
    assert await client.code("transport.create", direction="send") is None


async def test_while_it_is_being_explained_the_engine_keeps_everybody_else_apart(house: House) -> None:
    says(house, SeatConsent(Gate.EXPLAIN, apart=frozenset({PSYCHOLOGIST, GUEST})))
    manager, client = await together(house)
    psychologist = await house.come(PSYCHOLOGIST)
    streams = {MANAGER: await publish(manager, 1), CLIENT: await publish(client, 2)}
    streams[PSYCHOLOGIST] = await publish(psychologist, 3)
    for person in (client, psychologist):
        await person.ask("transport.create", direction="recv")
    await client.until(lambda: {each["seat"] for each in client.state["producers"]} == {CLIENT, MANAGER})
    await psychologist.until(
        lambda: {each["seat"] for each in psychologist.state["producers"]} == {PSYCHOLOGIST, MANAGER}
    )
    # Whoever knows the id of a stream that they may not have gets it no more than anybody else.
    assert await psychologist.code("consumer.create", producerId=streams[CLIENT]) == "consent_missing"
    assert await client.code("consumer.create", producerId=streams[PSYCHOLOGIST]) == "consent_missing"
    assert await client.code("consumer.create", producerId=streams[MANAGER]) is None
    await follow(house, AGREED)
    await psychologist.until(lambda: len(psychologist.state["producers"]) == 3)
    assert await psychologist.code("consumer.create", producerId=streams[CLIENT]) is None


async def test_a_named_person_waits_at_the_door_on_the_same_socket_until_the_client_agrees(house: House) -> None:
    manager, client = await together(house)
    psychologist = await house.come(PSYCHOLOGIST)
    await publish(psychologist, 3)
    await follow(house, SeatConsent(Gate.ALLOW, apart=frozenset({PSYCHOLOGIST}), asked=frozenset({PSYCHOLOGIST})))
    await psychologist.until(lambda: psychologist.state["you"]["knock"] == "consent")
    assert await psychologist.code("transport.create", direction="send") == "out_of_order"
    await client.until(lambda: client.state["you"]["asked"] == [PSYCHOLOGIST])
    await manager.until_other(PSYCHOLOGIST, waits_for=[CLIENT])
    assert await manager.code("host.admit", seat=PSYCHOLOGIST) == "consent_missing"
    await follow(house, AGREED)
    await psychologist.until(lambda: psychologist.state["you"]["phase"] == "in")
    await publish(psychologist, 4)
    assert (await house.tags(PSYCHOLOGIST))[-3:] == [Tag.LEFT, Tag.WAITED, Tag.JOINED]


async def test_taking_back_a_person_removes_that_person_and_nobody_else(house: House) -> None:
    manager, client = await together(house)
    psychologist = await house.come(PSYCHOLOGIST)
    await publish(psychologist, 3)
    await publish(client, 1)
    without = SeatConsent(Gate.ALLOW, apart=frozenset({PSYCHOLOGIST}), stopped=("joining",))
    assert await stops(house, PSYCHOLOGIST, without)
    assert await psychologist.until_closed() == "not_agreed"
    await manager.until_other(PSYCHOLOGIST, phase="left")
    assert [each["seat"] for each in manager.state["producers"]] == [CLIENT]
    again = await house.connect(PSYCHOLOGIST)
    assert await again.code("room.enter", device=PSYCHOLOGIST * 2, **ENTERING) == "not_agreed"
    # Everybody sees that something was taken back; what it was, only those who may.
    assert manager.other(CLIENT)["stopped"] == ["joining"]  # type: ignore[index]  # somebody who is there


async def test_two_withdrawals_at_once_end_in_one_state(house: House) -> None:
    _, client = await together(house)
    await publish(client, 1)
    assert all(await asyncio.gather(stops(house), stops(house)))
    await client.until(lambda: client.state["you"]["consent"] == "ask")
    await follow(house, AGREED)
    assert await client.code("transport.create", direction="send") is None


async def test_what_is_taken_back_on_a_page_ends_media_before_it_is_written(house: House) -> None:
    manager, client = await together(house)
    await publish(client, 1)
    await manager.until(lambda: len(manager.state["producers"]) == 1)

    async def record() -> None:
        await manager.until(lambda: manager.state["producers"] == [])
        assert await refusals(client) == {"consent_missing"}
        says(house, TAKEN_BACK)

    assert await house.rooms.withdraw_in_case(plan().case_id, {CLIENT}, record)
    await manager.until_other(CLIENT, consent="ask", took_back=True)
    assert await refusals(client) == {"consent_missing"}


@pytest.mark.parametrize("error", [LookupError("not theirs"), DatabaseBusy()])
async def test_what_could_neither_be_written_nor_kept_on_a_page_goes_on(house: House, error: Exception) -> None:
    _, client = await together(house)

    async def record() -> None:
        assert await client.code("media.capabilities") == "consent_missing"
        raise error

    with pytest.raises(type(error)):
        await house.rooms.withdraw_in_case(plan().case_id, {CLIENT}, record)
    assert await client.code("media.capabilities") is None


async def test_what_is_kept_and_then_was_not_theirs_gives_the_media_back(house: House) -> None:
    _, client = await together(house)
    written: list[bool] = []

    async def busy() -> None:
        raise DatabaseBusy

    async def refused() -> None:
        assert await client.code("media.capabilities") == "consent_missing"
        raise LookupError("not theirs")

    def keep() -> tuple[Recording, Callable[[], None]]:
        return refused, lambda: written.append(True)

    assert not await house.rooms.withdraw_in_case(plan().case_id, {CLIENT}, busy, keep)
    await client.until(lambda: written == [True])
    async with asyncio.timeout(20):
        while await client.code("media.capabilities") is not None:
            await asyncio.sleep(0.02)


async def test_what_ends_in_one_case_ends_nothing_in_another(house: House) -> None:
    _, client = await together(house)

    async def record() -> None:
        assert await client.code("media.capabilities") is None

    assert await house.rooms.withdraw_in_case("another case", {CLIENT}, record)
