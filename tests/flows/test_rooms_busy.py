"""A database that cannot take it just now: what is asked for does not happen, what has happened is not lost."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consent import database as databases
from consent.database import Database
from consent.events import Tag
from media.pool import MediaPool
from rooms import changes
from tests.flows.meeting import MEDIA, House
from tests.unit.rooms.people import CLIENT, MANAGER, NOON, PSYCHOLOGIST


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rooms.sqlite3"


@pytest.fixture
async def house(file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(databases, "BUSY_TIMEOUT_S", 0)
    monkeypatch.setattr(changes, "RETRY_S", 0.02)
    database = Database.in_file(file)
    house = House(database, MediaPool(MEDIA))
    await house.start()
    yield house
    await house.stop()
    await database.close()


def locked(file: Path) -> sqlite3.Connection:
    """Somebody else holds the write lock until this is closed."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


async def test_it_says_busy_and_changes_nothing(house: House, file: Path) -> None:
    manager = await house.come(MANAGER)
    client = await house.come(CLIENT)
    await manager.until_other(CLIENT, phase="waiting")
    revision = manager.state["revision"]
    other = locked(file)
    assert await manager.code("host.admit", seat=CLIENT) == "busy"
    assert await manager.code("host.lock", locked=True) == "busy"
    assert await manager.code("host.end") == "busy"
    assert await client.code("room.leave") == "busy"
    psychologist = await house.connect(PSYCHOLOGIST)
    entering = {"device": PSYCHOLOGIST * 2, "with_helper": None, "abilities": {"audio": True, "video": True}}
    assert await psychologist.code("room.enter", **entering) == "busy"
    assert manager.state["revision"] == revision
    other.close()
    await manager.ask("host.admit", seat=CLIENT)
    await client.until(lambda: client.state["you"]["phase"] == "in")
    await psychologist.enter()
    assert await house.tags(CLIENT) == [Tag.WAITED, Tag.ADMITTED, Tag.JOINED]


async def test_it_writes_a_loss_later_with_its_own_time(house: House, file: Path) -> None:
    manager = await house.come(MANAGER)
    client = await house.come(CLIENT)
    await manager.ask("host.admit", seat=CLIENT)
    other = locked(file)
    house.clock.forward(seconds=20)
    await client.drop()
    # Whoever asks now is told to wait: what has happened comes first.
    assert await manager.code("host.lock", locked=True) == "busy"
    house.clock.forward(seconds=20)
    other.close()
    await manager.until_other(CLIENT, phase="lost", since="2026-03-05T12:00:20.000Z")
    dropped = [entry for entry in await house.record() if entry.tag == Tag.DROPPED]
    assert [(entry.at - NOON).total_seconds() for entry in dropped] == [20]
    client = await house.come(CLIENT)
    assert client.state["you"]["phase"] == "in"


async def test_it_records_a_refusal_later_too(house: House, file: Path) -> None:
    await house.come(MANAGER)
    client = await house.come(CLIENT)
    psychologist = await house.come(PSYCHOLOGIST)
    await psychologist.ask("host.admit", seat=CLIENT)
    await client.until(lambda: client.state["you"]["phase"] == "in")
    other = locked(file)
    assert await client.code("host.end") == "forbidden"
    other.close()
    await psychologist.ask("host.lock", locked=True)
    assert (await house.tags())[-2:] == [Tag.ACCESS_REFUSED, Tag.LOCKED]
