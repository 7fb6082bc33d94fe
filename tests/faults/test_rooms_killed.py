"""A server is killed while the database is away: what happened before is in the record, with its own time, once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consent.database import Database
from consent.events import Tag
from consent.keys import SYSTEM, Purpose, open_case
from consent.ledger import Entry, entries
from tests.unit.rooms.people import CLIENT, NOON, plan

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """The process; ``say`` a word and it answers when that is done."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.rooms_process", str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.answer() == "ready"

    def say(self, word: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    started: list[Server] = []
    yield started
    for server in started:
        server.kill()
        server.process.communicate()


async def record(folder: Path) -> list[Entry]:
    database = Database.in_file(folder / "rooms.sqlite3")
    try:
        async with database.write() as session:
            key = await open_case(session, SYSTEM, plan().case_id, Purpose.SYSTEM)
            return await entries(session, key, session_id=plan().appointment_id)
    finally:
        await database.close()


async def test_a_loss_that_could_not_be_written_survives_kill_9(tmp_path: Path, servers: list[Server]) -> None:
    servers.append(first := Server(tmp_path))
    assert first.say("meet") == "met"
    other = sqlite3.connect(tmp_path / "rooms.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # the database is away
    assert first.say("drop") == "kept"
    first.kill()
    other.close()
    assert [entry.tag for entry in await record(tmp_path) if entry.tag is Tag.DROPPED] == []
    for _ in range(2):  # and it stays one, however often the server starts
        servers.append(again := Server(tmp_path))
        assert again.say("stop") == ""
        assert again.process.wait() == 0
        dropped = [entry for entry in await record(tmp_path) if entry.tag is Tag.DROPPED]
        of_client = [entry for entry in dropped if entry.details["seat"] == CLIENT]
        assert [(entry.at - NOON).total_seconds() for entry in of_client] == [20]
        assert "reason" not in of_client[0].details
        assert datetime.now(UTC) > of_client[0].at
