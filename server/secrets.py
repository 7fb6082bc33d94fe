"""The master secret of this installation, and the keys derived from it, one for each purpose."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FILE_NAME = "master.key"
LENGTH = 32


class SecretsError(Exception):
    """The master secret cannot be used; the text says what to do."""


class Secrets:
    """Derives keys from the master secret, so that a leak of one key says nothing about another."""

    def __init__(self, master: bytes) -> None:
        if len(master) != LENGTH:
            raise SecretsError(f"The master secret must have {LENGTH} bytes, this one has {len(master)}.")
        self._master = master

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose (``link``, ``ticket``, ``csrf``…): the same every time (HKDF-SHA256)."""
        return HKDF(algorithm=SHA256(), length=LENGTH, salt=None, info=b"poruch:" + purpose.encode()).derive(
            self._master
        )

    def __repr__(self) -> str:
        return "Secrets(…)"


def load(data_dir: Path) -> Secrets:
    """Read the master secret from the data directory; create it there the first time (readable by the owner only)."""
    path = data_dir / FILE_NAME
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _create(path)
    if path.stat().st_mode & 0o077:
        raise SecretsError(f"Other users of this machine can read {path}. Run: chmod 600 {path}")
    return Secrets(path.read_bytes())


def _create(path: Path) -> None:
    fresh = path.with_suffix(f".{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(LENGTH))
        file.flush()
        os.fsync(file.fileno())
    # A link never overwrites: two processes that start together agree on the first one's secret.
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(fresh)
    fresh.unlink()
