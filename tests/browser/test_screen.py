"""Showing one's screen in a call: who may, what the others see, and how it ends."""

from __future__ import annotations

import asyncio

from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.support.demo import Demo
from tests.support.media_seen import sees
from tests.support.walk import DESK, PHONE, all_meet, arrive, is_in, join, leave, let_in, picture, plan, sign_in, tile

SHOWN = "Everybody in the conversation sees your screen."
# Firefox without a display has no screen to show, and says NotFoundError. So the page's source of a display is a drawn
# one here; all that comes after it, from the button to the other's picture, is the page's own.
IN_FIREFOX = """(() => {
  const board = Object.assign(document.createElement('canvas'), {width: 1280, height: 720});
  const brush = board.getContext('2d');
  let turn = 0;
  setInterval(() => {
    brush.fillStyle = `hsl(${turn += 40} 80% 50%)`;
    brush.fillRect(0, 0, 1280, 720);
    brush.fillStyle = 'black';
    brush.font = '90px sans-serif';
    brush.fillText(`Page ${turn}`, 100, 300);
  }, 100);
  navigator.mediaDevices.getDisplayMedia = async () => board.captureStream(10);
})()"""
BANNER = "document.querySelector('[data-banner=sharing]')"
# What a browser does when its own bar is pressed: the track ends without the page.
BROWSERS_OWN_STOP = """(() => {
  for (const connection of witness.connections)
    for (const {track} of connection.getSenders())
      if (track?.contentHint === 'detail') { track.stop(); track.dispatchEvent(new Event('ended')); }
})()"""


# In which codecs pictures have been decoded here on what is still received, as this browser counts them.
DECODED = """(async () => {
  const found = new Set();
  for (const connection of witness.connections.filter(one => one.connectionState !== 'closed')) {
    const lines = await connection.getStats();
    for (const line of lines.values())
      if (line.type === 'inbound-rtp' && line.kind === 'video' && line.framesDecoded)
        found.add(lines.get(line.codecId)?.mimeType);
  }
  return [...found].sort().join();
})()"""
# As a browser of somebody who has no decoder of it.
WITHOUT_VP9 = """(() => {
  const {getCapabilities} = RTCRtpReceiver;
  RTCRtpReceiver.getCapabilities = kind => {
    const {codecs, ...rest} = getCapabilities.call(RTCRtpReceiver, kind);
    return {...rest, codecs: codecs.filter(codec => codec.mimeType !== 'video/VP9')};
  };
})()"""


async def test_a_screen_that_a_worker_shows_is_seen_by_everybody_until_it_is_stopped(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_firefox("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    name = demo.name("case_manager")
    await all_meet({name: manager, demo.client: client})
    assert await client.count("button", "Screen") == 0
    screen = f"Screen of {name}"

    await manager.click("button", "Screen")
    await manager.see(SHOWN)
    await sees(client, picture(screen))
    # The person stays in sight beside their screen, which is the large one.
    await sees(client, picture(name))
    assert await client.evaluate(f"{tile(screen)}.classList.contains('tile--large')")
    assert await client.evaluate(DECODED) == "video/VP8,video/VP9"

    # A reload of the one who looks brings it back; stopping takes it away for all.
    await client.reload()
    await is_in(client)
    await sees(client, picture(screen))
    await manager.click("button", "Stop showing it")
    await client.wait_for(f"!({tile(screen)})")
    await manager.wait_for(f"!{BANNER}")

    # A second time, ended by the browser's own button.
    await manager.click("button", "Screen")
    await sees(client, picture(screen))
    await manager.run(BROWSERS_OWN_STOP)
    await client.wait_for(f"!({tile(screen)})")
    await manager.wait_for(f"!{BANNER}")
    await sees(client, picture(name))


async def test_a_screen_that_is_shown_from_firefox_is_seen(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    psychologist = await in_firefox("psychologist", viewport=DESK)
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    await sign_in(psychologist, demo, "psychologist")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), join(psychologist, meeting.url))
    name = demo.name("psychologist")
    await all_meet({demo.name("case_manager"): manager, name: psychologist})
    await psychologist.run(IN_FIREFOX)

    await psychologist.click("button", "Screen")
    await psychologist.see(SHOWN)
    screen = picture(f"Screen of {name}")
    await sees(manager, screen)
    await sees(manager, picture(name))
    await psychologist.click("button", "Stop showing it")
    await manager.wait_for(f"!({tile(f'Screen of {name}')})")
    await psychologist.wait_for(f"!{BANNER}")
    await sees(manager, picture(name))


async def test_a_screen_that_may_not_be_shown_says_what_to_do(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await manager.raw.add_init_script(
        "navigator.mediaDevices.getDisplayMedia = async () => { throw new DOMException('', 'NotAllowedError'); }"
    )
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await join(manager, meeting.url)
    await manager.click("button", "Screen")
    await manager.see("Your screen is not shown.")
    assert await manager.evaluate(f"!{BANNER}")


async def test_a_screen_changes_its_codec_when_somebody_comes_who_takes_no_vp9(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await client.raw.context.add_init_script(WITHOUT_VP9)
    await sign_in(manager, demo, "case_manager")
    await sign_in(psychologist, demo, "psychologist")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), join(psychologist, meeting.url))
    await manager.click("button", "Screen")
    screen = f"Screen of {demo.name('case_manager')}"
    await sees(psychologist, picture(screen))
    await psychologist.wait_for(f"(await {DECODED}).includes('video/VP9')")

    await arrive(client, meeting.invitation)
    await let_in(manager, demo.client)
    await is_in(client)
    await sees(client, picture(screen))
    await sees(psychologist, picture(screen))
    assert await client.evaluate(DECODED) == "video/VP8"
    assert await manager.evaluate(f"!!{BANNER}")
    # The one who can be shown it in VP9 gets what everybody gets.
    await psychologist.wait_for(f"await {DECODED} === 'video/VP8'")
    await manager.click("button", "Stop showing it")
    await client.wait_for(f"!({tile(screen)})")


# Headless Firefox has no screen to show: a drawing that moves stands in its place, as it would come from one.
DRAWN = """(() => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 640, height: 360});
  const brush = canvas.getContext('2d');
  let turn = 0;
  setInterval(() => {
    brush.fillStyle = `hsl(${(turn += 7) % 360} 80% 50%)`;
    brush.fillRect(0, 0, 640, 360);
    brush.fillStyle = 'white';
    brush.fillRect(turn % 600, 100, 40, 40);
  }, 100);
  navigator.mediaDevices.getDisplayMedia = async () => canvas.captureStream(10);
})()"""


async def test_firefox_shows_a_screen_in_vp9_as_well(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    psychologist = await in_firefox("psychologist", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    await sign_in(psychologist, demo, "psychologist")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), join(psychologist, meeting.url))
    await psychologist.run(DRAWN)
    await psychologist.click("button", "Screen")
    name = demo.name("psychologist")
    await sees(manager, picture(f"Screen of {name}"))
    # The camera goes on in VP8 beside it; it may come later than the screen.
    await manager.wait_for(f"await {DECODED} === 'video/VP8,video/VP9'")
    await psychologist.click("button", "Stop showing it")
    await manager.wait_for(f"!({tile(f'Screen of {name}')})")
    await leave(psychologist)
