"""Three people, three browsers, one case: the walk from the link on a phone to a call in which all see and hear all."""

from __future__ import annotations

import asyncio

from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.support.demo import Demo
from tests.support.media_seen import receives_streams, still_flows
from tests.support.walk import (
    DESK,
    PHONE,
    agree,
    all_meet,
    arrive,
    is_in,
    join,
    leave,
    let_in,
    plan,
    says_of,
    sign_in,
    that_asks,
    waits,
)


async def test_three_people_in_three_browsers_meet_and_a_third_stops_nobody(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    client = await in_firefox("client", viewport=PHONE)
    manager_name, psychologist_name = demo.name("case_manager"), demo.name("psychologist")
    await sign_in(manager, demo, "case_manager")
    await sign_in(psychologist, demo, "psychologist")
    meeting = await plan(manager, demo)

    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await client.see(manager_name)
    assert await client.evaluate("!document.querySelector('.tile') && !document.querySelector('audio')")
    await let_in(manager, demo.client)
    await client.find("heading", "You may come in")
    await is_in(client)
    await all_meet({manager_name: manager, demo.client: client})

    before = await receives_streams(manager, 2), await receives_streams(client, 2)
    await join(psychologist, meeting.url)
    await all_meet({manager_name: manager, demo.client: client, psychologist_name: psychologist})
    await still_flows(manager, before[0])
    await still_flows(client, before[1])

    before = await receives_streams(manager, 4), await receives_streams(psychologist, 4)
    await leave(client)
    await manager.wait_for("document.querySelectorAll('.tile').length === 2")
    remaining = [
        {name: count for name, count in page.items() if name in now}
        for page, now in zip(
            before, (await receives_streams(manager, 2), await receives_streams(psychologist, 2)), strict=True
        )
    ]
    await still_flows(manager, remaining[0])
    await still_flows(psychologist, remaining[1])


async def test_the_client_says_who_is_with_them_and_the_host_can_correct_it(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await join(manager, meeting.url)
    await arrive(client, meeting.invitation, helper=True)
    await let_in(manager, demo.client)
    await says_of(manager, demo.client, "With helper")
    await manager.click("button", "People")
    await manager.click("button", f"Is alone: {demo.client}")
    await manager.wait_for("!document.querySelector('.stage').innerText.includes('With helper')")


async def test_nobody_gets_in_early_or_beside_the_waiting_room(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    later = await plan(manager, demo, minutes_ahead=180)
    await client.goto(later.invitation)
    await client.click("button", "English")
    await client.find("heading", "You are early")
    assert await client.count("button", "Begin") == 0

    now = await plan(manager, demo)
    await arrive(client, now.invitation)
    # Whatever the page asks for from the waiting room, the server gives no media.
    assert await client.evaluate("poruch.state().producers.length") == 0
    assert await client.evaluate("witness.connections.filter(one => one.connectionState !== 'closed').length") == 0
    await client.reload()
    await waits(client)


async def test_somebody_without_camera_and_microphone_can_still_come(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await join(manager, meeting.url)

    await that_asks(client)
    await client.goto(meeting.invitation)
    await client.click("button", "English")
    await client.click("button", "Begin")
    await client.click("button", "Go on without microphone")
    await client.click("button", "Play a sound")
    await client.click("button", "I hear it")
    await client.click("button", "Go on without camera")
    await client.click("button", "I am alone")
    await client.see("Without microphone: the others do not hear you.")
    await client.click("button", "I am ready")
    await agree(client)
    await waits(client)
    await let_in(manager, demo.client)
    await is_in(client)
    await says_of(manager, demo.client, "No microphone")
