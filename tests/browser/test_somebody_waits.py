"""An open page says that somebody waits, behind another tab too: to who lets people in, and to supervisors."""

from __future__ import annotations

from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.browser.test_pages_accessible import Inspector
from tests.support.browsers import Browsers
from tests.support.demo import Demo
from tests.support.walk import DESK, PHONE, arrive, plan, sign_in

COUNTS_SOUNDS = """
window.sounded = 0;
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  const playing = play.call(this);
  playing.then(() => void (window.sounded += 1), () => {});
  return playing;
};
"""
TITLE = "(1) Somebody is waiting"
SAYS = "Somebody is in the waiting room."
HIDDEN = "document.visibilityState === 'hidden'"
COUNT = "document.querySelector('[data-waiting]:not([hidden]) [data-waiting-count]')?.textContent"


async def test_a_case_manager_behind_another_tab_hears_and_sees_that_somebody_waits(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson, browsers: Browsers
) -> None:
    manager = await in_firefox("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await manager.before_scripts(COUNTS_SOUNDS)
    await sign_in(manager, demo, "case_manager")
    await manager.find("heading", "Today")
    title = await manager.evaluate("document.title")
    other = await (await browsers.firefox()).another_tab(manager)
    await manager.wait_for(HIDDEN)
    assert await manager.evaluate("document.querySelector('#waiting[role=status]').textContent.trim()") == ""

    await arrive(client, demo.invitation)
    await manager.wait_for(f"document.title === '{TITLE}' && window.sounded === 1")
    await manager.see(SAYS)
    assert await manager.evaluate(HIDDEN)

    await client.goto("about:blank")
    await manager.wait_for(f"document.title === {title!r}")
    await manager.see_none(SAYS)
    assert await manager.evaluate(f"window.sounded === 1 && {HIDDEN}")
    await other.close()


async def test_whoever_writes_sees_it_keeps_what_is_typed_and_joins(
    demo: Demo, in_chromium: MakeChromiumPerson, browsers: Browsers
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    inspector = Inspector()
    await manager.raw.context.add_init_script(COUNTS_SOUNDS)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    form = f"{demo.links['case_url']}/appointments/new"
    await manager.goto(form)
    await manager.fill("Phone number for help", "+380 44 765 43 21")

    second = await (await browsers.chromium()).another_tab(manager)
    await second.goto(f"{demo.url}/cases")

    await arrive(client, meeting.invitation)
    for tab in (manager, second):
        await tab.wait_for(f"document.title === '{TITLE}'")
    await second.wait_for("localStorage.getItem('poruch-heard')")
    assert sorted([await tab.evaluate("window.sounded") for tab in (manager, second)]) == [0, 1], "one sounds for all"
    await second.close()
    bar = manager.raw.locator("#waiting")
    async with manager.raw.context.expect_page() as opened:
        await bar.get_by_role("button", name="Join").click()
    call = await opened.value
    await call.wait_for_url("**/call*")
    await call.close()
    typed = manager.raw.get_by_label("Phone number for help")
    assert await typed.input_value() == "+380 44 765 43 21"

    await manager.goto(meeting.url)
    await manager.see(SAYS)
    assert await manager.evaluate("window.sounded") == 0, "the next page does not sound for the same knock again"
    await inspector.look(manager, "an appointment with somebody at its door")
    await manager.goto(demo.links["case_url"])
    await manager.wait_for(f"document.title === '{TITLE}'")
    await manager.viewport(PHONE["width"], PHONE["height"])
    await inspector.look(manager, "a case with somebody at its door, on a phone")
    await bar.get_by_role("button", name="Join").click()
    await manager.wait_for("location.pathname === '/call'")
    assert not inspector.faults, str(inspector)


async def test_a_page_that_nobody_touches_looks_on_without_counting_as_use(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    await manager.raw.clock.install()
    await manager.goto(f"{demo.url}/cases")
    for minutes, alone in ((29, False), (2, True)):
        async with manager.raw.expect_request("**/waiting-room") as asked:
            await manager.raw.clock.fast_forward(minutes * 60_000)
        assert ("poruch-unattended" in (await asked.value).headers) is alone, minutes
    await manager.press("Tab")
    async with manager.raw.expect_request("**/waiting-room") as asked:
        await manager.raw.clock.fast_forward(60_000)
    assert "poruch-unattended" not in (await asked.value).headers, "somebody is back"


async def test_a_page_whose_sign_in_has_ended_says_that_it_hears_nothing_any_more(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    await manager.goto(f"{demo.url}/cases")
    await manager.raw.context.clear_cookies()
    await manager.see("do not hear any more when somebody waits.")
    await manager.raw.locator("#waiting").get_by_role("link", name="Sign in").click()
    await manager.wait_for("location.pathname === '/sign-in' && location.search === '?next=%2Fcases'")


async def test_a_supervisor_behind_another_tab_is_told_of_broken_glass(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson, browsers: Browsers
) -> None:
    supervisor = await in_firefox("supervisor", viewport=DESK)
    stranger = await in_chromium("psychologist of another case", viewport=PHONE)
    await sign_in(supervisor, demo, "supervisor")
    await supervisor.goto(f"{demo.url}/sessions")
    other = await (await browsers.firefox()).another_tab(supervisor)
    await supervisor.wait_for(HIDDEN)
    await sign_in(stranger, demo, "psychologist", 1)
    await stranger.goto(demo.links["case_url"])
    await stranger.click("link", "Open this case in an emergency")
    await stranger.fill("Why you need it", "The client phoned, has fallen, and nobody of the team answers.")
    await stranger.click("button", "Open the case")
    await supervisor.wait_for(f"{COUNT} === '1'", timeout_s=60)
    assert await supervisor.evaluate(HIDDEN)
    await other.close()
