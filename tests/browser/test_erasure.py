"""A case that was opened by mistake is erased from the pages: one asks, another confirms, nobody reads it again."""

from __future__ import annotations

import os
from pathlib import Path

from tests.browser.conftest import MakeChromiumPerson
from tests.support.accessible import finds_in_both_schemes
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.walk import DESK, PHONE, sign_in

PICTURES = os.environ.get("PORUCH_TEST_PICTURES")


async def look(page: ChromiumPage, name: str, faults: list[str]) -> None:
    """Hold the page against axe in both schemes; keep a picture where one is wanted."""
    faults += [f"{name}: {fault}" for fault in await finds_in_both_schemes(page)]
    if PICTURES:
        await page.screenshot(Path(PICTURES) / f"{name}.png")


async def test_one_asks_another_confirms_and_the_case_is_gone(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    faults: list[str] = []
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    await manager.goto(f"{demo.url}/cases/new")
    await manager.fill("Name of the case", "Дзвоник")
    await manager.fill("How the team calls the client", "Пані Ніна")
    await manager.click("button", "Open the case")
    await manager.see("The case is open")
    case = (await manager.url()).partition("?")[0]
    await manager.goto(f"{case}/close")
    await manager.click("button", "Yes, close it")
    await manager.click("link", "How long it is kept, and erasing it")
    await look(manager, "ask", faults)
    await manager.click("radio", "The person asked for it")
    await manager.click("button", "Ask for erasure")
    await manager.find("heading", "There is a problem")
    await manager.see("The law asks us to keep it until")
    await look(manager, "refused", faults)
    await manager.click("radio", "It was opened by mistake, and nothing took place in it")
    await manager.click("button", "Ask for erasure")
    await manager.see("A second person has to confirm it")

    supervisor = await in_chromium("supervisor", viewport=PHONE)
    await sign_in(supervisor, demo, "supervisor")
    await supervisor.goto(f"{demo.url}/cases")
    await supervisor.click("link", "Erasures")
    await look(supervisor, "waiting", faults)
    await supervisor.click("link", "Дзвоник")
    await supervisor.see("it cannot be undone")
    await look(supervisor, "confirm", faults)
    await supervisor.click("button", "Yes, erase it for good")
    await supervisor.see("The case is erased. Nobody can read it any more.")
    await supervisor.see_none("Дзвоник")
    await look(supervisor, "erased", faults)

    for page in (manager, supervisor):
        await page.goto(case)
        await page.see("This case was erased.")
        await page.see_none("Пані Ніна")
    await look(supervisor, "gone", faults)
    assert not faults, "\n".join(faults)
