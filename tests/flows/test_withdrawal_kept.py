"""A withdrawal while the database is away: it holds at once, and it is written even if the server is killed first."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from consent import database as databases
from consent.database import Database
from consent.datakey import DataKey
from consent.events import Tag
from consent.ledger import Entry
from consent.spool import Spool
from media.pool import MediaPool
from rooms import withdrawal
from rooms.spooled import keeper
from server.appointments.seats import of_appointment
from server.evidence.job import SPOOL
from server.seats import spooled
from tests.flows.meeting import MEDIA, House
from tests.flows.test_rooms_consent import TAKEN_BACK, says
from tests.flows.test_rooms_media import together
from tests.flows.test_seat_consent import asked, desk, post, yes
from tests.flows.test_signaling_seats import Desk
from tests.unit.rooms.people import CLIENT, plan

__all__ = ["desk"]  # a fixture

Entries = Callable[..., Awaitable[Sequence[Entry]]]


async def test_it_is_in_the_spool_until_it_is_in_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "BUSY_TIMEOUT_S", 0)
    monkeypatch.setattr(withdrawal, "RETRY_S", 0.02)
    database, pool = Database.in_file(tmp_path / "rooms.sqlite3"), MediaPool(MEDIA)
    house = House(database, pool)
    await house.start()
    await pool.start()
    manager, _ = await together(house)
    spool = Spool(tmp_path / "spool", DataKey(b"k" * 32))

    async def record() -> None:
        async with database.write():
            says(house, TAKEN_BACK)

    other = sqlite3.connect(tmp_path / "rooms.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    keep = keeper(spool, "withdrawal", {"seat": CLIENT})
    assert not await house.rooms.withdraw(plan().appointment_id, {CLIENT}, record, keep)
    assert [(kept.kind, kept.item) for kept in spool.waiting] == [("withdrawal", {"seat": CLIENT})]
    other.close()
    await manager.until_other(CLIENT, consent="ask", took_back=True)
    assert spool.waiting == []
    await house.stop()
    await pool.close()
    await database.close()


async def test_what_was_kept_is_written_at_the_next_start_with_its_own_time_and_once(
    desk: Desk,
    app: web.Application,
    client: TestClient[web.Request, web.Application],
    database: Database,
    entries: Entries,
) -> None:
    assert client.server.started
    appointment, link, consent = await asked(desk)
    await post(desk.client, "/api/consent", 200, {"link": link, "answers": yes(consent)})
    async with database.read() as session:
        [seat] = [each for each in await of_appointment(session, appointment.id) if each.role == "client"]
    at = datetime.now(UTC) + timedelta(seconds=1)
    spool = app[SPOOL]
    item = {
        "case": appointment.case_id,
        "seat": seat.id,
        "purpose": "video",
        "about_seat": None,
        "tapped_by": "person",
        "method": "call",
        "at": at.isoformat(),
    }
    for _ in range(2):
        spool.put(spooled.KIND, item)
        await spooled.replay(spool, database)
        assert spool.waiting == []
        taken_back = [each for each in await entries(Tag.CONSENT_WITHDRAWN) if each.details["purpose"] == "video"]
        assert [each.at for each in taken_back] == [at]
    spool.put(spooled.KIND, {**item, "purpose": "recording"})
    await spooled.replay(spool, database)  # nothing of that kind was given
    assert spool.waiting == []
