"""Asking other organisations' witnesses to co-sign our checkpoints (C2SP tlog-witness, the log's side)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp

from consent.checkpoint import Checkpoint, CheckpointError, Signature, Verifier
from consent.database import Database
from consent.merkle import MerkleError
from consent.tables import LedgerCheckpoint
from consent.tree import Tree, TreeIncomplete
from consent.witness import SIZE_TYPE, Request
from server.settings import SettingsError

ANSWER_S = 20
LONGEST_ANSWER = 64 * 1024
TRIES = 3


class Refused(Exception):
    """The witness does not co-sign; ``grave`` when that is because it has seen another history of our log."""

    def __init__(self, text: str, *, grave: bool = False) -> None:
        super().__init__(text)
        self.grave = grave


@dataclass(frozen=True, slots=True)
class Place:
    """Where a witness is, and the key by which it is known."""

    url: str
    key: Verifier

    @classmethod
    def read(cls, text: str) -> Place:
        """One word of the setting: ``https://witness.example/ name+id+key``. Raises SettingsError."""
        url, _, key = text.strip().partition(" ")
        try:
            if not url.startswith(("https://", "http://")):
                raise CheckpointError("its address does not begin with https://")
            return cls(url.rstrip("/"), Verifier.read(key))
        except CheckpointError as error:
            raise SettingsError(f"witnesses: “{text}” is not “address key”: {error}.") from None


async def cosign(
    http: aiohttp.ClientSession, database: Database, place: Place, checkpoint: Checkpoint, known: int
) -> datetime:
    """Let a witness co-sign and keep what it says; returns its time. ``known`` is the size we believe that it has seen.

    Raises Refused.
    """
    for _ in range(TRIES):
        body = await _request(database, checkpoint, known)
        try:
            async with asyncio.timeout(ANSWER_S), http.post(f"{place.url}/add-checkpoint", data=body) as reply:
                status, kind, data = reply.status, reply.content_type, await reply.content.read(LONGEST_ANSWER)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Refused(f"it cannot be reached ({type(error).__name__})") from None
        if status == 200:
            return await _keep(database, place, checkpoint, data)
        if status == 409 and kind == SIZE_TYPE:
            seen = _size(data)
            if seen >= checkpoint.size and seen != known:
                raise Refused(f"it has seen {seen} entries of this log, and we have {checkpoint.size}", grave=True)
            if seen == known:
                raise Refused("it has seen another history of this log", grave=True)
            known = seen
            continue
        if status == 422:
            raise Refused("it has seen another history of this log", grave=True)
        raise Refused(f"it answered {status}")
    raise Refused("it changes its mind about what it has seen")


async def _request(database: Database, checkpoint: Checkpoint, known: int) -> bytes:
    async with database.read() as session:
        try:
            proof = await Tree(session).consistency(known, checkpoint.size)
        except (TreeIncomplete, MerkleError) as error:
            raise Refused(f"no proof can be made for it: {error}", grave=True) from None
    return Request(known, tuple(proof), checkpoint).spelt


async def _keep(database: Database, place: Place, checkpoint: Checkpoint, data: bytes) -> datetime:
    try:
        lines = data.decode().removesuffix("\n").split("\n")
        given = [each for each in map(Signature.read, lines) if each.by(place.key)]
    except (UnicodeDecodeError, CheckpointError):
        raise Refused("its answer cannot be read") from None
    signed = checkpoint.with_signatures(given)
    at = signed.cosigned_by(place.key)
    if at is None:
        raise Refused("its signature is not that of its key")
    async with database.write() as session:
        row = await session.get(LedgerCheckpoint, checkpoint.size, with_for_update=True)
        if row is not None:
            row.note = Checkpoint.read(row.note).with_signatures(given).note
            row.cosigned_at = datetime.now(UTC)
    return at


def _size(data: bytes) -> int:
    text = data.decode("ascii", "replace").strip()
    if not text.isdigit() or len(text) > 16:
        raise Refused("its answer cannot be read")
    return int(text)
