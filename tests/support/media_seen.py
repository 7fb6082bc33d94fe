"""What a person in a call would notice: pictures that move, voices that sound, streams that never stop."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from tests.support.page import PATIENCE_S, Page

# The picture is drawn small and compared with itself later: a frozen or black one never changes. Firefox's fake camera
# shows one flat colour that changes, so all that counts is whether any pixel does.
MOVES = """(async video => {
  if (!video || !video.videoWidth || video.paused) return false;
  const canvas = new OffscreenCanvas(32, 18), brush = canvas.getContext('2d', {willReadFrequently: true});
  const look = () => { brush.drawImage(video, 0, 0, 32, 18); return brush.getImageData(0, 0, 32, 18).data; };
  let changes = 0, before = look();
  for (let turn = 0; turn < 40 && changes < 3; turn++) {
    await new Promise(done => setTimeout(done, 50));
    const now = look();
    if (now.some((value, index) => Math.abs(value - before[index]) > 6)) { changes++; before = now; }
  }
  return changes >= 3;
})"""

# Headless Chromium reports no audio energy in its statistics, and Firefox runs no AudioContext where there is no sound
# card: whichever of the two can hear is believed.
SOUNDS = """(async player => {
  const track = player?.srcObject?.getAudioTracks()[0];
  if (!track || player.paused || player.muted || !player.volume) return false;
  const energy = async () => {
    let most = 0;
    for (const connection of witness.connections)
      for (const line of (await connection.getStats()).values())
        if (line.type === 'inbound-rtp' && line.trackIdentifier === track.id) most = line.totalAudioEnergy ?? 0;
    return most;
  };
  const context = new AudioContext(), ear = context.createAnalyser(), before = await energy();
  try {
    context.resume();
    ear.fftSize = 2048;
    context.createMediaStreamSource(new MediaStream([track])).connect(ear);
    const samples = new Float32Array(ear.fftSize);
    for (let turn = 0; turn < 60; turn++) {
      await new Promise(done => setTimeout(done, 50));
      ear.getFloatTimeDomainData(samples);
      if (samples.some(value => Math.abs(value) > 0.01)) return true;
      if (turn % 10 === 9 && await energy() > before + 0.001) return true;
    }
    return false;
  } finally { context.close(); }
})"""

# Of every peer connection the page has opened and not closed.
INBOUND = """(async () => {
  const found = {};
  for (const connection of witness.connections) {
    if (connection.connectionState === 'closed') continue;
    for (const line of (await connection.getStats()).values())
      if (line.type === 'inbound-rtp' && line.packetsReceived)
        found[`${line.kind} ${line.ssrc}`] = {received: line.packetsReceived, lost: line.packetsLost,
          decoded: line.kind === 'video' ? line.framesDecoded : line.totalSamplesReceived};
  }
  return found;
})()"""


@dataclass(frozen=True)
class Counter:
    """What one incoming stream has brought so far: packets received, packets lost, frames or samples decoded."""

    received: int
    lost: int
    decoded: int


async def sees(page: Page, video: str, *, timeout_s: float = PATIENCE_S) -> None:
    """Wait until the video that this JavaScript expression names shows a moving picture."""
    await page.wait_for(f"{MOVES}({video})", timeout_s=timeout_s)


async def hears(page: Page, player: str, *, timeout_s: float = PATIENCE_S) -> None:
    """Wait until the <audio> or <video> that this JavaScript expression names can be heard."""
    await page.wait_for(f"{SOUNDS}({player})", timeout_s=timeout_s)


async def sees_no_more(page: Page, video: str, *, timeout_s: float = PATIENCE_S) -> None:
    """Wait until that video has stood still, or is gone, for about two seconds."""
    await page.wait_for(f"{MOVES}({video}).then(moves => !moves)", timeout_s=timeout_s)


async def hears_no_more(page: Page, player: str, *, timeout_s: float = PATIENCE_S) -> None:
    """Wait until that player has been silent, or is gone, for about three seconds."""
    await page.wait_for(f"{SOUNDS}({player}).then(sounds => !sounds)", timeout_s=timeout_s)


async def inbound(page: Page) -> dict[str, Counter]:
    """Counters of every incoming stream, by kind and SSRC."""
    return {name: Counter(**values) for name, values in (await page.evaluate(INBOUND)).items()}


async def receives_streams(page: Page, number: int, *, timeout_s: float = PATIENCE_S) -> dict[str, Counter]:
    """Wait until this many streams bring frames, and return their counters."""
    await page.wait_for(
        f"{INBOUND}.then(all => Object.values(all).filter(one => one.decoded > 0).length >= {number})",
        timeout_s=timeout_s,
    )
    return await inbound(page)


async def still_flows(page: Page, before: dict[str, Counter], *, timeout_s: float = PATIENCE_S) -> None:
    """The very streams of `before` are still there, have brought more, and have lost nothing meanwhile."""
    # Both are awaited: sound that is missing is made up, and counts as decoded.
    wanted = json.dumps({name: asdict(counter) for name, counter in before.items()})
    more = "now[name]?.decoded > was.decoded && now[name].received > was.received"
    await page.wait_for(
        f"{INBOUND}.then(now => Object.entries({wanted}).every(([name, was]) => {more}))", timeout_s=timeout_s
    )
    now = await inbound(page)
    for name, counter in before.items():
        assert now[name].lost <= counter.lost, f"{page.label}: {name} lost packets"
