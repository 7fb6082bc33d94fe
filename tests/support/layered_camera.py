"""A publisher without a browser: a noisy moving picture in three sizes and a tone's worth of sound, over real DTLS."""

from __future__ import annotations

import asyncio
import random
import time
from fractions import Fraction
from itertools import count
from typing import Any

from aiortc.codecs.vpx import Vp8Encoder, VpxPayloadDescriptor
from av import VideoFrame

from bench.media_client import ClientTransport, srtp, srtp_ffi
from media import rtp
from media.ortc import PeerDtls
from media.pool import MediaRoom
from tests.support.simulcast import LayerSource, parameters, sources

SIZES = ((160, 90), (320, 180), (640, 360))
RATES_BPS = (80_000, 350_000, 900_000)
FPS = 15
LOOP = 2 * FPS
OPUS_SSRC, OPUS_TYPE = 4001, 111
OPUS_FRAME = bytes.fromhex("fc") + bytes(79)
MAX_PAYLOAD = 1000


def encoded(width: int, height: int, bps: int) -> list[bytes]:
    """Return two seconds of noise as VP8 frames, of which the first is a key frame."""
    encoder, chance = Vp8Encoder(), random.Random(7)
    encoder.target_bitrate = bps
    frames = []
    for number in range(LOOP):
        picture = VideoFrame(width, height, "yuv420p")
        for plane, mask in zip(picture.planes, (b"\x03" if width < 200 else b"\x3f", b"\0", b"\0"), strict=True):
            size = plane.buffer_size
            noise = int.from_bytes(chance.randbytes(size)) & int.from_bytes(mask * size)
            plane.update((noise + int.from_bytes(bytes((64 + number % 8 * 8,)) * size)).to_bytes(size))
        picture.pts, picture.time_base = number * 90000 // FPS, Fraction(1, 90000)
        payloads, _ = encoder.encode(picture, force_keyframe=number == 0)
        frames.append(b"".join(VpxPayloadDescriptor.parse(payload)[1] for payload in payloads))
    return frames


class LayeredCamera:
    """One person's sending transport. ``port`` is that of its own UDP socket."""

    def __init__(self, address: str) -> None:
        self.transport = ClientTransport(address)
        self.port = self.transport.address[1]
        self._layers = [
            (source, encoded(*size, bps)) for source, size, bps in zip(sources(), SIZES, RATES_BPS, strict=True)
        ]
        self._buffer = srtp_ffi.new("char[]", 2048)
        self._length = srtp_ffi.new("int *")
        self._task: asyncio.Task[None] | None = None
        self.sounds = 0

    async def publish(self, room: MediaRoom, peer: str) -> tuple[str, str]:
        """Connect; return the ids of the picture's and the sound's producer."""
        made = await room.create_transport(peer, "send")
        ours = {"role": "client", "fingerprints": [{"algorithm": "sha-256", "value": self.transport.fingerprint}]}
        await room.connect_transport(made["id"], ours)
        candidate = next(each for each in made["iceCandidates"] if each["protocol"] == "udp")
        ice, theirs = made["iceParameters"], made["dtlsParameters"]["fingerprints"]
        await self.transport.connect(
            (candidate["ip"], candidate["port"]),
            ice["usernameFragment"],
            ice["password"],
            PeerDtls("server", tuple((each["algorithm"], each["value"]) for each in theirs)),
        )
        picture = await room.create_producer(peer, made["id"], "video", "camera", parameters(), height=SIZES[-1][1])
        sound = await room.create_producer(peer, made["id"], "audio", "microphone", _microphone())
        self._task = asyncio.create_task(self._run())
        return picture, sound

    async def close(self) -> None:
        """Stop sending and hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.transport.close()

    async def _run(self) -> None:
        began, frames = time.monotonic(), 0
        for tick in count():  # 10 ms each
            await asyncio.sleep(max(0.0, began + tick / 100 - time.monotonic()))
            if tick % 2 == 0:
                self._sound()
            if frames <= (time.monotonic() - began) * FPS:
                self._picture(frames)
                frames += 1
            if tick % 100 == 0:
                self.transport.keep_alive()
                for source, _ in self._layers:
                    self._protect(srtp.srtp_protect_rtcp, source.report(2 * frames))
            self._drain()

    def _drain(self) -> None:
        try:
            while True:
                self.transport.take(self.transport.socket.recv(2048))
        except (BlockingIOError, ConnectionError):
            return

    def _sound(self) -> None:
        packet = rtp.build(
            marker=False,
            payload_type=OPUS_TYPE,
            sequence=self.sounds & 0xFFFF,
            timestamp=self.sounds * 960 & 0xFFFFFFFF,
            ssrc=OPUS_SSRC,
            payload=OPUS_FRAME,
        )
        self.sounds += 1
        self._protect(srtp.srtp_protect, packet)

    def _picture(self, number: int) -> None:
        for source, frames in self._layers:
            for packet in packets_of(source, 2 * number, frames[number % LOOP]):
                self._protect(srtp.srtp_protect, packet)

    def _protect(self, protect: Any, packet: bytes) -> None:
        srtp_ffi.memmove(self._buffer, packet, len(packet))
        self._length[0] = len(packet)
        if protect(self.transport.protect, self._buffer, self._length) == 0:
            self.transport._send(bytes(srtp_ffi.buffer(self._buffer, self._length[0])))


def packets_of(source: LayerSource, number: int, frame: bytes) -> list[bytes]:
    """Cut one VP8 frame into packets of a layer; ``number`` counts frames of 30 a second."""
    parts = [frame[at : at + MAX_PAYLOAD] for at in range(0, len(frame), MAX_PAYLOAD)]
    made = source.frame(number, key=False, packets=len(parts))
    # The source ends each with a byte for "key or not" and one for its place: the real picture replaces them.
    return [packet[:-2] + part for packet, part in zip(made, parts, strict=True)]


def _microphone() -> dict[str, Any]:
    codec = {"mimeType": "audio/opus", "payloadType": OPUS_TYPE, "clockRate": 48000, "channels": 2}
    return {"mid": "1", "codecs": [codec], "headerExtensions": [], "encodings": [{"ssrc": OPUS_SSRC}]}
