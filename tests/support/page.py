"""One page in one browser, as the walks use it: the same words for Chromium and for Firefox."""

from __future__ import annotations

import asyncio
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

# How long anything may take; a busy machine can ask for more.
PATIENCE_S = float(os.environ.get("PORUCH_TEST_PATIENCE_S", "30"))

# Runs before any script of a page: keeps the page's peer connections where a test can ask them for their counters.
WITNESS = """
window.witness = {connections: []};
if (window.RTCPeerConnection) window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
  construct(target, args, self) {
    const connection = Reflect.construct(target, args, self);
    window.witness.connections.push(connection);
    return connection;
  }
});
"""


class PageError(Exception):
    """The browser refused a command, or the page's own code raised."""


class NavigatedError(PageError):
    """The document went away while its answer was awaited: ask the new one."""


class Page(ABC):
    """A tab with a person in front of it. `complaints` holds every uncaught error and policy violation."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.complaints: list[str] = []

    @abstractmethod
    async def goto(self, url: str) -> None:
        """Open an address and wait until it is loaded."""

    @abstractmethod
    async def reload(self) -> None:
        """Reload, as a person would by F5."""

    @abstractmethod
    async def evaluate(self, expression: str) -> Any:
        """The value (anything JSON carries) of a JavaScript expression, awaited. Raises PageError."""

    @abstractmethod
    async def run(self, source: str) -> None:
        """Run a script of our own in the page, past its content policy."""

    @abstractmethod
    async def count(self, role: str, name: str | None = None) -> int:
        """How many visible elements have this role, with `name` within their accessible name."""

    @abstractmethod
    async def click(self, role: str, name: str, *, exact: bool = False) -> None:
        """Press the first such element with a real pointer, once it is there."""

    @abstractmethod
    async def click_css(self, selector: str) -> None:
        """Press the first match of a CSS selector, once it is there."""

    @abstractmethod
    async def fill(self, label: str, text: str) -> None:
        """Put text into the field with this label."""

    @abstractmethod
    async def press(self, key: str) -> None:
        """Press one key: `Tab`, `Shift+Tab`, `Enter`, `Space`, `Escape`, an arrow, or a letter."""

    @abstractmethod
    async def viewport(self, width: int, height: int) -> None:
        """Make the page this large, in CSS pixels."""

    @abstractmethod
    async def screenshot(self, path: Path) -> None:
        """Save a picture of what is in view."""

    @abstractmethod
    async def close(self) -> None:
        """Close the tab as a person would."""

    async def url(self) -> str:
        """The address of the page, with its fragment."""
        return str(await self.evaluate("location.href"))

    async def wait_for(self, condition: str, *, timeout_s: float = PATIENCE_S) -> Any:
        """Wait until a JavaScript expression is truthy, across reloads, and return it."""
        poll = f"""(async () => {{
          const until = Date.now() + 2000;
          for (;;) {{
            const value = await (async () => ({condition}))();
            if (value || Date.now() > until) return value;
            await new Promise(done => setTimeout(done, 50));
          }}
        }})()"""

        async def ask() -> Any:
            try:
                return await self.evaluate(poll)
            except NavigatedError:
                return None

        return await until(ask, f"{self.label}: {condition}", timeout_s=timeout_s, page=self)

    async def see(self, text: str, *, timeout_s: float = PATIENCE_S) -> None:
        """Wait until this text can be read on the page."""
        await self.wait_for(f"document.body?.innerText.includes({json.dumps(text)})", timeout_s=timeout_s)

    async def see_none(self, text: str, *, timeout_s: float = PATIENCE_S) -> None:
        """Wait until this text is nowhere on the page."""
        await self.wait_for(
            f"document.body && !document.body.innerText.includes({json.dumps(text)})", timeout_s=timeout_s
        )

    async def find(self, role: str, name: str, *, timeout_s: float = PATIENCE_S) -> None:
        """Wait until a visible element has this role and name."""

        async def there() -> bool:
            try:
                return await self.count(role, name) > 0
            except NavigatedError:
                return False

        await until(there, f"{self.label}: {role} {name!r}", timeout_s=timeout_s, page=self)

    async def text(self) -> str:
        """Everything that can be read on the page."""
        return str(await self.evaluate("document.body.innerText"))


async def until(
    condition: Callable[[], Awaitable[Any]], what: str, *, timeout_s: float = PATIENCE_S, page: Page | None = None
) -> Any:
    """Ask again and again until the answer is truthy; fail with what was awaited and what the page showed instead."""
    try:
        async with asyncio.timeout(timeout_s):
            while not (answer := await condition()):
                # Between two questions of a bounded wait; nothing depends on its length.
                await asyncio.sleep(0.05)
            return answer
    except TimeoutError:
        shown = await page.text() if page else ""
        raise AssertionError(f"waited {timeout_s:.0f} s for {what}\n{shown}") from None
