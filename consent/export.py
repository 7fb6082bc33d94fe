"""Exports of the ledger that anybody can verify: one session, one case, or the whole log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.checkpoint import Checkpoint, Verifier
from consent.datakey import DataKey
from consent.evidence import Growth, Header, Kind, Line
from consent.keys import CaseKey
from consent.leaf import spell_time
from consent.ledger import LedgerBroken, leaf_of, open_row
from consent.merkle import MerkleError
from consent.tables import LedgerEntry
from consent.tree import CHUNK, Tree, TreeIncomplete, checkpoints, newest, rows, size_of


class NothingSigned(Exception):
    """There is no checkpoint yet, or nothing that it covers."""


async def part(
    session: AsyncSession, key: CaseKey, log: Verifier, now: datetime, *, session_id: str | None = None
) -> AsyncIterator[str]:
    """The lines of an open case, or of one session of it, opened and proven. Raises NothingSigned.

    Entries that the newest checkpoint does not cover yet are left out: make one before.
    """
    newest_one = await newest(session)
    if newest_one is None:
        raise NothingSigned
    cosigned = await newest(session, cosigned=True)
    # What lies beyond the head was written past the ledger: it is shown, so that it is found.
    covered = or_(LedgerEntry.sequence < newest_one.size, LedgerEntry.sequence >= await size_of(session))
    mine = [LedgerEntry.case_id == key.case_id, covered]
    if session_id is not None:
        mine.append(LedgerEntry.session_id == session_id)
    count = await session.scalar(select(func.count()).select_from(LedgerEntry).where(*mine)) or 0
    if not count:
        raise NothingSigned
    tree = Tree(session)
    signed = [cosigned, newest_one] if cosigned and cosigned.size < newest_one.size else [newest_one]
    yield Header(
        kind=Kind.SESSION if session_id else Kind.CASE,
        subject=session_id or key.data.pseudonym("case", key.case_id),
        log=log,
        made_at=spell_time(now),
        entries=count,
        checkpoints=tuple(signed),
        growth=await _growth(tree, signed),
    ).spelt()
    last = -1
    while True:
        further = select(LedgerEntry).where(*mine, LedgerEntry.sequence > last)
        found = (await session.scalars(further.order_by(LedgerEntry.sequence).limit(CHUNK))).all()
        for row in found:
            yield (await _proven(tree, row, key.data, newest_one.size)).spelt()
            last = row.sequence
            session.expunge(row)  # a case may have a million
        if len(found) < CHUNK:
            return
        tree.forget()


async def whole(
    session: AsyncSession, log: Verifier, now: datetime, *, ahead: Checkpoint | None = None
) -> AsyncIterator[str]:
    """The lines of the whole log, nothing opened: for an auditor who may see no case. Raises NothingSigned.

    ``ahead`` is the last checkpoint that is known outside the database.
    """
    signed = await checkpoints(session)
    if ahead is not None and ahead.root not in {each.root for each in signed}:
        signed = sorted([*signed, ahead], key=lambda each: each.size)
    if not signed:
        raise NothingSigned
    covered = LedgerEntry.sequence < signed[-1].size
    count = await session.scalar(select(func.count()).select_from(LedgerEntry).where(covered)) or 0
    yield Header(
        kind=Kind.LOG,
        subject=log.name,
        log=log,
        made_at=spell_time(now),
        entries=count,
        checkpoints=tuple(signed),
    ).spelt()
    start = 0
    while start < signed[-1].size:
        try:
            async for row in rows(session, start, signed[-1].size):
                start = row.sequence + 1
                yield Line(leaf_of(row), row.leaf_hash).spelt()
        except TreeIncomplete as gap:
            following = select(LedgerEntry.sequence).where(LedgerEntry.sequence > gap.sequence)
            after = await session.scalar(following.order_by(LedgerEntry.sequence).limit(1))
            if after is None:
                return
            start = after


async def _growth(tree: Tree, signed: list[Checkpoint]) -> tuple[Growth, ...]:
    if len(signed) < 2:
        return ()
    before, after = signed
    try:
        proof = await tree.consistency(before.size, after.size)
    except (TreeIncomplete, MerkleError):
        return ()
    return (Growth(before.size, after.size, tuple(proof)),)


async def _proven(tree: Tree, row: LedgerEntry, key: DataKey, size: int) -> Line:
    """A row as a line; what does not fit is shown as it is, so that whoever verifies finds it."""
    try:
        proof: tuple[bytes, ...] | None = tuple(await tree.inclusion(row.sequence, size))
    except (TreeIncomplete, MerkleError):
        proof = None
    line = Line(leaf_of(row), row.leaf_hash, size if proof is not None else None, proof or ())
    try:
        entry = open_row(row, key)
    except LedgerBroken:
        return line
    content = {"actor": entry.actor, "case": entry.case_id, "details": dict(entry.details)}
    return Line(line.leaf, line.hash, line.size, line.proof, entry.salt, content)
