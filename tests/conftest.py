"""What every test shares: browser tests get a network of their own, one event loop, and the time that browsers need."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import network
from tests.support.postgres import Postgres, installed

BROWSER_TESTS = Path(__file__).parent / "browser"
FAILED = pytest.StashKey[bool]()

# A machine may be slow; no example is wrong because it took long.
settings.register_profile("poruch", deadline=None)
settings.load_profile("poruch")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--postgresql``: the tests' databases are in a PostgreSQL server of their own instead of in files."""
    parser.addoption("--postgresql", action="store_true", help="run on PostgreSQL (its server must be installed)")


def pytest_configure(config: pytest.Config) -> None:
    """Markers of our own."""
    config.addinivalue_line("markers", "embedded: about the embedded database's file; has no sense on PostgreSQL")


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[Postgres | None]:
    """The PostgreSQL server, when ``--postgresql`` asks for it."""
    if not request.config.getoption("postgresql"):
        yield None
        return
    binaries = installed()
    if binaries is None:
        pytest.fail("PostgreSQL is not installed on this machine: .ci/system postgresql")
    server = Postgres(binaries)
    yield server
    server.stop()


@pytest.fixture
def database_url(postgres: Postgres | None) -> str:
    """The URL of a database of this test's own; empty means the embedded one."""
    return postgres.new_url() if postgres else ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Browsers outlive a test, so their tests share one loop; and some tests are about one kind of database."""
    for item in items:
        if config.getoption("postgresql") and item.get_closest_marker("embedded"):
            item.add_marker(pytest.mark.skip(reason="about the embedded database"))
        if BROWSER_TESTS in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.timeout(300))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Enter the tests' own network before the first test, while this process still has one thread."""
    if any(BROWSER_TESTS in item.path.parents for item in session.items) and not session.config.option.collectonly:
        address = network.enter()
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter:
            own = "a network of their own" if address == network.ADDRESS else "this machine's network"
            reporter.write_line(f"browsers meet in {own}, media at {address}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures see whether their test failed, so that they can show why."""
    report = yield
    if call.when == "call":
        item.stash[FAILED] = report.failed
    return report
