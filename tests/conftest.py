"""What every test shares: browser tests get a network of their own, one event loop, and the time that browsers need."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support import network

BROWSER_TESTS = Path(__file__).parent / "browser"
FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browsers outlive a test, so their tests share one loop."""
    for item in items:
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
