"""A change of a meeting: decided on a copy, recorded, and only then done; facts wait until the database takes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime

from consent.database import Database
from consent.spool import Spool
from rooms import journal, refusals, spooled
from rooms.effects import Detach, RoomError
from rooms.following import Following
from rooms.network import carried, together
from rooms.registry import Change, Live, Registry
from rooms.withdrawal import RETRY_S, UNWRITABLE

log = logging.getLogger("poruch.rooms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Makes changes, one at a time in each meeting."""

    database: Database
    spool: Spool | None
    ended: journal.EndedHook | None
    registry: Registry
    follow: Following
    clock: Callable[[], datetime]
    spawn: Callable[[Coroutine[None, None, None]], None]
    """Runs what must go on by itself."""
    changed: Callable[[], None]
    """Told after each change."""

    async def replay(self) -> None:
        """Write what a server before this one could only keep."""
        await spooled.replay(self.spool, self.database, self.ended)

    async def make(self, live: Live, change: Change, conn: str | None = None) -> None:
        """Do this now or not at all. ``conn`` is whose right it is, so that a refusal is recorded. Raises RoomError."""
        async with live.lock:
            try:
                await self._write_overdue(live)
                await self._apply(live, change)
            except UNWRITABLE as error:
                raise RoomError("busy") from error
            except RoomError as error:
                if (change_to_record := refusals.entry(live, conn, error, self.clock())) is not None:
                    live.overdue.append(change_to_record)
                    await self._catch_up_once(live)
                raise

    async def happened(self, live: Live, change: Change) -> None:
        """Something that is a fact already: it is written as soon as the database takes it."""
        live.overdue.append(change)
        async with live.lock:
            await self._catch_up_once(live)

    async def catch_up(self, live: Live) -> None:
        """Write what is overdue, however long it takes."""
        while live.overdue:
            try:
                async with live.lock:
                    await self._write_overdue(live)
            except UNWRITABLE:
                log.warning("the database is busy; what happened is kept and tried again")
                await asyncio.sleep(RETRY_S)

    async def _catch_up_once(self, live: Live) -> None:
        try:
            await self._write_overdue(live)
        except UNWRITABLE:
            spooled.keep(self.spool, live)
            self.spawn(self.catch_up(live))

    async def _write_overdue(self, live: Live) -> None:
        while live.overdue:
            await self._apply(live, live.overdue[0])
            live.overdue.popleft()

    async def _apply(self, live: Live, change: Change) -> None:
        draft = live.room.copy()
        effects = change(draft)
        for conn in [effect.conn for effect in effects if isinstance(effect, Detach)]:
            effects = together(effects, await carried(live, conn, self.clock()))
        if draft == live.room and not effects:
            return
        kept_id = live.kept.get(id(change))
        await journal.write(self.database, live.room, draft, effects, self.ended, kept_id=kept_id)
        live.room = draft
        spooled.done(self.spool, live, change)
        await self.follow.perform(live, effects)
        await self.follow.tell(live)
        self.changed()
        if draft.ended_at is not None:
            await live.placement.close()
            self.registry.discard(live)
