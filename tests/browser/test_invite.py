"""Inviting from the page of an appointment: nothing on it moves under a finger that is about to press."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route

from tests.browser.conftest import MakeChromiumPerson
from tests.support.demo import Demo
from tests.support.walk import DESK, PHONE, invite, plan, sign_in

# Where everything that can be pressed on the page stands.
PLACES = """[...document.querySelectorAll('main a[href], main button, main summary')].map(one => {
  const box = one.getBoundingClientRect();
  return [one.innerText.trim(), Math.round(box.left + scrollX), Math.round(box.top + scrollY)].join(' ');
})"""


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_nothing_moves_while_the_browser_completes_the_links(
    demo: Demo, in_chromium: MakeChromiumPerson, size: dict[str, int]
) -> None:
    manager = await in_chromium("case manager", viewport=size)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await go_on.wait()
        await route.continue_()

    await manager.raw.route("**/api/trust", hold)
    await manager.goto(meeting.url)
    await asked.wait()
    await manager.see("This browser is completing the links.")
    before = await manager.evaluate(PLACES)
    assert any("Invite one more person" in place for place in before)
    go_on.set()
    await manager.see("The links are complete.")
    assert await manager.evaluate(PLACES) == before


async def test_two_people_are_invited_one_after_the_other(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    links = [await invite(manager, meeting.url, name, "helper") for name in ("Дарина", "Тарас")]
    assert len({meeting.invitation, *links}) == 3
    assert all("&s=" in link for link in links), "each link carries the secrets that the server does not know"
