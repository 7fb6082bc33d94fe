"""The browsers of some tests, each started when it is first needed."""

from __future__ import annotations

from tests.support.chromium import Chromium
from tests.support.firefox import Firefox


class Browsers:
    """At most one process of each browser; people are kept apart by profiles inside it."""

    def __init__(self) -> None:
        self._chromium: Chromium | None = None
        self._firefox: Firefox | None = None

    async def chromium(self) -> Chromium:
        """The one Chromium."""
        if self._chromium is None:
            self._chromium = await Chromium.start()
        return self._chromium

    async def firefox(self) -> Firefox:
        """The one Firefox."""
        if self._firefox is None:
            self._firefox = await Firefox.start()
        return self._firefox

    async def close(self) -> None:
        """End those that were started."""
        for browser in (self._chromium, self._firefox):
            if browser is not None:
                await browser.close()
