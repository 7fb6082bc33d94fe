"""One server for one data directory: a lock that ends with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.settings import SettingsError

FILE_NAME = "server.lock"


@contextmanager
def only_server(data_dir: Path) -> Iterator[None]:
    """Hold the directory for as long as the block runs. Raises SettingsError when another server holds it."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(data_dir / FILE_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingsError(f"A server is already running on {data_dir}. Stop it first.") from None
        yield
    finally:
        os.close(descriptor)
