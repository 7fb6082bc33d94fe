"""axe finds nothing on the pages that ask, nor in the call that can be stopped; larger text loses nothing."""

from __future__ import annotations

import asyncio

from tests.browser.conftest import MakeChromiumPerson, own_demo
from tests.browser.test_pages_accessible import Inspector
from tests.support.accessible import press_by_keyboard
from tests.support.demo import Demo
from tests.support.walk import DESK, PHONE, all_meet, arrive, invite, is_in, join, let_in, plan, ready, sign_in, waits

demo = own_demo


async def test_the_pages_that_ask_are_accessible_and_are_answered_by_keyboard(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    inspector = Inspector()
    manager = await in_chromium("case manager", viewport=DESK)
    # As tall as its longest page: axe takes what has not been scrolled to yet for covered by the ways out.
    client = await in_chromium("client", viewport={"width": PHONE["width"], "height": 2000})
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await invite(manager, meeting.url, "Дарина", "helper")
    await invite(manager, meeting.url, "Тарас", "agency_guest")

    await ready(client, meeting.invitation, helper=True)
    await client.click("button", "I am ready")
    await client.find("button", "Yes, I agree")
    await inspector.look(client, "the conversation")
    await client.click_css(".consent__rest summary")
    await inspector.look(client, "the whole text")
    await press_by_keyboard(client, "button", "Talk with me first")
    await client.find("button", "Yes, talk with me")
    await inspector.look(client, "a talk that explains")
    await press_by_keyboard(client, "button", "Back")
    await press_by_keyboard(client, "button", "No, I do not agree")
    await client.find("heading", "You have said no")
    await inspector.look(client, "other ways")
    await press_by_keyboard(client, "button", "Visit me")
    await client.see("will visit you")
    await press_by_keyboard(client, "button", "I have changed my mind")
    await press_by_keyboard(client, "button", "Yes, I agree")

    await client.find("heading", "Who may be with you in the conversation?")
    await inspector.look(client, "several people")
    assert await client.evaluate(
        "[...document.querySelectorAll('button')].find(one => one.innerText === 'Next').disabled"
    )
    for name in (demo.name("interpreter"), "Дарина"):
        await press_by_keyboard(client, "button", f"Yes: {name}")
    await inspector.look(client, "several people, answered")
    await press_by_keyboard(client, "button", "Next")
    await client.see("Тарас")
    await inspector.look(client, "somebody from another service")
    await press_by_keyboard(client, "button", "Yes, I agree")
    await waits(client)
    assert not inspector.faults, str(inspector)


async def test_the_call_that_can_be_stopped_is_accessible(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    inspector = Inspector()
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    guest = await in_chromium("guest from another service", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await ready(client, meeting.invitation)
    await client.click("button", "I am ready")
    await client.click("button", "Talk with me first")
    await client.click("button", "Yes, talk with me")
    await waits(client)
    await join(manager, meeting.url)
    await let_in(manager, demo.client)
    await is_in(client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    await inspector.look(client, "call, it is being explained")
    await inspector.look(manager, "call, the client is being told")
    await client.click("button", "Read and answer now")
    await client.wait_for("document.querySelector('dialog[open]')")
    await inspector.look(client, "call, a question above it")
    for _ in range(2):
        before = await client.evaluate("document.querySelector('dialog[open] h2').innerText")
        await client.click_css("dialog[open] .consent__yes")
        await client.wait_for(f"document.querySelector('dialog[open] h2')?.innerText !== {before!r}")
    await client.find("button", "Stop agreeing")
    await inspector.look(client, "call, agreed")

    desk = await in_chromium("case manager's second window", viewport=DESK)
    await sign_in(desk, demo, "case_manager")
    link = await invite(desk, meeting.url, "Тарас", "agency_guest")
    await arrive(guest, link)
    await client.find("heading", "Тарас would like to join")
    await asyncio.gather(inspector.look(client, "call, somebody wants to join"), inspector.look(guest, "waiting"))
    await inspector.look(manager, "call, somebody waits for an agreement")
    await press_by_keyboard(client, "button", "No, I do not agree")
    await guest.find("heading", "You cannot be in this conversation now")
    await inspector.look(guest, "not agreed to")

    await press_by_keyboard(client, "button", "Stop agreeing")
    await client.find("heading", "You have stopped the conversation")
    await inspector.look(client, "call, stopped")
    await manager.see("has taken back an agreement")
    await inspector.look(manager, "call, the client has stopped")
    await press_by_keyboard(client, "button", "I agree again")
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    assert not inspector.faults, str(inspector)
