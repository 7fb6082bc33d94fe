"""The purge: on day 90 at the latest nothing of a meeting's connections is left, and the record is whole."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from consent.database import Database
from consent.events import Tag
from consent.policy import Role
from rooms.tables import LiveRoom, LiveSeat
from server import purge
from server.settings import Settings
from tests.support.casework import NOW, hire, open_case, plan
from tests.support.ledger import read_all


async def met(database: Database) -> str:
    """A meeting that began at NOW and is over."""
    async with database.write() as session:
        manager = await hire(session, Role.CASE_MANAGER)
        appointment = await plan(session, manager, await open_case(session, manager), starts_at=NOW)
        session.add(
            LiveRoom(
                appointment_id=appointment.id,
                locked=False,
                pause_told=False,
                last_host=None,
                started_at=NOW,
                empty_since=None,
                ended_at=NOW + timedelta(hours=1),
                arrivals=1,
            )
        )
        session.add(
            LiveSeat(
                appointment_id=appointment.id,
                seat_id="s" * 16,
                phase="in",
                since=NOW,
                arrival=1,
                device="d" * 32,
                returns_until=None,
                waited_since=None,
                with_helper=None,
                muted=False,
                declined_at=None,
                not_before=None,
            )
        )
        return appointment.id


async def left(database: Database) -> int:
    async with database.read() as session:
        return sum([await session.scalar(select(func.count()).select_from(each)) or 0 for each in (LiveRoom, LiveSeat)])


@pytest.mark.parametrize(("days", "rows"), [(89, 2), (90, 0)])
async def test_it_keeps_no_longer_than_until_day_90(database: Database, days: int, rows: int) -> None:
    await met(database)
    await purge.once(database, 90, NOW + timedelta(days=days))
    assert await left(database) == rows


async def test_the_record_stays_and_says_that_something_was_deleted_once(database: Database) -> None:
    appointment_id = await met(database)
    async with database.read() as session:
        before = [entry for entry in await read_all(session) if entry.session_id == appointment_id]
    for days in (91, 92):
        await purge.once(database, 90, NOW + timedelta(days=days))
    async with database.read() as session:
        after = await read_all(session)
    assert [entry for entry in after if entry.session_id == appointment_id] == before != []
    assert [entry.details for entry in after if entry.tag is Tag.TRANSPORT_PURGED] == [{"rows": 2}]


def test_no_setting_keeps_it_longer(settings: Settings) -> None:
    with pytest.raises(ValueError, match="less than or equal to 90"):
        Settings(transport_days=91)
    assert settings.transport_days == 90
