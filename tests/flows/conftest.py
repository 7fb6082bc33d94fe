"""What flow tests share: the real application on SQLite in a temporary directory, and people who use it.

``settings`` → ``app`` → ``client`` (a visitor) · ``await signed_in(Role.X)`` → ``Person`` (a browser of their own) ·
``await visitor()`` → ``Person`` without account · ``database`` · ``await entries(Tag.X)`` → ledger entries.
"""

from __future__ import annotations

import re
import secrets as random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from yarl import URL

from consent.database import Database
from consent.events import Tag
from consent.ledger import Entry
from consent.policy import Role
from consent.tables import Base
from server import app as composition
from server import secrets
from server.accounts import sessions
from server.accounts.tables import Account
from server.http.context import DATABASE
from server.settings import Settings
from tests.support.ledger import read_all

CSRF = re.compile(r'name="csrf_token" value="([0-9a-f]+)"')


class Person:
    """Somebody with a browser: cookies of their own, and forms that are sent as a browser sends them."""

    def __init__(self, base_url: URL, session: ClientSession, account: Account | None = None) -> None:
        self.base_url = base_url
        self.session = session
        self.account = account
        self.id = account.id if account else ""
        self._csrf: str | None = None

    async def get(self, path: str, **options: Any) -> ClientResponse:
        """Open a page; redirects are followed unless ``allow_redirects=False``."""
        response = await self.session.get(self.base_url.join(URL(path)), **options)
        await response.read()
        return response

    async def post(
        self, path: str, fields: dict[str, Any] | None = None, *, page: str = "/", **options: Any
    ) -> ClientResponse:
        """Send a form with the CSRF token of ``page``; redirects are not followed. Lists send a field several times."""
        if self._csrf is None:
            found = CSRF.search(await (await self.get(page)).text())
            assert found, f"{page} holds no form"
            self._csrf = found[1]
        data = [("csrf_token", self._csrf)]
        for name, value in (fields or {}).items():
            data += [(name, str(each)) for each in (value if isinstance(value, list) else [value])]
        options.setdefault("allow_redirects", False)
        response = await self.session.post(self.base_url.join(URL(path)), data=data, **options)
        await response.read()
        return response


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of a small server on a free port; override this fixture to change them."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return Settings(
        data_dir=tmp_path / "data",
        database_url=SecretStr(database_url),
        base_url=f"http://127.0.0.1:{port}",
        listen_port=port,
        media_listen="127.0.0.1",
        media_announced=["127.0.0.1"],
        media_workers=1,
        default_language="en",
        languages=["uk", "ru", "en"],
        help_phone="+380 44 000 00 00",
    )


@pytest.fixture
async def app(settings: Settings) -> web.Application:
    """The application with empty tables, not yet started."""
    application = composition.build(settings, secrets.load(settings.data_dir))
    async with application[DATABASE].engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    return application


@pytest.fixture
def database(app: web.Application) -> Database:
    """The application's database."""
    return app[DATABASE]


@pytest.fixture
async def client(app: web.Application, settings: Settings) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """A visitor's client on the running application."""
    server = TestServer(app, host="127.0.0.1", port=settings.listen_port)
    async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as running:
        yield running


@pytest.fixture
async def visitor(client: TestClient[web.Request, web.Application]) -> AsyncIterator[Callable[[], Awaitable[Person]]]:
    """Makes people without an account, each with a browser of their own."""
    opened: list[ClientSession] = []

    async def make() -> Person:
        opened.append(ClientSession(cookie_jar=CookieJar(unsafe=True)))
        return Person(client.make_url("/"), opened[-1])

    yield make
    for session in opened:
        await session.close()


@pytest.fixture
def signed_in(
    visitor: Callable[[], Awaitable[Person]], app: web.Application, settings: Settings
) -> Callable[..., Awaitable[Person]]:
    """Makes signed-in members of staff: ``await signed_in(Role.PSYCHOLOGIST, name="…")``."""

    async def make(role: Role, *, name: str | None = None, language: str = "en") -> Person:
        now = datetime.now(UTC)
        account = Account(
            email=f"{random.token_hex(4)}@example.org",
            name=name or f"A {role.value.replace('_', ' ')}",
            role=role.value,
            language=language,
            time_zone=settings.time_zone,
            created_at=now,
        )
        async with app[DATABASE].write() as session:
            session.add(account)
            await session.flush()
            token = await sessions.start(session, account.id, settings, now)
        person = await visitor()
        person.session.cookie_jar.update_cookies({sessions.cookie_name(settings): token}, person.base_url)
        person.account, person.id = account, account.id
        return person

    return make


@pytest.fixture
def entries(database: Database) -> Callable[..., Awaitable[Sequence[Entry]]]:
    """Reads the ledger: ``await entries(Tag.X)``, or all of it without a tag."""

    async def read(tag: Tag | None = None) -> Sequence[Entry]:
        async with database.read() as session:
            return await read_all(session, tag)

    return read
