"""What is done without anybody asking: summaries follow the ledger, and months are drawn when they are over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy.exc import OperationalError

from consent.database import Database, DatabaseBusy
from consent.keyring import KeyringError
from server.http.context import DATABASE
from server.sessions import summaries
from server.supervision import samples

EVERY_S = 60

log = logging.getLogger("poruch.supervision")


def install(app: web.Application) -> None:
    """Run as long as the server does."""

    async def running(app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_run(app[DATABASE]))
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    app.cleanup_ctx.append(running)


async def once(database: Database, now: datetime) -> None:
    """Everything that is due now. Raises DatabaseBusy."""
    await summaries.catch_up(database, now)
    async with database.write() as session:
        await samples.keep_up(session, now)
        await samples.settle(session, now)


async def _run(database: Database) -> None:
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await once(database, datetime.now(UTC))
        except (DatabaseBusy, OperationalError, KeyringError) as error:
            log.warning("summaries and draws wait for the next round: %s", type(error).__name__)
