"""A ledger to be attacked: facts written through the real database, checkpoints, a witness, exports and verdicts."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from consent import export, tree
from consent.checkpoint import COSIGNATURE_V1, Checkpoint, Signer
from consent.checkpointer import Checkpointer, Outside
from consent.database import Database
from consent.events import Tag
from consent.keys import SYSTEM, Purpose, open_case
from consent.ledger import append
from consent.tables import LedgerCheckpoint
from consent.verify import Report, verify

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
CASE, OTHER = "c" * 16, "d" * 16
MEETING, LATER = "e" * 16, "f" * 16
SEED = b"s" * 32
WITNESS = Signer("witness.example/w", b"w" * 32, COSIGNATURE_V1)


@dataclass
class House:
    """One installation."""

    folder: Path
    database: Database
    now: datetime = NOON
    told: list[tuple[str, int]] = field(default_factory=list)
    """What was told, as (session id, number)."""

    @property
    def checkpointer(self) -> Checkpointer:
        return Checkpointer(self.database, SEED, Outside(self.folder / "ledger" / "last-checkpoint"), "me")

    async def tell(self, count: int = 1, *, case_id: str = CASE, session_id: str = MEETING) -> None:
        """So many facts, each in a transaction of its own."""
        for _ in range(count):
            self.now += timedelta(seconds=1)
            number = len(self.told)
            async with self.database.write() as session:
                append(
                    session,
                    Tag.JOINED,
                    actor=f"seat:{number % 3}",
                    at=self.now,
                    case_id=case_id,
                    session_id=session_id,
                    details={"n": number, "name": "Ганна"},
                )
            self.told.append((session_id, number))

    async def sign(self) -> Checkpoint | None:
        """Make a checkpoint."""
        return await self.checkpointer.make(self.now)

    async def witness(self) -> Checkpoint:
        """Let the witness co-sign the newest checkpoint."""
        async with self.database.write() as session:
            newest = await tree.newest(session)
            assert newest is not None
            cosigned = newest.with_signatures([WITNESS.cosign(newest, self.now)])
            row = await session.get(LedgerCheckpoint, newest.size)
            assert row is not None
            row.note, row.cosigned_at = cosigned.note, self.now
        return cosigned

    async def signer(self) -> Signer:
        """The log's key."""
        found = await self.checkpointer.signer()
        assert found is not None
        return found

    async def session_export(self, session_id: str | None = MEETING, case_id: str = CASE) -> list[str]:
        """The lines of one session, or of the whole case."""
        log = (await self.signer()).verifier
        async with self.database.write() as session:
            key = await open_case(session, SYSTEM, case_id, Purpose.SYSTEM)
            return [line async for line in export.part(session, key, log, self.now, session_id=session_id)]

    async def log_export(self, ahead: Checkpoint | None = None) -> list[str]:
        """The lines of the whole log."""
        log = (await self.signer()).verifier
        async with self.database.read() as session:
            return [line async for line in export.whole(session, log, self.now, ahead=ahead)]

    def sql(self, *statements: str) -> None:
        """What somebody does who can write to the database file."""
        connection = sqlite3.connect(self.folder / "test.sqlite3")
        for each in statements:
            connection.execute(each)
        connection.commit()
        connection.close()


def verdict(lines: list[str], *, witness: bool = False, known: tuple[Checkpoint, ...] = ()) -> Report:
    """What ``poruch verify`` finds."""
    return verify(lines, witnesses=[WITNESS.verifier] if witness else [], known=known)
