"""Browsers and a demo server for each module, and people who share nothing with one another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import FAILED
from tests.support.browsers import Browsers
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.firefox import FirefoxPage
from tests.support.page import Page, PageError
from tests.support.postgres import Postgres

MakeChromiumPerson = Callable[..., Awaitable[ChromiumPage]]
MakeFirefoxPerson = Callable[..., Awaitable[FirefoxPage]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browsers() -> AsyncIterator[Browsers]:
    """Each browser is started when the first test asks for it.

    It does not outlive the module: after a hundred calls with fake devices a browser is no longer what people have
    (Firefox's camera has been seen to give no pictures).
    """
    started = Browsers()
    yield started
    await started.close()


async def _serving(data: Path, postgres: Postgres | None) -> AsyncIterator[Demo]:
    if postgres is None:
        server = await Demo.start(data)
    else:
        environment = {"PORUCH_DATABASE_URL": postgres.new_url()}
        server = await Demo.start(data, environment=environment, module="tests.support.postgres_server")
    yield server
    assert await server.stop() == 0, server.log.read_text()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres | None) -> AsyncIterator[Demo]:
    """One demo organisation for the module; its appointment starts now."""
    async for server in _serving(tmp_path_factory.mktemp("demo") / "data", postgres):
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def own_demo(tmp_path: Path, postgres: Postgres | None) -> AsyncIterator[Demo]:
    """An organisation for each test, for modules that say ``demo = own_demo``."""
    async for server in _serving(tmp_path / "data", postgres):
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def pages(request: pytest.FixtureRequest) -> AsyncIterator[list[Page]]:
    """The pages of this test: shown when it fails, closed at its end, and none may have complained."""
    opened: list[Page] = []
    yield opened
    failed = request.node.stash.get(FAILED, True)
    for page in opened:
        with suppress(PageError):
            if failed:
                print(f"\n----- {page.label} at {await page.url()}\n{(await page.text())[:3000]}")
        with suppress(PageError):
            await page.close()
    if failed and "demo" in request.fixturenames:
        print(f"\n----- server\n{request.getfixturevalue('demo').log.read_text()[-8000:]}")
    complaints = [f"{page.label}: {complaint}" for page in opened for complaint in page.complaints]
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def in_chromium(browsers: Browsers, pages: list[Page]) -> MakeChromiumPerson:
    """Makes a person with a Chromium of their own; `traits` are those of a Playwright context."""

    async def make(label: str, **traits: object) -> ChromiumPage:
        page = await (await browsers.chromium()).person(label, **traits)
        pages.append(page)
        return page

    return make


@pytest.fixture
def in_firefox(browsers: Browsers, pages: list[Page]) -> MakeFirefoxPerson:
    """Makes a person with a Firefox profile of their own."""

    async def make(label: str, **traits: object) -> FirefoxPage:
        page = await (await browsers.firefox()).person(label, **traits)
        pages.append(page)
        return page

    return make
