"""Staff and a person around consent, on real pages: decide, write down, open the person's page, stop, agree again."""

from __future__ import annotations

import gettext
import re
import sqlite3
from datetime import UTC, datetime, timedelta

from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson, own_demo
from tests.support.accessible import finds_in_both_schemes, lost_in_double_text
from tests.support.chromium import ChromiumPage
from tests.support.demo import ROOT, Demo
from tests.support.walk import DESK, PHONE, sign_in

STANDS = "document.querySelector('section .card .govuk-tag')?.innerText"
UKRAINIAN = gettext.translation("poruch", ROOT / "web" / "locale", ["uk"])


demo = own_demo  # one person's page is opened once


def uk(words: str) -> str:
    """These words as the Ukrainian pages have them."""
    translated = UKRAINIAN.gettext(words)
    assert translated != words, f"not translated: {words}"
    return translated


async def faults_of(page: ChromiumPage, name: str) -> list[str]:
    """What axe finds in light and dark, and what is lost when text doubles."""
    faults = await finds_in_both_schemes(page)
    faults += [f"text at 200%: {fault}" for fault in await lost_in_double_text(page)]
    return [f"{page.label}, {name}: {fault}" for fault in faults]


async def write_down(page: ChromiumPage, answer: str) -> None:
    """Write down, from the page of consents, what the demo's client said about the conversation."""
    await page.click("link", "Write down an answer")
    await page.click("radio", answer, exact=True)
    await page.click("radio", "At a home visit")
    await page.click("checkbox", "The whole text was read")
    await page.fill("Who was there", "Olha, the neighbour")
    await page.click("button", "Write it down")
    await page.find("heading", "Consent")


async def pin_of(manager: ChromiumPage) -> str:
    """A new PIN, read from the page."""
    await manager.click("button", "PIN")
    await manager.see("The new PIN")
    found = re.search(r"\b(\d{3}) (\d{3})\b", await manager.text())
    assert found
    return found[1] + found[2]


async def test_a_person_stops_and_agrees_again_with_one_tap_and_sees_who_has_read(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    faults: list[str] = []
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    consents = f"{demo.links['case_url']}/consents"
    await manager.goto(consents)
    await write_down(manager, "Yes")
    faults += await faults_of(manager, "consents")
    await manager.click("link", "The person's own page")
    await manager.click("button", "The phone is safe")
    link = await manager.evaluate("document.getElementById('person-link').value")
    pin = await pin_of(manager)
    faults += await faults_of(manager, "the page with a PIN")

    person = await in_chromium("client", viewport=PHONE)
    await person.goto(link)
    await person.find("heading", "video conversation")
    assert "#" not in await person.url()
    await person.see("A worker wrote this down for you. Is it right?")
    await person.click("button", "Yes, it is right")
    await person.see_none("A worker wrote this down for you. Is it right?")
    faults += await faults_of(person, "own page")
    await person.click("button", "Stop agreeing")
    await person.see("stopped agreeing")
    await person.find("button", "I agree again")
    await person.see("Signed by the device on which it was answered.")
    await person.reload()
    await person.see("stopped agreeing")  # the address has no secret any more, and the tab still knows it
    await manager.goto(f"{demo.url}/today")
    await manager.see("no date yet")
    faults += await faults_of(manager, "today with an alarm")
    await person.click("button", "I agree again")
    await person.find("button", "Stop agreeing")
    await manager.reload()
    await manager.see_none("no date yet")

    await person.fill("Your PIN", "12345")
    await person.click("button", "Show who has opened it")
    await person.see("The PIN has six digits.")
    await person.fill("Your PIN", pin)
    await person.click("button", "Show who has opened it")
    await person.see(demo.name("case_manager"))
    await person.see("case manager, changed something in your case")
    faults += await faults_of(person, "own page with readers")

    await manager.goto(consents)
    await manager.click("link", "The person's own page")
    await manager.click("button", "Close the page")
    await person.reload()
    await person.see("This link does not work any more. Please phone us.")
    assert not faults, "\n".join(faults)


async def test_a_stop_holds_and_says_so_while_the_server_cannot_write(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    consents = f"{demo.links['case_url']}/consents"
    await manager.goto(consents)
    await write_down(manager, "Yes")
    await manager.click("link", "The person's own page")
    await manager.click("button", "The phone is safe")
    link = await manager.evaluate("document.getElementById('person-link').value")
    person = await in_chromium("client", viewport=PHONE)
    await person.goto(link)
    await person.find("button", "Stop agreeing")

    shut = sqlite3.connect(demo.data / "poruch.sqlite3", isolation_level=None, timeout=30)
    shut.execute("BEGIN IMMEDIATE")
    await person.click("button", "Stop agreeing")
    await person.see("the server writes it down as soon as it can")
    await person.see("stopped agreeing")
    await person.see_none("Stop agreeing")
    shut.close()
    await manager.goto(consents)
    await manager.wait_for(
        "fetch(location.href).then(page => page.text()).then(text => text.includes('stopped agreeing'))"
    )
    await person.reload()
    await person.find("button", "I agree again")


async def test_in_firefox_and_in_ukrainian_a_person_does_the_same(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    await manager.goto(f"{demo.links['case_url']}/consents")
    await write_down(manager, "No")
    await manager.click("link", "The person's own page")
    await manager.click("button", "The phone is safe")
    link = await manager.evaluate("document.getElementById('person-link').value")
    pin = await pin_of(manager)

    person = await in_firefox("client", viewport=PHONE)
    await person.goto(link)
    await person.find("heading", demo.client)
    await person.click("link", "Українська")
    await person.wait_for("document.documentElement.lang === 'uk'")
    await person.find("heading", uk("video conversation"))
    assert "#" not in await person.url(), "the secret went from the address, and the tab still knows it"
    await person.see(uk("A worker wrote this down for you. Is it right?"))
    await person.click("button", uk("Yes, it is right"))
    await person.see_none(uk("A worker wrote this down for you. Is it right?"))
    await person.click("button", uk("I agree again"))
    await person.click("button", uk("Stop agreeing"))
    await person.find("button", uk("I agree again"))
    await person.see(uk("stopped agreeing"))
    await person.see(uk("Done. It holds from this moment."))
    await manager.goto(f"{demo.links['case_url']}/consents")
    await manager.wait_for(f"{STANDS} === 'stopped agreeing'")
    await person.click("button", uk("I agree again"))
    await person.find("button", uk("Stop agreeing"))
    await manager.reload()
    await manager.wait_for(f"{STANDS} === 'agreed'")

    await person.fill(uk("Your PIN"), "000000" if pin != "000000" else "111111")
    await person.click("button", uk("Show who has opened it"))
    await person.see(uk("This PIN is not right."))
    await person.fill(uk("Your PIN"), pin)
    await person.click("button", uk("Show who has opened it"))
    await person.see(demo.name("case_manager"))
    await person.see(f"{uk('case manager')}, {uk('changed something in your case')}")


async def test_a_supervisor_decides_and_writes_texts_and_a_flag_stops_every_link(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    faults: list[str] = []
    supervisor = await in_chromium("supervisor", viewport=PHONE)
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(supervisor, demo, "supervisor")
    await sign_in(manager, demo, "case_manager")
    suitability = f"{demo.links['case_url']}/suitability"
    await manager.goto(suitability)
    await manager.see("video is suitable")
    await manager.fill("What do you know?", "He reads her messages.")
    await manager.click("button", "Stop video on this case")
    await manager.see("Somebody may be in danger. There is no video, no link and no call")
    await manager.see("A meeting in person has to be arranged.")
    faults += await faults_of(manager, "suitability after the flag")
    await manager.click("button", "Set who and when")
    await manager.fill("By which day", f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}")
    faults += await faults_of(manager, "another way")
    await manager.click("button", "Save")
    await manager.see("Meeting in person at the service")
    await manager.goto(f"{demo.url}/today")
    await manager.click_css("[data-appointment] a")
    await manager.see("No video is possible on this case now")
    assert await manager.count("textbox", "Link for") == 0

    await supervisor.goto(suitability)
    faults += await faults_of(supervisor, "suitability")
    await supervisor.click("radio", "Yes, video is suitable")
    await supervisor.fill("Reason", "Spoke with her in person; she has a new telephone.")
    await supervisor.click("button", "Write down the decision")
    await supervisor.see("video is suitable")
    await manager.reload()
    await manager.find("textbox", "Link for")

    await supervisor.goto(f"{demo.url}/notices/helper")
    faults += await faults_of(supervisor, "a text")
    await supervisor.click("button", "Write a new version")
    faults += await faults_of(supervisor, "writing a text")
    await supervisor.fill("Heading", "Somebody sits beside you")
    await supervisor.click("button", "Save and preview")
    await supervisor.see("Somebody sits beside you")
    faults += await faults_of(supervisor, "preview")
    await supervisor.click("button", "Publish")
    await supervisor.see("The new text is published.")
    await supervisor.goto(f"{demo.url}/notices")
    faults += await faults_of(supervisor, "all texts")
    assert not faults, "\n".join(faults)
