"""The one device that held an appointment's secrets is gone: new ones are made, and the page asks for new links."""

from __future__ import annotations

import asyncio

import pytest

from server.demo_encryption import KEY_FILE, PASSPHRASE
from tests.browser.conftest import MakeChromiumPerson
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.walk import DESK, PHONE, all_meet, arrive, join, let_in, link_of, plan, sign_in


@pytest.fixture
def demo(own_demo: Demo) -> Demo:
    """A demo of its own, because a device of it is revoked."""
    return own_demo


async def _certify(administrator: ChromiumPage, demo: Demo, code: str) -> None:
    await sign_in(administrator, demo, "administrator")
    await administrator.goto(f"{demo.url}/admin/devices")
    await administrator.see(code)
    await administrator.raw.get_by_label("Key file").set_input_files(demo.data / KEY_FILE)
    await administrator.fill("Passphrase", PASSPHRASE)
    await administrator.click("button", "Open the key")
    await administrator.see("The key is open until you leave this page.")
    await administrator.click("button", "Certify")
    await administrator.see("The device is certified.")


async def test_an_appointment_outlives_the_only_device_that_knew_its_secrets(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await manager.goto(f"{demo.url}/devices")
    await manager.click("button", "Forget this device")
    await manager.see("This browser is not certified yet.")
    await manager.click("button", "Ask to be certified")
    await manager.see("Your administrator was asked to certify this browser.")
    code = str(await manager.evaluate("document.querySelector('#this-device [data-code]').textContent"))
    await _certify(await in_chromium("administrator", viewport=DESK), demo, code)
    await manager.reload()
    await manager.see("This browser is certified. Its code:")

    await manager.goto(meeting.url)
    await manager.see("The links were made anew, because no device that had made them is valid any more.")
    invitation = await link_of(manager, "")
    assert invitation != meeting.invitation
    assert invitation.partition("&s=")[0] == meeting.invitation.partition("&s=")[0]
    await manager.reload()
    await manager.see("Links that were handed out before then do not fit any more: hand out each of them again.")
    assert await link_of(manager, "") == invitation, "and so it stays"

    client = await in_chromium("client", viewport=PHONE)
    await asyncio.gather(join(manager, meeting.url), arrive(client, invitation))
    await let_in(manager, demo.client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    await asyncio.gather(manager.see("Encrypted and verified"), client.see("Encrypted and verified"))
