"""``poruch rotate-keys``: a new key-encryption key, under which every data key is wrapped anew."""

from __future__ import annotations

import argparse
import asyncio
import secrets as random
from dataclasses import dataclass
from datetime import UTC, datetime

from consent import keyring, ledger
from consent.datakey import KEY_LENGTH
from consent.events import Tag
from consent.keyring import Keyring
from server import schema
from server.locking import only_server
from server.opening import open_database
from server.settings import Settings, SettingsError, load


@dataclass(frozen=True)
class Rotated:
    """What a rotation did."""

    current: str
    """The new key-encryption key."""
    retired: tuple[str, ...]
    """Files that open nothing of this database any more, only of backups from before."""
    data_keys: int


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb to the command line."""
    verb = commands.add_parser("rotate-keys", help="make a new key-encryption key; the server must be stopped")
    verb.set_defaults(run=_rotate_keys)


def _rotate_keys(_arguments: argparse.Namespace) -> int:
    settings = load()
    # A running server holds the old keys in memory, and would go on wrapping new ones under them.
    with only_server(settings.data_dir):
        done = asyncio.run(rotate(settings, datetime.now(UTC)))
    print(
        f"{done.data_keys} data keys are now under kek-{done.current}.key in {settings.keys_folder}.\n"
        "Copy that file to where you keep your keys, apart from the backups of the data."
    )
    for name in done.retired:
        print(f"{name} opens only backups from before: delete it when you delete those.")
    return 0


async def rotate(settings: Settings, now: datetime) -> Rotated:
    """Wrap every data key anew. Whenever it is cut off, the keys at hand still open everything; run it again then.

    Raises SettingsError, KeyringError.
    """
    folder, database = settings.keys_folder, open_database(settings)
    try:
        if await schema.revision(database) != schema.head():
            raise SettingsError("The database does not have this version's tables. Run: poruch migrate")
        before = database.keyring
        keyring.set_current(folder, before.current)  # two keys lie there from now on
        current = keyring.write_kek(folder, random.token_bytes(KEY_LENGTH))
        after = Keyring.in_folder(folder, current)
        async with database.write() as session:
            count = await keyring.rewrap(session, after)
            details = {"from": sorted(before.ids), "to": current, "keys": count}
            ledger.append(session, Tag.KEYS_ROTATED, actor=ledger.SYSTEM, at=now, details=details)
        keyring.set_current(folder, current)
    finally:
        await database.close()
    return Rotated(current, tuple(keyring.retire(folder, kek_id) for kek_id in sorted(before.ids)), count)
