"""The job that signs checkpoints: each minute while there is news, at each session's end, and before an export."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
from aiohttp import web
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from consent.checkpoint import Checkpoint
from consent.checkpointer import Checkpointer, LedgerProblem, Outside
from consent.database import DatabaseBusy
from consent.datakey import DataKey
from consent.spool import Spool
from consent.tree import newest
from server.evidence.witnesses import Place, Refused, cosign
from server.http.context import DATABASE, SECRETS, SETTINGS

Ended = Callable[[AsyncSession, str, datetime], Awaitable[None]]
"""(session, appointment id, when), in the transaction that records the end."""

EVERY_S = 60
KEY_PURPOSE = "ledger"
FOLDER, LAST_CHECKPOINT = "ledger", "last-checkpoint"
"""In the data directory, outside the database: what was signed last, so that a database put back is noticed."""

log = logging.getLogger("poruch.evidence")


@dataclass
class Seen:
    """What we know of one witness."""

    size: int = 0
    at: datetime | None = None
    trouble: str | None = None
    grave: bool = False


@dataclass
class Status:
    """What the page about the ledger says."""

    problem: LedgerProblem | None = None
    """Why nothing is signed any more."""
    made_at: datetime | None = None
    witnesses: dict[str, Seen] = field(default_factory=dict)


class LedgerJob:
    """Runs as long as the server; one of several processes holds the lease."""

    def __init__(self, checkpointer: Checkpointer, witnesses: Sequence[Place], every_s: float = EVERY_S) -> None:
        self.checkpointer = checkpointer
        self.status = Status(witnesses={place.key.name: Seen() for place in witnesses})
        self._witnesses = witnesses
        self._every_s = every_s
        self._wake = asyncio.Event()
        self._one = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There is something that should be signed soon."""
        self._wake.set()

    async def start(self) -> None:
        """Look at once whether the log is still the one that was signed, then go on."""
        await self.now()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Sign what is left and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.now(ask=False)
        with contextlib.suppress(DatabaseBusy, OperationalError):
            await self.checkpointer.release()

    async def now(self, *, ask: bool = True) -> Checkpoint | None:
        """Sign what is new right now, and let the witnesses see it; returns the new checkpoint if there is one."""
        async with self._one:
            try:
                made = await self.checkpointer.make(datetime.now(UTC))
            except LedgerProblem as problem:
                if self.status.problem is None or str(self.status.problem) != str(problem):
                    log.error("the ledger is not the one that was signed", extra={"code": problem.wrong.value})
                self.status.problem = problem
                return None
            except (DatabaseBusy, OperationalError, OSError):
                log.warning("a checkpoint could not be kept; it is tried again")
                return None
            self.status.problem = None
            if made is not None:
                self.status.made_at = datetime.now(UTC)
            if ask and self._witnesses:
                await self._ask()
        return made

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._wake.wait()
            self._wake.clear()
            await self.now()

    async def _ask(self) -> None:
        async with self.checkpointer.database.read() as session:
            checkpoint = await newest(session)
        if checkpoint is None:
            return
        async with aiohttp.ClientSession() as http:
            for place in self._witnesses:
                seen = self.status.witnesses[place.key.name]
                at = checkpoint.cosigned_by(place.key)
                if at is not None:
                    seen.size, seen.at = checkpoint.size, at
                    continue
                try:
                    seen.at = await cosign(http, self.checkpointer.database, place, checkpoint, seen.size)
                    seen.size, seen.trouble, seen.grave = checkpoint.size, None, False
                except Refused as refusal:
                    if str(refusal) != seen.trouble:
                        log.error("a witness does not co-sign", extra={"code": "grave" if refusal.grave else "away"})
                    seen.trouble, seen.grave = str(refusal), refusal.grave
                except (DatabaseBusy, OperationalError):
                    log.warning("a co-signature could not be kept; it is asked for again")


SPOOL = web.AppKey("spool", Spool)
LEDGER_JOB: web.AppKey[LedgerJob] = web.AppKey("ledger_job")


def compose(app: web.Application) -> LedgerJob:
    """Put the job into the application; ``server.live`` starts and stops it."""
    settings = app[SETTINGS]
    checkpointer = Checkpointer(
        app[DATABASE],
        app[SECRETS].derive(KEY_PURPOSE),
        Outside(settings.data_dir / FOLDER / LAST_CHECKPOINT),
        secrets.token_hex(16),
    )
    app[LEDGER_JOB] = LedgerJob(checkpointer, [Place.read(each) for each in settings.witnesses])
    return app[LEDGER_JOB]


def signing(job: LedgerJob, end: Ended) -> Ended:
    """The same end of a session, after whose commit a checkpoint is made."""

    async def ended(session: AsyncSession, appointment_id: str, at: datetime) -> None:
        await end(session, appointment_id, at)
        event.listen(session.sync_session, "after_commit", lambda _session: job.wake(), once=True)

    return ended


def spool_of(app: web.Application) -> Spool:
    """Where this server keeps what happens while the database is away; put into the application, too."""
    app[SPOOL] = Spool(app[SETTINGS].data_dir / FOLDER / "spool", DataKey(app[SECRETS].derive("spool")))
    return app[SPOOL]
