"""Consent of several people: each client is asked alone, and a supervisor is agreed to by name, and by each of them."""

from __future__ import annotations

import asyncio

from tests.browser.conftest import MakeChromiumPerson, own_demo
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.media_seen import sees_no_more
from tests.support.walk import (
    DESK,
    PHONE,
    agree,
    all_meet,
    arrive,
    come_to_the_question,
    invite,
    is_in,
    join,
    let_in,
    link_of,
    picture,
    plan,
    says_of,
    sign_in,
    waits,
)

OPEN_CONNECTIONS = "witness.connections.filter(one => one.connectionState !== 'closed').length"
HUSBAND = "Василь"


demo = own_demo


async def add_client(page: ChromiumPage, demo: Demo, name: str) -> None:
    """One more client on the demo's case."""
    await page.goto(f"{demo.links['case_url']}/clients/new")
    await page.fill("How the team calls the client", name)
    await page.click("button", "Add the client")
    await page.see(name)


async def test_of_two_clients_each_is_asked_and_one_no_leaves_the_other_in_the_conversation(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    wife = await in_chromium("client", viewport=PHONE)
    husband = await in_chromium("second client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    await add_client(manager, demo, HUSBAND)
    meeting = await plan(manager, demo)
    links = [await link_of(manager, name) for name in (demo.client, HUSBAND)]
    name = demo.name("case_manager")
    await asyncio.gather(join(manager, meeting.url), arrive(wife, links[0]), come_to_the_question(husband, links[1]))
    await husband.click("button", "No, I do not agree")
    await husband.find("heading", "You have said no. That is all right.")
    await husband.see(f"{name} will phone you")
    await let_in(manager, demo.client)
    await is_in(wife)
    # The one who agreed is in the conversation; the other has no socket, no media, and is not in the list.
    await all_meet({name: manager, demo.client: wife})
    assert await husband.evaluate("poruch.state()") is None
    assert await husband.evaluate(OPEN_CONNECTIONS) == 0

    await husband.click("button", "I have changed my mind")
    await agree(husband)
    await waits(husband)
    await let_in(manager, HUSBAND)
    await is_in(husband)
    everybody = {name: manager, demo.client: wife, HUSBAND: husband}
    await all_meet(everybody)

    await husband.click("button", "Stop agreeing", exact=True)
    await husband.find("heading", "You have stopped the conversation")
    await husband.wait_for(f"{OPEN_CONNECTIONS} === 0 && document.querySelectorAll('audio').length === 0")
    for page in (manager, wife):
        await sees_no_more(page, picture(HUSBAND))
        await says_of(page, HUSBAND, "Has stopped")
    await all_meet({name: manager, demo.client: wife})
    # What it was about is for the case manager; the other client reads only that he has stopped.
    await manager.see(f"{HUSBAND} has taken back an agreement: the conversation by video.")
    await wife.see(f"{HUSBAND} has stopped. Nobody sees or hears {HUSBAND} now.")
    assert "the conversation by video" not in await wife.text()
    await husband.click("button", "I agree again")
    await all_meet(everybody)


async def test_a_supervisor_waits_for_the_clients_yes_to_that_very_person_and_goes_alone_when_it_is_taken_back(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    desk = await in_chromium("case manager's second window", viewport=DESK)
    supervisor = await in_chromium("supervisor", viewport=PHONE)
    await asyncio.gather(sign_in(manager, demo, "case_manager"), sign_in(desk, demo, "case_manager"))
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await is_in(client)
    name, other = demo.name("case_manager"), demo.name("supervisor")
    await all_meet({name: manager, demo.client: client})

    await arrive(supervisor, await invite(desk, meeting.url, other, "supervisor"))
    await manager.see(f"Waits for the agreement of {demo.client}")
    assert await manager.count("button", "Let in") == 0
    await client.find("heading", f"{other} would like to join")
    await client.see("Supervisor. Is that all right for you?")
    await client.click_css("[data-question] summary")
    await client.see("It is not you who is being judged.")
    assert await supervisor.evaluate(OPEN_CONNECTIONS) == 0
    await client.click("button", "Yes, I agree")
    await let_in(manager, other)
    await is_in(supervisor)
    await all_meet({name: manager, demo.client: client, other: supervisor})

    await client.click("button", f"Stop agreeing: {other}")
    await supervisor.find("heading", "You cannot be in this conversation now")
    await supervisor.wait_for(f"{OPEN_CONNECTIONS} === 0")
    await all_meet({name: manager, demo.client: client})
    await client.find("button", "Stop agreeing")
