"""What the host may do, and what happens when the host goes."""

from __future__ import annotations

import asyncio

from tests.browser.conftest import MakeChromiumPerson
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.media_seen import hears, hears_no_more, sees_no_more
from tests.support.walk import (
    DESK,
    PHONE,
    all_meet,
    arrive,
    is_in,
    join,
    leave,
    let_in,
    open_people,
    picture,
    plan,
    says_of,
    sees_and_hears,
    sign_in,
    voice,
)


async def _call(
    demo: Demo, in_chromium: MakeChromiumPerson, *, psychologist: bool = False
) -> tuple[ChromiumPage, ChromiumPage, ChromiumPage | None]:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await is_in(client)
    people = {demo.name("case_manager"): manager, demo.client: client}
    third = None
    if psychologist:
        third = await in_chromium("psychologist", viewport=DESK)
        await sign_in(third, demo, "psychologist")
        await join(third, meeting.url)
        people[demo.name("psychologist")] = third
    await all_meet(people)
    return manager, client, third


async def test_the_host_mutes_a_person_for_all_and_that_person_can_speak_again(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager, client, _ = await _call(demo, in_chromium)
    await open_people(manager)
    await manager.click("button", f"Switch sound off: {demo.client}")
    await client.see("The host has switched your microphone off for now.")
    await hears_no_more(manager, voice(0))
    await client.click("button", "Switch it on")
    await hears(manager, voice(0))


async def test_the_host_removes_a_person_at_once_and_the_link_no_longer_lets_in(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager, client, _ = await _call(demo, in_chromium)
    await open_people(manager)
    await manager.click("button", f"Remove: {demo.client}")
    await manager.find("heading", f"Remove {demo.client}?")
    await manager.click_css("dialog[open] .button--danger")
    await client.find("heading", "You are no longer in this conversation")
    await manager.wait_for("document.querySelectorAll('.tile').length === 1")
    await manager.wait_for("document.querySelectorAll('audio').length === 0")
    await client.reload()
    await client.find("heading", "You are no longer in this conversation")


async def test_when_the_host_drops_another_becomes_host_and_when_nobody_is_left_the_media_pauses(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager, client, psychologist = await _call(demo, in_chromium, psychologist=True)
    assert psychologist is not None
    await says_of(client, demo.name("case_manager"), "Host")
    await manager.lose_power()
    await says_of(client, demo.name("psychologist"), "Host")
    await sees_and_hears(client, demo.name("psychologist"))

    await leave(psychologist)
    await client.find("heading", "The conversation is paused")
    phone = await client.evaluate("poruch.state().room.help_phone")
    assert phone
    await client.see(phone)
    await sees_no_more(client, picture(demo.name("psychologist")))
    assert await client.count("link", phone) > 0


async def test_ending_it_brings_everybody_to_a_closing_page(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager, client, _ = await _call(demo, in_chromium)
    await open_people(manager)
    await manager.click("button", "End for everybody")
    await manager.click_css("dialog[open] .button--danger")
    for page in (manager, client):
        await page.find("heading", "The conversation is over")
        await page.wait_for("witness.connections.every(one => one.connectionState === 'closed')")
    await client.reload()
    await client.find("heading", "The conversation is over")
