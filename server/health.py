"""Health: is the process alive, and can it serve people now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from consent.database import DatabaseBusy
from server.http.context import DATABASE

MEDIA_ALIVE: web.AppKey[Callable[[], Awaitable[bool]]] = web.AppKey("media_alive")
"""Says whether at least one media worker runs and answers."""


class Drain:
    """Whether the server is stopping: it finishes what runs and takes nothing new."""

    def __init__(self) -> None:
        self.begun = False


DRAIN = web.AppKey("drain", Drain)


def routes() -> list[web.RouteDef]:
    """What this module answers to."""
    return [web.get("/health/live", live), web.get("/health/ready", ready)]


async def live(_request: web.Request) -> web.Response:
    """The event loop answers."""
    return web.json_response({"alive": True})


async def ready(request: web.Request) -> web.Response:
    """The database takes writes, a media worker runs, and the server is not stopping."""
    checks = {
        "database": await _writable(request),
        "media": await request.app[MEDIA_ALIVE](),
        "accepting": not request.app[DRAIN].begun,
    }
    good = all(checks.values())
    return web.json_response({"ready": good, "checks": checks}, status=200 if good else 503)


async def _writable(request: web.Request) -> bool:
    try:
        async with request.app[DATABASE].write() as session:
            # Taking the write lock is not enough: a full or read-only disk shows only when something is written.
            await session.execute(text("UPDATE accounts SET created_at = created_at WHERE id = ''"))
    except (DatabaseBusy, SQLAlchemyError, OSError):
        return False
    return True
