"""What leaves in a person's place until the encryption is proven: made by the page, without touching a device."""

from __future__ import annotations

import asyncio

import pytest

from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.support.browsers import Browsers
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.page import Page
from tests.support.walk import DESK, PHONE, arrive, is_in, join, let_in, plan, sees_and_hears, sign_in

# What senders are given, in this order: "made" by the page, a "twin" of somebody's own track, or the "own" one; and how
# often a browser has muted an own one since.
NOTE = """(() => {
  window.noted = {given: [], made: new Set(), twins: new Set(), muted: 0};
  const results = (prototype, name, note) => {
    const real = prototype[name];
    prototype[name] = function (...given) { const result = real.apply(this, given); note(result); return result; };
  };
  const make = ({stream}) => stream.getTracks().forEach(track => noted.made.add(track));
  results(HTMLCanvasElement.prototype, 'captureStream', stream => make({stream}));
  results(AudioContext.prototype, 'createMediaStreamDestination', make);
  results(MediaStreamTrack.prototype, 'clone', track => noted.twins.add(track));
  const give = track => {
    if (!(track instanceof MediaStreamTrack)) return;
    const kind = noted.made.has(track) ? 'made' : noted.twins.has(track) ? 'twin' : 'own';
    noted.given.push(`${kind} ${track.kind}`);
    if (kind === 'own') track.addEventListener('mute', () => noted.muted++);
  };
  const givens = (prototype, name) => {
    const real = prototype[name];
    prototype[name] = function (...given) { give(given[0]); return real.apply(this, given); };
  };
  givens(RTCPeerConnection.prototype, 'addTransceiver');
  givens(RTCRtpSender.prototype, 'replaceTrack');
})()"""
# A browser in which no sound of the page's own making begins before somebody touches it.
SILENT = """(() => {
  window.AudioContext = class extends AudioContext {
    constructor(...given) { super(...given); super.suspend(); }
    resume() { return new Promise(() => undefined); }
  };
})()"""
GIVEN = "noted.given.filter(one => one.endsWith(%r))"
ALL_ENDED = "[...noted.made, ...noted.twins].every(track => track.readyState === 'ended')"


async def _client_at_the_door(demo: Demo, manager: ChromiumPage, client: Page) -> None:
    """The manager is in the call, and the client waits; what senders are given is noted from now on."""
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await client.run(NOTE)


async def _is_seen(demo: Demo, manager: ChromiumPage, client: Page) -> None:
    await let_in(manager, demo.client)
    await is_in(client)
    await sees_and_hears(manager, demo.client)
    await client.wait_for(ALL_ENDED)


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
async def test_it_is_made_by_the_page_and_gives_way_to_devices_that_nobody_switched_off(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson, browser: str
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client: Page = await (in_chromium if browser == "chromium" else in_firefox)("client", viewport=PHONE)
    await _client_at_the_door(demo, manager, client)
    await _is_seen(demo, manager, client)
    for kind in ("audio", "video"):
        *before, last = await client.evaluate(GIVEN % kind)
        # In Firefox mediasoup's client asks for the browser's abilities with black pictures of its own, before ours.
        assert (set(before), last) == ({f"made {kind}"}, f"own {kind}")
    assert await client.evaluate("[noted.twins.size, noted.muted]") == [0, 0]


async def test_somebody_whose_tab_is_in_the_background_is_seen_and_heard_as_well(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson, browsers: Browsers
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_firefox("client", viewport=PHONE)
    await _client_at_the_door(demo, manager, client)
    other = await (await browsers.firefox()).another_tab(client)
    await client.wait_for("document.visibilityState === 'hidden'")
    await _is_seen(demo, manager, client)
    assert await client.evaluate(f"document.visibilityState === 'hidden' && {GIVEN % 'video'}[0] === 'made video'")
    await other.close()


async def test_where_no_sound_may_be_made_yet_the_disabled_microphone_stands_in(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await _client_at_the_door(demo, manager, client)
    await client.run(SILENT)
    await _is_seen(demo, manager, client)
    assert await client.evaluate(GIVEN % "audio") == ["made audio", "twin audio", "own audio"]
    assert await client.evaluate(GIVEN % "video") == ["made video", "own video"]
