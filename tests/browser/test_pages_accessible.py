"""axe finds nothing on any page, in light and in dark; and text at twice its size loses nothing."""

from __future__ import annotations

import asyncio

from tests.browser.conftest import MakeChromiumPerson
from tests.support.accessible import finds_in_both_schemes, lost_in_double_text
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.walk import (
    DESK,
    PHONE,
    all_meet,
    damaged,
    in_english,
    is_in,
    leave,
    let_in,
    open_people,
    plan,
    press_join,
    sign_in,
    that_asks,
    waits,
)


class Inspector:
    """Collects what is wrong on each page, so that one run shows everything."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    async def look(self, page: ChromiumPage, name: str) -> None:
        """Look at the page as it stands."""
        faults = await finds_in_both_schemes(page)
        faults += [f"text at 200%: {fault}" for fault in await lost_in_double_text(page)]
        self.faults += [f"{page.label}, {name}: {fault}" for fault in faults]

    def __str__(self) -> str:
        return "\n".join(self.faults)


async def test_the_pages_of_the_team_are_accessible(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    inspector = Inspector()
    manager = await in_chromium("case manager", viewport=DESK)
    await manager.goto(f"{demo.url}/sign-in")
    await inspector.look(manager, "sign-in")
    await manager.click("button", "Sign in")
    await inspector.look(manager, "sign-in, refused")
    for path in ("/password/forgot", "/nowhere"):
        await manager.goto(f"{demo.url}{path}")
        await inspector.look(manager, path)

    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await inspector.look(manager, "appointment")
    case, record = demo.links["case_url"], meeting.url.replace("/appointments/", "/sessions/")
    pages = {
        "today": f"{demo.url}/today",
        "cases": f"{demo.url}/cases",
        "a new case": f"{demo.url}/cases/new",
        "case": case,
        "change the case": f"{case}/change",
        "close the case": f"{case}/close",
        "team": f"{case}/team",
        "a new client": f"{case}/clients/new",
        "plan": f"{case}/appointments/new",
        "move": f"{meeting.url}/move",
        "cancel": f"{meeting.url}/cancel",
        "one more person": f"{meeting.url}/people/new",
        "record": record,
    }
    for name, address in pages.items():
        await manager.goto(address)
        await inspector.look(manager, name)
    await manager.goto(f"{case}/appointments/new")
    await manager.fill("Day", "2020-01-01")
    await manager.click("button", "Plan the appointment")
    await manager.find("heading", "There is a problem")
    await inspector.look(manager, "plan, refused")
    await manager.goto(meeting.url)
    await manager.click("link", "A sheet to print")
    await inspector.look(manager, "sheet to print")

    stranger = await in_chromium("psychologist of another case", viewport=PHONE)
    await sign_in(stranger, demo, "psychologist", 1)
    await stranger.goto(case)
    await inspector.look(stranger, "403")
    supervisor = await in_chromium("supervisor", viewport=PHONE)
    await sign_in(supervisor, demo, "supervisor")
    await supervisor.find("heading", "Desk")
    await inspector.look(supervisor, "desk on a phone")
    await supervisor.goto(f"{demo.url}/sessions")
    await supervisor.find("heading", "Session records")
    await inspector.look(supervisor, "session records on a phone")
    await supervisor.goto(record)
    await inspector.look(supervisor, "record on a phone")
    assert not inspector.faults, str(inspector)


async def test_lobby_waiting_room_call_and_closing_page_are_accessible(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    inspector = Inspector()
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)

    await that_asks(client)
    await client.goto(meeting.invitation)
    await in_english(client)
    steps = ("Begin", "Switch on the microphone", "Next", "Play a sound", "I hear it", "Switch on the camera", "Next")
    for button in (*steps, "Someone is with me", "I am ready", "Yes, I agree", "Yes, I agree"):
        await client.find("button", button)
        await inspector.look(client, f"lobby before {button!r}")
        await client.click("button", button)
    await waits(client)
    await inspector.look(client, "waiting room")

    await manager.goto(meeting.url)
    await press_join(manager)
    await in_english(manager)
    await manager.find("button", "Join")
    await inspector.look(manager, "device check of the team")
    await manager.click("button", "Join", exact=True)
    await manager.find("button", "Let in")
    await inspector.look(manager, "call, somebody knocks")
    await let_in(manager, demo.client)
    await is_in(client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    await asyncio.gather(inspector.look(manager, "call"), inspector.look(client, "call"))
    for page in (manager, client):
        await open_people(page)
        await inspector.look(page, "call, list of people")
        await page.press("Alt+p")
        await page.press("Alt+h")
        await page.find("log", "Messages")
        await inspector.look(page, "call, chat")
        await page.press("Alt+h")
        await page.click("button", "Encrypted and verified")
        await page.find("heading", "Who can see and hear this conversation")
        await inspector.look(page, "call, what the encryption means")
        await page.press("Escape")
    for key, title in (("Alt+g", "Devices"), ("Alt+k", "Keys")):
        await manager.press(key)
        await manager.find("heading", title)
        await inspector.look(manager, title)
        await manager.press("Escape")
        await manager.wait_for("!document.querySelector('dialog')")

    await leave(client)
    await inspector.look(client, "closing page")
    assert not inspector.faults, str(inspector)


async def test_other_doors_are_accessible(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    inspector = Inspector()
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    later = await plan(manager, demo, minutes_ahead=180)

    early = await in_chromium("early client", viewport=PHONE)
    await early.goto(later.invitation)
    await in_english(early)
    await early.find("heading", "You are early")
    await inspector.look(early, "early")
    await early.goto(damaged(later.invitation))
    await early.find("heading", "This link does not work")
    await inspector.look(early, "damaged link")

    viber = "Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36 Chrome/128.0 Mobile Safari/537.36 Viber/22"
    inside = await in_chromium("client inside a messenger", viewport=PHONE, user_agent=viber)
    await inside.goto(later.invitation)
    await in_english(inside)
    await inside.find("heading", "Open this page in Chrome")
    fragment = later.invitation.partition("#")[2]
    assert fragment in (await inside.raw.get_by_role("link", name="Open in Chrome").get_attribute("href") or "")
    assert await inside.raw.get_by_label("Link to this page").input_value() == later.invitation
    await inspector.look(inside, "open in a browser")

    denied = await in_chromium("client who denied", viewport=PHONE)
    await that_asks(denied)
    await denied.raw.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); }"
    )
    now = await plan(manager, demo)
    await denied.goto(now.invitation)
    await in_english(denied)
    await denied.click("button", "Begin")
    await denied.click("button", "Switch on the microphone")
    await denied.find("button", "Try again")
    await inspector.look(denied, "microphone denied")
    await denied.click("button", "Go on without microphone")
    await denied.find("heading", "Can you hear us?")
    assert not inspector.faults, str(inspector)
