"""The steps that people take, in their own words: signing in, planning, arriving, letting in, seeing and hearing."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.media_seen import hears, hears_no_more, sees, sees_no_more
from tests.support.page import Page

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
KYIV = ZoneInfo("Europe/Kyiv")


@dataclass(frozen=True)
class Meeting:
    """An appointment: its page for the team, and the client's link."""

    url: str
    invitation: str


async def sign_in(page: Page, demo: Demo, role: str, number: int = 0) -> None:
    """Sign in as the staff member with this role, and read everything in English from now on."""
    await page.goto(demo.sign_in_url(role, number))
    await page.wait_for("document.querySelector('footer') !== null")
    if await page.evaluate("document.documentElement.lang !== 'en'"):
        await page.click("link", "English")
    await page.find("button", "Sign out")


async def plan(page: ChromiumPage, demo: Demo, *, minutes_ahead: int = 1) -> Meeting:
    """Plan an appointment of the demo's case with its whole team, by the form that a case manager uses."""
    await page.goto(f"{demo.links['case_url']}/appointments/new")
    starts = datetime.now(UTC).astimezone(KYIV) + timedelta(minutes=minutes_ahead)
    await page.fill("Day", f"{starts:%Y-%m-%d}")
    await page.fill("Time", f"{starts:%H:%M}")
    for box in await page.raw.get_by_role("checkbox").all():
        await box.check()
    await page.click("button", "Plan the appointment")
    return await meeting(page)


async def meeting(page: ChromiumPage) -> Meeting:
    """The meeting whose page is open."""
    invitation = await link_of(page, "")
    return Meeting((await page.url()).partition("?")[0], invitation)


async def link_of(page: ChromiumPage, name: str) -> str:
    """The whole link of the first person with this name, once this browser has completed it."""
    whole = page.raw.locator("[data-link-of][data-complete]")
    return await whole.get_by_role("textbox", name=f"Link for {name}").first.input_value()


async def invite(page: ChromiumPage, url: str, name: str, role: str) -> str:
    """Invite somebody who comes by link, from the page of the appointment, and return that link."""
    await page.goto(url)
    await page.click("link", "Invite one more person")
    await page.fill("Guest's name", name)
    await page.raw.get_by_label("Comes as").first.select_option(role)
    await page.click("button", "Invite", exact=True)
    return await link_of(page, name)


def damaged(invitation: str) -> str:
    """The link as it looks when its token was not copied whole."""
    return re.sub(r"(#i=[\w-]+)[\w-]{3}", r"\1", invitation)


async def join(page: Page, url: str) -> None:
    """From the appointment's page into the call, as a member of the team."""
    await page.goto(url)
    await press_join(page)
    await page.wait_for("location.pathname.startsWith('/call')")
    await in_english(page)
    await page.click("button", "Join", exact=True)
    await is_in(page)


async def press_join(page: Page) -> None:
    """The button of this page's appointment: the bar above has one, too, while somebody waits at another one's door."""
    await page.click_css("main form[action$='/join'] button")


async def in_english(page: Page) -> None:
    """Choose English on a page of the lobby, as anybody can."""
    await page.click("button", "English")
    await page.wait_for("document.documentElement.lang === 'en'")


async def arrive(page: Page, invitation: str, *, helper: bool = False) -> None:
    """From the link through the device check and the questions into the waiting room, by big buttons only."""
    await ready(page, invitation, helper=helper)
    await page.click("button", "I am ready")
    await agree(page)
    await waits(page)


async def ready(page: Page, invitation: str, *, helper: bool = False) -> None:
    """From the link through the device check, to the page that says what will be on."""
    await page.goto(invitation)
    await in_english(page)
    await page.click("button", "Begin")
    await switch_on(page, "microphone")
    await page.click("button", "Next")
    await page.click("button", "Play a sound")
    await page.click("button", "I hear it")
    await switch_on(page, "camera")
    await page.click("button", "Next")
    await page.click("button", "Someone is with me" if helper else "I am alone")
    await page.find("button", "I am ready")


# Where a client stands who was shown a page: one question, several people on one page, or past all of them.
ASKED = """(() => {
  const title = document.querySelector('h1')?.innerText ?? '';
  const past = /Please wait here|You may come in|Somebody else is asked/.test(title);
  if (past || !document.querySelector('.lobby')) return {title, kind: 'past'};
  if (document.querySelector('.consent__item')) return {title, kind: 'people'};
  return document.querySelector('.consent__no') ? {title, kind: 'one'} : null;
})()"""


async def agree(page: Page) -> list[str]:
    """Agree to everything that the pages ask, by big buttons only; returns the pages' titles."""
    titles: list[str] = []
    while (
        asked := await page.wait_for(
            f"(found => found?.title !== {json.dumps((titles or [''])[-1])} && found)({ASKED})"
        )
    )["kind"] != "past":
        titles.append(asked["title"])
        if asked["kind"] == "one":
            await page.click("button", "Yes, I agree")
        else:
            for number in range(await page.evaluate("document.querySelectorAll('.consent__item').length")):
                await page.click_css(f".consent__item:nth-of-type({number + 1}) .consent__choice:first-child")
            await page.click("button", "Next")
    return titles


async def come_to_the_question(page: Page, invitation: str, *, helper: bool = False) -> None:
    """From the link through the device check to the first page that asks."""
    await ready(page, invitation, helper=helper)
    await page.click("button", "I am ready")
    await page.wait_for("document.querySelector('.consent__no, .consent__item') !== null")


OPEN = {"microphone": "Can we hear you?", "camera": "This is your picture"}


async def that_asks(page: ChromiumPage) -> None:
    """Make this browser say that it will ask for camera and microphone; the fake ones are always allowed."""
    await page.raw.add_init_script("navigator.permissions.query = async () => ({state: 'prompt'})")


async def switch_on(page: Page, device: str) -> None:
    """Switch a device on; a browser that allows it already is not asked."""
    await page.wait_for(
        f"document.querySelector('h1').innerText === {json.dumps(OPEN[device])}"
        f" || document.body.innerText.includes('Switch on the {device}')"
    )
    if await page.count("button", f"Switch on the {device}"):
        await page.click("button", f"Switch on the {device}")
    await page.find("heading", OPEN[device])


async def waits(page: Page) -> None:
    """Stand in the waiting room."""
    await page.find("heading", "Please wait here")


async def let_in(host: Page, name: str) -> None:
    """The host sees who knocks and lets that person in."""
    await host.see(f"{name}. ")
    await host.click("button", "Let in", exact=True)


async def is_in(page: Page) -> None:
    """Stand in the call."""
    await page.find("button", "People")


async def leave(page: Page) -> None:
    """Leave the call, and read that one has left."""
    await page.click("button", "Leave", exact=True)
    await page.find("heading", "You have left the conversation")


async def open_people(page: Page) -> None:
    """Open the list of people, where the host's orders are."""
    if not await page.evaluate("Boolean(document.querySelector('aside.panel:not([hidden])'))"):
        await page.click("button", "People")
    await page.wait_for("document.querySelector('aside.panel:not([hidden])')")


def tile(name: str) -> str:
    """A JavaScript expression for the tile of this person."""
    return (
        "[...document.querySelectorAll('.tile')]"
        f".find(tile => tile.querySelector('.tile__name').textContent.includes({json.dumps(name)}))"
    )


def picture(name: str) -> str:
    """A JavaScript expression for the video of this person."""
    return f"{tile(name)}?.querySelector('video')"


def voice(number: int) -> str:
    """A JavaScript expression for the n-th voice of the others."""
    return f"document.querySelectorAll('audio')[{number}]"


async def sees_and_hears(page: Page, *names: str) -> None:
    """A moving picture of each of these people, and as many voices."""
    for name in names:
        await sees(page, picture(name))
    await page.wait_for(f"document.querySelectorAll('audio').length === {len(names)}")
    for number in range(len(names)):
        await hears(page, voice(number))


async def all_meet(people: Mapping[str, Page]) -> None:
    """Each of these people, by name, sees and hears all the others."""
    await asyncio.gather(
        *(sees_and_hears(page, *(other for other in people if other != name)) for name, page in people.items())
    )


async def sees_nobody(page: Page, name: str) -> None:
    """That person's picture stands still or is gone, and no voice sounds."""
    await sees_no_more(page, picture(name))
    await hears_no_more(page, voice(0))


async def says_of(page: Page, name: str, words: str) -> None:
    """Wait until the tile of this person says so."""
    await page.wait_for(f"{tile(name)}?.innerText.includes({json.dumps(words)})")
