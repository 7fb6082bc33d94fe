"""Keys and sealed columns: what opens, what does not, and that each opening is an entry."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from consent import keys
from consent.database import Database
from consent.datakey import DataKey, SealBroken
from consent.events import Tag
from consent.keyring import AT_ONCE, FOLDER, KeyMissing, Keyring, KeyringError, data_key
from consent.keys import CaseErased, CaseRefused, Locked, Purpose
from consent.policy import Role
from consent.tables import DataKeyRow
from server.cases import service
from server.cases.tables import Case, CaseClient
from server.opening import belongs
from tests.support.casework import NOW, Worker, hire, open_case, unlock
from tests.support.ledger import tags


async def one_case(database: Database, *, alias: str = "Калина") -> tuple[Worker, str]:
    async with database.write() as session:
        manager = await hire(session, Role.CASE_MANAGER)
        return manager, (await open_case(session, manager, alias=alias)).id


async def alias_of(database: Database, case_id: str) -> str:
    async with database.read() as session:
        await unlock(session, case_id)
        return (await session.get_one(Case, case_id)).alias


# --- the data key


def test_it_opens_only_what_was_sealed_for_the_same_place() -> None:
    key = DataKey.fresh()
    sealed = key.seal(("cases", "a", "alias"), b"text")
    assert key.open(("cases", "a", "alias"), sealed) == b"text"
    for place in (("cases", "b", "alias"), ("cases", "a", "phone"), ("cases", "aa", "lias"), ("casesa", "", "alias")):
        with pytest.raises(SealBroken):
            key.open(place, sealed)


def test_it_opens_nothing_in_which_one_bit_was_changed() -> None:
    key = DataKey.fresh()
    sealed = key.seal(("x",), b"text")
    for position in range(len(sealed)):
        broken = bytearray(sealed)
        broken[position] ^= 1
        with pytest.raises(SealBroken):
            key.open(("x",), bytes(broken))
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            key.open(("x",), sealed[:length])


def test_it_opens_nothing_of_another_key() -> None:
    with pytest.raises(SealBroken):
        DataKey.fresh().open(("x",), DataKey.fresh().seal(("x",), b"text"))


def test_it_seals_the_same_text_differently_each_time() -> None:
    key = DataKey.fresh()
    assert len({key.seal(("x",), b"text") for _ in range(100)}) == 100


def test_it_names_by_pseudonyms_that_only_its_key_can_make() -> None:
    raw = os.urandom(32)
    key = DataKey(raw)
    assert key.pseudonym("actor", "account:1") == DataKey(raw).pseudonym("actor", "account:1")
    others = {key.pseudonym("actor", "account:2"), key.pseudonym("case", "account:1")}
    others.add(DataKey.fresh().pseudonym("actor", "account:1"))
    assert len(others | {key.pseudonym("actor", "account:1")}) == 4
    assert len(key.pseudonym("actor", "account:1")) == 32


# --- key files


def test_it_makes_one_key_file_that_nobody_else_reads(tmp_path: Path) -> None:
    first = Keyring.in_folder(tmp_path / FOLDER)
    [file] = (tmp_path / FOLDER).iterdir()
    assert file.name == f"kek-{first.current}.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / FOLDER).stat().st_mode) == 0o700
    assert Keyring.in_folder(tmp_path / FOLDER).current == first.current


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_it_refuses_a_key_file_that_others_can_reach(tmp_path: Path, mode: int) -> None:
    Keyring.in_folder(tmp_path / FOLDER)
    [file] = (tmp_path / FOLDER).iterdir()
    file.chmod(mode)
    with pytest.raises(KeyringError, match="chmod 600"):
        Keyring.in_folder(tmp_path / FOLDER)


def test_it_refuses_a_folder_that_others_can_reach(tmp_path: Path) -> None:
    Keyring.in_folder(tmp_path / FOLDER)
    (tmp_path / FOLDER).chmod(0o750)
    with pytest.raises(KeyringError, match="chmod 700"):
        Keyring.in_folder(tmp_path / FOLDER)


@pytest.mark.parametrize("content", [b"", b"x" * 31, os.urandom(32)])
def test_it_refuses_a_file_that_holds_another_key_than_its_name_says(tmp_path: Path, content: bytes) -> None:
    Keyring.in_folder(tmp_path / FOLDER)
    [file] = (tmp_path / FOLDER).iterdir()
    file.write_bytes(content)
    with pytest.raises(KeyringError, match="Put the right file back"):
        Keyring.in_folder(tmp_path / FOLDER)


async def test_it_says_which_file_is_missing_when_the_folder_holds_other_keys(tmp_path: Path) -> None:
    database = Database.in_file(tmp_path / "x.sqlite3")
    async with database.engine.begin() as connection:
        await connection.run_sync(Case.metadata.create_all)
    async with database.write() as session:
        await data_key(session, "a" * 16)
    right = database.keyring.current
    await database.close()
    for file in (tmp_path / FOLDER).iterdir():
        file.unlink()
    other = Database.in_file(tmp_path / "x.sqlite3")
    async with other.read() as session:
        with pytest.raises(KeyMissing, match=f"kek-{right}.key"):
            await data_key(session, "a" * 16)
    await other.close()


# --- sealed columns


@pytest.mark.embedded
async def test_nothing_personal_lies_in_the_file_as_text(database: Database, tmp_path: Path) -> None:
    async with database.write() as session:
        manager = await hire(session, Role.CASE_MANAGER)
        case = await service.open_case(
            session,
            manager,
            alias="ConspicuousAlias",
            language="uk",
            help_phone="+380 44 7654321",
            first_clients=[service.NewClient("ConspicuousClient", "uk", "+380 67 1234567")],
        )
    await database.close()
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert case.id.encode() in files
    for personal in (b"Conspicuous", b"7654321", b"1234567"):
        assert personal not in files


async def test_a_column_that_nobody_opened_is_locked(database: Database) -> None:
    _, case_id = await one_case(database)
    async with database.read() as session:
        case = await session.get_one(Case, case_id)
        with pytest.raises(Locked):
            _ = case.alias
        with pytest.raises(Locked):
            _ = case.help_phone
        await unlock(session, case_id)
        assert (case.alias, case.help_phone) == ("Калина", None)


async def test_opening_one_case_opens_no_other(database: Database) -> None:
    _, mine = await one_case(database)
    _, other = await one_case(database, alias="Барвінок")
    async with database.read() as session:
        key = await unlock(session, mine)
        row = await session.get_one(Case, other)
        with pytest.raises(Locked):
            _ = row.alias
        with pytest.raises(Locked, match="another case"):
            key.unlock(row)


async def test_an_edited_column_does_not_open(database: Database) -> None:
    _, case_id = await one_case(database)
    async with database.engine.begin() as connection:
        [sealed] = (await connection.execute(text("SELECT alias FROM cases"))).one()
        broken = sealed[:-1] + bytes([sealed[-1] ^ 1])
        await connection.execute(text("UPDATE cases SET alias = :broken"), {"broken": broken})
    with pytest.raises(SealBroken):
        await alias_of(database, case_id)


async def test_rows_whose_contents_were_swapped_do_not_open(database: Database) -> None:
    async with database.write() as session:
        case = await open_case(session, await hire(session, Role.CASE_MANAGER), clients=("Оля", "Тарас"))
    async with database.engine.begin() as connection:
        (first, a), (second, b) = (await connection.execute(text("SELECT id, alias FROM case_clients"))).all()
        swapped = [{"row": first, "alias": b}, {"row": second, "alias": a}]
        await connection.execute(text("UPDATE case_clients SET alias = :alias WHERE id = :row"), swapped)
    async with database.read() as session:
        await unlock(session, case.id)
        for client in await session.scalars(select(CaseClient)):
            with pytest.raises(SealBroken):
                _ = client.alias


async def test_a_wrapped_key_that_was_moved_to_another_case_does_not_open(database: Database) -> None:
    _, mine = await one_case(database)
    _, other = await one_case(database)
    async with database.write() as session:
        wrapped = await session.scalar(select(DataKeyRow.wrapped).where(DataKeyRow.case_id == mine))
        await session.execute(update(DataKeyRow).where(DataKeyRow.case_id == other).values(wrapped=wrapped))
    assert await alias_of(database, mine) == "Калина"
    with pytest.raises(KeyMissing, match="database was changed"):
        await alias_of(database, other)


async def test_a_changed_value_is_sealed_anew_and_the_rest_stays_as_it_was(database: Database) -> None:
    manager, case_id = await one_case(database)
    async with database.write() as session:
        await unlock(session, case_id)
        case = await session.get_one(Case, case_id)
        await service.change(session, manager, case, alias="Мальва", language="uk", help_phone="+380 44 1")
    async with database.read() as session:
        await unlock(session, case_id)
        case = await session.get_one(Case, case_id)
        assert (case.alias, case.help_phone) == ("Мальва", "+380 44 1")


# --- opening


async def test_it_opens_a_case_for_its_team_alone_and_for_whom_the_policy_names(database: Database) -> None:
    manager, case_id = await one_case(database)
    async with database.write() as session:
        stranger = await hire(session, Role.CASE_MANAGER)
        administrator, supervisor = await hire(session, Role.ADMINISTRATOR), await hire(session, Role.SUPERVISOR)
        for worker, purpose in (
            (stranger, Purpose.READ),
            (stranger, Purpose.MEET),
            (administrator, Purpose.READ),
            (administrator, Purpose.LISTED),
            (supervisor, Purpose.PLAN),
            (supervisor, Purpose.SYSTEM),
            (supervisor, Purpose.PERSON),
            (manager, Purpose.SYSTEM),
            (manager, Purpose.PERSON),
            (manager, Purpose.BREAK_GLASS),
            (manager, Purpose.INSPECT),
            (manager, Purpose.FEEDBACK),
        ):
            with pytest.raises(CaseRefused):
                await keys.open_case(session, service.reader_of(worker), case_id, purpose)
        assert Tag.CASE_READ not in await tags(session)
        await keys.open_case(session, service.reader_of(manager), case_id, Purpose.READ)
        await keys.open_case(session, service.reader_of(supervisor), case_id, Purpose.READ)
        assert (await tags(session)).count(Tag.CASE_READ) == 2


async def test_nobody_reads_without_leaving_an_entry(database: Database) -> None:
    manager, case_id = await one_case(database)
    async with database.read() as session:
        with pytest.raises(RuntimeError, match="writing session"):
            await keys.open_case(session, service.reader_of(manager), case_id, Purpose.READ)


async def test_an_undone_reading_is_written_the_next_time(database: Database) -> None:
    manager, case_id = await one_case(database)
    for attempt in range(2):
        try:
            async with database.write() as session:
                await keys.open_case(session, service.reader_of(manager), case_id, Purpose.READ, now=NOW)
                if not attempt:
                    raise ValueError("stop")
        except ValueError:
            continue
    async with database.read() as session:
        assert (await tags(session)).count(Tag.CASE_READ) == 1


async def test_a_list_is_one_entry_for_each_case(database: Database) -> None:
    manager, first = await one_case(database)
    async with database.write() as session:
        second = (await open_case(session, manager, alias="Барвінок")).id
        supervisor = await hire(session, Role.SUPERVISOR)
        for later in (timedelta(), timedelta(minutes=5)):
            opened = await keys.open_cases(
                session, service.reader_of(supervisor), [first, second, first], now=NOW + later
            )
            assert set(opened) == {first, second}
        assert (await tags(session)).count(Tag.CASE_READ) == 2
        stranger = await hire(session, Role.LAWYER)
        with pytest.raises(CaseRefused):
            await keys.open_cases(session, service.reader_of(stranger), [first])


async def test_a_list_may_name_more_cases_than_one_statement_holds(database: Database) -> None:
    many = [f"{number:016x}" for number in range(2 * AT_ONCE + 1)]
    async with database.write() as session:
        supervisor = await hire(session, Role.SUPERVISOR)
        for case_id in (many[0], many[AT_ONCE], many[-1]):
            await data_key(session, case_id)
        opened = await keys.open_cases(session, service.reader_of(supervisor), many)
        assert list(opened) == [many[0], many[AT_ONCE], many[-1]]
        assert (await tags(session)).count(Tag.CASE_READ) == 3


@pytest.mark.embedded
async def test_a_database_without_its_teams_opens_nothing(tmp_path: Path, database: Database) -> None:
    manager, case_id = await one_case(database)
    blind = Database.in_file(tmp_path / "test.sqlite3")
    assert belongs is not None
    async with blind.write() as session:
        with pytest.raises(CaseRefused):
            await keys.open_case(session, service.reader_of(manager), case_id, Purpose.READ)
    await blind.close()


async def test_an_erased_case_opens_for_nobody_and_its_key_is_never_made_again(database: Database) -> None:
    manager, case_id = await one_case(database)
    async with database.write() as session:
        await keys.destroy(session, case_id, NOW)
        with pytest.raises(CaseErased):
            await data_key(session, case_id)
    async with database.write() as session:
        for reader in (service.reader_of(manager), keys.SYSTEM):
            purpose = Purpose.SYSTEM if reader == keys.SYSTEM else Purpose.READ
            with pytest.raises(CaseErased):
                await keys.open_case(session, reader, case_id, purpose)
        assert await keys.open_cases(session, service.reader_of(manager), [case_id]) == {}
        case = await session.get_one(Case, case_id)
        case.alias = "again"
        with pytest.raises(CaseErased):
            await session.flush()
        await session.rollback()
    async with database.read() as session:
        assert await session.scalar(select(DataKeyRow.wrapped).where(DataKeyRow.case_id == case_id)) is None
