"""The schema: all tables of all folders, and bringing a database up to them."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from consent.database import Database
from consent.keyring import Keyring
from consent.tables import Base
from rooms import tables as _rooms
from server.accounts import tables as _accounts
from server.appointments import tables as _appointments
from server.cases import tables as _cases
from server.consents import tables as _consents
from server.devices import tables as _devices
from server.erasure import tables as _erasure
from server.person import tables as _person
from server.sessions import tables as _sessions
from server.supervision import tables as _supervision
from server.vault import tables as _vault

# A folder's tables are in the metadata once their module has been imported.
FOLDERS_WITH_TABLES = (
    _rooms,
    _accounts,
    _appointments,
    _cases,
    _consents,
    _devices,
    _erasure,
    _person,
    _sessions,
    _supervision,
    _vault,
)
METADATA = Base.metadata
FOLDER = Path(__file__).parent / "migrations"


def config(connection: Connection | None = None, keyring: Keyring | None = None) -> Config:
    """Alembic's configuration, without a file; ``keyring`` is for steps that seal what was plain before."""
    alembic = Config()
    alembic.set_main_option("script_location", str(FOLDER))
    alembic.attributes["connection"] = connection
    alembic.attributes["keyring"] = keyring
    return alembic


def head() -> str | None:
    """The newest revision that this version of the program knows."""
    return ScriptDirectory.from_config(config()).get_current_head()


async def revision(database: Database) -> str | None:
    """The revision that a database is at; None when it is empty."""
    async with database.engine.connect() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


async def upgrade(database: Database) -> tuple[str | None, str | None]:
    """Bring the database to the newest revision; returns the revisions before and after."""
    before = await revision(database)
    async with database.engine.begin() as connection:
        await connection.run_sync(lambda sync: command.upgrade(config(sync, database.keyring), "head"))
    after = await revision(database)
    if before is not None and before != after:
        await database.compact()  # what a step has sealed must not stay in free pages as it was
    return before, after
