"""The same camera over a second connection of the test's own: what two pages can show at this moment, whatever keys do.

Whether a picture stands still is a question of time, and a busy machine has its own. So time is told here by a control:
the sender's camera goes to the same receiver a second time, straight and unencrypted, and is shown beside the picture
of the call. Its clock is its own media time (RTP timestamps, 90 000 a second), read from the pictures that really
appear; between two of them it goes on by a quarter of a second at most. Where a tired machine shows nothing, that
clock stands, too; where only the picture of the call stands, it runs.
"""

from __future__ import annotations

import json

from tests.support.page import Page

A_SECOND = 90_000
"""Ticks of a clock of pictures (RFC 7741, section 4.1)."""
LONGEST_STEP = A_SECOND // 4

# The witness of these tests counts every connection of a page but the native ones, and this one is not the call's.
CONNECTION = "new RTCPeerConnection.prototype.constructor()"
GATHERED = """(connection => new Promise(done => {
  const look = () => connection.iceGatheringState === 'complete' && done(connection.localDescription.sdp);
  connection.onicegatheringstatechange = look;
  look();
}))"""
OFFER = f"""(async key => {{
  const senders = witness.connections.flatMap(one => one.getSenders());
  const camera = senders.map(one => one.track)
    .find(track => track?.kind === 'video' && track.readyState === 'live' && track.contentHint === 'motion');
  const connection = {CONNECTION};
  const small = [{{scaleResolutionDownBy: 4}}];
  const line = connection.addTransceiver(camera, {{direction: 'sendonly', sendEncodings: small}});
  const codecs = RTCRtpReceiver.getCapabilities('video').codecs;
  line.setCodecPreferences(codecs.filter(one => one.mimeType === 'video/VP8'));
  await connection.setLocalDescription();
  (window.beside ??= {{}})[key] = {{connection}};
  return {GATHERED}(connection);
}})"""
ANSWER = f"""(async (key, sdp, picture) => {{
  const one = {{connection: {CONNECTION}, clock: 0, stood: 0, shown: 0, seen: 0}};
  (window.beside ??= {{}})[key] = one;
  const control = Object.assign(document.createElement('video'), {{muted: true, autoplay: true}});
  control.style.cssText = 'position: fixed; inset: 0 auto auto 0; width: 8px; height: 8px';
  one.connection.ontrack = ({{track}}) => {{ control.srcObject = new MediaStream([track]); control.play(); }};
  const each = (video, shown) => video.requestVideoFrameCallback((_, {{rtpTimestamp}}) => {{
    shown(rtpTimestamp);
    each(video, shown);
  }});
  let last = null, at = 0;
  each(control, stamp => {{
    if (last !== null) one.clock += Math.min((stamp - last) >>> 0, {LONGEST_STEP});
    last = stamp;
    one.shown++;
    one.stood = Math.max(one.stood, one.clock - at);
  }});
  each(picture, () => {{ at = one.clock; one.seen++; }});
  document.body.append(control);
  await one.connection.setRemoteDescription({{type: 'offer', sdp}});
  await one.connection.setLocalDescription();
  return {GATHERED}(one.connection);
}})"""


class Beside:
    """A picture of the call and its control; ``stood`` is the longest time for which the picture stood still."""

    def __init__(self, receiver: Page, key: str) -> None:
        self._receiver, self._here = receiver, f"beside[{json.dumps(key)}]"

    @classmethod
    async def begin(cls, sender: Page, receiver: Page, picture: str) -> Beside:
        """Show the sender's camera a second time. ``picture`` is a JavaScript expression for the call's own <video>."""
        key = json.dumps(sender.label)
        offer = await sender.evaluate(f"{OFFER}({key})")
        answer = await receiver.evaluate(f"{ANSWER}({key}, {json.dumps(offer)}, {picture})")
        accepted = json.dumps({"type": "answer", "sdp": answer})
        await sender.evaluate(f"beside[{key}].connection.setRemoteDescription({accepted})")
        beside = cls(receiver, sender.label)
        await receiver.wait_for(f"{beside._here}.shown > 0 && {beside._here}.seen > 0")
        await beside.forget()
        return beside

    async def forget(self) -> None:
        """Measure from now on."""
        await self._receiver.evaluate(f"void ({self._here}.stood = 0)")

    async def stood(self) -> int:
        """The longest time, in ticks, for which the call's picture has stood still, up to now."""
        found: int = await self._receiver.evaluate(f"{self._here}.stood")
        return found

    async def goes_on(self) -> None:
        """Wait until the control has shown two seconds more, and the picture of the call has moved after that."""
        clock, seen = await self._receiver.evaluate(f"[{self._here}.clock, {self._here}.seen]")
        await self._receiver.wait_for(f"{self._here}.clock >= {clock + 2 * A_SECOND} && {self._here}.seen > {seen}")

    async def stands(self) -> None:
        """Wait until the picture has stood still for longer than a second."""
        await self._receiver.wait_for(f"{self._here}.stood > {A_SECOND}")
