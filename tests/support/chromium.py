"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from playwright.async_api import Browser as PlaywrightBrowser
from playwright.async_api import ConsoleMessage, Locator, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as PlaywrightPage

from tests.support.page import PATIENCE_S, WITNESS, NavigatedError, Page, PageError

EXECUTABLE = "/usr/bin/chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-dev-shm-usage",
)
GONE = re.compile(r"context was destroyed|navigat|frame was detached|Cannot find context", re.IGNORECASE)


class Chromium:
    """A running Chromium with fake camera and microphone."""

    def __init__(self, driver: Playwright, browser: PlaywrightBrowser) -> None:
        self._driver = driver
        self._browser = browser

    @classmethod
    async def start(cls, *flags: str) -> Chromium:
        """Start it with a fresh profile."""
        driver = await async_playwright().start()
        browser = await driver.chromium.launch(executable_path=EXECUTABLE, args=[*FLAGS, *flags])
        return cls(driver, browser)

    async def person(self, label: str, **traits: Any) -> ChromiumPage:
        """A page in a context of its own. `traits` are Playwright's: `viewport`, `color_scheme`, `user_agent`, …"""
        context = await self._browser.new_context(**{"locale": "en-GB", "ignore_https_errors": True, **traits})
        await context.add_init_script(WITNESS)
        return ChromiumPage(label, await context.new_page())

    async def another_tab(self, page: ChromiumPage) -> ChromiumPage:
        """A second tab of the same person."""
        return ChromiumPage(f"{page.label}, second tab", await page.raw.context.new_page())

    async def close(self) -> None:
        """End the browser and its driver."""
        await self._browser.close()
        await self._driver.stop()


class ChromiumPage(Page):
    """A tab in Chromium. `raw` is Playwright's page, for what only Chromium is asked to do."""

    def __init__(self, label: str, raw: PlaywrightPage) -> None:
        super().__init__(f"{label} (Chromium)")
        self._use(raw)

    def _use(self, raw: PlaywrightPage) -> None:
        self.raw = raw
        raw.set_default_timeout(PATIENCE_S * 1000)
        raw.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        raw.on("console", self._heard)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            self.complaints.append(message.text)

    async def goto(self, url: str) -> None:
        # Going from one fragment to another of the same document would not load anything.
        if url.partition("#")[0] == self.raw.url.partition("#")[0]:
            await self.raw.goto("about:blank")
        await self.raw.goto(url)

    async def reload(self) -> None:
        await self.raw.reload()

    async def evaluate(self, expression: str) -> Any:
        try:
            return await self.raw.evaluate(f"async () => ({expression})")
        except PlaywrightError as error:
            raise (NavigatedError if GONE.search(error.message) else PageError)(error.message) from None

    async def run(self, source: str) -> None:
        await self.raw.evaluate(source)

    def locate(self, role: str, name: str | None = None, *, exact: bool = False) -> Locator:
        """Playwright's locator of the visible elements with this role and name."""
        # Playwright's own type lists every ARIA role as a literal.
        return self.raw.get_by_role(role, name=name, exact=exact)  # type: ignore[arg-type]

    async def count(self, role: str, name: str | None = None) -> int:
        return await self.locate(role, name).count()

    async def click(self, role: str, name: str, *, exact: bool = False) -> None:
        await self.locate(role, name, exact=exact).first.click()

    async def click_css(self, selector: str) -> None:
        await self.raw.locator(selector).first.click()

    async def fill(self, label: str, text: str) -> None:
        await self.raw.get_by_label(label).first.fill(text)

    async def press(self, key: str) -> None:
        await self.raw.keyboard.press(key)

    async def viewport(self, width: int, height: int) -> None:
        await self.raw.set_viewport_size({"width": width, "height": height})

    async def scheme(self, scheme: str) -> None:
        """Prefer `light` or `dark`."""
        # Playwright's own type is a literal of these words.
        await self.raw.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]

    async def screenshot(self, path: Path) -> None:
        await self.raw.screenshot(path=path)

    async def lose_power(self) -> None:
        """End the tab's process at once, so that the page runs no farewell; the same profile has a new tab then."""
        session = await self.raw.context.new_cdp_session(self.raw)
        async with self.raw.expect_event("crash"):
            # Nobody is left to answer, so the answer is not awaited.
            self._last_words = asyncio.ensure_future(session.send("Page.crash"))
        self._last_words.cancel()
        dead = self.raw
        self._use(await dead.context.new_page())
        await dead.close()

    async def close(self) -> None:
        await self.raw.close(run_before_unload=False)
