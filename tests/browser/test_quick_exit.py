"""The quick exit: on every page of who came by a link, above every dialog of theirs, and it leaves at once."""

from __future__ import annotations

import asyncio

from playwright.async_api import Route

from tests.browser.conftest import MakeChromiumPerson
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.walk import DESK, PHONE, arrive, is_in, join, let_in, plan, sign_in, waits

EXITS = "document.querySelectorAll('dialog[open] .quick-exit').length"


async def _leaves(page: ChromiumPage) -> None:
    """Press the quick exit of the open dialog; what comes instead of the harmless page's own server is ours."""

    async def answer(route: Route) -> None:
        await route.fulfill(body="<title>weather</title><h1>Rain</h1>", content_type="text/html")

    await page.raw.context.route("https://www.google.com/**", answer)
    await page.click_css("dialog[open] .quick-exit")
    await page.find("heading", "Rain")
    # The page with the link is no step back in the history of this tab.
    assert "#" not in await page.url()
    await page.raw.go_back()
    assert "#i=" not in await page.url()


async def test_in_the_waiting_room_it_stands_above_the_question_too(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    client = await in_chromium("client", viewport=PHONE)
    await arrive(client, demo.invitation)
    await client.click("button", "Leave", exact=True)
    await client.find("button", "Go on waiting")
    assert await client.evaluate(EXITS) == 1
    # The safe answer has the focus, as before.
    assert await client.evaluate("document.activeElement.innerText") == "Go on waiting"
    await _leaves(client)


async def test_in_the_call_it_stands_in_each_dialog_of_who_came_by_link_and_in_none_of_the_team(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await waits(client)
    await let_in(manager, demo.client)
    await is_in(client)
    for opens in ("Devices", "Keys"):
        for page, exits in ((client, 1), (manager, 0)):
            await page.click("button", opens)
            await page.wait_for("document.querySelector('dialog[open]') !== null")
            assert await page.evaluate(EXITS) == exits
            await page.click("button", "Done")
            await page.wait_for("document.querySelector('dialog') === null")
    for page, exits in ((client, 1), (manager, 0)):
        await page.click_css(".secrecy")
        await page.wait_for("document.querySelector('dialog[open]') !== null")
        assert await page.evaluate(EXITS) == exits
    await _leaves(client)
