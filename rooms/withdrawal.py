"""A withdrawal in running meetings: media ends first; what was taken back is written second, however long it takes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any

from sqlalchemy.exc import OperationalError

from consent.database import DatabaseBusy
from rooms.following import Following, obey
from rooms.registry import Live

UNWRITABLE = (DatabaseBusy, OperationalError)
"""The database cannot take it now: locked, full or away."""
RETRY_S = 0.5

Recording = Callable[[], Awaitable[None]]
"""Writes one fact in a transaction of its own; asked again until the database has taken it."""

Keep = Callable[[], tuple[Recording, Callable[[], None]]]
"""Keeps the withdrawal where a kill does not reach it; returns what writes it now, and what says that it is written."""

Spawn = Callable[[Coroutine[Any, Any, None]], None]
"""Lets something go on in the background."""


class Ending:
    """The media of some seats of one meeting, ended until ``read`` has let the room follow what was taken back."""

    def __init__(self, live: Live, seats: Collection[str], following: Following, read: Recording) -> None:
        self._live = live
        self._seats = frozenset(seats)
        self._following = following
        self._read = read

    async def begin(self) -> None:
        """End all media of the seats; nothing of it begins again before ``follow`` or ``lift``."""
        live = self._live
        live.halted.update(self._seats)
        for seat_id in self._seats:
            if (seat := live.room.seats.get(seat_id)) and seat.conn:
                await obey(live.placement.detach(seat.conn))
        await self._following.announce(live)

    async def lift(self) -> None:
        """Let the seats have the media that the room's plan gives them."""
        self._live.halted.difference_update(self._seats)
        await self._following.announce(self._live)

    async def follow(self) -> None:
        """It is written: the room follows. Raises what UNWRITABLE names."""
        await self._read()
        await self.lift()


async def withdraw(endings: Sequence[Ending], record: Recording, keep: Keep | None, spawn: Spawn) -> bool:
    """End the media, then write; False when the database could not take it yet: then it is kept, and written later.

    What ``record`` raises otherwise gets out, and then all goes on as before; so does what UNWRITABLE names
    without a ``keep``.
    """
    try:
        for each in endings:
            await each.begin()
        await record()
    except UNWRITABLE:
        if keep is None:
            await _lift(endings)
            raise
        spawn(_later(endings, *keep()))
        return False
    except BaseException:  # it was not theirs to take back
        await _lift(endings)
        raise
    for each in endings:
        try:
            await each.follow()
        except UNWRITABLE:
            spawn(_until_taken(each.follow))
    return True


async def _later(endings: Sequence[Ending], record: Recording, written: Callable[[], None]) -> None:
    """Write as soon as the database takes it; nothing of what has ended begins before."""
    try:
        await _until_taken(record)
    except Exception:  # somebody else has taken it back meanwhile, or the case is gone: nothing is left to write
        written()
        await _lift(endings)
        raise
    written()
    for each in endings:
        await _until_taken(each.follow)


async def _until_taken(step: Recording) -> None:
    while True:
        with contextlib.suppress(*UNWRITABLE):
            return await step()
        await asyncio.sleep(RETRY_S)


async def _lift(endings: Sequence[Ending]) -> None:
    for each in endings:
        await each.lift()
