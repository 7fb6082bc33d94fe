"""Making checkpoints: what is new is held against what was signed before, and only then signed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from consent.checkpoint import Checkpoint, CheckpointError, Signer, Verifier
from consent.database import Database
from consent.evidence import origin_of
from consent.leaf import LeafError, from_base64, to_base64
from consent.ledger import leaf_of
from consent.merkle import CompactRange, MerkleError, verify_consistency
from consent.tables import LedgerCheckpoint, LedgerHead, LedgerJob, LedgerNode
from consent.tree import Tree, TreeIncomplete, full_nodes, rows
from consent.verify import Wrong

LEASE = timedelta(minutes=3)


class LedgerProblem(Exception):
    """The log is not the one that was signed before, so nothing is signed any more; says what, and where."""

    def __init__(self, wrong: Wrong, text: str, sequence: int | None = None) -> None:
        super().__init__(f"{wrong.value}{'' if sequence is None else f' at entry {sequence}'}: {text}")
        self.wrong, self.text, self.sequence = wrong, text, sequence


@dataclass(frozen=True)
class Kept:
    """The last checkpoint with the tree that it stands for."""

    checkpoint: Checkpoint
    tree: CompactRange


class Outside:
    """The last checkpoint in a file outside the database, so that a database put back to an earlier day is noticed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, log: Verifier) -> Kept | None:
        """What was kept, or None when there is no file. Raises LedgerProblem when it is not what the log signed."""
        try:
            plain = json.loads(self.path.read_bytes())
            kept = Kept(
                Checkpoint.read(plain["note"]),
                CompactRange(plain["size"], [from_base64(each) for each in plain["tree"]]),
            )
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError, CheckpointError, LeafError, MerkleError) as error:
            raise LedgerProblem(Wrong.FORGED, f"{self.path.name} outside the database cannot be read") from error
        signed = kept.checkpoint
        if (signed.origin, signed.size, signed.root) != (log.name, kept.tree.size, kept.tree.root()):
            raise LedgerProblem(Wrong.FORKED, f"{self.path.name} is the checkpoint of another log")
        if not signed.signed_by(log):
            raise LedgerProblem(Wrong.FORGED, f"{self.path.name} is not signed with this server's key")
        return kept

    def save(self, kept: Kept) -> None:
        """Put it into the file, durably and all at once."""
        plain = {
            "note": kept.checkpoint.note,
            "size": kept.tree.size,
            "tree": [to_base64(each) for each in kept.tree.hashes],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self.path.with_suffix(f".{os.getpid()}.new")
        with fresh.open("w") as file:
            json.dump(plain, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@dataclass
class Checkpointer:
    """Signs for one installation; ``holder`` names this process where several share a database."""

    database: Database
    seed: bytes
    outside: Outside
    holder: str

    async def signer(self) -> Signer | None:
        """The log's key under the log's name; None while nothing was ever written."""
        async with self.database.read() as session:
            log_id = await session.scalar(select(LedgerHead.log_id))
        return Signer(origin_of(log_id), self.seed) if log_id else None

    async def make(self, now: datetime) -> Checkpoint | None:
        """Sign what is new; None when nothing is, or another process holds the lease. Raises LedgerProblem.

        Whoever does not hold the lease looks all the same: a log that was put back is noticed at the first start.
        """
        signer = await self.signer()
        if signer is None:
            return None
        ours = await self._lease(now)
        kept = self.outside.load(signer.verifier)
        async with self.database.read() as session:
            tree, signed_size = await self._grown(session, signer, kept)
            size = kept.tree.size if kept else 0
            if tree.size == size and signed_size == size:
                return None
            await self._check_growth(session, kept, tree)
            if not ours:
                return None
            fresh = signer.sign(Checkpoint(signer.verifier.name, tree.size, tree.root()))
            nodes = await full_nodes(session, signed_size, tree.size)
        await self._store(fresh, nodes, now)
        self.outside.save(Kept(fresh, tree))
        return fresh

    async def release(self, *, whosever: bool = False) -> None:
        """Let the next process sign at once; ``whosever`` when no process can be left that holds the lease."""
        async with self.database.write() as session:
            held = delete(LedgerJob)
            await session.execute(held if whosever else held.where(LedgerJob.holder == self.holder))

    async def audit(self) -> int:
        """Read every row again and build the whole tree; returns its size. Raises LedgerProblem."""
        signer = await self.signer()
        if signer is None:
            return 0
        kept = self.outside.load(signer.verifier)
        async with self.database.read() as session:
            tree, _ = await self._grown(session, signer, None)
            if kept is not None:
                await self._known_still(session, kept)
        return tree.size

    async def _lease(self, now: datetime) -> bool:
        async with self.database.write() as session:
            row = await session.get(LedgerJob, 1, with_for_update=True)
            if row is not None and row.holder != self.holder and row.until > now:
                return False
            if row is None:
                session.add(LedgerJob(id=1, holder=self.holder, until=now + LEASE))
            else:
                row.holder, row.until = self.holder, now + LEASE
        return True

    async def _grown(self, session: AsyncSession, signer: Signer, kept: Kept | None) -> tuple[CompactRange, int]:
        """The tree as it is now, and the size of the newest checkpoint in the database."""
        head = (await session.scalars(select(LedgerHead))).one()
        if kept is not None:
            if head.size < kept.tree.size:
                text = f"the log had {kept.tree.size} entries when it was last signed, and has {head.size} now"
                raise LedgerProblem(Wrong.ROLLED_BACK, text, head.size)
            await self._known_still(session, kept)
        tree = kept.tree.copy() if kept else CompactRange()
        signed = await self._signed(session, signer, tree.size)
        good = tree.size
        try:
            async for row in rows(session, tree.size, head.size):
                leaf = leaf_of(row).hash()
                if leaf != row.leaf_hash or row.log_id != head.log_id:
                    raise LedgerProblem(Wrong.EDITED, "the row is not the one that was written", row.sequence)
                tree.append(leaf)
                if tree.size in signed:
                    if signed[tree.size] != tree.root():
                        text = f"the entries from {good} to {tree.size - 1} are not those that were signed"
                        raise LedgerProblem(Wrong.EDITED, text, good)
                    good = tree.size
        except TreeIncomplete as gap:
            raise LedgerProblem(Wrong.MISSING, "the row is gone", gap.sequence) from None
        newest = max(signed, default=kept.tree.size if kept else 0)
        if newest > head.size:
            text = f"the log had {newest} entries when it was signed, and has {head.size} now"
            raise LedgerProblem(Wrong.ROLLED_BACK, text, head.size)
        return tree, newest

    async def _signed(self, session: AsyncSession, signer: Signer, size: int) -> dict[int, bytes]:
        """Sizes and roots of the checkpoints in the database beyond a size."""
        found = {}
        wanted = select(LedgerCheckpoint.size, LedgerCheckpoint.note).where(LedgerCheckpoint.size > size)
        for stored, note in await session.execute(wanted):
            try:
                checkpoint = Checkpoint.read(note)
            except CheckpointError as error:
                raise LedgerProblem(Wrong.FORGED, f"the checkpoint of size {stored} cannot be read") from error
            if checkpoint.size != stored or not checkpoint.signed_by(signer.verifier):
                raise LedgerProblem(Wrong.FORGED, f"the checkpoint of size {stored} is not signed with this key")
            found[stored] = checkpoint.root
        return found

    async def _known_still(self, session: AsyncSession, kept: Kept) -> None:
        """A database that was put back to an earlier day does not know what was signed after it."""
        size = kept.tree.size
        note = await session.scalar(select(LedgerCheckpoint.note).where(LedgerCheckpoint.size == size))
        if note is None:
            text = f"the database does not know the checkpoint of {size} entries that was signed last"
            raise LedgerProblem(Wrong.ROLLED_BACK, text)
        if Checkpoint.read(note).root != kept.checkpoint.root:
            text = f"the checkpoint of {size} entries in the database is not the one that was signed"
            raise LedgerProblem(Wrong.FORKED, text)

    async def _check_growth(self, session: AsyncSession, kept: Kept | None, tree: CompactRange) -> None:
        """The tree in the database, as proofs are made from it, grew out of the one that was signed before."""
        if kept is None:
            return
        try:
            proof = await Tree(session).consistency(kept.tree.size, tree.size)
            verify_consistency(kept.tree.size, tree.size, kept.tree.root(), tree.root(), proof)
        except TreeIncomplete as gap:
            raise LedgerProblem(Wrong.MISSING, "the row is gone", gap.sequence) from None
        except MerkleError:
            text = "the log does not begin any more as the one that was signed"
            raise LedgerProblem(Wrong.FORKED, text) from None

    async def _store(self, fresh: Checkpoint, nodes: list[dict[str, object]], now: datetime) -> None:
        async with self.database.write() as session:
            insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
            row = {"size": fresh.size, "at": now, "note": fresh.note}
            await session.execute(insert(LedgerCheckpoint).values(row).on_conflict_do_nothing())
            if nodes:
                await session.execute(insert(LedgerNode).on_conflict_do_nothing(), nodes)
