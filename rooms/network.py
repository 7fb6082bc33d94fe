"""What the record keeps of a person's network when their media ends: shares and milliseconds, nothing personal."""

from __future__ import annotations

import asyncio
from datetime import datetime

from consent.events import Tag
from rooms.effects import Effect, RoomError, about
from rooms.registry import Live

NETWORK_S = 1.0
"""How long the end of somebody's media may wait for what there is to say about their network."""


async def carried(live: Live, conn: str, now: datetime) -> list[Effect]:
    """What to record of a connection whose media is about to end; nothing where there is nothing to say."""
    seat = live.room.inside(conn)
    if seat is None:
        return []
    try:
        said = await asyncio.wait_for(live.placement.quality(conn), NETWORK_S)
    except (RoomError, TimeoutError):
        return []  # the record of a network is not worth holding up the end of a stream
    return [about(Tag.NETWORK, seat, now, **said)] if said else []


def together(effects: list[Effect], more: list[Effect]) -> list[Effect]:
    """Effects and what belongs to them; where nothing happens, nothing belongs to it."""
    return [*effects, *more] if effects else effects
