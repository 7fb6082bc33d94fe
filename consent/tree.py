"""The ledger's tree in the database: leaf hashes, stored subtrees, and the proofs that are made from them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.checkpoint import Checkpoint
from consent.merkle import consistency_ranges, inclusion_ranges, needed, prove, root_of
from consent.tables import LedgerCheckpoint, LedgerEntry, LedgerHead, LedgerNode

SPAN = 8
WIDTH = 1 << SPAN
"""Hashes that one stored subtree of the level above covers (C2SP tlog-tiles)."""
CHUNK = 2048


class TreeIncomplete(Exception):
    """Rows of the ledger are missing; ``sequence`` is the first."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"entry {sequence} of the ledger is missing")
        self.sequence = sequence


@dataclass
class Tree:
    """Makes proofs within one session; hashes that were read once are kept."""

    session: AsyncSession
    known: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """(height, index) -> hash; heights that are multiples of SPAN were read, others folded."""

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """The proof that entry ``index`` is in the tree of ``size``. Raises TreeIncomplete, MerkleError."""
        return await self._proof(inclusion_ranges(index, size))

    async def consistency(self, size1: int, size2: int) -> list[bytes]:
        """The proof that the tree of ``size2`` began as that of ``size1``; none is needed from nothing."""
        return await self._proof(consistency_ranges(size1, size2)) if size1 else []

    async def tile(self, level: int, index: int, width: int = WIDTH) -> list[bytes]:
        """The first ``width`` hashes of a tile (C2SP tlog-tiles). Raises TreeIncomplete."""
        start = index * WIDTH
        await self._read(level, start, start + width)
        return [self.known[level * SPAN, each] for each in range(start, start + width)]

    async def _proof(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        for height, index in needed(ranges):
            level, rest = divmod(height, SPAN)
            if (height, index) not in self.known:
                await self._read(level, index << rest, (index + 1) << rest)
        return prove(ranges, self._node)

    def _node(self, height: int, index: int) -> bytes:
        rest = height % SPAN
        if rest and (height, index) not in self.known:
            base = range(index << rest, (index + 1) << rest)
            self.known[height, index] = root_of([self.known[height - rest, each] for each in base])
        return self.known[height, index]

    def forget(self) -> None:
        """Let go of leaves, of which a long log has many; what lies above is kept."""
        self.known = {place: value for place, value in self.known.items() if place[0] >= SPAN}

    async def _read(self, level: int, start: int, end: int) -> None:
        """Know the hashes ``start`` to ``end`` of a level; what is not stored is made from the level below."""
        height = level * SPAN
        if all((height, each) in self.known for each in range(start, end)):
            return
        if level == 0:
            rows = await self.session.execute(
                select(LedgerEntry.sequence, LedgerEntry.leaf_hash).where(
                    LedgerEntry.sequence >= start, LedgerEntry.sequence < end
                )
            )
        else:
            rows = await self.session.execute(
                select(LedgerNode.index, LedgerNode.hash).where(
                    LedgerNode.level == level, LedgerNode.index >= start, LedgerNode.index < end
                )
            )
        self.known |= {(height, index): value for index, value in rows}
        for each in range(start, end):
            if (height, each) not in self.known:
                if level == 0:
                    raise TreeIncomplete(each)
                below = await self.tile(level - 1, each)
                self.known[height, each] = root_of(below)


async def size_of(session: AsyncSession) -> int:
    """How many entries the head says there are."""
    return await session.scalar(select(LedgerHead.size)) or 0


async def rows(session: AsyncSession, start: int, end: int) -> AsyncIterator[LedgerEntry]:
    """The rows from ``start`` to ``end``, in order. Raises TreeIncomplete where one is missing."""
    while start < end:
        upto = min(end, start + CHUNK)
        found = await session.scalars(
            select(LedgerEntry)
            .where(LedgerEntry.sequence >= start, LedgerEntry.sequence < upto)
            .order_by(LedgerEntry.sequence)
        )
        for row in found.all():
            if row.sequence != start:
                raise TreeIncomplete(start)
            yield row
            session.expunge(row)  # a million rows are not kept
            start += 1
        if start < upto:
            raise TreeIncomplete(start)


async def full_nodes(session: AsyncSession, size1: int, size2: int) -> list[dict[str, object]]:
    """The rows of LedgerNode for the subtrees that became full between two sizes."""
    tree, level, found = Tree(session), 1, []
    while size2 >> (level * SPAN):
        for index in range(size1 >> (level * SPAN), size2 >> (level * SPAN)):
            value = root_of(await tree.tile(level - 1, index))
            tree.known[level * SPAN, index] = value
            found.append({"level": level, "index": index, "hash": value})
            if level == 1:  # leaves are not needed again
                for each in range(index * WIDTH, (index + 1) * WIDTH):
                    del tree.known[0, each]
        level += 1
    return found


async def newest(session: AsyncSession, *, cosigned: bool = False) -> Checkpoint | None:
    """The newest checkpoint, or the newest that a witness co-signed."""
    wanted = select(LedgerCheckpoint.note).order_by(LedgerCheckpoint.size.desc()).limit(1)
    if cosigned:
        wanted = wanted.where(LedgerCheckpoint.cosigned_at.is_not(None))
    note = await session.scalar(wanted)
    return Checkpoint.read(note) if note else None


async def checkpoints(session: AsyncSession, sizes: Iterable[int] | None = None) -> list[Checkpoint]:
    """All checkpoints, or those of these sizes, by size."""
    wanted = select(LedgerCheckpoint.note).order_by(LedgerCheckpoint.size)
    if sizes is not None:
        wanted = wanted.where(LedgerCheckpoint.size.in_(list(sizes)))
    return [Checkpoint.read(note) for note in await session.scalars(wanted)]
