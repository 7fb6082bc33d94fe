"""The instruments themselves: each must be able to say no, or its yes means nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.support.accessible import axe_finds, lost_in_double_text, tab_to
from tests.support.media_seen import hears, hears_no_more, receives_streams, sees, sees_no_more, still_flows
from tests.support.page import Page

PAGE = """<!doctype html><html lang="en"><title>Instruments</title><main><h1>Instruments</h1>
<button>Connect</button> <button>Freeze</button> <button>Silence</button>
<video autoplay muted playsinline></video><audio autoplay></audio></main>
<script>
const video = document.querySelector('video'), audio = document.querySelector('audio');
const [connect, freeze, silence] = document.querySelectorAll('button');
const near = new RTCPeerConnection(), far = new RTCPeerConnection();
connect.onclick = async () => {
  const own = await navigator.mediaDevices.getUserMedia({video: true, audio: true});
  for (const track of own.getTracks()) near.addTrack(track, own);
  far.ontrack = ({track}) => (track.kind === 'video' ? video : audio).srcObject = new MediaStream([track]);
  near.onicecandidate = event => far.addIceCandidate(event.candidate);
  far.onicecandidate = event => near.addIceCandidate(event.candidate);
  await near.setLocalDescription();
  await far.setRemoteDescription(near.localDescription);
  await far.setLocalDescription();
  await near.setRemoteDescription(far.localDescription);
};
freeze.onclick = () => near.getSenders().forEach(sender => sender.replaceTrack(null));
silence.onclick = () => near.getSenders().forEach(sender => { if (sender.track) sender.track.enabled = false; });
</script></html>"""

POOR_PAGE = """<!doctype html><html lang="en"><title>Poor</title><main><h1>Poor</h1>
<style>button { height: 20px; width: 60px; overflow: hidden; white-space: nowrap } :focus { outline: none }</style>
<p style="color: #ccc; background: #fff">Pale words</p><img src="data:,"><button>Go on, please</button>
<p style="white-space: nowrap">One long line that never breaks, whatever happens to it, on any screen at all</p>
</main></html>"""

VIDEO, AUDIO = "document.querySelector('video')", "document.querySelector('audio')"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def site() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=POOR_PAGE if request.path == "/poor" else PAGE, content_type="text/html")

    application = web.Application()
    application.router.add_get("/{name:.*}", answer)
    async with TestServer(application) as server:
        yield f"http://localhost:{server.port}"


async def _notices_media(page: Page, site: str) -> None:
    await page.goto(site)
    await page.click("button", "Connect")
    await sees(page, VIDEO)
    await hears(page, AUDIO)
    before = await receives_streams(page, 2)
    await still_flows(page, before)

    await page.click("button", "Silence")
    await hears_no_more(page, AUDIO)
    await page.click("button", "Freeze")
    await sees_no_more(page, VIDEO)
    stood = await receives_streams(page, 2)
    with pytest.raises(AssertionError):
        await still_flows(page, stood, timeout_s=2)


async def test_it_tells_moving_from_frozen_and_sound_from_silence_in_chromium(
    in_chromium: MakeChromiumPerson, site: str
) -> None:
    await _notices_media(await in_chromium("somebody"), site)


async def test_it_tells_moving_from_frozen_and_sound_from_silence_in_firefox(
    in_firefox: MakeFirefoxPerson, site: str
) -> None:
    await _notices_media(await in_firefox("somebody"), site)


async def test_it_finds_what_axe_and_double_text_and_the_keyboard_would_find(
    in_chromium: MakeChromiumPerson, site: str
) -> None:
    page = await in_chromium("somebody", viewport={"width": 390, "height": 844})
    await page.goto(f"{site}/poor")
    found = " ".join(await axe_finds(page))
    assert "color-contrast" in found
    assert "image-alt" in found
    lost = " ".join(await lost_in_double_text(page))
    assert "scrolls sideways" in lost
    assert "cut off: <button>" in lost
    with pytest.raises(AssertionError, match="focus cannot be seen"):
        await tab_to(page, "button", "Go on")
