"""Power cut, reload, second tab, daughter's phone: who comes back, and how."""

from __future__ import annotations

import asyncio

from tests.browser.conftest import MakeChromiumPerson
from tests.support.browsers import Browsers
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.page import Page
from tests.support.walk import (
    DESK,
    PHONE,
    all_meet,
    arrive,
    is_in,
    join,
    let_in,
    plan,
    says_of,
    sees_and_hears,
    sign_in,
)


async def _in_a_call(demo: Demo, in_chromium: MakeChromiumPerson) -> tuple[ChromiumPage, ChromiumPage, str]:
    """Case manager and client see and hear one another; also the client's link."""
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await is_in(client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    return manager, client, meeting.invitation


async def test_a_reload_returns_to_the_same_seat_by_itself(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager, client, _ = await _in_a_call(demo, in_chromium)
    seat = await client.evaluate("poruch.state().you.seat")
    await client.reload()
    await is_in(client)
    assert await client.evaluate("poruch.state().you.seat") == seat
    assert await manager.count("button", "Let in") == 0
    await all_meet({demo.name("case_manager"): manager, demo.client: client})

    await manager.reload()
    await is_in(manager)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})


async def test_a_power_cut_is_seen_by_the_others_and_the_same_device_returns(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager, client, invitation = await _in_a_call(demo, in_chromium)
    await client.lose_power()
    await says_of(manager, demo.client, "Lost since")
    await client.goto(invitation)
    await is_in(client)
    await sees_and_hears(manager, demo.client)


async def test_a_second_tab_takes_the_seat_and_the_first_offers_to_move_back(
    demo: Demo, in_chromium: MakeChromiumPerson, browsers: Browsers, pages: list[Page]
) -> None:
    manager, client, invitation = await _in_a_call(demo, in_chromium)
    second = await (await browsers.chromium()).another_tab(client)
    pages.append(second)
    await second.goto(invitation)
    await is_in(second)
    await sees_and_hears(manager, demo.client)
    await client.find("heading", "The conversation is open in another window")
    await client.click("button", "Move the conversation here")
    await is_in(client)
    await sees_and_hears(manager, demo.client)
    await second.find("heading", "The conversation is open in another window")


async def test_another_device_knocks_and_the_old_one_closes_when_it_is_let_in(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager, client, invitation = await _in_a_call(demo, in_chromium)
    daughter = await in_chromium("daughter's phone", viewport=PHONE)
    await arrive(daughter, invitation)
    await is_in(client)
    await manager.see("Comes from another device")
    await manager.click("button", "Let in", exact=True)
    await manager.find("heading", f"Let {demo.client} in on another device?")
    await manager.click_css("dialog[open] button:last-of-type, dialog[open] .button--main")
    await is_in(daughter)
    await client.find("heading", "The conversation continues on your other device")
    await all_meet({demo.name("case_manager"): manager, demo.client: daughter})


async def test_a_declined_newcomer_stays_outside(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await manager.click("button", "Not now")
    await client.find("heading", "You were not let in this time")
    assert await client.evaluate("!document.querySelector('.tile')")
    await client.goto(meeting.invitation)
    await client.find("heading", "You were not let in this time")
    assert await manager.count("button", "Let in") == 0
