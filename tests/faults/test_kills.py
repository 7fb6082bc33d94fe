"""Kill -9 in the middle of everything, 240 times: after each, facts and entries are matched one to one."""

from __future__ import annotations

import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consent.database import Database
from consent.keys import SYSTEM, Purpose, open_case
from consent.ledger import entries
from consent.spool import Spool
from tests.faults.writer import CASE, SPOOL_KEY, checkpointer, replay

ROOT = Path(__file__).resolve().parents[2]


class Writers:
    """The process that forks writers, and what they have acknowledged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.acknowledged: set[str] = set()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.writer", str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def start(self, kind: str, seed: int) -> int:
        """Start a writer; returns its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{kind} {seed}\n")
        self._process.stdin.flush()
        while not (line := self._line()).startswith("pid"):
            self.acknowledged.add(line)
        return int(line.split()[1])

    def read_until(self, count: int) -> None:
        """Read acknowledgements until there are so many."""
        while len(self.acknowledged) < count:
            self.acknowledged.add(self._line())

    def drain(self, dead: int) -> None:
        """Wait until a writer is gone, then read what it had still said."""
        with open_pid(dead) as descriptor:
            if descriptor is not None:
                wait_readable(descriptor)
        marker = self.start("nothing", 0)  # its pid comes after everything that the dead one wrote
        with open_pid(marker) as descriptor:
            if descriptor is not None:
                wait_readable(descriptor)

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process of the writers has gone"
        return line.strip()


@contextmanager
def open_pid(pid: int) -> Iterator[int | None]:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def wait_readable(descriptor: int) -> None:
    ready, _, _ = select.select([descriptor], [], [], 60)
    assert ready, "a writer that should be dead goes on"


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[Writers]:
    made = Writers(tmp_path)
    yield made
    made.stop()


def matched(folder: Path) -> Counter[str]:
    """The facts of the database, after holding them against its entries one to one and without gaps."""
    connection = sqlite3.connect(folder / "facts.sqlite3")
    try:
        facts = Counter(row[0] for row in connection.execute("SELECT fact FROM facts"))
        told = Counter(row[0] for row in connection.execute("SELECT session_id FROM ledger_entries"))
        places = [row[0] for row in connection.execute("SELECT sequence FROM ledger_entries ORDER BY sequence")]
        [size] = connection.execute("SELECT size FROM ledger_head").fetchone() or [0]
    finally:
        connection.close()
    assert facts == told
    assert set(facts.values()) <= {1}
    assert places == list(range(size))
    return facts


async def opens(folder: Path) -> None:
    """Everything is what was written, signed as far as it was signed, and can be gone on with."""
    database = Database.in_file(folder / "facts.sqlite3")
    try:
        async with database.write() as session:
            found = await entries(session, await open_case(session, SYSTEM, CASE, Purpose.SYSTEM))
        assert [entry.details["fact"] for entry in found] == [entry.session_id for entry in found]
        assert await checkpointer(database, folder).audit() == len(found)
        await checkpointer(database, folder).make(datetime.now(UTC))
    finally:
        await database.close()


@pytest.mark.parametrize("block", range(4))
async def test_a_writer_that_dies_in_the_middle_of_a_statement(writers: Writers, block: int) -> None:
    for seed in range(block * 30, block * 30 + 30):
        pid = writers.start("itself", seed)
        writers.drain(pid)
        assert writers.acknowledged <= matched(writers.folder).keys()
    await opens(writers.folder)


@pytest.mark.parametrize("block", range(2))
async def test_two_writers_that_are_killed_while_they_write(writers: Writers, block: int) -> None:
    dice = random.Random(block)
    for seed in range(1000 + block * 30, 1000 + block * 30 + 30, 2):
        pids = [writers.start("free", seed), writers.start("free", seed + 1)]
        writers.read_until(len(writers.acknowledged) + dice.randrange(1, 12))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            writers.drain(pid)
        assert writers.acknowledged <= matched(writers.folder).keys()
    await opens(writers.folder)


@pytest.mark.parametrize("block", range(2))
async def test_what_was_spooled_is_written_once(writers: Writers, block: int) -> None:
    dice = random.Random(block)
    for seed in range(2000 + block * 30, 2000 + block * 30 + 30):
        pid = writers.start("spool", seed)
        writers.read_until(len(writers.acknowledged) + dice.randrange(1, 8))
        os.kill(pid, signal.SIGKILL)
        writers.drain(pid)
        matched(writers.folder)
    spool = Spool(writers.folder / "spool", SPOOL_KEY)
    database = Database.in_file(writers.folder / "facts.sqlite3")
    await replay(database, spool)
    await database.close()
    spool.close()
    assert writers.acknowledged <= matched(writers.folder).keys()
    await opens(writers.folder)
