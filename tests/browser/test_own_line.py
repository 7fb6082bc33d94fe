"""What a person in a call is sent for the tile that they see, and what becomes of their own on a narrow line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest
import pytest_asyncio

from tests.browser.conftest import MakeChromiumPerson
from tests.support import network
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.walk import DESK, all_meet, arrive, is_in, join, let_in, picture, plan, sees_and_hears, sign_in, tile
from tests.support.weak_line import Line

pytestmark = pytest.mark.timeout(300)

# The ports of this browser's own media, of the connection that sends pictures.
SENDING_PORT = """(async () => {
  for (const connection of witness.connections) {
    const lines = [...(await connection.getStats()).values()];
    if (!lines.some(line => line.type === 'outbound-rtp' && line.kind === 'video' && line.packetsSent)) continue;
    const id = lines.find(line => line.type === 'transport')?.selectedCandidatePairId;
    const pair = lines.find(line => line.id === id);
    const local = lines.find(line => line.id === pair?.localCandidateId);
    if (local) return local.port;
  }
  return null;
})()"""
# Frames that have come of the only picture, its height, and the moment in its own clock (90 kHz) that was shown last.
COME = """(async () => {
  for (const connection of witness.connections)
    for (const receiver of connection.getReceivers()) {
      if (receiver.track.kind !== 'video') continue;
      const [source] = receiver.getSynchronizationSources();
      for (const line of (await receiver.getStats()).values())
        if (line.type === 'inbound-rtp' && line.framesReceived && source)
          return {frames: line.framesReceived, height: line.frameHeight, clock: source.rtpTimestamp};
    }
  return null;
})()"""
SECONDS = 8


class Call:
    """Two people in a call, each with a Chromium."""

    def __init__(self, demo: Demo, manager: ChromiumPage, client: ChromiumPage) -> None:
        self.demo, self.manager, self.client = demo, manager, client

    @property
    def clients_picture(self) -> str:
        return picture(self.demo.client)


@pytest_asyncio.fixture(loop_scope="session")
async def call(demo: Demo, in_chromium: MakeChromiumPerson) -> AsyncIterator[Call]:
    network.enter()
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await is_in(client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    yield Call(demo, manager, client)


async def test_a_tile_that_grows_on_the_page_gets_a_larger_picture(call: Call) -> None:
    manager, seen = call.manager, call.clients_picture
    await manager.wait_for(f"{seen}?.videoHeight >= 360", timeout_s=60)
    await manager.viewport(400, 420)
    await manager.wait_for(f"{tile(call.demo.client)}.clientHeight < 200")
    await manager.wait_for(f"{seen}?.videoHeight <= 200", timeout_s=60)
    await manager.viewport(1280, 800)
    await manager.wait_for(f"{seen}?.videoHeight >= 360", timeout_s=60)


def _kind(kind: str, field: str) -> str:
    """How much has come of this kind, from everybody, as the manager's page counts it."""
    return f"(await poruch.stats()).filter(one => one.kind === '{kind}').reduce((all, one) => all + one.{field}, 0)"


PICTURES, SOUND = _kind("video", "frames"), _kind("audio", "packets")
A_SECOND = 50
"""So many packets of sound a person sends, speaking or not: the test's clock."""


async def _stands(page: ChromiumPage) -> None:
    """Wait until no picture comes while a second of sound does."""
    await page.wait_for(
        f"""(async () => {{
          const [pictures, sound] = [{PICTURES}, {SOUND}];
          while ({SOUND} < sound + {A_SECOND}) await new Promise(done => setTimeout(done, 50));
          return {PICTURES} === pictures;
        }})()"""
    )


async def _moves(page: ChromiumPage) -> None:
    before = await page.evaluate(PICTURES)
    await page.wait_for(f"{PICTURES} > {before} + 20")


async def test_a_picture_that_is_scrolled_away_is_not_sent_and_comes_back(call: Call) -> None:
    manager = call.manager
    await manager.viewport(390, 844)
    await _moves(manager)
    await manager.evaluate("document.querySelector('.stage__tiles').style.minHeight = '300vh'")
    await manager.evaluate("document.querySelector('.stage').scrollTo(0, 1e6)")
    await _stands(manager)
    await manager.evaluate("document.querySelector('.stage').scrollTo(0, 0)")
    await _moves(manager)


async def test_on_a_page_in_the_background_only_sound_goes_on_and_the_picture_comes_back(call: Call) -> None:
    manager = call.manager
    await _moves(manager)
    # A browser without a screen never puts a page into the background by itself.
    turned = "document.dispatchEvent(new Event('visibilitychange'))"
    await manager.evaluate(
        f"Object.defineProperty(document, 'hidden', {{value: true, configurable: true}}) && {turned}"
    )
    await _stands(manager)
    await manager.evaluate(f"delete document.hidden && {turned}")
    await _moves(manager)


# What a phone call does on some phones: it ends the microphone, and for a while nobody else can have it.
TAKE = """(() => {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.call = {refused: 0, over: false};
  navigator.mediaDevices.getUserMedia = wish => {
    if (!wish.audio || call.over) return real(wish);
    call.refused++;
    return Promise.reject(new DOMException('', 'NotReadableError'));
  };
  for (const connection of witness.connections)
    for (const {track} of connection.getSenders())
      if (track?.kind === 'audio' && track.readyState === 'live') {
        track.stop();
        track.dispatchEvent(new Event('ended'));
      }
})()"""


async def test_the_microphone_that_a_phone_call_took_comes_back_by_itself(call: Call) -> None:
    client, promise = call.client, "document.querySelector('[data-banner=held]')"
    await client.run(TAKE)
    await client.wait_for(f"{promise}?.innerText.includes('It comes back by itself.')")
    await client.wait_for(f"window.call.refused >= 3 && {promise} !== null")
    await client.evaluate("window.call.over = true")
    await client.wait_for(f"{promise} === null")
    await sees_and_hears(call.manager, call.demo.client)


async def test_picture_first_is_kept_on_this_device(call: Call) -> None:
    pressed = "document.querySelector('.control[data-key=sight]').getAttribute('aria-pressed')"
    assert await call.client.evaluate(pressed) == "false"
    await call.client.press("Alt+V")
    await call.client.wait_for(f"{pressed} === 'true'")
    # Who signs reads what the button does, and how to choose another picture.
    await call.client.see("To put somebody else first, press “Larger” on their picture.")
    await call.client.click_css("[data-banner=trouble] button")
    await call.client.reload()
    await is_in(call.client)
    await call.client.wait_for(f"{pressed} === 'true'")


async def test_on_a_narrow_line_upwards_the_picture_gets_smaller_and_keeps_its_rate(call: Call) -> None:
    manager = call.manager
    await manager.wait_for(f"{call.clients_picture}?.videoHeight >= 360", timeout_s=60)
    before = await pictures_a_second(manager)
    with ExitStack() as narrow:
        line = Line(await call.client.wait_for(SENDING_PORT), 9, 300_000)
        narrow.callback(line.end)
        await manager.wait_for(f"{call.clients_picture}?.videoHeight <= 200", timeout_s=60)
        # The line is found out by losing on it for a moment; from then on it is the size that has gone, not the rate.
        async with asyncio.timeout(90):
            while await pictures_a_second(manager) < 0.9 * before:
                continue
        assert await manager.evaluate(f"{call.clients_picture}?.videoHeight <= 200")
    await manager.wait_for(f"{call.clients_picture}?.videoHeight >= 360", timeout_s=120)


async def pictures_a_second(page: ChromiumPage) -> float:
    """Count what comes against the sender's own clock: a machine that is slow to show it changes nothing."""
    first = await page.wait_for(COME)
    ticks = SECONDS * 90_000
    last = await page.wait_for(
        f"(now => now && ((now.clock - {first['clock']}) >>> 0) >= {ticks} && now)(await {COME})"
    )
    return float(last["frames"] - first["frames"]) * 90_000 / ((last["clock"] - first["clock"]) % (1 << 32))
