"""The keyring: key-encryption keys in files of their own, and the data keys that they wrap in the database.

``Keyring.wrap`` and ``Keyring.unwrap`` are the whole seam to a key management service: nothing else sees a
key-encryption key. Data keys are read inside a transaction, so neither may wait for a network.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from consent.datakey import KEY_LENGTH, NONCE_LENGTH, DataKey
from consent.tables import ORGANISATION, DataKeyRow

FOLDER = "keys"
"""Where the key files lie in the data directory."""
AT_ONCE = 1000
"""How many cases one statement names."""
CURRENT = "current"
"""The file that names the key-encryption key for new data keys, once there has been more than one."""
_FILE = re.compile(r"kek-([0-9a-f]{16})\.key")
KEYRING, WRITING, OPENED = "keyring", "writing", "data_keys"
"""Names in a session's ``info``."""


class KeyringError(Exception):
    """Keys that cannot be used; the text says what to do."""


class KeyMissing(KeyringError):
    """A data key was wrapped by a key-encryption key whose file is not here, or does not open it."""


class CaseErased(Exception):
    """The key of this case was destroyed: nothing of it can be read again."""


class Keyring:
    """The key-encryption keys of this installation."""

    def __init__(self, keys: dict[str, bytes], current: str) -> None:
        for kek_id, raw in keys.items():
            if kek_id != kek_id_of(raw):
                raise KeyringError(f"The key file of {kek_id} holds another key. Put the right file back.")
        if current not in keys:
            raise KeyringError(f"The current key {current} has no file. Put kek-{current}.key back.")
        self._keys = {kek_id: AESGCM(raw) for kek_id, raw in keys.items()}
        self.current = current

    @classmethod
    def in_folder(cls, folder: Path, current: str | None = None) -> Keyring:
        """Read the keys of this folder; make the first one where there is none. Raises KeyringError.

        ``current`` wraps new data keys, instead of the one that the folder names.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_loose(folder)
        with _alone_in(folder):
            if not any(_FILE.fullmatch(each.name) for each in folder.iterdir()):
                write_kek(folder, secrets.token_bytes(KEY_LENGTH))
        keys: dict[str, bytes] = {}
        for path in sorted(folder.iterdir()):
            match = _FILE.fullmatch(path.name)
            if match is None:
                continue
            _refuse_loose(path)
            raw = path.read_bytes()
            if len(raw) != KEY_LENGTH or kek_id_of(raw) != match[1]:
                raise KeyringError(f"{path} does not hold the key that it is named after. Put the right file back.")
            keys[match[1]] = raw
        return cls(keys, current or _current(folder, keys))

    @classmethod
    def fresh(cls) -> Keyring:
        """A keyring that lives only as long as this process, for trials and tests."""
        raw = secrets.token_bytes(KEY_LENGTH)
        return cls({kek_id_of(raw): raw}, kek_id_of(raw))

    @property
    def ids(self) -> Collection[str]:
        """The ids of all keys at hand."""
        return self._keys.keys()

    def wrap(self, case_id: str, key: DataKey) -> tuple[str, bytes]:
        """The current key-encryption key's id, and the data key under it; it opens for this case only."""
        nonce = os.urandom(NONCE_LENGTH)
        return self.current, nonce + key.wrapped_by(self._keys[self.current], nonce, _whose(case_id))

    def unwrap(self, case_id: str, kek_id: str, wrapped: bytes) -> DataKey:
        """The data key of a case. Raises KeyMissing."""
        kek = self._keys.get(kek_id)
        if kek is None:
            raise KeyMissing(
                f"The data is sealed under kek-{kek_id}.key, which is not in the keys folder. "
                "Put that file back from where you keep your keys."
            )
        try:
            return DataKey(kek.decrypt(wrapped[:NONCE_LENGTH], wrapped[NONCE_LENGTH:], _whose(case_id)))
        except (InvalidTag, ValueError):
            raise KeyMissing(f"A data key does not open with kek-{kek_id}.key: the database was changed.") from None

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._keys)})"


def kek_id_of(raw: bytes) -> str:
    """The id of a key-encryption key: 16 hexadecimal characters of its hash, so that a file cannot pass for another."""
    return hashlib.sha256(b"poruch kek v1" + raw).hexdigest()[:16]


def write_kek(folder: Path, raw: bytes) -> str:
    """Put a key-encryption key into its file, durably and never over another; returns its id."""
    kek_id = kek_id_of(raw)
    descriptor = os.open(folder / f"kek-{kek_id}.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(folder)
    return kek_id


def set_current(folder: Path, kek_id: str) -> None:
    """Say which key wraps from now on."""
    fresh = folder / f".{os.getpid()}.current"
    fresh.write_text(kek_id + "\n")
    fresh.chmod(0o600)
    fresh.replace(folder / CURRENT)
    _sync_folder(folder)


def retire(folder: Path, kek_id: str) -> str:
    """Take a key-encryption key out of use, and keep its file for old backups; returns the file's name."""
    name = f"kek-{kek_id}.retired"
    (folder / f"kek-{kek_id}.key").replace(folder / name)
    _sync_folder(folder)
    return name


async def rewrap(session: AsyncSession, keyring: Keyring) -> int:
    """Wrap every data key under the current key of this keyring; returns how many. Raises KeyMissing."""
    rows = await session.execute(
        select(DataKeyRow.case_id, DataKeyRow.kek_id, DataKeyRow.wrapped)
        .where(DataKeyRow.wrapped.is_not(None))
        .with_for_update()
    )
    count = 0
    for case_id, kek_id, wrapped in rows.all():
        new_id, anew = keyring.wrap(case_id, keyring.unwrap(case_id, kek_id, wrapped or b""))
        there = update(DataKeyRow).where(DataKeyRow.case_id == case_id)
        await session.execute(there.values(kek_id=new_id, wrapped=anew))
        count += 1
    session.info[KEYRING] = keyring
    return count


async def check(session: AsyncSession) -> None:
    """Try one data key under each key-encryption key that the database names. Raises KeyMissing."""
    keyring: Keyring = session.info[KEYRING]
    first = select(func.min(DataKeyRow.case_id)).where(DataKeyRow.wrapped.is_not(None)).group_by(DataKeyRow.kek_id)
    for case_id in (await session.scalars(first)).all():
        [row] = (await session.execute(_wrapped([case_id]))).all()
        keyring.unwrap(row.case_id, row.kek_id, row.wrapped or b"")


async def data_key(session: AsyncSession, case_id: str | None) -> DataKey:
    """The data key of a case, or of the organisation itself (None), for *sealing*; made on first use.

    To read, use ``consent.keys.open_case``. Raises CaseErased, KeyMissing.
    """
    return await session.run_sync(data_key_now, case_id)


def data_key_now(session: Session, case_id: str | None) -> DataKey:
    """The same from inside a flush."""
    wanted = case_id or ORGANISATION
    opened: dict[str, DataKey] = session.info.setdefault(OPENED, {})
    if wanted not in opened:
        row = session.execute(_wrapped([wanted])).one_or_none()
        opened[wanted] = _made(session, wanted) if row is None else _unwrapped(session, *row)
    return opened[wanted]


async def data_keys(session: AsyncSession, case_ids: Collection[str]) -> dict[str, DataKey]:
    """The keys of many cases in one query, for lists; those that were erased, or never had one, are left out."""
    return await session.run_sync(data_keys_now, case_ids)


def data_keys_now(session: Session, case_ids: Collection[str]) -> dict[str, DataKey]:
    """The same from inside a flush."""
    opened: dict[str, DataKey] = session.info.setdefault(OPENED, {})
    wanted = [case_id for case_id in case_ids if case_id not in opened]
    for begin in range(0, len(wanted), AT_ONCE):
        for case_id, kek_id, wrapped in session.execute(_wrapped(wanted[begin : begin + AT_ONCE])):
            if wrapped is not None:
                opened[case_id] = _unwrapped(session, case_id, kek_id, wrapped)
    return {case_id: opened[case_id] for case_id in case_ids if case_id in opened}


def _wrapped(case_ids: Collection[str]) -> Select[str, str, bytes | None]:
    return select(DataKeyRow.case_id, DataKeyRow.kek_id, DataKeyRow.wrapped).where(DataKeyRow.case_id.in_(case_ids))


def _unwrapped(session: Session, case_id: str, kek_id: str, wrapped: bytes | None) -> DataKey:
    if wrapped is None:
        raise CaseErased(case_id)
    keyring: Keyring = session.info[KEYRING]
    return keyring.unwrap(case_id, kek_id, wrapped)


def _made(session: Session, case_id: str) -> DataKey:
    if not session.info.get(WRITING):
        raise KeyMissing(f"There is no key for {case_id or 'the organisation'} yet, and reading makes none.")
    keyring: Keyring = session.info[KEYRING]
    key = DataKey.fresh()
    kek_id, wrapped = keyring.wrap(case_id, key)
    values = {"case_id": case_id, "kek_id": kek_id, "wrapped": wrapped, "created_at": datetime.now(UTC)}
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(insert(DataKeyRow).values(values).on_conflict_do_nothing())
    # Another process may have been first; its key is the one.
    return _unwrapped(session, *session.execute(_wrapped([case_id])).one())


def _whose(case_id: str) -> bytes:
    return b"poruch data key of " + (case_id.encode() or b"the organisation")


def _current(folder: Path, keys: Collection[str]) -> str:
    if (folder / CURRENT).is_file():
        return (folder / CURRENT).read_text().strip()
    if len(keys) > 1:
        raise KeyringError(f"{folder} holds several keys and no file “{CURRENT}” that names the one in use.")
    return next(iter(keys))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two processes that start together agree on the first one's key."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _refuse_loose(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        right = "700" if path.is_dir() else "600"
        raise KeyringError(f"Other users of this machine can reach {path}. Run: chmod {right} {path}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
