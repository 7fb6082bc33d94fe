"""The spool: what has happened while the database is away, kept durably until it can be written."""

from __future__ import annotations

import json
import logging
import os
import secrets
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consent.datakey import DataKey, SealBroken

RESERVED = 256 * 1024
"""Bytes taken from the disk beforehand, so that a full disk still has room for what happens then."""
ID_LENGTH = 32
_HEAD = 8
_PUT, _DONE = b"P", b"D"

log = logging.getLogger("poruch.spool")


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that waits; ``id`` is written with it into the database, so that it is written once."""

    id: str
    kind: str
    item: dict[str, Any]


class Spool:
    """One file of frames: length, checksum, payload. What a power cut tore off at its end was never acknowledged."""

    def __init__(self, path: Path, key: DataKey) -> None:
        self._path, self._key = path, key
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_size < RESERVED:
            os.posix_fallocate(self._file, 0, RESERVED)
            os.fsync(self._file)
        self._waiting: dict[str, Kept] = {}
        self._end = self._load()

    @property
    def waiting(self) -> list[Kept]:
        """What has not been written into the database yet, oldest first."""
        return list(self._waiting.values())

    def put(self, kind: str, item: dict[str, Any]) -> str:
        """Keep plain JSON; when this returns it survives kill -9 and power cuts. Returns its id. Raises OSError."""
        kept = Kept(secrets.token_hex(ID_LENGTH // 2), kind, item)
        plain = json.dumps([kind, item], ensure_ascii=False).encode()
        self._append(_PUT + kept.id.encode() + self._key.seal(("spool", kept.id), plain))
        self._waiting[kept.id] = kept
        return kept.id

    def done(self, kept_id: str) -> None:
        """It is in the database. The last one empties the file.

        Never raises: where the disk cannot take even this, it waits again after the next start, and is found there to
        have been written. Whoever replays looks for that.
        """
        if self._waiting.pop(kept_id, None) is None:
            return
        try:
            if self._waiting:
                self._append(_DONE + kept_id.encode())
            else:
                self._empty()
        except OSError as error:
            log.error("the spool could not note that something is written", extra={"code": error.errno})

    def _empty(self) -> None:
        # Zeros from the front: a torn write leaves either the old frames, all done or found in the database, or none.
        # What comes next begins at the front all the same: behind zeros nobody would find it.
        end, self._end = self._end, 0
        os.pwrite(self._file, bytes(end), 0)
        os.fsync(self._file)

    def close(self) -> None:
        """Give the file back; what waits stays in it."""
        os.close(self._file)

    def _append(self, payload: bytes) -> None:
        frame = len(payload).to_bytes(4) + zlib.crc32(payload).to_bytes(4) + payload
        written = os.pwrite(self._file, frame, self._end)
        if written != len(frame):
            raise OSError("the spool took only a part of what happened")
        os.fsync(self._file)
        self._end += written

    def _load(self) -> int:
        data, place = self._path.read_bytes(), 0
        while True:
            length = int.from_bytes(data[place : place + 4])
            payload = data[place + _HEAD : place + _HEAD + length]
            if (
                not length
                or len(payload) < length
                or zlib.crc32(payload) != int.from_bytes(data[place + 4 : place + 8])
            ):
                return place
            self._take(payload)
            place += _HEAD + length

    def _take(self, payload: bytes) -> None:
        kept_id = payload[1 : 1 + ID_LENGTH].decode("ascii", "replace")
        if payload[:1] == _DONE:
            self._waiting.pop(kept_id, None)
            return
        try:
            kind, item = json.loads(self._key.open(("spool", kept_id), payload[1 + ID_LENGTH :]))
        except SealBroken:
            return  # another key's, or not ours: nothing that we ever acknowledged
        self._waiting[kept_id] = Kept(kept_id, kind, item)
