"""Devices in real browsers: the demo's keys arrive, a fresh browser asks, and an administrator certifies it."""

from __future__ import annotations

from consent.policy import Role
from server.demo_encryption import KEY_FILE, PASSPHRASE
from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.support.demo import Demo
from tests.support.forging import ForgingServer
from tests.support.page import Page
from tests.support.walk import DESK, in_english, plan, press_join, sign_in

KEPT_KEYS = """new Promise((done, failed) => {
  const opened = indexedDB.open("poruch-device");
  opened.onerror = failed;
  opened.onsuccess = () => {
    const asked = opened.result.transaction("keys").objectStore("keys").get("device");
    asked.onsuccess = () => {
      const {sign, seal} = asked.result;
      done([sign.privateKey.extractable, seal.privateKey.extractable, sign.privateKey.type]);
      opened.result.close();
    };
  };
})"""


async def arrives_certified(page: Page, demo: Demo) -> None:
    await sign_in(page, demo, "case_manager")
    await page.goto(f"{demo.url}/devices")
    await page.see("This browser is certified. Its code:")
    assert await page.evaluate(KEPT_KEYS) == [False, False, "private"]
    assert not await page.evaluate("location.hash")


async def test_the_demos_keys_come_into_chromium_and_cannot_leave_it(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    await arrives_certified(await in_chromium("case manager", viewport=DESK), demo)


async def test_the_demos_keys_come_into_firefox_and_cannot_leave_it(demo: Demo, in_firefox: MakeFirefoxPerson) -> None:
    await arrives_certified(await in_firefox("case manager"), demo)


async def test_a_fresh_browser_asks_and_is_certified_with_a_key_that_stays_in_the_administrators_browser(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    person = await in_chromium("interpreter", viewport=DESK)
    await sign_in(person, demo, "interpreter")
    await person.goto(f"{demo.url}/devices")
    await person.click("button", "Forget this device")
    await person.see("This browser is not certified yet.")
    await person.click("button", "Ask to be certified")
    await person.see("Your administrator was asked to certify this browser.")
    code = await person.evaluate("document.querySelector('#this-device [data-code]').textContent")

    administrator = await in_chromium("administrator", viewport=DESK)
    await sign_in(administrator, demo, "administrator")
    await administrator.click("link", "Devices")
    await administrator.see(str(code))
    await administrator.raw.get_by_label("Key file").set_input_files(demo.data / KEY_FILE)
    await administrator.fill("Passphrase", "wrong")
    await administrator.click("button", "Open the key")
    await administrator.see("The passphrase does not open this key file")
    await administrator.fill("Passphrase", PASSPHRASE)
    await administrator.click("button", "Open the key")
    await administrator.see("The key is open until you leave this page.")
    sent: list[str] = []
    administrator.raw.on("request", lambda request: sent.append(request.post_data or ""))
    await administrator.click("button", "Certify")
    await administrator.see("The device is certified.")
    assert any("device-certificate" in body for body in sent)
    assert all(PASSPHRASE not in body and "ciphertext" not in body for body in sent)

    await person.reload()
    await person.see("This browser is certified. Its code:")
    await administrator.raw.locator(".card", has_text=str(code)).get_by_role("button", name="Revoke").click()
    await administrator.see("The device is revoked.")
    await person.reload()
    await person.find("heading", "Sign in")


async def test_a_certified_browser_follows_no_server_to_another_organisation(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    person = await in_chromium("case manager", viewport=DESK)
    await arrives_certified(person, demo)
    meeting = await plan(person, demo)
    forger = ForgingServer(Role.PSYCHOLOGIST)
    await forger.stand_before(person.raw)

    await person.goto(meeting.url)
    await person.see("Send no links now, and phone your administrator.")
    assert await person.evaluate("document.querySelector('[data-link-of][data-complete]') === null")
    await person.goto(f"{demo.url}/devices")
    await person.click("button", "Ask to be certified")
    await person.see("The server names another organisation than the one that certified this browser")
    assert forger.issued == []

    await person.goto(meeting.url)
    await press_join(person)
    await person.wait_for("location.pathname.startsWith('/call')")
    await in_english(person)
    await person.click("button", "Join", exact=True)
    await person.see("Stopped, because the server names another organisation than the one that certified this browser")
    await person.click("button", "Stopped")
    await person.click("button", "Forget this device")
    await person.see("It must be certified again before the next encrypted conversation.")
