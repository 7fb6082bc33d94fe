"""The desk: plan, hand over the link in three ways, move, cancel; and what the link says of it all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.browser.conftest import MakeChromiumPerson
from tests.support.demo import Demo
from tests.support.walk import DESK, KYIV, PHONE, arrive, damaged, plan, sign_in, waits


async def test_the_case_manager_plans_from_today_and_the_case_page(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    await manager.find("heading", "Today")
    await manager.click("link", "Cases")
    await manager.goto(demo.links["case_url"])
    await manager.click("button", "Plan an appointment")
    await manager.find("heading", "Plan an appointment")
    await manager.fill("Day", "2020-01-01")
    await manager.click("button", "Plan the appointment")
    await manager.find("heading", "There is a problem")
    assert await manager.evaluate("document.title.startsWith('Error: ')")


async def test_the_link_is_copied_shown_as_a_code_and_printed(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK, permissions=["clipboard-read", "clipboard-write"])
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    assert meeting.invitation.startswith(f"{demo.url}/call#i=")

    await manager.click("button", "Copy")
    await manager.see("Copied")
    assert await manager.evaluate("navigator.clipboard.readText()") == meeting.invitation

    await manager.click_css("details:has(.qr) summary")
    await manager.wait_for("document.querySelector('.qr svg')?.getBoundingClientRect().width >= 120")

    await manager.click("link", "A sheet to print")
    await manager.see(meeting.invitation)
    assert await manager.evaluate("document.querySelector('.qr svg').getBoundingClientRect().width >= 120")
    assert demo.links["case_url"] not in await manager.text()


async def test_a_moved_appointment_shows_its_new_time_and_a_cancelled_one_says_so(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await arrive(client, meeting.invitation)

    later = datetime.now(UTC).astimezone(KYIV) + timedelta(days=2)
    await manager.click("button", "Move")
    await manager.fill("Day", f"{later:%Y-%m-%d}")
    await manager.fill("Time", "10:30")
    await manager.click("button", "Move the appointment")
    await manager.see("The links stay the same and show the new time.")
    # The waiting client learns it without doing anything, and so does whoever opens the link later.
    await client.find("heading", "The conversation was moved to another time")
    await client.click("button", "Show the new time")
    await client.find("heading", "The conversation was moved")
    await client.see("10:30")
    await client.reload()
    await client.see("10:30")

    await manager.click("button", "Cancel the appointment")
    await manager.click("button", "Yes, cancel it")
    await manager.see("Whoever opens a link is told so.")
    await client.reload()
    await client.find("heading", "The conversation was cancelled")

    await manager.click("button", "Take the cancellation back")
    await client.reload()
    await client.find("heading", "The conversation was moved")


async def test_who_waits_is_told_that_it_begins_a_little_later(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE, timezone_id="Europe/Kyiv")
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await arrive(client, meeting.invitation)
    await client.see("The conversation is planned for ")

    later = datetime.now(UTC).astimezone(KYIV) + timedelta(minutes=40)
    await manager.click("button", "Move")
    await manager.fill("Day", f"{later:%Y-%m-%d}")
    await manager.fill("Time", f"{later:%H:%M}")
    await manager.click("button", "Move the appointment")
    await client.see(f"The conversation was moved. It is planned for {later:%H:%M} now.")
    # Its patience begins at the new time, too.
    await client.see(f"If nobody comes by {later + timedelta(minutes=10):%H:%M}, phone")
    await client.find("heading", "Please wait here")


async def test_a_cancelled_appointment_ends_the_waiting(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await arrive(client, meeting.invitation)
    await waits(client)
    await manager.click("button", "Cancel the appointment")
    await manager.click("button", "Yes, cancel it")
    await client.find("heading", "The conversation was cancelled")


async def test_a_replaced_or_damaged_link_says_what_to_do(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await manager.click("button", "Make a new link")
    await manager.see("The old one does not work any more.")
    await client.goto(meeting.invitation)
    await client.click("button", "English")
    await client.find("heading", "This link is no longer valid")
    # No seat says whom to phone: the page itself does.
    phone = "Phone: +380 44 000 00 00"
    await client.find("link", phone)
    await client.goto(damaged(meeting.invitation))
    await client.find("heading", "This link does not work")
    await client.find("link", phone)
    # What is cut off with its secrets is not even asked about.
    await client.goto(meeting.invitation.partition("&")[0] + "&s=x")
    await client.find("heading", "This link does not work")
    await client.find("link", phone)


async def test_a_page_that_reaches_no_server_or_runs_no_script_says_whom_to_phone(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    client = await in_chromium("client", viewport=PHONE)
    await client.raw.route("**/api/seat", lambda route: route.abort("connectionfailed"))
    await client.goto(demo.invitation)
    await client.find("heading", "No connection")
    await client.find("link", "Phone: +380 44 000 00 00")
    bare = await in_chromium("client without script", java_script_enabled=False)
    await bare.raw.goto(demo.invitation)
    assert "phone the person who invited you" in await bare.raw.inner_text("body")
    assert "+380 44 000 00 00" in await bare.raw.inner_text("body")
