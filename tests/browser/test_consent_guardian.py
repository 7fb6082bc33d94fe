"""A guardian beside the person: by a document that holds, by their own link, and by nobody once it has run out."""

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
    plan,
    sign_in,
    waits,
)

GUARDIAN = "Марія"
PAPER = b"%PDF-1.4\n% a decision of the court, as a scanner would keep it\n%%EOF\n"


demo = own_demo


async def add_guardian(page: ChromiumPage, demo: Demo, file: Path) -> None:
    """The case manager keeps the document with its dates, and says whose invitation belongs to it."""
    file.write_bytes(PAPER)
    today = datetime.now(UTC)
    await page.goto(f"{demo.links['case_url']}/consents")
    await page.click("link", "Add a representative")
    await page.click("radio", "guardian")
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
    await add_guardian(manager, demo, tmp_path / "court.pdf")
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
