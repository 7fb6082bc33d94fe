"""A database that was put back: the server notices by itself, signs nothing, and goes on once somebody has said why."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar
from aiohttp.test_utils import TestClient, TestServer

from consent.events import Tag
from consent.ledger import Entry, append
from consent.policy import Role
from consent.verify import EXIT, Wrong
from server import app as composition
from server import backup, schema, secrets
from server.accounts import sessions
from server.accounts.tables import Account
from server.cli import main
from server.evidence.job import LEDGER_JOB, LedgerJob
from server.http.context import DATABASE
from server.opening import open_database
from server.settings import Settings
from tests.support.casework import hire
from tests.support.ledger import read_all

pytestmark = pytest.mark.embedded  # ``poruch backup`` is for the embedded database

OUTSIDE = Path("ledger") / "last-checkpoint"
Command = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``poruch …`` on the data of these settings: exit status, and what it printed."""
    for name in [each for each in os.environ if each.startswith("PORUCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PORUCH_CONFIG", str(settings.data_dir.parent / "poruch.toml"))
    monkeypatch.setenv("PORUCH_DATA_DIR", str(settings.data_dir))

    async def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        status = await asyncio.to_thread(main, words)
        return status, "".join(capsys.readouterr())

    return run


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[LedgerJob]:
    """The real server on this data directory, from its start to its end."""
    app = composition.build(settings, secrets.load(settings.data_dir))
    await schema.upgrade(app[DATABASE])
    server = TestServer(app, host="127.0.0.1", port=settings.listen_port)
    async with TestClient(server, cookie_jar=CookieJar(unsafe=True)):
        yield app[LEDGER_JOB]


async def tell(job: LedgerJob, count: int = 3) -> None:
    """Some facts, signed."""
    for number in range(count):
        async with job.checkpointer.database.write() as session:
            append(session, Tag.SIGNED_IN, actor=f"account:{number}", details={"n": number})
    assert await job.now() is not None


async def seen_by_a_supervisor(settings: Settings, job: LedgerJob) -> str:
    """The page about proof, in English."""
    async with job.checkpointer.database.write() as session:
        supervisor = await hire(session, Role.SUPERVISOR)
        (await session.get_one(Account, supervisor.id)).language = "en"
        token = await sessions.start(session, supervisor.id, settings, datetime.now(UTC))
    cookies = {sessions.cookie_name(settings): token}
    async with ClientSession(cookies=cookies) as browser, browser.get(f"{settings.base_url}/evidence") as answer:
        return await answer.text()


async def told(settings: Settings, tag: Tag) -> Sequence[Entry]:
    """The entries of one tag, read with the server stopped."""
    database = open_database(settings)
    try:
        async with database.read() as session:
            return await read_all(session, tag)
    finally:
        await database.close()


def size_outside(settings: Settings) -> int:
    """How many entries the checkpoint outside the database stands for."""
    return int(json.loads((settings.data_dir / OUTSIDE).read_text())["size"])


async def put_back(settings: Settings, command: Command, tmp_path: Path) -> int:
    """A backup, then more that is signed, then the backup again; returns how many entries were signed.

    The backup is made while the server runs, so the lease of its signing comes back with it, and has not run out yet.
    """
    file = tmp_path / "old.backup"
    async with serving(settings) as job:
        await tell(job)
        assert (await command("backup", str(file)))[0] == 0
        await tell(job)
    last = size_outside(settings)
    status, said = await command("restore", str(file), "--force")
    assert status == 0
    assert "ledger-resume" in said
    return last


async def test_a_restored_old_backup_is_noticed_by_the_server_itself_and_resumed_with_a_reason(
    settings: Settings, command: Command, tmp_path: Path
) -> None:
    lost = await put_back(settings, command, tmp_path)
    async with serving(settings) as job:
        assert job.status.problem is not None
        assert job.status.problem.wrong is Wrong.ROLLED_BACK
        page = await seen_by_a_supervisor(settings, job)
        assert "The record has been changed from outside" in page
        assert "put back to an earlier state" in page
        assert await job.now() is None  # nothing is signed on top of it
    assert size_outside(settings) == lost

    status, said = await command("ledger-resume", "--reason", "the disk had died")
    assert (status, "Signed again from" in said, "Witnesses will refuse" in said) == (0, True, True)
    [entry] = await told(settings, Tag.CHECKS_RESUMED)
    assert (entry.details["reason"], entry.details["problem"]) == ("the disk had died", "rolled back")
    assert entry.details["lost_size"] == lost
    assert len(list((settings.data_dir / "ledger").glob("refused-*"))) == 1
    async with serving(settings) as job:
        assert job.status.problem is None
        await tell(job)
        assert await job.checkpointer.audit() > 0

    status, said = await command("ledger-resume", "--reason", "again")
    assert (status, "Nothing changed" in said) == (0, True)
    assert len(await told(settings, Tag.CHECKS_RESUMED)) == 1


async def test_a_backup_that_lost_nothing_is_signed_on_without_a_word(
    settings: Settings, command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "now.backup"
    async with serving(settings) as job:
        await tell(job)
    assert (await command("backup", str(file)))[0] == 0
    assert (await command("restore", str(file), "--force"))[0] == 0
    async with serving(settings) as job:
        assert job.status.problem is None
        await tell(job)


async def test_another_installations_backup_is_noticed_too_and_can_be_resumed(
    settings: Settings, command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "other.backup"
    other = settings.model_copy(update={"data_dir": tmp_path / "other"})
    async with serving(other) as job:
        await tell(job)
    await asyncio.to_thread(backup.backup, other, file)
    async with serving(settings) as job:
        await tell(job)
    assert (await command("restore", str(file), "--force"))[0] == 0
    for key in (settings.data_dir / "keys").iterdir():
        key.unlink()
    for key in (other.data_dir / "keys").iterdir():
        key.rename(settings.data_dir / "keys" / key.name)
    async with serving(settings) as job:
        assert job.status.problem is not None
        assert job.status.problem.wrong is Wrong.FORKED
    assert (await command("ledger-resume", "--reason", "moved here"))[0] == 0
    [entry] = await told(settings, Tag.CHECKS_RESUMED)
    assert entry.details == {"problem": "forked", "reason": "moved here"}
    async with serving(settings) as job:
        assert job.status.problem is None


async def test_what_does_not_fit_in_the_database_itself_cannot_be_resumed_over(
    settings: Settings, command: Command
) -> None:
    async with serving(settings) as job:
        await tell(job)
    kept = (settings.data_dir / OUTSIDE).read_bytes()
    connection = sqlite3.connect(settings.data_dir / "poruch.sqlite3")
    connection.execute("UPDATE ledger_entries SET tag = 'account:session:signed_out' WHERE sequence = 1")
    connection.execute("DELETE FROM ledger_checkpoints")
    connection.commit()
    connection.close()
    status, said = await command("ledger-resume", "--reason", "never mind")
    assert (status, "BROKEN: edited at entry 1" in said) == (EXIT[Wrong.EDITED], True)
    assert (settings.data_dir / OUTSIDE).read_bytes() == kept
    assert await told(settings, Tag.CHECKS_RESUMED) == []
