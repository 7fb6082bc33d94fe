"""The command line: ``poruch --help`` lists the commands, and ``poruch COMMAND --help`` says what each takes."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import hashlib
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import OperationalError

from consent import ledger
from consent.database import DatabaseBusy
from consent.keys import KeyringError
from consent.policy import Role
from media.control import MediaError
from server import __version__, backup, explain, logs, orgkey, rotation, schema, secrets, serving, tls, trial
from server.accounts import service as accounts
from server.app import build
from server.devices import service as devices
from server.devices.signatures import fingerprint, spki
from server.evidence import verbs
from server.http.context import DATABASE
from server.http.forms import EMAIL
from server.locking import only_server
from server.opening import open_database, refuse_other_keys
from server.settings import Settings, SettingsError, load, refuse_unsafe


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. What goes wrong is told in a sentence, not a traceback."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except (SettingsError, secrets.SecretsError, backup.BackupError, orgkey.OrgKeyError, KeyringError) as error:
        print(error, file=sys.stderr)
        return 2
    except MediaError as error:
        print(f"Media cannot start: {error}", file=sys.stderr)
        return 2
    except PermissionError as error:
        print(f"This user may not use {error.filename}. Run as the server's user, or set data_dir.", file=sys.stderr)
        return 2
    except (OperationalError, ConnectionError) as error:
        print(f"The database cannot be reached or used: {type(error).__name__}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status


def _demo(arguments: argparse.Namespace) -> int:
    logs.configure(logging.WARNING)
    wish = trial.Wish(
        data_dir=arguments.data or trial.default_data_dir(),
        port=arguments.port,
        on_lan=arguments.lan,
        fresh=arguments.fresh,
        links_json=arguments.links_json,
    )
    asyncio.run(trial.run(wish))
    return 0


def _serve(_arguments: argparse.Namespace) -> int:
    logs.configure()
    settings = load()
    refuse_unsafe(settings)
    if trial.is_demo(settings.data_dir):
        raise SettingsError(f"{settings.data_dir} holds the demo. Choose another data_dir for the real server.")
    asyncio.run(_serving(settings))
    return 0


async def _serving(settings: Settings) -> None:
    with only_server(settings.data_dir):
        app = build(settings, secrets.load(settings.data_dir))
        if await schema.revision(app[DATABASE]) != schema.head():
            await app[DATABASE].close()
            raise SettingsError("The database does not have this version's tables. Run: poruch migrate")
        await refuse_other_keys(app[DATABASE])
        context = tls.context(settings.tls_cert, settings.tls_key) if settings.tls_cert and settings.tls_key else None
        with serving.listen(settings.listen_host, settings.listen_port) as opened:
            await serving.serve(app, opened, tls=context)


def _settings(_arguments: argparse.Namespace) -> int:
    print(explain.table(load()))
    return 0


def _create_admin(arguments: argparse.Namespace) -> int:
    settings = load()
    email = arguments.email.strip().lower()
    if not EMAIL.fullmatch(email):
        raise SettingsError(f"“{arguments.email}” is not an e-mail address.")
    link = asyncio.run(_new_administrator(settings, email, arguments.name))
    print(f"Open this link within {settings.link_hours} hours to set the password. It works once.\n\n  {link}\n")
    return 0


async def _new_administrator(settings: Settings, email: str, name: str) -> str:
    database, now = open_database(settings), datetime.now(UTC)
    try:
        if await schema.revision(database) != schema.head():
            raise SettingsError("The database does not have this version's tables. Run: poruch migrate")
        async with database.write() as session:
            account = await accounts.create(
                session,
                email=email,
                name=name,
                role=Role.ADMINISTRATOR,
                language=settings.default_language,
                time_zone=settings.time_zone,
                actor=ledger.SYSTEM,
                now=now,
            )
            token = await accounts.new_link(
                session, account, "invite", actor=ledger.SYSTEM, now=now, hours=settings.link_hours
            )
    except accounts.AccountError:
        raise SettingsError(f"There is already an account with the address {email}.") from None
    finally:
        await database.close()
    return f"{settings.base_url}/password/set/{token}"


def _migrate(_arguments: argparse.Namespace) -> int:
    settings = load()
    secrets.load(settings.data_dir)
    before, after = asyncio.run(_upgrade(settings))
    print(
        f"The database is at {after}." if before == after else f"The database went from {before or 'empty'} to {after}."
    )
    return 0


async def _upgrade(settings: Settings) -> tuple[str | None, str | None]:
    database = open_database(settings)
    try:
        return await schema.upgrade(database)
    except DatabaseBusy:
        raise SettingsError("Somebody else is using the database. Stop the server, then do this again.") from None
    finally:
        await database.close()


def _backup(arguments: argparse.Namespace) -> int:
    settings = load()
    made = backup.backup(settings, arguments.target)
    with made.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    print(
        f"{made}\nsha256 {digest}\nIt holds this server's secrets: keep it as you keep a key.\n"
        f"The key files in {settings.keys_folder} are not in it, so that whoever finds it reads no case:\n"
        "copy them to another place. Without them nothing of it can be read."
    )
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    settings = load()
    backup.restore(settings, arguments.file, force=arguments.force)
    print(f"Restored into {settings.data_dir}. Run: poruch migrate")
    if backup.signed_before(settings):
        print(
            "The ledger's last checkpoint was kept. If the backup is older, the server says that entries are lost and "
            'signs nothing,\nuntil you have written down why: poruch ledger-resume --reason "…"'
        )
    for name in backup.missing_keys(settings):
        print(f"Its data is sealed under {name}: put that file into {settings.keys_folder} first.")
    return 0


def _org_key(arguments: argparse.Namespace) -> int:
    passphrase = getpass.getpass("Passphrase: ")
    if weak := orgkey.weakness(passphrase):
        raise orgkey.OrgKeyError(weak)
    if getpass.getpass("The same again: ") != passphrase:
        raise orgkey.OrgKeyError("The two passphrases differ. Nothing was written.")
    key = orgkey.make()
    orgkey.write_new(arguments.file, orgkey.seal(key, passphrase))
    public = spki(key.public_key())
    print(
        f"{arguments.file}\n\nPublic key:  {public}\nFingerprint: {fingerprint(public)}\n\n"
        "Keep the file and the passphrase away from the server, and a copy in a second place: without them no device\n"
        f"can be certified. On the server run:\n\n  poruch trust-org-key {public}\n"
    )
    return 0


def _trust_org_key(arguments: argparse.Namespace) -> int:
    public, settings = orgkey.public_of(arguments.key), load()
    changed = asyncio.run(_trusting(settings, public, replace=arguments.replace))
    print(f"{'Trusted from now on' if changed else 'Trusted already'}: {fingerprint(public)}")
    return 0


async def _trusting(settings: Settings, public: str, *, replace: bool) -> bool:
    database = open_database(settings)
    try:
        if await schema.revision(database) != schema.head():
            raise SettingsError("The database does not have this version's tables. Run: poruch migrate")
        async with database.write() as session:
            return await devices.trust(session, public, actor=ledger.SYSTEM, now=datetime.now(UTC), replace=replace)
    except devices.DeviceError:
        raise SettingsError(
            "Another key of the organisation is trusted already. With --replace it ends, and with it every certificate "
            "and every invitation that names it."
        ) from None
    finally:
        await database.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="poruch", description="A self-hosted video-consultation server.")
    parser.add_argument("--version", action="version", version=f"poruch {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="start the demo organisation and print who can open what")
    demo.add_argument("--lan", action="store_true", help="HTTPS on the local network, with a QR code for a phone")
    demo.add_argument("--links-json", action="store_true", help="print the links as one line of JSON")
    demo.add_argument(
        "--port", type=_port, help=f"TCP port ({trial.PORT}, with --lan {trial.LAN_PORT}); 0 for any free"
    )
    demo.add_argument("--data", type=Path, metavar="DIR", help=f"where its data is ({trial.default_data_dir()})")
    demo.add_argument("--fresh", action="store_true", help="forget the demo's data and begin anew")
    demo.set_defaults(run=_demo)

    serve = commands.add_parser("serve", help="run the server")
    serve.set_defaults(run=_serve)

    shown = commands.add_parser("settings", help="print every setting with its meaning, value and source")
    shown.set_defaults(run=_settings)

    admin = commands.add_parser("create-admin", help="make an administrator and print the link that sets the password")
    admin.add_argument("--email", required=True)
    admin.add_argument("--name", required=True)
    admin.set_defaults(run=_create_admin)

    key = commands.add_parser("org-key", help="make the organisation's key file; do it on a computer of yours")
    key.add_argument("file", type=Path)
    key.set_defaults(run=_org_key)

    trusted = commands.add_parser("trust-org-key", help="tell this server the organisation's public key")
    trusted.add_argument("key", metavar="PUBLIC|FILE", help="what org-key printed, or a file that shows it")
    trusted.add_argument("--replace", action="store_true", help="take it in place of the key that is trusted now")
    trusted.set_defaults(run=_trust_org_key)

    migrate = commands.add_parser("migrate", help="bring the database to this version's tables")
    migrate.set_defaults(run=_migrate)

    saved = commands.add_parser("backup", help="write database and secrets into one file, while the server runs")
    saved.add_argument("target", type=Path, metavar="DIR|FILE")
    saved.set_defaults(run=_backup)

    restored = commands.add_parser("restore", help="put a backup into an empty data directory")
    restored.add_argument("file", type=Path)
    restored.add_argument("--force", action="store_true", help="move aside what is in the data directory")
    restored.set_defaults(run=_restore)
    verbs.add_to(commands)
    rotation.add_to(commands)
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port
