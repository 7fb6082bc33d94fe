"""A database of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import server.schema  # noqa: F401 - knows all tables
from consent.database import Database
from consent.keyring import FOLDER, Keyring
from consent.tables import Base
from server.opening import belongs


@pytest.fixture
async def database(tmp_path: Path, database_url: str) -> AsyncIterator[Database]:
    """An empty database with all tables."""
    if database_url:
        opened = Database(database_url, Keyring.in_folder(tmp_path / FOLDER), belongs)
    else:
        opened = Database.in_file(tmp_path / "test.sqlite3", belongs)
    async with opened.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield opened
    await opened.close()
