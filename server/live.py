"""What lives while the application runs: media workers, meetings and sockets, started and stopped in their order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiohttp import web

from media.pool import MediaPool
from rooms.service import Rooms
from server import withdrawals
from server.appointments.service import end
from server.evidence import job
from server.health import MEDIA_ALIVE
from server.http.context import CATALOGS, DATABASE, MEDIA, ROOMS, SECRETS, SETTINGS
from server.http.limits import client_address
from server.metrics import CALLS, MEDIA_STATS
from server.seats import meeting
from server.serving import SAY_DRAINING
from signaling import tickets
from signaling.errors import TEXTS
from signaling.gateway import Gateway
from signaling.turn import Turn


def compose(app: web.Application) -> None:
    """Wire media, rooms and the gateway together and into the application; they start with it."""
    settings, catalogs = app[SETTINGS], app[CATALOGS]

    def text(code: str, language: str) -> str:
        return catalogs.of(language).gettext(TEXTS[code])

    async def media_stats() -> Sequence[Mapping[str, Any]]:
        return await pool.stats()

    async def media_alive() -> bool:
        return any(worker["answers"] for worker in await pool.stats())

    async def running(_app: web.Application) -> AsyncIterator[None]:
        await pool.start()
        try:
            await ledger.start()
            await withdrawals.replay(app[job.SPOOL], app[DATABASE])
            await rooms.start()
            yield
        finally:
            await ledger.close()
            await pool.close()
            await app[DATABASE].close()

    async def stop(_app: web.Application) -> None:
        await rooms.close()  # records everybody as interrupted by the server, then the sockets may go
        await gateway.close()

    ledger = job.compose(app)
    pool = app[MEDIA] = MediaPool(settings)
    rooms = app[ROOMS] = Rooms(
        app[DATABASE], pool, meeting.load, ended=job.signing(ledger, end), spool=job.spool_of(app)
    )
    pool.on_event = rooms.on_media
    gateway = Gateway(
        rooms,
        app[SECRETS].derive(tickets.KEY_PURPOSE),
        text,
        origins=settings.origins | settings.call_hosts,
        address=client_address,
        default_language=settings.default_language,
        turn=Turn(tuple(settings.turn_urls), settings.turn_secret.get_secret_value()),
    )
    gateway.attach(app)
    app[MEDIA_ALIVE] = media_alive
    app[MEDIA_STATS] = media_stats
    app[CALLS] = lambda: gateway.connections
    app[SAY_DRAINING] = gateway.drain
    app.on_shutdown.append(stop)  # before aiohttp cuts the sockets, which would read as everybody's own loss
    app.cleanup_ctx.append(running)
