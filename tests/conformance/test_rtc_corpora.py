"""Outside corpora through every parser of ours: success or one ParseError, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from media import ice, ortc, rtcp, rtp, vp8, vp9
from media.batch import MAX_PACKET
from media.parsing import ParseError
from media.tcp import MAX_FRAME, Deframer, frame
from media.wire import classify
from tests.support.forwarded import Apart

CORPORA = Path(__file__).resolve().parents[2].parent / "shared" / "conformance" / "rtc-corpora"
FILES = sorted(path for path in CORPORA.glob("*/*") if path.is_file() and path.parent.name != "sdp")

pytestmark = pytest.mark.skipif(not FILES, reason=f"the corpora are not beside this checkout ({CORPORA.name})")


def read_rtp(data: bytes) -> None:
    packet = rtp.parse(data)
    vp8.starts_key_frame(packet.payload, 0, len(packet.payload))
    vp9.starts_key_frame(packet.payload, 0, len(packet.payload))
    rtp.unwrap_retransmission(packet)


def read_picture(data: bytes) -> None:
    vp9.read_descriptor(data, 0, len(data))


def read_frames(data: bytes) -> None:
    list(Deframer().feed(data))
    assert list(Deframer().feed(frame(data[:MAX_FRAME]))) == [data[:MAX_FRAME]] * bool(data)


PARSERS: dict[str, Callable[[bytes], object]] = {
    "rtp": read_rtp,
    "vp9": read_picture,
    "rtcp": rtcp.parse,
    "stun": ice.parse_check,
    "ufrag": ice.claimed_ufrag,
    "tcp": read_frames,
}


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_is_read_or_refused_in_one_way(path: Path, parser: str) -> None:
    data = path.read_bytes()
    classify(data)
    for cut in (data, data[: len(data) // 2], data[1:], data + b"\0"):
        try:
            PARSERS[parser](cut)
        except ParseError:
            continue


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_file_disturbs_a_room(path: Path) -> None:
    apart = Apart()
    router = apart.router
    router.open_link("up", "ann", "send")
    data = path.read_bytes()[:MAX_PACKET]
    assert apart.give("up", data, 0.0) == []
    router.on_rtcp("up", data, 0.0)
    router.tick(1.0)
    assert router.take() == []


SSRC = 1001
STREAMS: dict[str, tuple[str, str, int, bytes]] = {
    "sound": ("audio", "opus", 48000, b"sound"),
    "a picture": ("video", "VP8", 90000, b"\x10\x00 key frame"),
    "a picture in three sizes": ("video", "VP8", 90000, b"\x10\x00 key frame"),
    "a screen": ("video", "VP9", 90000, b"\x08 key frame"),
}


class Call:
    """A room in which one stream comes and somebody gets it."""

    def __init__(self, stream: str, transport_cc: int) -> None:
        kind, name, clock_rate, self.key = STREAMS[stream]
        self.apart = Apart()
        router = self.apart.router
        router.open_link("up", "ann", "send")
        router.open_link("down", "bob", "recv")
        router.link_direct("down", direct=True)
        codec = {"mimeType": f"{kind}/{name}", "payloadType": 100, "clockRate": clock_rate}
        encodings = [{"rid": f"r{place}", "ssrc": SSRC + place} for place in range(3 if "three" in stream else 1)]
        parameters = {
            "codecs": [codec | ({"channels": 2} if kind == "audio" else {})],
            "headerExtensions": [{"uri": ortc.TRANSPORT_CC, "id": transport_cc}],
            "encodings": encodings,
        }
        source = "microphone" if kind == "audio" else "camera"
        producer = router.create_producer("ann", "up", kind, source, parameters, paused=False)
        offer = router.create_consumer("bob", "down", producer, vp9=True)
        router.pause_consumer(offer["id"], paused=False)
        self.ssrc = offer["rtpParameters"]["encodings"][0]["ssrc"]

    def give(self, packet: bytes, now: float) -> list[rtp.RtpPacket]:
        """What the subscriber gets of a packet; none of it is anything but the stream it knows."""
        sent = self.apart.give("up", packet, now)
        self.apart.router.tick(now)
        self.apart.router.take()
        found = [rtp.parse(each.packet) for each in sent if each.transport == "down"]
        assert {each.ssrc for each in found} <= {self.ssrc}
        return found


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_file_disturbs_a_call_as_a_packet_of_its_stream(path: Path, stream: str) -> None:
    data = path.read_bytes()[:MAX_PACKET]
    named = data[2:8] + SSRC.to_bytes(4, "big")
    counted = b"\xbe\xde\0\1\x31" + data[4:6] + b"\0"
    # As it is, and with a header that is plain or has an extension, whatever follows: that is the short way.
    heads = [(data[:1], b""), (b"\x80", b""), (b"\x90", b""), (b"\x90", counted)]
    for claimed in (first + bytes((100,)) + named + extension + data[12:] for first, extension in heads):
        for packet in (claimed, claimed[: len(claimed) // 2], claimed[:-1], claimed[:16], claimed[:13]):
            identifier = packet[16] >> 4 if len(packet) > 16 else 0
            call = Call(stream, identifier if 0 < identifier < 15 else 3)
            for again in (1.0, 1.1):  # what was learnt from it holds for the next one
                call.give(packet, again)
            number = int.from_bytes(packet[2:4], "big") + 1
            later = {"marker": True, "payload_type": 100, "sequence": number & 0xFFFF, "timestamp": 9000, "ssrc": SSRC}
            (shown,) = call.give(rtp.build(**later, payload=call.key), 1.2)
            assert shown.payload == call.key


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pli.rtcp", rtcp.KeyFrameRequest),
        ("fir.rtcp", rtcp.KeyFrameRequest),
        ("remb.rtcp", rtcp.Remb),
        ("sr-sdes.rtcp", rtcp.SenderReport),
        ("rr.rtcp", rtcp.ReceiverReport),
    ],
)
def test_named_files_are_understood(name: str, expected: type) -> None:
    found = rtcp.parse((CORPORA / "rtcp" / name).read_bytes())
    assert any(isinstance(packet, expected) for packet in found)


def test_captured_calls_are_understood() -> None:
    files = [path for path in FILES if path.parent.name == "rtp"]
    assert any(rtp.parse(path.read_bytes()) for path in files if path.stat().st_size > 20)
