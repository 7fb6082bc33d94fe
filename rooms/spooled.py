"""What happened in a room while the database was away, in the spool: kept with its own time, written once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import inspect

from consent.database import Database
from consent.events import Tag
from consent.ledger import SYSTEM, append, seat_actor
from consent.spool import Kept, Spool
from consent.tables import Base, SpooledFact, UtcDateTime
from rooms import tables
from rooms.effects import Effect, Ended, Record
from rooms.journal import EndedHook
from rooms.registry import Change, Live
from rooms.room import Room

KIND = "room"
Row = TypeVar("Row", bound=Base)

log = logging.getLogger("poruch.rooms")


def keep(spool: Spool | None, live: Live) -> None:
    """Put what waits in a room, and is not in the spool yet, into it. Call it with the room's lock."""
    if spool is None:
        return
    room = live.room
    for change in live.overdue:
        draft = room.copy()
        effects = change(draft)
        if id(change) not in live.kept and (effects or draft != room):
            try:
                live.kept[id(change)] = spool.put(KIND, plain(room, draft, effects))
            except OSError:
                # The disk is as full as the database: it stays in memory, and is tried again with the next.
                log.error("what happened could not be spooled", extra={"code": "spool"})
                return
        room = draft


def done(spool: Spool | None, live: Live, change: Change) -> None:
    """A change of a room has been written."""
    kept_id = live.kept.pop(id(change), None)
    if spool is not None and kept_id is not None:
        spool.done(kept_id)


def plain(before: Room, after: Room, effects: Sequence[Effect]) -> dict[str, Any]:
    """What led from one state to the other, as JSON."""
    room, seats, gone = tables.changed(before, after)
    return {
        "case": after.plan.case_id,
        "appointment": after.plan.appointment_id,
        "records": [
            [each.tag.value, each.at.isoformat(), each.actor, dict(each.details)]
            for each in effects
            if isinstance(each, Record)
        ],
        "ended": next((each.at.isoformat() for each in effects if isinstance(each, Ended)), None),
        "room": _columns(room),
        "seats": [_columns(seat) for seat in seats],
        "gone": gone,
    }


async def replay(spool: Spool | None, database: Database, ended: EndedHook | None) -> None:
    """Write what a server that was killed had kept. Raises DatabaseBusy."""
    if spool is None:
        return
    for kept in spool.waiting:
        if kept.kind == KIND:
            await _write(database, kept, ended)
            spool.done(kept.id)


async def _write(database: Database, kept: Kept, ended: EndedHook | None) -> None:
    item = kept.item
    async with database.write() as session:
        if await session.get(SpooledFact, kept.id) is not None:
            return  # it had been written, and we were killed before we could say so
        session.add(SpooledFact(id=kept.id, at=datetime.now(UTC)))
        for tag, at, actor, details in item["records"]:
            append(
                session,
                Tag(tag),
                actor=seat_actor(actor) if actor else SYSTEM,
                at=datetime.fromisoformat(at),
                case_id=item["case"],
                session_id=item["appointment"],
                details=details,
            )
        if item["ended"] is not None and ended is not None:
            await ended(session, item["appointment"], datetime.fromisoformat(item["ended"]))
        seats = [_row(tables.LiveSeat, each) for each in item["seats"]]
        await tables.put(session, _row(tables.LiveRoom, item["room"]), seats, item["gone"])


def _columns(row: Base) -> dict[str, Any]:
    values = {column.key: getattr(row, column.key) for column in inspect(type(row)).column_attrs}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _row(kind: type[Row], columns: dict[str, Any]) -> Row:
    times = {column.key for column in kind.__table__.columns if isinstance(column.type, UtcDateTime)}
    return kind(
        **{
            name: datetime.fromisoformat(value) if name in times and value is not None else value
            for name, value in columns.items()
        }
    )
