"""A real browser on a line that changes: it is sent what its line carries, by nothing but its own estimates."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from media.pool import MediaPool, MediaRoom
from tests.browser.conftest import MakeChromiumPerson
from tests.support import network
from tests.support.layered_camera import SIZES, LayeredCamera
from tests.support.media_room import settings
from tests.support.page import Page
from tests.support.weak_line import Line, offer

pytestmark = pytest.mark.timeout(500)

ANSWER = """(async sdp => {
  const connection = window.line = new RTCPeerConnection();
  connection.ontrack = ({track}) => {
    if (track.kind !== 'video') return;
    const video = document.createElement('video');
    video.muted = true; video.autoplay = true; video.srcObject = new MediaStream([track]);
    document.body.append(video);
  };
  await connection.setRemoteDescription({type: 'offer', sdp});
  await connection.setLocalDescription(await connection.createAnswer());
  return connection.localDescription.sdp;
})"""
SEEN = """(async () => {
  const found = {width: 0, received: 0, lost: 0};
  for (const line of (await window.line.getStats()).values()) {
    if (line.type !== 'inbound-rtp') continue;
    if (line.kind === 'video') found.width = line.frameWidth ?? 0;
    else { found.received = line.packetsReceived; found.lost = line.packetsLost; }
  }
  return found;
})()"""
SMALL, _, LARGE = (width for width, _ in SIZES)
SPELL = 1000
"""Packets of sound, 20 s, for which each line is kept: the moment in which it breaks is a part of that and no more."""


class Call:
    """A publisher of three sizes, and a Chromium that receives it."""

    def __init__(
        self, room: MediaRoom, port: int, camera: LayeredCamera, page: Page, consumers: dict[str, str]
    ) -> None:
        self.room, self.port, self.camera, self.page, self.consumers = room, port, camera, page, consumers

    async def shows(self, wanted: int, within_s: float) -> None:
        """Wait until the browser decodes a picture of this width."""
        await self.page.wait_for(f"{SEEN}.then(({{width}}) => width === {wanted})", timeout_s=within_s)

    async def hears(self, packets: int) -> None:
        """Wait until so many more packets of sound have come."""
        until = (await self.page.evaluate(SEEN))["received"] + packets
        await self.page.wait_for(f"{SEEN}.then(({{received}}) => received >= {until})", timeout_s=packets / 10)


@pytest_asyncio.fixture(loop_scope="session")
async def call(in_chromium: MakeChromiumPerson) -> AsyncIterator[Call]:
    address = network.enter()
    pool = MediaPool(settings(media_listen=address))
    await pool.start()
    camera = LayeredCamera(address)
    room = await pool.open_room("room")
    producers = await camera.publish(room, "ann")
    page = await in_chromium("subscriber")
    transport = await room.create_transport("bob", "recv")
    offers = [await room.create_consumer("bob", transport["id"], producer) for producer in producers]
    answer = await page.evaluate(f"{ANSWER}({offer(transport, offers)!r})")
    value = next(line for line in answer.splitlines() if line.startswith("a=fingerprint:sha-256 ")).split()[1]
    dtls = {"role": "client", "fingerprints": [{"algorithm": "sha-256", "value": value}]}
    await room.connect_transport(transport["id"], dtls)
    for each in offers:
        await room.resume_consumer(each["id"])
    (worker,) = await pool.stats()
    yield Call(room, worker["port"], camera, page, {each["kind"]: each["id"] for each in offers})
    await camera.close()
    await pool.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_a_tile_that_grows_gets_a_larger_picture(call: Call) -> None:
    await call.room.prefer_consumer(call.consumers["video"], 90, "grid")
    await call.shows(SMALL, within_s=30)
    await call.room.prefer_consumer(call.consumers["video"], 360, "grid")
    await call.shows(LARGE, within_s=60)
    await call.room.prefer_consumer(call.consumers["video"], 90, "grid")
    await call.shows(SMALL, within_s=30)


@pytest.mark.asyncio(loop_scope="session")
async def test_layers_follow_the_line_both_ways_and_the_sound_stays(call: Call) -> None:
    line = Line(call.port, call.camera.port, 2_000_000)
    try:
        await call.shows(LARGE, within_s=60)
        before = await call.page.evaluate(SEEN)
        await call.hears(SPELL)
        line.change(300_000)
        await call.shows(SMALL, within_s=40)
        await call.hears(SPELL)
        line.change(2_000_000)
        await call.shows(LARGE, within_s=300)
        await call.hears(SPELL)
    finally:
        line.end()
    after = await call.page.evaluate(SEEN)
    lost, received = after["lost"] - before["lost"], after["received"] - before["received"]
    assert lost / (lost + received) < 0.01
