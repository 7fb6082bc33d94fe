"""Who answers beside a person or for them: by a document that holds, by their own link, never over the person's no."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.browser.conftest import MakeChromiumPerson, own_demo
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.walk import (
    DESK,
    PHONE,
    agree,
    all_meet,
    come_to_the_question,
    in_english,
    invite,
    is_in,
    join,
    leave,
    let_in,
    link_of,
    plan,
    sign_in,
    waits,
)

GUARDIAN = "Марія"
PERSON = "Пан Іван"
VIDEO = "Talking with your team by video"
PAPER = b"%PDF-1.4\n% a decision of the court, as a scanner would keep it\n%%EOF\n"


demo = own_demo


async def add_document(page: ChromiumPage, demo: Demo, file: Path, kind: str = "guardian", client: str = "") -> None:
    """The case manager keeps the document with its dates, and says whose invitation belongs to it."""
    file.write_bytes(PAPER)
    today = datetime.now(UTC)
    await page.goto(f"{demo.links['case_url']}/consents")
    await page.raw.get_by_role("link", name="Add a representative").filter(has_text=client).first.click()
    await page.click("radio", kind)
    await page.fill("Name", GUARDIAN)
    await page.fill("The document", "Decision of the district court No. 12 of last year")
    await page.raw.get_by_label("A copy").set_input_files(file)
    await page.fill("It holds from", f"{today - timedelta(days=30):%Y-%m-%d}")
    await page.fill("It holds until", f"{today + timedelta(days=30):%Y-%m-%d}")
    await page.click("button", "Save")
    await page.see("Decision of the district court No. 12 of last year")
    await page.click("button", f"{GUARDIAN}, invited to")
    await page.find("heading", "Consent")
    await page.wait_for(f"!document.body.innerText.includes('{GUARDIAN}, invited to')")


async def add_client(page: ChromiumPage, demo: Demo, name: str) -> None:
    """One more client of the demo's case, who has not been asked anything yet."""
    await page.goto(f"{demo.links['case_url']}/clients/new")
    await page.fill("How the team calls the client", name)
    await page.click("button", "Add the client")
    await page.see(name)


def run_out(demo: Demo) -> None:
    """A month goes by for the document: its last day is moved into the past, which no form allows."""
    with closing(sqlite3.connect(next(demo.data.glob("*.sqlite3")), timeout=30)) as database, database:
        past = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
        assert database.execute("UPDATE case_representations SET valid_until = ?", (past,)).rowcount == 1


async def test_both_agree_and_when_the_document_has_run_out_nobody_acts_and_the_person_is_phoned(
    demo: Demo, in_chromium: MakeChromiumPerson, tmp_path: Path
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    guardian = await in_chromium("guardian", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    link = await invite(manager, meeting.url, GUARDIAN, "representative")
    await add_document(manager, demo, tmp_path / "court.pdf")
    name = demo.name("case_manager")

    await asyncio.gather(
        join(manager, meeting.url),
        come_to_the_question(client, meeting.invitation),
        come_to_the_question(guardian, link),
    )
    # The person's word alone is not enough, and the page says whose is missing.
    await agree(client)
    await client.find("heading", "Somebody else is asked, too")
    assert await client.evaluate("poruch.state()") is None
    await agree(guardian)
    await waits(guardian)
    await let_in(manager, GUARDIAN)
    await is_in(guardian)
    await client.click("button", "Look again")
    await waits(client)
    await let_in(manager, demo.client)
    await is_in(client)
    await all_meet({name: manager, demo.client: client, GUARDIAN: guardian})
    await asyncio.gather(leave(client), leave(guardian))

    run_out(demo)
    later = await in_chromium("the same link on the next day", viewport=PHONE)
    await later.goto(meeting.invitation)
    await in_english(later)
    await later.find("heading", "This conversation takes place in another way")
    await later.see("The document of the person who answers together with you has run out.")
    assert await later.count("button", "Begin") == 0
    await later.click("button", "Visit me")
    await later.see(f"{name} will visit you")
    assert await later.evaluate("poruch.state()") is None
    # The other way has an owner who is reminded of it until it has a date.
    await leave(manager)
    await manager.goto(f"{demo.links['case_url']}/consents")
    await manager.see("has expired")
    await manager.see("the person wished it")
    await manager.click("link", "Set who and when")
    await manager.fill("By which day", f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}")
    await manager.click("button", "Save")
    await manager.see(name)


async def test_what_a_representative_agreed_to_the_person_stops_in_the_call_and_it_stays_stopped(
    demo: Demo, in_chromium: MakeChromiumPerson, tmp_path: Path
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    daughter = await in_chromium("representative", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    await add_client(manager, demo, PERSON)
    meeting = await plan(manager, demo)
    own = await link_of(manager, PERSON)
    link = await invite(manager, meeting.url, GUARDIAN, "representative")
    await add_document(manager, demo, tmp_path / "court.pdf", "representative", PERSON)
    name = demo.name("case_manager")

    await asyncio.gather(join(manager, meeting.url), come_to_the_question(daughter, link))
    assert VIDEO in await agree(daughter)
    await daughter.find("heading", "Somebody else is asked, too")
    # The conversation is agreed to in the person's place; they are asked only whether this representative may be there.
    await come_to_the_question(client, own)
    assert VIDEO not in await agree(client)
    await waits(client)
    await let_in(manager, PERSON)
    await is_in(client)
    await daughter.click("button", "Look again")
    await waits(daughter)
    await let_in(manager, GUARDIAN)
    await is_in(daughter)
    await all_meet({name: manager, PERSON: client, GUARDIAN: daughter})

    await client.click("button", "Stop agreeing", exact=True)
    await client.find("heading", "You have stopped the conversation")
    await client.see(f"{name} will phone you")
    await manager.see(f"{PERSON} has stopped. Nobody sees or hears {PERSON} now.")
    # Whoever loads the page anew is not back in the call: it is the person's own no, and only they can say yes.
    await client.reload()
    await client.find("heading", VIDEO)
    assert await client.evaluate("poruch.state()") is None
    await client.click("button", "Yes, I agree")
    await all_meet({name: manager, PERSON: client, GUARDIAN: daughter})
