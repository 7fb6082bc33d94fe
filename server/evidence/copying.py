"""A copy of the whole ledger as files (C2SP tlog-tiles), made anew or carried on."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.checkpoint import Checkpoint, CheckpointError
from consent.checkpointer import Checkpointer
from consent.ledger import leaf_of
from consent.tables import LedgerEntry
from consent.tiles import CHECKPOINT_FILE, KEY_FILE, Tile, bundle, tiles_of
from consent.tree import Tree, TreeIncomplete, newest
from server.settings import SettingsError


async def read_tile(session: AsyncSession, tile: Tile) -> bytes:
    """The bytes of one resource. Raises TreeIncomplete where entries are missing."""
    if tile.level >= 0:
        return b"".join(await Tree(session).tile(tile.level, tile.index, tile.width))
    start = tile.index * 256
    within = (LedgerEntry.sequence >= start, LedgerEntry.sequence < start + tile.width)
    found = (await session.scalars(select(LedgerEntry).where(*within).order_by(LedgerEntry.sequence))).all()
    for place, row in enumerate(found, start):
        if row.sequence != place:
            raise TreeIncomplete(place)
    if len(found) < tile.width:
        raise TreeIncomplete(start + len(found))
    return bundle([leaf_of(row).spelt() for row in found])


async def copy_into(folder: Path, checkpointer: Checkpointer) -> int:
    """Write what the folder does not have yet, the checkpoint last; returns the size. Raises SettingsError."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a command of its own, not the server
    signer = await checkpointer.signer()
    async with checkpointer.database.read() as session:
        checkpoint = await newest(session)
        if signer is None or checkpoint is None:
            raise SettingsError("Nothing has been signed yet: start the server first.")
        try:
            old = Checkpoint.read((folder / CHECKPOINT_FILE).read_bytes()).size
        except FileNotFoundError:
            old = 0
        except CheckpointError as error:
            raise SettingsError(f"{folder} holds something else than a copy of a ledger: {error}.") from None
        try:
            for tile in tiles_of(checkpoint.size, old):
                path = folder / tile.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(await read_tile(session, tile))
        except TreeIncomplete as gap:
            raise SettingsError(f"Entry {gap.sequence} is missing. Run: poruch ledger-audit") from None
    (folder / KEY_FILE).write_text(signer.verifier.spelt + "\n")
    (folder / CHECKPOINT_FILE).write_text(checkpoint.note)
    return checkpoint.size
