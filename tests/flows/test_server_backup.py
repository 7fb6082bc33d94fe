"""Backup, restore and migrations: what was there comes back, and nothing is overwritten by accident."""

from __future__ import annotations

import asyncio
import stat
import tarfile
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from consent.database import Database
from server import backup, schema, secrets
from server.backup import BackupError
from server.locking import only_server
from server.opening import open_database
from server.settings import Settings, SettingsError


async def one_account(settings: Settings) -> None:
    secrets.load(settings.data_dir)
    database = open_database(settings)
    await schema.upgrade(database)
    async with database.write() as session:
        await session.execute(
            text(
                "INSERT INTO accounts (id, email, name, role, language, time_zone, created_at)"
                " VALUES ('a', 'a@b.example', 'A', 'lawyer', 'uk', 'Europe/Kyiv', '2026-01-01 00:00:00')"
            )
        )
    await database.close()


async def accounts(settings: Settings) -> int:
    database = open_database(settings)
    async with database.read() as session:
        count = (await session.execute(text("SELECT count(*) FROM accounts"))).scalar_one()
    await database.close()
    return int(count)


def elsewhere(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})


async def test_what_was_backed_up_while_others_write_comes_back_elsewhere(settings: Settings, tmp_path: Path) -> None:
    await one_account(settings)
    database = open_database(settings)
    async with database.write() as session:
        await session.execute(text("UPDATE accounts SET name = 'not yet'"))
        made = await asyncio.to_thread(backup.backup, settings, tmp_path)
        await session.rollback()
    await database.close()
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    other = elsewhere(settings, tmp_path)
    backup.restore(other, made)
    assert await accounts(other) == 1
    assert secrets.load(other.data_dir).derive("link") == secrets.load(settings.data_dir).derive("link")


async def test_it_restores_over_nothing_unless_told_so_and_then_keeps_what_was_there(settings: Settings) -> None:
    await one_account(settings)
    made = backup.backup(settings, settings.data_dir.parent / "one.backup")
    with pytest.raises(BackupError, match="not empty"):
        backup.restore(settings, made)
    backup.restore(settings, made, force=True)
    aside = next(settings.data_dir.glob("before-restore-*"))
    assert {each.name for each in aside.iterdir()} >= {"poruch.sqlite3", "master.key"}
    assert await accounts(settings) == 1


async def test_it_does_not_restore_under_a_running_server(settings: Settings) -> None:
    await one_account(settings)
    made = backup.backup(settings, settings.data_dir.parent / "one.backup")
    with only_server(settings.data_dir), pytest.raises(SettingsError, match="already running"):
        backup.restore(settings, made, force=True)


@pytest.mark.parametrize("damage", ["truncated", "empty", "changed", "absent", "other members"])
async def test_it_refuses_a_damaged_backup_and_changes_nothing(settings: Settings, tmp_path: Path, damage: str) -> None:
    await one_account(settings)
    made = backup.backup(settings, tmp_path / "one.backup")
    if damage == "truncated":
        made.write_bytes(made.read_bytes()[:-200])
    elif damage == "empty":
        made.write_bytes(b"")
    elif damage == "absent":
        made.unlink()
    else:
        inside = tmp_path / "inside"
        with tarfile.open(made) as archive:
            archive.extractall(inside, filter="data")
        if damage == "changed":
            (inside / "master.key").write_bytes(b"x" * 32)
        else:
            (inside / "manifest.json").unlink()
            (inside / "evil").symlink_to("/etc/passwd")
        with tarfile.open(made, "w:gz") as archive:
            for each in inside.iterdir():
                archive.add(each, arcname=f"../{each.name}" if each.name == "evil" else each.name)
    other = elsewhere(settings, tmp_path)
    with pytest.raises(BackupError, match=r"not a whole Poruch backup|no file"):
        backup.restore(other, made)
    assert {each.name for each in other.data_dir.iterdir()} <= {"server.lock"}


async def test_it_writes_over_no_file(settings: Settings, tmp_path: Path) -> None:
    await one_account(settings)
    backup.backup(settings, tmp_path / "one.backup")
    with pytest.raises(BackupError, match="exists already"):
        backup.backup(settings, tmp_path / "one.backup")


def test_it_says_what_to_do_with_postgresql(settings: Settings, tmp_path: Path) -> None:
    there = type(settings.database_url)("postgresql+asyncpg://poruch@db/poruch")
    with pytest.raises(BackupError, match="pg_dump"):
        backup.backup(settings.model_copy(update={"database_url": there}), tmp_path)


async def test_the_migrated_schema_is_the_schema_of_the_tables(tmp_path: Path) -> None:
    database = Database.in_file(tmp_path / "x.sqlite3")
    assert await schema.upgrade(database) == (None, schema.head())
    assert await schema.upgrade(database) == (schema.head(), schema.head())
    async with database.engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(
                MigrationContext.configure(sync, opts={"compare_type": True}), schema.METADATA
            )
        )
    await database.close()
    assert differences == []
