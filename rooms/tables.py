"""Tables of live meetings: what a restarted server must know to let people back to their seats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Boolean, Integer, String, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from consent.tables import ID_LENGTH, Base
from rooms.plan import MeetingPlan
from rooms.room import Room
from rooms.seat import Phase, Seat

DEVICE_LENGTH = 32


class LiveRoom(Base):
    """One meeting that has begun; kept after its end, so that nobody comes back into it.

    The appointment is named without a foreign key: rooms know its id alone, and are tested without the planning side.
    """

    __tablename__ = "live_rooms"

    appointment_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    locked: Mapped[bool] = mapped_column(Boolean)
    pause_told: Mapped[bool] = mapped_column(Boolean)
    last_host: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    started_at: Mapped[datetime | None]
    client_came_at: Mapped[datetime | None]
    empty_since: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    arrivals: Mapped[int] = mapped_column(Integer)


class LiveSeat(Base):
    """Where one person of a meeting is, and which device holds the seat; connections die with us and are not kept."""

    __tablename__ = "live_seats"

    appointment_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    seat_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    phase: Mapped[str] = mapped_column(String(16))
    since: Mapped[datetime | None]
    arrival: Mapped[int] = mapped_column(Integer)
    device: Mapped[str | None] = mapped_column(String(DEVICE_LENGTH))
    returns_until: Mapped[datetime | None]
    waited_since: Mapped[datetime | None]
    with_helper: Mapped[bool | None] = mapped_column(Boolean)
    muted: Mapped[bool] = mapped_column(Boolean)
    declined_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]


async def save(session: AsyncSession, before: Room, after: Room) -> None:
    """Write what has changed between two states of a room into the running transaction."""
    room, seats, gone = changed(before, after)
    await put(session, room, seats, gone)


def changed(before: Room, after: Room) -> tuple[LiveRoom, list[LiveSeat], list[str]]:
    """The rows that say what has changed: the room, its changed seats, and the ids of seats that are gone."""
    appointment_id = after.plan.appointment_id
    room = LiveRoom(
        appointment_id=appointment_id,
        locked=after.locked,
        pause_told=after.pause_told,
        last_host=after.last_host,
        started_at=after.started_at,
        client_came_at=after.client_came_at,
        empty_since=after.empty_since,
        ended_at=after.ended_at,
        arrivals=after.arrivals,
    )
    seats = [_row(appointment_id, seat) for seat in after.seats.values() if before.seats.get(seat.id) != seat]
    return room, seats, sorted(before.seats.keys() - after.seats.keys())


async def put(session: AsyncSession, room: LiveRoom, seats: Sequence[LiveSeat], gone: Sequence[str]) -> None:
    """Write such rows into the running transaction."""
    for row in (room, *seats):
        await session.merge(row)
    if gone:
        named = (LiveSeat.appointment_id == room.appointment_id, LiveSeat.seat_id.in_(gone))
        await session.execute(delete(LiveSeat).where(*named))


async def unended(session: AsyncSession) -> Sequence[str]:
    """The appointments whose meetings have begun and not ended."""
    return (await session.scalars(select(LiveRoom.appointment_id).where(LiveRoom.ended_at.is_(None)))).all()


async def load(session: AsyncSession, plan: MeetingPlan) -> Room:
    """The room of this plan as it was last written, without connections; a new one if it has never begun."""
    row = await session.get(LiveRoom, plan.appointment_id)
    if row is None:
        return Room(plan)
    room = Room(
        plan,
        locked=row.locked,
        pause_told=row.pause_told,
        last_host=row.last_host,
        started_at=row.started_at,
        client_came_at=row.client_came_at,
        empty_since=row.empty_since,
        ended_at=row.ended_at,
        arrivals=row.arrivals,
    )
    found = await session.scalars(select(LiveSeat).where(LiveSeat.appointment_id == plan.appointment_id))
    for seat in found:
        if seat.seat_id in room.seats:
            room.put(_seat(room.seats[seat.seat_id], seat))
    return room


def _row(appointment_id: str, seat: Seat) -> LiveSeat:
    return LiveSeat(
        appointment_id=appointment_id,
        seat_id=seat.id,
        phase=seat.phase.value,
        since=seat.since,
        arrival=seat.order,
        device=seat.device,
        returns_until=seat.returns_until,
        waited_since=seat.waited_since,
        with_helper=seat.with_helper,
        muted=seat.muted,
        declined_at=seat.declined_at,
        not_before=seat.not_before,
    )


def _seat(seat: Seat, row: LiveSeat) -> Seat:
    return Seat(
        plan=seat.plan,
        phase=Phase(row.phase),
        since=row.since,
        order=row.arrival,
        device=row.device,
        returns_until=row.returns_until,
        waited_since=row.waited_since,
        with_helper=row.with_helper,
        muted=row.muted,
        declined_at=row.declined_at,
        not_before=row.not_before,
    )
