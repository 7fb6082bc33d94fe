"""Outside corpora through every parser of ours: success or one ParseError, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from media import ice, rtcp, rtp, vp8, vp9
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
