"""What follows a change of a room once it is written: its media obeys, and its connections are told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime

from rooms.effects import Close, Detach, Effect, Mute, PauseMedia, ResumeMedia, RoomError
from rooms.outlet import Outlet
from rooms.registry import Live, Registry
from rooms.view import look

log = logging.getLogger("poruch.rooms")


class Following:
    """Performs a room's effects and tells its news; ``outlet`` is where they go."""

    def __init__(self, registry: Registry, clock: Callable[[], datetime]) -> None:
        self.outlet: Outlet | None = None
        self._registry = registry
        self._clock = clock

    async def perform(self, live: Live, effects: Sequence[Effect]) -> None:
        """Do what a change asked for; its records are written already."""
        for effect in effects:
            match effect:
                case Detach(conn):
                    await obey(live.placement.detach(conn))
                case Close(conn, code):
                    self._registry.part(conn)
                    if self.outlet is not None:
                        await self.outlet.closed(conn, code)
                case Mute(conn):
                    await obey(live.placement.mute(conn))
                case PauseMedia():
                    await obey(live.placement.pause(True))
                case ResumeMedia():
                    await obey(live.placement.pause(False))
                case _:
                    pass

    async def tell(self, live: Live) -> None:
        """Send everybody of a room its new state; whoever calls this holds the room's lock."""
        live.revision += 1
        streams = live.placement.streams()
        now = self._clock()
        for conn in self._registry.conns(live):
            view = look(
                live.room,
                conn,
                streams,
                media_epoch=live.placement.epoch,
                revision=live.revision,
                now=now,
                halted=live.halted,
            )
            if view is not None and self.outlet is not None:
                await self.outlet.state(conn, view)

    async def announce(self, live: Live) -> None:
        """As ``tell``, for whoever does not hold the lock."""
        async with live.lock:
            await self.tell(live)

    async def transport_closed(self, conn: str, transport_id: str) -> None:
        """Say that the engine gave a transport up."""
        if self.outlet is not None:
            await self.outlet.transport_closed(conn, transport_id)

    async def consumer_held(self, conn: str, consumer_id: str, held: bool) -> None:
        """Say that the network cannot carry a stream now, or that it can again."""
        if self.outlet is not None:
            await self.outlet.consumer_held(conn, consumer_id, held)


async def obey(step: Coroutine[None, None, None]) -> None:
    """What the engine must do after the fact: a worker that cannot is dead, and has let go of everything."""
    try:
        await step
    except RoomError as error:
        log.warning("the media engine did not follow", extra={"code": error.code})
