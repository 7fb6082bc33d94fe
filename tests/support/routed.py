"""A room's router with one publisher, and what comes out of it, read."""

from __future__ import annotations

from typing import Any

from media import ortc, rtcp, rtp
from media.forward import Outgoing
from tests.support.forwarded import Apart

KEY = b"\x10\x00" + b"key frame"
DELTA = b"\x10\x01" + b"delta"
CAMERA, CAMERA_RTX, MICROPHONE = 1001, 1002, 2001


def parameters(kind: str, ssrc: int = 0, mid: str = "0") -> dict[str, Any]:
    extensions = [{"uri": ortc.MID, "id": 9}, {"uri": ortc.TRANSPORT_CC, "id": 3}]
    if kind == "audio":
        codec = {"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}
        return {
            "mid": mid,
            "codecs": [codec],
            "headerExtensions": extensions,
            "encodings": [{"ssrc": ssrc or MICROPHONE}],
        }
    codecs = [
        {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000},
        {"mimeType": "video/rtx", "payloadType": 97, "clockRate": 90000, "parameters": {"apt": 96}},
    ]
    encodings = [{"ssrc": ssrc or CAMERA, "rtx": {"ssrc": ssrc + 1 if ssrc else CAMERA_RTX}}]
    return {"mid": mid, "codecs": codecs, "headerExtensions": extensions, "encodings": encodings}


class Room:
    """A router with one publisher, ``ann``, and any number of subscribers."""

    def __init__(self, *, direct: bool) -> None:
        self.direct = direct
        self._apart = Apart()
        self.router, self.counters = self._apart.router, self._apart.counters
        self.router.open_link("up", "ann", "send")
        self.camera = self.publish("video", "camera")

    def publish(self, kind: str, source: str, **more: Any) -> str:
        return self.router.create_producer("ann", "up", kind, source, parameters(kind, **more), paused=False)

    def subscribe(self, peer: str, producer: str | None = None) -> dict[str, Any]:
        if f"down-{peer}" not in self.router._links:
            self.router.open_link(f"down-{peer}", peer, "recv")
            self.router.link_direct(f"down-{peer}", direct=self.direct)
        offer = self.router.create_consumer(peer, f"down-{peer}", producer or self.camera)
        self.router.pause_consumer(offer["id"], paused=False)
        return offer

    def send(self, sequence: int, payload: bytes = DELTA, now: float = 0.0, **more: Any) -> list[Outgoing]:
        values = {"marker": False, "payload_type": 96, "timestamp": 3000, "ssrc": CAMERA, **more}
        return self.give(rtp.build(sequence=sequence, payload=payload, **values), now)

    def give(
        self, packet: bytes, now: float = 0.0, transport: str = "up", arrived: float | None = None
    ) -> list[Outgoing]:
        return self._apart.give(transport, packet, now, arrived)

    def tick(self, now: float) -> list[Outgoing]:
        self.router.tick(now)
        return self.router.take()

    def feed_back(self, peer: str, packet: bytes, now: float = 0.0) -> list[Outgoing]:
        return self.report(f"down-{peer}", packet, now)

    def report(self, transport: str, packet: bytes, now: float = 0.0) -> list[Outgoing]:
        self.router.on_rtcp(transport, packet, now)
        return self.router.take()


def media(outgoing: list[Outgoing]) -> list[rtp.RtpPacket]:
    return [rtp.parse(each.packet) for each in outgoing if not each.rtcp]


def feedback(outgoing: list[Outgoing]) -> list[rtcp.RtcpPacket]:
    return [packet for each in outgoing if each.rtcp for packet in rtcp.parse(each.packet)]


def encoding(offer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = offer["rtpParameters"]["encodings"][0]
    return found


def requests(outgoing: list[Outgoing]) -> int:
    return sum(isinstance(packet, rtcp.KeyFrameRequest) for packet in feedback(outgoing))
