"""Key files over a server's life: rotation, a wrong or missing file, backup apart, and what was plain before."""

from __future__ import annotations

import asyncio
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import select, text

from consent.database import Database
from consent.events import Tag
from consent.keyring import KeyMissing, Keyring, KeyringError
from consent.policy import Role
from consent.tables import DataKeyRow
from server import backup, rotation, schema, secrets
from server.cases import service as cases
from server.cases.tables import Case
from server.opening import open_database, refuse_other_keys
from server.settings import Settings
from tests.support.casework import hire, open_case, unlock
from tests.support.ledger import read_all

NOW = datetime(2027, 1, 15, tzinfo=UTC)


async def one_case(settings: Settings, alias: str = "Калина") -> str:
    secrets.load(settings.data_dir)
    database = open_database(settings)
    await schema.upgrade(database)
    async with database.write() as session:
        case_id = (await open_case(session, await hire(session, Role.CASE_MANAGER), alias=alias)).id
    await database.close()
    return case_id


async def alias_of(settings: Settings, case_id: str) -> str:
    database = open_database(settings)
    try:
        await refuse_other_keys(database)
        async with database.read() as session:
            await unlock(session, case_id)
            return (await session.get_one(Case, case_id)).alias
    finally:
        await database.close()


def key_files(settings: Settings, ending: str = ".key") -> set[str]:
    return {file.name for file in settings.keys_folder.iterdir() if file.name.endswith(ending)}


@pytest.mark.embedded
async def test_a_rotation_puts_every_key_under_a_new_one_and_keeps_the_old_file_for_old_backups(
    settings: Settings, tmp_path: Path
) -> None:
    first, second = await one_case(settings), await one_case(settings, "Барвінок")
    [old] = key_files(settings)
    before = backup.backup(settings, tmp_path)
    done = await rotation.rotate(settings, NOW)
    assert key_files(settings) == {f"kek-{done.current}.key"} != {old}
    assert done.retired == (old.replace(".key", ".retired"),)
    assert key_files(settings, ".retired") == set(done.retired)
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in settings.keys_folder.iterdir())
    assert (await alias_of(settings, first), await alias_of(settings, second)) == ("Калина", "Барвінок")
    database = open_database(settings)
    async with database.read() as session:
        assert set(await session.scalars(select(DataKeyRow.kek_id))) == {done.current}
        [entry] = await read_all(session, Tag.KEYS_ROTATED)
        assert entry.details == {"from": [old[4:20]], "to": done.current, "keys": 3}
    await database.close()

    await rotation.rotate(settings, NOW)
    assert await alias_of(settings, first) == "Калина"
    backup.restore(settings, before, force=True)
    assert backup.missing_keys(settings) == [old]
    with pytest.raises(KeyMissing, match=old):
        await alias_of(settings, first)
    (settings.keys_folder / done.retired[0]).replace(settings.keys_folder / old)
    assert await alias_of(settings, first) == "Калина"


async def test_a_rotation_that_is_cut_off_loses_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    case_id = await one_case(settings)

    class PowerCut(Exception):
        pass

    def cut(*_: object) -> str:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr("consent.keyring.retire", cut)
        with pytest.raises(PowerCut):
            await rotation.rotate(settings, NOW)
    assert await alias_of(settings, case_id) == "Калина"
    with monkeypatch.context() as patched:
        patched.setattr("consent.keyring.rewrap", cut)
        with pytest.raises(PowerCut):
            await rotation.rotate(settings, NOW)
    assert await alias_of(settings, case_id) == "Калина"
    done = await rotation.rotate(settings, NOW)
    assert key_files(settings) == {f"kek-{done.current}.key"}
    assert await alias_of(settings, case_id) == "Калина"


async def test_the_server_does_not_start_with_other_keys(settings: Settings) -> None:
    case_id = await one_case(settings)
    [right] = key_files(settings)
    kept = (settings.keys_folder / right).read_bytes()
    (settings.keys_folder / right).unlink()
    with pytest.raises(KeyMissing, match=f"{right}, which is not in the keys folder"):
        await alias_of(settings, case_id)
    [made] = key_files(settings)
    (settings.keys_folder / made).write_bytes(kept)
    with pytest.raises(KeyringError, match="named after"):
        await alias_of(settings, case_id)
    (settings.keys_folder / made).rename(settings.keys_folder / right)
    assert await alias_of(settings, case_id) == "Калина"


async def test_several_keys_without_a_word_which_is_in_use_are_refused(settings: Settings) -> None:
    await one_case(settings)
    from consent.keyring import write_kek  # noqa: PLC0415 - only this test makes a mess of the folder

    write_kek(settings.keys_folder, os.urandom(32))
    with pytest.raises(KeyringError, match="several keys"):
        open_database(settings)


@pytest.mark.embedded
async def test_a_backup_holds_no_key_and_reads_nothing_without_it(settings: Settings, tmp_path: Path) -> None:
    case_id = await one_case(settings)
    [name] = key_files(settings)
    key = (settings.keys_folder / name).read_bytes()
    made = await asyncio.to_thread(backup.backup, settings, tmp_path)
    import gzip  # noqa: PLC0415 - to look into the file as a thief would

    assert key not in gzip.decompress(made.read_bytes())
    thief = settings.model_copy(update={"data_dir": tmp_path / "thief"})
    backup.restore(thief, made)
    assert backup.missing_keys(thief) == [name]
    with pytest.raises(KeyMissing):
        await alias_of(thief, case_id)
    for file in thief.keys_folder.iterdir():
        file.unlink()
    (thief.keys_folder / name).write_bytes(key)
    (thief.keys_folder / name).chmod(0o600)
    assert await alias_of(thief, case_id) == "Калина"


@pytest.mark.embedded
async def test_what_was_plain_before_is_sealed_by_the_migration(settings: Settings) -> None:
    secrets.load(settings.data_dir)
    database = open_database(settings)
    async with database.engine.begin() as connection:
        await connection.run_sync(lambda sync: command.upgrade(schema.config(sync, database.keyring), "0002"))
        for statement in BEFORE:
            await connection.execute(text(statement))
    assert await schema.upgrade(database) == ("0002", schema.head())
    async with database.read() as session:
        await unlock(session, "c1")
        case = await session.get_one(Case, "c1")
        assert (case.alias, case.help_phone) == ("OldAlias", None)
        assert [(each.alias, each.phone) for each in await cases.clients(session, "c1")] == [("OldClient", "+380441")]
        [entry] = await read_all(session, Tag.CASE_OPENED)
        assert (entry.actor, entry.details) == ("account:a1", {"alias": "OldAlias", "by": "A"})
    await database.close()
    on_disk = b"".join(file.read_bytes() for file in settings.data_dir.iterdir() if file.is_file())
    assert b"c1" in on_disk
    for plain in (b"OldAlias", b"OldClient", b"+380441", b"OldPurpose", b"OldSeat"):
        assert plain not in on_disk


BEFORE = (
    "INSERT INTO accounts (id, email, name, role, language, time_zone, created_at)"
    " VALUES ('a1', 'a@b.example', 'A', 'case_manager', 'uk', 'Europe/Kyiv', '2026-01-01 00:00:00')",
    "INSERT INTO cases (id, alias, language, created_at) VALUES ('c1', 'OldAlias', 'uk', '2026-01-01 00:00:00')",
    "INSERT INTO case_clients (id, case_id, alias, language, phone) VALUES ('p1', 'c1', 'OldClient', 'uk', '+380441')",
    "INSERT INTO appointments"
    " (id, case_id, starts_at, duration_min, time_zone, help_phone, purpose, status, created_by, created_at)"
    " VALUES ('m1', 'c1', '2026-01-02 00:00:00', 30, 'Europe/Kyiv', '+380441', 'OldPurpose', 'planned', 'a1',"
    " '2026-01-01 00:00:00')",
    "INSERT INTO appointment_seats (id, appointment_id, role, name, language, client_id, link_version)"
    " VALUES ('s1', 'm1', 'client', 'OldSeat', 'uk', 'p1', 1)",
    "INSERT INTO ledger_entries (sequence, at, tag, actor, case_id, details) VALUES (1, '2026-01-01 00:00:00',"
    " 'case:case:opened', 'account:a1', 'c1', '{\"alias\": \"OldAlias\", \"by\": \"A\"}')",
)


async def test_two_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    made = await asyncio.gather(*(asyncio.to_thread(Keyring.in_folder, folder) for _ in range(8)))
    assert len({keyring.current for keyring in made}) == 1
    assert len(list(folder.iterdir())) == 1


def test_it_needs_no_database_to_say_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    Database.in_file(tmp_path / "x.sqlite3")
    (tmp_path / "keys").chmod(0o755)
    with pytest.raises(KeyringError, match="chmod 700"):
        Database.in_file(tmp_path / "x.sqlite3")
