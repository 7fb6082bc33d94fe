"""``poruch demo``: the demo organisation on this machine alone, or on the local network for a phone."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from consent.database import Database
from media.pool import own_addresses
from server import lan, schema, secrets, serving, tls
from server.accounts.tables import Account
from server.app import build
from server.cases.words import role_label
from server.demo import DemoLinks, build_demo
from server.http.context import DATABASE
from server.locking import only_server
from server.opening import refuse_other_keys
from server.settings import Settings, SettingsError, load

MARK = "demo"
"""A file of this name says that a data directory holds the demo and nothing real."""

PORT, LAN_PORT = 8080, 8443


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    data_dir: Path
    port: int | None = None
    on_lan: bool = False
    fresh: bool = False
    links_json: bool = False


def default_data_dir() -> Path:
    """Where the demo keeps its data unless told otherwise."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "poruch-demo"


async def run(wish: Wish) -> None:
    """Build the demo where it is missing, serve it, print who can open what. Raises SettingsError."""
    data_dir = wish.data_dir.absolute()
    with only_server(data_dir):
        if wish.fresh:
            _empty(data_dir)
        with _listen(wish) as opened:
            settings = _settings(wish, data_dir, opened.getsockname()[1])
            await _serve(wish, settings, opened)


def is_demo(data_dir: Path) -> bool:
    """Whether a data directory holds a demo."""
    return (data_dir / MARK).exists()


async def _serve(wish: Wish, settings: Settings, opened: socket.socket) -> None:
    keys = secrets.load(settings.data_dir)
    app = build(settings, keys)
    await refuse_real_organisation(app[DATABASE], settings.data_dir)
    await schema.upgrade(app[DATABASE])
    await refuse_other_keys(app[DATABASE])
    (settings.data_dir / MARK).touch()
    links = await build_demo(app[DATABASE], settings, keys)
    context = tls.context(settings.tls_cert, settings.tls_key) if settings.tls_cert and settings.tls_key else None
    await serving.serve(app, opened, tls=context, ready=_announcer(wish, links))


async def refuse_real_organisation(database: Database, data_dir: Path) -> None:
    """Raise SettingsError when the database holds accounts that no demo made."""
    if is_demo(data_dir) or await schema.revision(database) is None:
        return
    async with database.read() as session:
        accounts = await session.scalar(select(func.count()).select_from(Account))
    if accounts:
        await database.close()
        raise SettingsError(
            f"{data_dir} holds a real organisation. The demo opens everything to whoever is at this machine, "
            "so it needs a directory of its own: --data DIR."
        )


def _listen(wish: Wish) -> socket.socket:
    port = wish.port if wish.port is not None else (LAN_PORT if wish.on_lan else PORT)
    return serving.listen("0.0.0.0" if wish.on_lan else "127.0.0.1", port)  # noqa: S104 - --lan asks for just that


def _settings(wish: Wish, data_dir: Path, port: int) -> Settings:
    given: dict[str, object] = {
        "data_dir": data_dir,
        "database_url": "",
        "listen_port": port,
        "behind_proxy": 0,
        "demo": True,
        "drain_seconds": 0,
        "media_workers": 1,  # for one meeting; it starts sooner
        "help_phone": "+380 44 000 00 00",
    }
    if not wish.on_lan:
        origins = {"base_url": f"http://localhost:{port}", "other_origins": [f"http://127.0.0.1:{port}"]}
        return load(**given, **origins, listen_host="127.0.0.1", tls_cert=None, tls_key=None)
    addresses = own_addresses()
    if not addresses:
        raise SettingsError("This machine is in no network, so a phone could not reach it. Leave --lan out.")
    cert, key = lan.certificate(data_dir, addresses)
    first, *others = [f"https://{address}:{port}" for address in addresses]
    others.append(f"https://localhost:{port}")
    return load(
        **given,
        base_url=first,
        other_origins=others,
        listen_host="0.0.0.0",  # noqa: S104 - --lan asks for just that
        tls_cert=cert,
        tls_key=key,
    )


def _empty(data_dir: Path) -> None:
    if not is_demo(data_dir) and any(each.name != "server.lock" for each in data_dir.iterdir()):
        raise SettingsError(f"{data_dir} holds something else than the demo; --fresh removes only a demo.")
    for each in data_dir.iterdir():
        if each.is_dir():
            shutil.rmtree(each)
        elif each.name != "server.lock":
            each.unlink()


def _announcer(wish: Wish, links: DemoLinks) -> Callable[[], None]:
    def announce() -> None:
        sys.stdout.write((json.dumps(links, ensure_ascii=False) if wish.links_json else table(links)) + "\n")
        if wish.on_lan and not wish.links_json:
            sys.stdout.write(_for_phone(links))
        sys.stdout.flush()

    return announce


def table(links: DemoLinks) -> str:
    """Who can open what, to read in a terminal."""
    staff = [(role_label(each["role"]), each["name"], each["sign_in_url"]) for each in links["staff"]]
    clients = [("client", each["alias"], each["invitation_url"]) for each in links["client"]]
    wide = [max(_width(row[column]) for row in staff + clients) for column in (0, 1)]

    def line(row: tuple[str, str, str]) -> str:
        cells = (cell + " " * (wide[column] - _width(cell)) for column, cell in enumerate(row[:2]))
        return f"  {'  '.join(cells)}  {row[2]}"

    return "\n".join(
        (
            "",
            f"Poruch, demonstration: {links['base_url']}",
            "",
            "Staff: one click signs in. Use a browser profile or a private window for each.",
            *(line(row) for row in staff),
            "",
            "Client: no account; open the link in another browser, or on a phone.",
            *(line(row) for row in clients),
            "",
            f"The case: {links['case_url']}",
            "",
            "Ctrl+C stops the server.",
        )
    )


def _for_phone(links: DemoLinks) -> str:
    link = links["client"][0]["invitation_url"]
    return (
        f"\nFor a phone in the same network: the client's link.\n\n{lan.terminal_code(link)}\n"
        "The certificate is self-made, so the browser warns once: choose “Advanced”, then go on.\n"
    )


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(each) else 1 for each in text)
