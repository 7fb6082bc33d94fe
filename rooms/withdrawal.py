"""A withdrawal in a running meeting: media ends first; what was taken back is written second, however long it takes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
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

Keep = Callable[[], Callable[[], None]]
"""Keeps the withdrawal where a kill does not reach it; what it returns says that it has been written since."""

Spawn = Callable[[Coroutine[Any, Any, None]], None]
"""Lets something go on in the background."""


class Withdrawal:
    """One withdrawal; ``steps`` write it down and let the room follow, each done once and in this order."""

    def __init__(
        self,
        live: Live,
        seats: Collection[str],
        steps: Sequence[Recording],
        following: Following,
        keep: Keep | None = None,
    ) -> None:
        self._live = live
        self._keep = keep
        self._written: Callable[[], None] | None = None
        self._seats = frozenset(seats)
        self._steps = deque(steps)
        self._following = following

    async def now(self) -> bool:
        """End all media of the seats, then write; False when the database could not take it yet.

        What a step raises otherwise gets out, and then nothing stays ended.
        """
        await self.end()
        return await self.write()

    async def end(self) -> None:
        """End all media of the seats; nothing of it begins again before all is written."""
        live = self._live
        live.halted.update(self._seats)
        for seat_id in self._seats:
            if (seat := live.room.seats.get(seat_id)) and seat.conn:
                await obey(live.placement.detach(seat.conn))
        await self._following.announce(live)

    async def lift(self) -> None:
        """Nothing was taken back after all: the seats may have media as before."""
        self._live.halted.difference_update(self._seats)
        await self._following.announce(self._live)

    async def write(self) -> bool:
        """Write, as ``now``."""
        try:
            await self._write()
        except UNWRITABLE:
            if self._keep is not None:
                self._written = self._keep()
            return False
        except Exception:  # it was not theirs to take back
            self._live.halted.difference_update(self._seats)
            raise
        return True

    async def later(self) -> None:
        """Write as soon as the database takes it; nothing of what has ended begins before."""
        while self._steps:
            await asyncio.sleep(RETRY_S)
            with contextlib.suppress(*UNWRITABLE):
                await self._write()

    async def _write(self) -> None:
        while self._steps:
            await self._steps[0]()
            self._steps.popleft()
            if self._written is not None:  # the first step writes it down, the others only follow
                self._written()
                self._written = None
        self._live.halted.difference_update(self._seats)
        await self._following.announce(self._live)


@asynccontextmanager
async def around(endings: Sequence[Withdrawal], spawn: Spawn) -> AsyncIterator[None]:
    """Media ends before the block, which writes why and commits; then the rooms follow, or go on when it fails."""
    try:
        for each in endings:
            await each.end()
        yield
    except BaseException:
        for each in endings:
            await each.lift()
        raise
    for each in endings:
        if not await each.write():
            spawn(each.later())
