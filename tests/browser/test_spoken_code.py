"""The spoken code: what two people compare, whom it verifies, and what two wrong ones stop."""

from __future__ import annotations

import asyncio
import json

from tests.browser.conftest import MakeChromiumPerson
from tests.support.demo import Demo
from tests.support.encryption_seen import ENCRYPTION, SENT, UNVERIFIED, VERIFIED, agree, members
from tests.support.page import Page
from tests.support.walk import DESK, PHONE, all_meet, arrive, invite, is_in, join, let_in, plan, sign_in

SHOWN = "document.querySelector('.code-dialog[open] .code__digits')"
DIGITS = f"[...{SHOWN}.querySelectorAll('.code__digit > span:first-child')].map(one => one.innerText).join('')"


async def _code(manager: Page, client: Page, name: str) -> str:
    """The manager begins a comparison; returns the code that is shown, when the client has the choice."""
    await manager.find("heading", f"Say this code to {name}")
    digits: str = await manager.wait_for(f"{SHOWN} && {DIGITS}")
    await client.wait_for(f"document.querySelector('.code-dialog [data-code=\"{digits}\"]')")
    return digits


async def test_a_spoken_code_verifies_a_device_and_two_wrong_ones_stop_the_call(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation.partition("&s=")[0]))
    await let_in(manager, demo.client)
    people: dict[str, Page] = {demo.name("case_manager"): manager, demo.client: client}
    await all_meet(people)

    await manager.click("button", UNVERIFIED)
    await manager.click("button", "Compare a spoken code")
    code = await _code(manager, client, demo.client)
    await client.click_css(f".code-dialog [data-code='{code}']")
    for page in (manager, client):
        await page.see("The code matches")
        await page.click_css(".code-dialog .button--main")
        await page.see(VERIFIED)

    # The next day's call on the same device is recognised; a code can be compared again, and this time it is wrong.
    await manager.click("button", VERIFIED)
    await manager.click("button", "Compare a spoken code")
    code = await _code(manager, client, demo.client)
    await client.click("button", "None of these")
    await asyncio.gather(manager.see("The code does not match"), client.see("Sound and picture are paused."))
    await client.see("It can only be told by phone")
    await client.wait_for("document.querySelectorAll('audio').length === 0")
    # A reload forgets neither the pause nor that one attempt is gone.
    _, epoch = await agree(manager, client)
    await client.reload()
    await is_in(client)
    await client.see("Stopped, because the spoken code did not match")
    await manager.wait_for(f"{ENCRYPTION}.view.value?.epoch > {epoch}")
    await agree(manager, client)
    assert await client.evaluate("document.querySelectorAll('audio').length") == 0
    await manager.click("button", "Compare a fresh code")
    assert await _code(manager, client, demo.client) != code
    # Nobody can hear or see it here: both are sent to the phone, and nobody is asked to listen to silence.
    for page, words in ((manager, "say the code there"), (client, "Do not guess.")):
        await page.see(words)
        assert await page.evaluate("!!document.querySelector('.code-dialog[open] a[href^=\"tel:\"]')")
    assert await client.evaluate("!document.body.innerText.includes('Listen, or look at the other screen')")
    await client.click_css(".code-dialog .code__choice:not([data-code='" + await _shown(manager) + "'])")
    for page in (manager, client):
        await page.see("The conversation is stopped")
        await page.wait_for(f"{ENCRYPTION}.stay.value === null && document.querySelectorAll('audio').length === 0")
        await page.click_css(".code-dialog .button--main")
        await page.see("Stopped, because two spoken codes did not match")
    await client.reload()
    await client.see("Stopped, because two spoken codes did not match")
    # Whoever opens the link anew may try once more, and until a code matches nothing flows.
    await client.goto(meeting.invitation.partition("&s=")[0])
    await is_in(client)
    await client.see("Stopped, because the spoken code did not match")
    assert await client.evaluate(SENT) == 0


async def test_a_code_verifies_a_person_at_a_device_and_not_whoever_else_uses_it(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    other = await invite(manager, meeting.url, "Дарина", "helper")
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation.partition("&s=")[0]))
    await let_in(manager, demo.client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    await manager.click("button", UNVERIFIED)
    await manager.click("button", "Compare a spoken code")
    code = await _code(manager, client, demo.client)
    await client.click_css(f".code-dialog [data-code='{code}']")
    await manager.see("The code matches")
    await manager.click_css(".code-dialog .button--main")
    await manager.see(VERIFIED)
    device = next(each["device"] for each in await members(manager) if each["name"] == demo.client)
    # The same browser comes under somebody else's link, without its secrets.
    await client.click_css(".code-dialog .button--main")
    await arrive(client, other.partition("&s=")[0])
    await let_in(manager, "Дарина")
    await manager.wait_for(
        f"{ENCRYPTION}.view.value?.members.some(one => one.name === 'Дарина' && one.device === {json.dumps(device)})"
    )
    await manager.see(UNVERIFIED)


async def _shown(page: Page) -> str:
    digits: str = await page.evaluate(DIGITS)
    return digits
