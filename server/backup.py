"""Backup and restore: one file with the database, the master secret, and a manifest with their hashes; no key files."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from server import __version__, secrets
from server.evidence.job import FOLDER as LEDGER_FOLDER
from server.evidence.job import LAST_CHECKPOINT
from server.locking import FILE_NAME as LOCK_NAME
from server.locking import only_server
from server.settings import Settings

FORMAT = 1
DATABASE_NAME = "poruch.sqlite3"
MANIFEST_NAME = "manifest.json"
MEMBERS = (DATABASE_NAME, secrets.FILE_NAME)


class BackupError(Exception):
    """A backup that cannot be made or used; the text says what to do."""


def backup(settings: Settings, target: Path, now: datetime | None = None) -> Path:
    """Write a backup while the server may be running; ``target`` is a file, or a directory to make one in.

    Returns the file. It holds the master secret: keep it as you keep a key.
    """
    now = now or datetime.now(UTC)
    source = _database_file(settings)
    if not source.is_file():
        raise BackupError(f"There is no database at {source} yet.")
    if target.is_dir():
        target /= f"poruch-{now:%Y%m%d-%H%M%S}.backup"
    if target.exists():
        raise BackupError(f"{target} exists already. Choose another name.")
    with _folder_in(target.parent, ".poruch-backup-") as folder:
        copy = folder / DATABASE_NAME
        _copy_database(source, copy)
        key = folder / secrets.FILE_NAME
        shutil.copyfile(settings.data_dir / secrets.FILE_NAME, key)
        manifest = {
            "format": FORMAT,
            "version": __version__,
            "made_at": now.isoformat(timespec="seconds"),
            "sha256": {file.name: _sha256(file) for file in (copy, key)},
        }
        _pack(folder / "packed", manifest, (copy, key)).replace(target)
    return target


def restore(settings: Settings, source: Path, *, force: bool = False) -> None:
    """Put a backup into the data directory. Raises BackupError when it is damaged or the directory is in use.

    What was there before is kept beside it under a name that begins with ``before-restore-``. The key files and the
    folder of the ledger stay: by its last checkpoint the server sees for itself that it was put back.
    """
    place = _database_file(settings)
    with only_server(settings.data_dir), _folder_in(settings.data_dir, ".restore-") as folder:
        _unpack(source, folder)
        # Keys are brought back apart, by hand.
        stays = {LOCK_NAME, folder.name, settings.keys_folder.name, LEDGER_FOLDER}
        old = [each for each in settings.data_dir.iterdir() if each.name not in stays]
        if old and not force:
            raise BackupError(
                f"{settings.data_dir} is not empty. Choose an empty data_dir, or move aside what is there with --force."
            )
        if old:
            aside = settings.data_dir / f"before-restore-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
            aside.mkdir(mode=0o700)
            for each in old:
                if not each.name.startswith("before-restore-"):
                    each.replace(aside / each.name)
        (folder / secrets.FILE_NAME).replace(settings.data_dir / secrets.FILE_NAME)
        (folder / DATABASE_NAME).replace(place)


def signed_before(settings: Settings) -> bool:
    """Whether this data directory remembers what its ledger signed last."""
    return (settings.data_dir / LEDGER_FOLDER / LAST_CHECKPOINT).is_file()


def missing_keys(settings: Settings) -> list[str]:
    """The key files under which the database that is there was sealed, and which are not at hand."""
    connection = sqlite3.connect(f"file:{_database_file(settings)}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT DISTINCT kek_id FROM case_keys WHERE wrapped IS NOT NULL").fetchall()
    except sqlite3.OperationalError:  # from before there were keys
        rows = []
    finally:
        connection.close()
    names = [f"kek-{kek_id}.key" for (kek_id,) in rows]
    return [name for name in names if not (settings.keys_folder / name).is_file()]


@contextmanager
def _folder_in(parent: Path, prefix: str) -> Iterator[Path]:
    """A private folder on the same file system, so that its files can be moved to their place at once."""
    with tempfile.TemporaryDirectory(dir=parent, prefix=prefix) as folder:
        yield Path(folder)


def _database_file(settings: Settings) -> Path:
    url = make_url(settings.url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise BackupError(
            "This backs up the embedded database only. Save PostgreSQL with pg_dump, "
            f"keep {settings.data_dir / secrets.FILE_NAME} with it, and {settings.keys_folder} apart from it."
        )
    return Path(url.database)


def _copy_database(source: Path, copy: Path) -> None:
    """A consistent copy by SQLite's online backup, while others write."""
    reading = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
    writing = sqlite3.connect(copy)
    try:
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        good = writing.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        writing.close()
        reading.close()
    if good != "ok":
        raise BackupError(f"The database is damaged ({good}); the backup was not kept.")


def _pack(path: Path, manifest: dict[str, object], files: tuple[Path, ...]) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        with tarfile.open(fileobj=raw, mode="w:gz") as archive:
            text = json.dumps(manifest, indent=2).encode()
            entry = tarfile.TarInfo(MANIFEST_NAME)
            entry.size, entry.mode = len(text), 0o600
            archive.addfile(entry, io.BytesIO(text))
            for file in files:
                archive.add(file, arcname=file.name, filter=_anonymous)
        raw.flush()
        os.fsync(raw.fileno())
    return path


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o600
    return entry


def _unpack(source: Path, folder: Path) -> None:
    """Take out the known files, and nothing else, and compare them with the manifest."""
    damaged = BackupError(f"{source} is not a whole Poruch backup. Nothing was changed.")
    try:
        with tarfile.open(source, "r:gz") as archive:
            manifest = json.loads(_member(archive, MANIFEST_NAME))
            if manifest["format"] != FORMAT:
                raise BackupError(
                    f"{source} was made by another version ({manifest['version']}). Use that one to restore."
                )
            for name in MEMBERS:
                body = _member(archive, name)
                if hashlib.sha256(body).hexdigest() != manifest["sha256"][name]:
                    raise damaged
                path = folder / name
                path.touch(mode=0o600)
                path.write_bytes(body)
    except FileNotFoundError:
        raise BackupError(f"There is no file {source}.") from None
    except (tarfile.TarError, OSError, EOFError, ValueError, LookupError, TypeError):
        raise damaged from None


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise LookupError(name)
    return file.read()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
