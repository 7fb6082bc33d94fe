"""A participant without a browser: pymediasoup, a tone, a moving picture, and counts of what it received."""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import math
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiortc import MediaStreamTrack, VideoStreamTrack
from av import AudioFrame, VideoFrame
from pymediasoup import AiortcHandler, Device
from pymediasoup.handlers.sdp.media_section import OfferMediaSection
from pymediasoup.models.transport import DtlsParameters, IceCandidate, IceParameters
from pymediasoup.rtp_parameters import RtpCapabilities, RtpParameters

from tests.support.sealed_media import open_with, seal_with
from tests.support.sframe import FrameKeys, Stream

Request = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]

SAMPLE_RATE = 48000
SAMPLES = SAMPLE_RATE // 50
WIDTH, HEIGHT = 320, 240
ANCHOR = {
    "mid": "anchor",
    "codecs": [{"mimeType": "audio/opus", "payloadType": 100, "clockRate": 48000, "channels": 2}],
    "headerExtensions": [],
    "encodings": [{"ssrc": 1111}],
    "rtcp": {"cname": "anchor"},
}


class Tone(MediaStreamTrack):
    """A 440 Hz sine in real time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._sent = 0
        self._began: float | None = None

    async def recv(self) -> AudioFrame:
        clock = asyncio.get_running_loop().time
        if self._began is None:
            self._began = clock()
        await asyncio.sleep(max(0.0, self._began + self._sent / SAMPLE_RATE - clock()))
        wave = (int(12000 * math.sin(2 * math.pi * 440 * (self._sent + n) / SAMPLE_RATE)) for n in range(SAMPLES))
        frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        frame.planes[0].update(struct.pack(f"<{SAMPLES}h", *wave))
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, self._sent, fractions.Fraction(1, SAMPLE_RATE)
        self._sent += SAMPLES
        return frame


class MovingPicture(VideoStreamTrack):
    """A grey picture whose brightness steps with every frame, with a stripe that walks across it; 30 a second.

    ``every``: only each second, third, … of them.
    """

    def __init__(self, every: int = 1) -> None:
        super().__init__()
        self._sent = 0
        self._every = every

    async def recv(self) -> VideoFrame:
        for _ in range(self._every):
            pts, time_base = await self.next_timestamp()
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        row = bytearray([16 + self._sent * 9 % 200]) * frame.planes[0].line_size
        at = self._sent * 8 % (WIDTH - 20)
        row[at : at + 20] = b"\xeb" * 20
        frame.planes[0].update(bytes(row) * HEIGHT)
        for plane in frame.planes[1:]:
            plane.update(b"\x80" * plane.buffer_size)
        frame.pts, frame.time_base = pts, time_base
        self._sent += 1
        return frame


@dataclass
class Received:
    """What came in of one producer; ``changes`` counts frames that differ from the one before (sound: not silent)."""

    kind: str
    frames: int = 0
    changes: int = 0


class _Handler(AiortcHandler):  # type: ignore[misc]  # the library has no types
    """pymediasoup's handler, made to work with a server whose mids are never used twice; with keys, it seals."""

    def __init__(self, keys: FrameKeys | None, tracks: list[MediaStreamTrack]) -> None:
        super().__init__(tracks)
        self._keys = keys

    def run(self, *args: Any, **kwargs: Any) -> None:
        kwargs["iceServers"] = []  # the library's default waits for a public STUN server
        super().run(*args, **kwargs)
        if self._keys is not None:
            seal_with(self._keys, self.pc)
        remote = self.remoteSdp

        def append(mid: str, kind: str, offerRtpParameters: RtpParameters, streamId: str, trackId: str) -> None:  # noqa: N803 - the library's names
            # The library would put a new stream into a closed m-line, which aiortc cannot take.
            section = OfferMediaSection(
                iceParameters=remote._iceParameters,
                iceCandidates=remote._iceCandidates,
                dtlsParameters=remote._dtlsParameters,
                plainRtpParameters=remote._plainRtpParameters,
                planB=False,
                mid=mid,
                kind=kind,
                offerRtpParameters=offerRtpParameters,
                streamId=streamId,
                trackId=trackId,
            )
            remote._addMediaSection(section)

        remote.receive = append


class Headless:
    """A participant. ``request(event, data)`` sends a protocol event and returns its ``data`` or raises.

    With ``keys`` nothing leaves unsealed, and nothing is decoded that does not open.
    """

    def __init__(self, request: Request, keys: FrameKeys | None = None) -> None:
        self._request = request
        self._keys = keys
        self._device = Device(handlerFactory=lambda: _Handler(keys, [Tone(), MovingPicture()]))
        self._send: Any = None
        self._receive: Any = None
        self._consumers: dict[str, Any] = {}
        self._pumps: set[asyncio.Task[None]] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self.failures: list[BaseException] = []
        self.producers: dict[str, str] = {}
        self.received: dict[str, Received] = {}

    async def load(self) -> None:
        """Learn the router's capabilities; the first thing to do."""
        reply = await self._request("media.capabilities", {})
        await self._device.load(RtpCapabilities(**reply["routerRtpCapabilities"]))

    async def publish(self, kind: str, *, every: int = 1) -> str:
        """Publish the tone (``audio``) or the moving picture (``video``); return the producer's id.

        ``every``: only each second, third, … of the pictures.
        """
        if self._send is None:
            self._send = await self._transport("send")
        track = Tone() if kind == "audio" else MovingPicture(every)
        producer = await self._send.produce(track=track, stopTracks=True)
        self.producers[producer.id] = kind
        return str(producer.id)

    async def consume(self, producer_id: str, stream: Stream | None = None) -> Received:
        """Receive a producer from now on; the returned counts grow by themselves. With keys: whose it must be."""
        if self._receive is None:
            self._receive = await self._transport("recv")
            await self._receive.consume(
                id="anchor", producerId="anchor", kind="audio", rtpParameters=RtpParameters(**ANCHOR)
            )
        offer = await self._request("consumer.create", {"producerId": producer_id})
        consumer = await self._receive.consume(
            id=offer["id"],
            producerId=offer["producerId"],
            kind=offer["kind"],
            rtpParameters=RtpParameters(**offer["rtpParameters"]),
        )
        self._consumers[producer_id] = consumer
        if self._keys is not None:
            assert stream is not None
            open_with(self._keys, stream, self._receive.handler.pc, consumer.track)
        counts = self.received.setdefault(producer_id, Received(offer["kind"]))
        pump = asyncio.create_task(_pump(consumer.track, counts))
        self._pumps.add(pump)
        pump.add_done_callback(self._pumps.discard)
        await self._request("consumer.resume", {"consumerId": offer["id"]})
        return counts

    def consumer_id(self, producer_id: str) -> str:
        """Return the id of the open consumer of a producer."""
        return str(self._consumers[producer_id].id)

    async def stop_consuming(self, producer_id: str) -> None:
        """Close the consumer of a producer on both sides."""
        consumer = self._consumers.pop(producer_id)
        await consumer.close()
        await self._request("consumer.close", {"consumerId": consumer.id})

    async def wait_for(self, producer_id: str, *, changes: int) -> None:
        """Wait until so many changing frames of a producer have come in."""
        while self.received[producer_id].changes < changes:
            if self.failures:
                raise self.failures[0]
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        """Leave: close both transports."""
        for transport in (self._send, self._receive):
            if transport is not None:
                await transport.close()
        for task in (*self._pumps, *self._connecting):
            task.cancel()
        await asyncio.gather(*self._pumps, *self._connecting, return_exceptions=True)

    async def _transport(self, direction: str) -> Any:
        reply = await self._request("transport.create", {"direction": direction})
        make = self._device.createSendTransport if direction == "send" else self._device.createRecvTransport
        transport = make(
            id=reply["id"],
            iceParameters=IceParameters(**reply["iceParameters"]),
            iceCandidates=[IceCandidate(**candidate) for candidate in reply["iceCandidates"]],
            dtlsParameters=DtlsParameters(**reply["dtlsParameters"]),
            sctpParameters=None,
        )

        def connect(dtls: DtlsParameters) -> None:
            data = {"transportId": reply["id"], "dtlsParameters": dtls.model_dump(exclude_none=True)}
            self._background(self._request("transport.connect", data))

        transport.on("connect", connect)

        if direction == "send":

            async def produce(kind: str, parameters: RtpParameters, _app_data: object) -> str:
                data = {
                    "transportId": reply["id"],
                    "kind": kind,
                    "source": "microphone" if kind == "audio" else "camera",
                    "rtpParameters": parameters.model_dump(exclude_none=True),
                    "paused": False,
                }
                return str((await self._request("producer.create", data))["id"])

            transport.on("produce", produce)

        return transport

    def _background(self, work: Awaitable[Any]) -> None:
        # The library's "connect" event awaits nobody, so a refusal is kept for wait_for to raise.
        async def run() -> None:
            try:
                await work
            except Exception as error:
                self.failures.append(error)

        task = asyncio.create_task(run())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)


async def _pump(track: MediaStreamTrack, counts: Received) -> None:
    before = b""
    with contextlib.suppress(Exception):  # aiortc ends a track by an exception
        while True:
            frame = await track.recv()
            counts.frames += 1
            if isinstance(frame, VideoFrame):
                sample = bytes(frame.planes[0])[:: WIDTH * 7]
                counts.changes += sample != before
                before = sample
            elif isinstance(frame, AudioFrame):
                counts.changes += any(bytes(frame.planes[0]))
