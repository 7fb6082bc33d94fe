"""Pictures of the pages around consent, evidence and supervision, on a phone and at a desk, in light and in dark."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support import recordings
from tests.support.accessible import settled
from tests.support.browsers import Browsers
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.page import NavigatedError
from tests.support.walk import (
    DESK,
    PHONE,
    agree,
    arrive,
    come_to_the_question,
    invite,
    is_in,
    join,
    let_in,
    plan,
    sign_in,
    waits,
)

SIZES = {"phone": PHONE, "desk": DESK}
TODAY = datetime.now(UTC)


class Album:
    """Takes the pictures: of what is in view, and of the whole length where a page is longer."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.whole = directory / "whole"
        self.whole.mkdir(parents=True, exist_ok=True)

    async def keep(self, page: ChromiumPage, name: str, *, sizes: tuple[str, ...] = ("phone", "desk")) -> None:
        """Four pictures of what the page shows now; the size of the window is as before afterwards."""
        before = page.raw.viewport_size
        for size in sizes:
            await page.viewport(**SIZES[size])
            for scheme in ("light", "dark"):
                await page.scheme(scheme)
                with suppress(NavigatedError):
                    await settled(page)
                await page.screenshot(self.directory / f"{name}-{size}-{scheme}.png")
                await page.raw.screenshot(path=self.whole / f"{name}-{size}-{scheme}.png", full_page=True)
        await page.scheme("light")
        if before is not None:
            await page.viewport(before["width"], before["height"])

    async def open(self, page: ChromiumPage, name: str, url: str) -> None:
        """Go there and keep it."""
        await page.goto(url)
        await self.keep(page, name)


def day(days: int) -> str:
    """A day from today, as a form wants it."""
    return f"{TODAY + timedelta(days=days):%Y-%m-%d}"


async def walk_asked(demo: Demo, browsers: Browsers, album: Album) -> None:
    """What a client is asked, with a recording and a film; a no; and stopping in the call."""
    chromium = await browsers.chromium()
    supervisor = await chromium.person("supervisor", viewport=DESK)
    await sign_in(supervisor, demo, "supervisor")
    await supervisor.goto(f"{demo.url}/notices/video/edit?language=en")
    for label, name, body in (
        ("Recording of somebody reading it", "read.ogg", recordings.voice()),
        ("Video in sign language", "signed.webm", recordings.film()),
    ):
        (album.whole / name).write_bytes(body)
        await supervisor.raw.get_by_label(label).set_input_files(album.whole / name)
    await supervisor.click("button", "Save and preview")
    await album.keep(supervisor, "notice-preview")
    await supervisor.click("button", "Publish: everybody is asked again")

    manager = await chromium.person("case manager", viewport=DESK)
    client = await chromium.person("client", viewport=PHONE, device_scale_factor=2)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await album.keep(manager, "appointment")
    await manager.goto(f"{meeting.url}/people/new")
    await album.keep(manager, "invite")
    await invite(manager, meeting.url, "Тарас", "agency_guest")
    await invite(manager, meeting.url, "Дарина", "helper")
    await come_to_the_question(client, meeting.invitation, helper=True)
    await album.keep(client, "asked")
    await client.click_css(".consent__rest summary")
    await album.keep(client, "asked-all")
    await client.click("button", "Talk with me first")
    await client.find("button", "Yes, talk with me")
    await album.keep(client, "asked-talk")
    await client.click("button", "Back")
    await client.click("button", "No, I do not agree")
    await client.find("heading", "You have said no")
    await client.click("button", "Visit me")
    await client.see("will visit you")
    await album.keep(client, "asked-no")
    await client.click("button", "I have changed my mind")
    await client.click("button", "Yes, I agree")
    await client.wait_for("document.querySelector('.consent__item')")
    await album.keep(client, "asked-people")
    await agree(client)
    await waits(client)
    await join(manager, meeting.url)
    await let_in(manager, demo.client)
    await is_in(client)
    await client.find("button", "Stop agreeing")
    await album.keep(client, "call-agreed")
    desk = await chromium.person("case manager's second window", viewport=DESK)
    await sign_in(desk, demo, "case_manager")
    link = await invite(desk, meeting.url, demo.name("supervisor"), "supervisor")
    guest = await chromium.person("supervisor at the door", viewport=PHONE)
    await arrive(guest, link)
    await client.find("heading", "would like to join")
    await album.keep(client, "call-asked")
    await album.keep(manager, "call-waits-for-agreement")
    await client.click("button", "No, I do not agree")
    await guest.find("heading", "You cannot be in this conversation now")
    await album.keep(guest, "not-agreed-to")
    await client.click("button", "Stop agreeing", exact=True)
    await client.find("heading", "You have stopped the conversation")
    await album.keep(client, "call-stopped")
    await manager.see("has taken back an agreement")
    await album.keep(manager, "call-client-stopped")
    for page in (supervisor, manager, client, desk, guest):
        await page.close()


async def walk_desk(demo: Demo, browsers: Browsers, album: Album) -> None:
    """A case manager's and a supervisor's pages, with something on each of them."""
    chromium = await browsers.chromium()
    manager = await chromium.person("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    case = demo.links["case_url"]
    await manager.goto(f"{case}/consents")
    await album.keep(manager, "consents-before")
    await manager.click("link", "Write down an answer")
    await manager.click("button", "Write it down")
    await album.keep(manager, "consent-entry-refused")
    await manager.click("radio", "No", exact=True)
    await manager.click("radio", "At a home visit")
    await manager.click("checkbox", "The whole text was read")
    await manager.fill("Who was there", "Olha, the neighbour")
    await manager.click("button", "Write it down")
    await manager.click("link", "Add a representative")
    await manager.click("radio", "guardian")
    await manager.fill("Name", "Марія")
    await manager.fill("The document", "Decision of the district court No. 12")
    await manager.fill("It holds from", day(-300))
    await manager.fill("It holds until", day(5))
    await album.keep(manager, "representation")
    await manager.click("button", "Save")
    await manager.goto(f"{demo.url}/today")
    await album.keep(manager, "today-alarms")
    appointment = await manager.evaluate("document.querySelector('[data-appointment] a').href")
    await invite(manager, appointment, "Марія", "representative")
    await album.open(manager, "consents", f"{case}/consents")
    await manager.click("link", "Set who and when")
    await album.keep(manager, "way")
    await manager.goto(f"{case}/consents")
    await manager.click("link", "video conversation", exact=True)
    await album.keep(manager, "consent-record")
    await manager.goto(f"{case}/consents")
    await manager.click("link", "The person's own page")
    await album.keep(manager, "own-page-closed")
    await manager.click("button", "The phone is safe")
    link = await manager.evaluate("document.getElementById('person-link').value")
    await manager.click("button", "PIN")
    await manager.see("The new PIN")
    await album.keep(manager, "own-page-pin")
    found = re.search(r"\b(\d{3}) (\d{3})\b", await manager.text())
    assert found
    person = await chromium.person("client", viewport=PHONE)
    await walk_own_page(person, link, "".join(found.groups()), album)
    for name, path in (
        ("suitability-team", "suitability"),
        ("contact", "contacts/new"),
        ("readers", "readers"),
        ("erase", "erase"),
        ("case", ""),
    ):
        await album.open(manager, name, f"{case}/{path}".rstrip("/"))
    await manager.click("link", "Session record")
    await manager.find("heading", "Session record")
    await album.keep(manager, "record")
    record = await manager.url()
    await manager.click("button", "Write the notes")
    await album.keep(manager, "notes")
    await album.open(manager, "record-print", f"{record}/print")
    await album.open(manager, "feedback-empty", f"{demo.url}/feedback")

    for page in (manager, person):
        await page.close()


async def walk_own_page(person: ChromiumPage, link: str, pin: str, album: Album) -> None:
    """What the person sees by their own link."""
    await person.goto(link)
    await person.see("Is it right?")
    await album.keep(person, "mine")
    await person.click("button", "Yes, it is right")
    await person.see_none("Is it right?")
    await person.click("button", "I agree again")
    await person.find("button", "Stop agreeing")
    await person.fill("Your PIN", pin)
    await person.click("button", "Show who has opened it")
    await person.see("read your case")
    await person.click_css("details summary")
    await album.keep(person, "mine-readers")


async def walk_supervisor(demo: Demo, browsers: Browsers, album: Album) -> None:
    """Somebody opens a case in an emergency; then the supervisor's desk and what leads from it."""
    chromium = await browsers.chromium()
    case = demo.links["case_url"]
    stranger = await chromium.person("psychologist of another case", viewport=DESK)
    await sign_in(stranger, demo, "psychologist", 1)
    await album.open(stranger, "emergency", f"{demo.url}/emergency")
    await stranger.goto(case)
    await album.keep(stranger, "refused")
    await stranger.click("link", "Open this case in an emergency")
    await stranger.fill("Why you need it", "The client phoned, has fallen, and nobody of the team answers.")
    await stranger.click("button", "Open the case")
    await stranger.see(demo.client)
    await album.keep(stranger, "reading")
    await stranger.close()
    supervisor = await chromium.person("supervisor", viewport=DESK)
    await sign_in(supervisor, demo, "supervisor")
    for name, url in (
        ("supervision", f"{demo.url}/supervision"),
        ("sessions", f"{demo.url}/sessions"),
        ("cases", f"{demo.url}/cases"),
        ("samples", f"{demo.url}/supervision/samples"),
        ("notices", f"{demo.url}/notices"),
        ("notice", f"{demo.url}/notices/video"),
        ("notice-edit", f"{demo.url}/notices/video/edit?language=en"),
        ("evidence", f"{demo.url}/evidence"),
        ("suitability", f"{case}/suitability"),
        ("inspectors", f"{case}/inspectors"),
        ("sight", f"{demo.url}/sight"),
        ("erasures", f"{demo.url}/erasures"),
    ):
        await album.open(supervisor, name, url)
    await supervisor.goto(f"{demo.url}/evidence")
    await supervisor.click("link", "Check a file")
    await album.keep(supervisor, "verify")
    await supervisor.goto(f"{demo.url}/supervision/samples?month={TODAY - timedelta(days=7):%Y-%m}")
    if await supervisor.count("button", "Draw for this month so far"):
        await supervisor.click("button", "Draw for this month so far")
    while not await supervisor.count("link", "Session 1"):
        await supervisor.goto(f"{demo.url}/supervision/samples?month={TODAY - timedelta(days=7):%Y-%m}")
    await album.keep(supervisor, "samples-drawn")
    await supervisor.click("link", "Session 1")
    await album.keep(supervisor, "sample")
    await supervisor.close()
