"""How soon everything stops when a client says stop: ``python -m bench.withdrawal [--rounds N]``.

Writes bench/results/withdrawal.json. A case manager and a client see and hear each other; the client takes the
agreement back, by the button in the call or on their own page in another browser, and agrees again for the next round.
From the tap until: the client's camera and microphone are off, the last packet has come to the case manager's browser,
the last picture has been drawn there, the picture is cleared, and the voice is gone. The limit that Poruch sets itself
is two seconds.

Clocks of two browsers on one machine are compared. The last packet is looked for in Chromium's statistics, which are
renewed every 50 ms; the others are noted when they happen. What was the last before the tap is negative.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.encryption import BROWSERS, _open, _summary, machine_of_browsers
from tests.support import network
from tests.support.browsers import Browsers
from tests.support.chromium import ChromiumPage
from tests.support.demo import ROOT, Demo
from tests.support.page import Page
from tests.support.walk import DESK, Meeting, all_meet, arrive, is_in, join, let_in, plan, sign_in, tile

RESULTS = ROOT / "bench" / "results" / "withdrawal.json"
LIMIT_MS = 2000
LOOK_MS = 20
NOW = "(performance.timeOrigin + performance.now())"
NOTE_TAP = f"void document.addEventListener('click', () => {{ window.tapped = {NOW}; }}, {{capture: true}})"
NOTE_DEVICES = f"""(() => {{
  const stop = MediaStreamTrack.prototype.stop;
  MediaStreamTrack.prototype.stop = function () {{
    const live = this.readyState === 'live';
    stop.call(this);
    if (live) window.devicesOff = {NOW};
  }};
}})()"""
# Begins anew each round; `seen` is what the case manager's browser got last, and when it cleared what it showed.
WATCH = f"""((tile) => {{
  const seen = window.seen = {{}}, video = tile.querySelector('video');
  const drawn = () => {{ seen.picture = {NOW}; if (window.seen === seen) video.requestVideoFrameCallback(drawn); }};
  video.requestVideoFrameCallback(drawn);
  const observer = new MutationObserver(() => {{
    if (!tile.isConnected || !tile.classList.contains('tile--picture')) seen.cleared ??= {NOW};
    if (document.querySelectorAll('audio').length === 0) seen.silent ??= {NOW};
  }});
  observer.observe(document.body, {{subtree: true, childList: true, attributes: true, attributeFilter: ['class']}});
  let before = 0;
  void (async () => {{
    while (window.seen === seen) {{
      let now = 0;
      for (const connection of witness.connections) {{
        if (connection.connectionState === 'closed') continue;
        for (const line of (await connection.getStats()).values())
          if (line.type === 'inbound-rtp') now += line.packetsReceived;
      }}
      if (now > before) seen.packet = {NOW};
      before = now;
      await new Promise(done => setTimeout(done, {LOOK_MS}));
    }}
    observer.disconnect();
  }})();
}})"""
IN_CALL, OWN_PAGE = "in the call", "on the own page"
OWN_STOP = ".card:has-text('video conversation') .govuk-button--warning"
Figures = dict[str, Any]


@dataclass(frozen=True)
class Room:
    """A running server with a case manager in the call."""

    browsers: Browsers
    demo: Demo
    manager: ChromiumPage
    meeting: Meeting

    async def client(self, browser: str) -> Page:
        """The client in this browser, let in, and seen and heard."""
        page = await _open(self.browsers, browser, "client")
        await arrive(page, self.meeting.invitation)
        await let_in(self.manager, self.demo.client)
        if browser != BROWSERS[0]:  # another browser with the same link, which the page asks about
            await self.manager.click_css("dialog[open] .dialog__buttons button:first-child")
        await is_in(page)
        await self.meet(page)
        await page.evaluate(NOTE_DEVICES)
        return page

    async def meet(self, client: Page) -> None:
        """Both see and hear each other."""
        await all_meet({self.demo.name("case_manager"): self.manager, self.demo.client: client})

    async def own_page(self) -> ChromiumPage:
        """The client's own page, in a browser that is not in the call."""
        desk = await (await self.browsers.chromium()).person("case manager's second window", viewport=DESK)
        await sign_in(desk, self.demo, "case_manager")
        await desk.goto(f"{self.demo.links['case_url']}/consents")
        await desk.click("link", "The person's own page")
        if await desk.count("button", "The phone is safe"):
            await desk.click("button", "The phone is safe")
        link = await desk.wait_for("document.getElementById('person-link')?.value")
        await desk.close()
        own = await (await self.browsers.chromium()).person("client's own page", viewport=DESK)
        await own.goto(link)
        return own

    async def stop(self, client: Page, tapping: Page, button: str) -> dict[str, float]:
        """One round, in milliseconds after the tap; at its end both meet again."""
        await tapping.evaluate(NOTE_TAP)
        await client.evaluate("void delete window.devicesOff")
        await self.manager.evaluate(f"{WATCH}({tile(self.demo.client)})")
        await self.manager.wait_for("seen.picture && seen.packet")
        await tapping.click_css(button)
        await client.wait_for("window.devicesOff")
        await self.manager.wait_for("seen.cleared && seen.silent")
        # Long enough that whatever still came would have been noted.
        await self.manager.evaluate(f"new Promise(done => setTimeout(done, {LIMIT_MS + 500}))")
        tapped = await tapping.evaluate("window.tapped")
        seen = await self.manager.evaluate("seen")
        await self.manager.evaluate("void (window.seen = null)")
        off = await client.evaluate("window.devicesOff")
        await client.click("button", "I agree again")
        await self.meet(client)
        return {
            "camera and microphone off": off - tapped,
            "last packet": seen["packet"] - tapped,
            "last picture drawn": seen["picture"] - tapped,
            "picture cleared": seen["cleared"] - tapped,
            "voice gone": seen["silent"] - tapped,
        }

    async def ways(self, browser: str, rounds: int) -> AsyncIterator[tuple[str, Figures]]:
        """So many rounds in the call, and as many on the own page; each way as soon as it is measured."""
        client, own = await self.client(browser), await self.own_page()
        yield IN_CALL, _figures([await self.stop(client, client, "[data-key='stop-video-']") for _ in range(rounds)])
        found = []
        for _ in range(rounds):
            await own.reload()
            found.append(await self.stop(client, own, OWN_STOP))
        yield OWN_PAGE, _figures(found)
        for page in (own, client):
            await page.close()


def _figures(rounds: Sequence[dict[str, float]]) -> Figures:
    return {what: _summary([one[what] for one in rounds]) for what in rounds[0]}


async def measure(rounds: int) -> Figures:
    """Both ways, with the client in each browser; what is known so far is kept at once."""
    about = machine_of_browsers()
    browsers = Browsers()
    found: Figures = {browser: {} for browser in BROWSERS}
    result = {"limit_ms": LIMIT_MS, "rounds": rounds, "milliseconds_after_the_tap": found, "machine": about}
    with tempfile.TemporaryDirectory() as folder:
        demo = await Demo.start(Path(folder) / "data")
        try:
            manager = await (await browsers.chromium()).person("case manager", viewport=DESK)
            await sign_in(manager, demo, "case_manager")
            room = Room(browsers, demo, manager, await plan(manager, demo))
            await join(manager, room.meeting.url)
            for browser in BROWSERS:
                async for way, figures in room.ways(browser, rounds):
                    found[browser][way] = figures
                    RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        finally:
            await browsers.close()
            await demo.stop()
    return result


def table(found: Figures) -> str:
    """The lines of the table in docs/performance.md."""
    lines = []
    for browser, ways in found["milliseconds_after_the_tap"].items():
        for way, figures in ways.items():
            cells = [f"{one['median']:.0f} ({one['min']:.0f}–{one['max']:.0f})" for one in figures.values()]
            lines.append(f"| {browser.capitalize()} | {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and keep everything."""
    parser = argparse.ArgumentParser(description="How soon everything stops when a client says stop.")
    parser.add_argument("--rounds", type=int, default=10)
    wish = parser.parse_args(arguments)
    network.enter()
    RESULTS.parent.mkdir(exist_ok=True)
    print(table(asyncio.run(measure(wish.rounds))))


if __name__ == "__main__":
    main()
