"""What shuts the gate from outside: a new text that asks again, and a flag after which no link works."""

from __future__ import annotations

import asyncio

from tests.browser.conftest import MakeChromiumPerson, own_demo
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.walk import (
    DESK,
    PHONE,
    all_meet,
    arrive,
    come_to_the_question,
    is_in,
    join,
    leave,
    let_in,
    plan,
    ready,
    sign_in,
    waits,
)

WHAT = "You and your team see and hear each other. This sentence is new."


demo = own_demo


async def _publish(page: ChromiumPage, demo: Demo) -> None:
    """A supervisor writes a new version of the text about video and publishes it."""
    await sign_in(page, demo, "supervisor")
    await page.goto(f"{demo.url}/notices/video/edit?language=en")
    await page.fill("What happens", WHAT)
    await page.click("button", "Save and preview")
    await page.click("button", "Publish: everybody is asked again")
    await page.see("The new text is published.")


async def test_a_new_version_of_the_text_asks_again_and_what_was_agreed_to_is_not_asked_twice(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await is_in(client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})

    supervisor = await in_chromium("supervisor", viewport=DESK)
    await _publish(supervisor, demo)
    # Nobody is interrupted in the middle of a sentence: the call goes on under the text that it began with.
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    await leave(client)
    # For the next conversation the same person is asked once more, and about this alone.
    later = await plan(manager, demo)
    await come_to_the_question(client, later.invitation)
    await client.see("This sentence is new.")
    await client.click("button", "Yes, I agree")
    await waits(client)


async def test_after_the_flag_of_danger_no_link_works_and_the_person_in_the_call_is_let_go(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await is_in(client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})

    psychologist = await in_chromium("psychologist", viewport=DESK)
    await sign_in(psychologist, demo, "psychologist")
    await psychologist.goto(f"{demo.links['case_url']}/suitability")
    await psychologist.fill("What do you know?", "Somebody else reads the messages on the telephone.")
    await psychologist.click("button", "Stop video on this case")
    await psychologist.see("From this moment there is no video on this case.")

    await client.find("heading", "This conversation takes place in another way")
    await client.wait_for("witness.connections.every(one => one.connectionState === 'closed')")
    await manager.wait_for("document.querySelectorAll('audio').length === 0")
    again = await in_chromium("the same link elsewhere", viewport=PHONE)
    await again.goto(meeting.invitation)
    await again.wait_for("document.querySelector('h1') !== null")
    assert await again.count("button", "Begin") == 0
    assert await again.evaluate("poruch.state()") is None
    # What the page says is harmless for whoever looks over a shoulder.
    assert "danger" not in (await again.text()).lower()


async def test_whose_hand_it_was_is_asked_where_somebody_is_with_the_person(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await ready(client, meeting.invitation, helper=True)
    await client.click("button", "I am ready")
    await client.raw.get_by_label("Somebody close to me touches them for me").check()
    await client.click("button", "Yes, I agree")
    await client.click("button", "Yes, I agree")
    await waits(client)
    await manager.goto(f"{demo.links['case_url']}/consents")
    await manager.click("link", "video conversation", exact=True)
    await manager.see("Who tapped or wrote")
    assert "helper" in (await manager.text()).lower()
    # The person's own browser has signed the answer.
    await manager.see("genuine")
