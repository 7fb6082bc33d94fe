"""The keyboard alone does the whole walk, and one always sees where it stands."""

from __future__ import annotations

from tests.browser.conftest import MakeChromiumPerson
from tests.support.accessible import press_by_keyboard, tab_to
from tests.support.demo import Demo
from tests.support.walk import DESK, all_meet, is_in, plan, sign_in, that_asks, waits


async def test_the_whole_walk_by_keyboard_alone(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)

    await that_asks(client)
    await client.goto(meeting.invitation)
    await press_by_keyboard(client, "button", "English")
    for button in (
        "Begin",
        "Switch on the microphone",
        "Next",
        "Play a sound",
        "I hear it",
        "Switch on the camera",
        "Next",
        "I am alone",
        "I am ready",
        "Yes, I agree",  # to the conversation
        "Yes, I agree",  # to the interpreter
    ):
        await press_by_keyboard(client, "button", button)
    await waits(client)

    await manager.goto(meeting.url)
    await press_by_keyboard(manager, "button", "Join")
    await manager.wait_for("location.pathname === '/call'")
    await press_by_keyboard(manager, "button", "English", "Space")
    await manager.see("Ready to join?")
    await tab_to(manager, "button", "Play a sound")
    await manager.press("Shift+Tab")
    await manager.press("Enter")
    await press_by_keyboard(manager, "button", "Let in", "Space")
    await is_in(client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})

    await manager.press("Alt+m")
    await manager.see("Microphone off")
    await press_by_keyboard(manager, "button", "Microphone", "Space")
    await press_by_keyboard(manager, "button", "People")
    await press_by_keyboard(manager, "button", "End for everybody")
    await manager.find("heading", "End the conversation for everybody?")
    await manager.press("Escape")
    await press_by_keyboard(manager, "button", "End for everybody")
    await manager.find("heading", "End the conversation for everybody?")
    for _ in range(6):
        if await manager.evaluate("document.activeElement.matches('dialog[open] .button--danger')"):
            break
        await manager.press("Tab")
    await manager.press("Enter")
    for page in (manager, client):
        await page.find("heading", "The conversation is over")


async def test_from_the_printed_link_into_the_call_by_keyboard_alone(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await manager.goto(demo.sign_in_url("case_manager"))
    await manager.wait_for("location.pathname === '/today'")
    if await manager.evaluate("document.documentElement.lang !== 'en'"):  # the account remembers it
        await press_by_keyboard(manager, "link", "English")
    await manager.find("heading", "Today")
    await press_by_keyboard(manager, "button", "Join")
    await manager.wait_for("location.pathname === '/call'")
    await press_by_keyboard(manager, "button", "English", "Space")
    await manager.see("Ready to join?")
    await tab_to(manager, "button", "Play a sound")
    await manager.press("Shift+Tab")
    await manager.press("Enter")
    await is_in(manager)


async def test_planning_by_keyboard_alone(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    await manager.goto(demo.links["case_url"])
    await manager.press("Tab")
    await manager.press("Enter")
    assert await manager.evaluate("document.activeElement.id === 'main'"), "the first Tab skips to the content"
    await press_by_keyboard(manager, "button", "Plan an appointment")
    await manager.find("heading", "Plan an appointment")
    await tab_to(manager, "checkbox", demo.name("psychologist"))
    await manager.press("Space")
    await press_by_keyboard(manager, "button", "Plan the appointment")
    await manager.see("The appointment is planned.")
    await tab_to(manager, "textbox", f"Link for {demo.client}")
