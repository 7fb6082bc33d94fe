"""Eight people in one encrypted room: two in browsers of two makers, six without, who all ask for keys at once."""

from __future__ import annotations

import asyncio

import pytest

from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.encrypted import EncryptedPerson
from tests.support.keys_process import KeysProcess
from tests.support.page import Page
from tests.support.socket_person import SocketPerson
from tests.support.walk import DESK, join, plan, sees_and_hears, sign_in

GUESTS = ("Тарас", "Галина", "Олег", "Ірина", "Софія")
MEMBERS = "poruch.encryption().view.value?.members.map(one => one.name).sort()"
INSIDE = "poruch.state().people.filter(one => one.phase === 'in').length"
REFUSALS = """Object.values(poruch.encryption().stay.value.crypto.counts.value)
  .reduce((sum, {refused}) => sum + refused.tampered + refused.replayed + refused.wrong_sender, 0)"""


async def _invite(page: ChromiumPage, url: str, name: str) -> str:
    """Invite a guest from another service by link, and return that link."""
    await page.goto(f"{url}/people/new")
    await page.fill("Guest's name", name)
    await page.raw.get_by_label("Comes as").first.select_option("agency_guest")
    await page.click("button", "Invite")
    await page.wait_for("[...document.querySelectorAll('[data-link-of]')].every(one => 'complete' in one.dataset)")
    return await page.raw.get_by_role("textbox", name=f"Link for {name}").input_value()


async def _come(manager: Page, links: dict[str, str]) -> dict[str, SocketPerson]:
    """All of them, by name, knock and are let in, one after the other."""
    people = {name: await SocketPerson.come(link) for name, link in links.items()}
    inside = await manager.evaluate(INSIDE)
    for number in range(1, len(people) + 1):
        await manager.click("button", "Let in", exact=True)
        await manager.wait_for(f"{INSIDE} === {inside + number}")
    for person in people.values():
        await person.until(lambda state: state["you"]["phase"] == "in")
    return people


@pytest.mark.timeout(240)
async def test_eight_people_see_and_hear_one_another(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    psychologist = await in_firefox("psychologist", viewport=DESK)
    await asyncio.gather(sign_in(manager, demo, "case_manager"), sign_in(psychologist, demo, "psychologist"))
    meeting = await plan(manager, demo)
    links = {demo.client: meeting.invitation}
    for guest in GUESTS:
        links[guest] = await _invite(manager, meeting.url, guest)
    await asyncio.gather(join(manager, meeting.url), join(psychologist, meeting.url))
    staff = (demo.name("case_manager"), demo.name("psychologist"))

    process = await KeysProcess.start()
    people = await _come(manager, links)
    # From here on all six ask for keys, and then for everything else, at the same moment.
    guests = await asyncio.gather(
        *(EncryptedPerson.start(person, links[name], process) for name, person in people.items())
    )
    await asyncio.gather(*(guest.has_keys() for guest in guests))
    for page in (manager, psychologist):
        await page.wait_for(f"({MEMBERS})?.length === 8")
        assert await page.evaluate(MEMBERS) == sorted([*staff, *links])
    await asyncio.gather(*(_publish(guest) for guest in guests))

    await asyncio.gather(
        sees_and_hears(manager, staff[1], *links),
        sees_and_hears(psychologist, staff[0], *links),
        *(_sees(guest, manager if number % 2 else psychologist) for number, guest in enumerate(guests)),
    )
    for page in (manager, psychologist):
        assert await page.evaluate(REFUSALS) == 0
    for guest in guests:
        assert set(guest.member.frames.refused) <= {"no_key", "unknown_epoch"}
        await guest.leave()
    await process.close()


async def _publish(guest: EncryptedPerson) -> None:
    await guest.media.load()
    await guest.media.publish("audio")
    # Ten pictures a second: eight encoders share one small machine.
    await guest.media.publish("video", every=3)


async def _sees(guest: EncryptedPerson, page: Page) -> None:
    """This participant decodes the camera of that browser."""
    seat = await page.evaluate("poruch.state().you.seat")
    producer, _ = await guest.consume(seat, "camera")
    await guest.media.wait_for(producer, changes=10)
