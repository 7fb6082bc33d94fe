"""The curious server's tap: frames are put together from packets, and a frame that was not sealed is noticed."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from media import rtp
from tests.support.curious import FIRST_LONG_KEY, Findings, Tap, findings, sframe_header, vp8_payload

NOTE = {"peer": "somebody", "transport": "t", "kind": "video", "codec": "vp8", "payload_type": 96, "ssrc": 5}
REPAIR = {"rtx_payload_type": 97, "rtx_ssrc": 6}
DELTA = b"\x01"


def packet(sequence: int, payload: bytes, *, payload_type: int = 96, ssrc: int = 5, timestamp: int = 0) -> str:
    """A line of the tap with a packet that ends its frame."""
    sent = rtp.build(
        marker=True, payload_type=payload_type, sequence=sequence, timestamp=timestamp, ssrc=ssrc, payload=payload
    )
    return json.dumps({"transport": "t", "packet": base64.b64encode(sent).decode()})


def tapped(folder: Path, *lines: str) -> Tap:
    """A tap with these lines; what they are becomes known last."""
    tap = Tap(folder / "tap.jsonl")
    tap.path.write_text("".join(f"{line}\n" for line in (*lines, json.dumps(NOTE | REPAIR))))
    return tap


def test_a_repaired_packet_takes_its_place(tmp_path: Path) -> None:
    repair = packet(900, (65535).to_bytes(2, "big") + b"\x10two", payload_type=97, ssrc=6, timestamp=2)
    tap = tapped(tmp_path, packet(65534, b"\x10one", timestamp=1), packet(0, b"\x10three", timestamp=3), repair)
    (stream,) = tap.streams()
    assert stream.frames() == [b"one", b"two", b"three"]
    assert stream.seen == 3


def test_only_what_comes_after_a_mark_is_read(tmp_path: Path) -> None:
    tap = tapped(tmp_path, packet(1, b"\x10one"))
    mark = tap.now()
    with tap.path.open("a") as file:
        file.write(packet(2, b"\x10two") + "\n" + packet(3, b"\x10three")[:20])
    (stream,) = tap.streams(mark)
    assert stream.frames() == [b"two"]


def test_a_lost_packet_costs_its_frame(tmp_path: Path) -> None:
    (stream,) = tapped(tmp_path, packet(1, b"\x00middle", timestamp=1), packet(2, b"\x10next", timestamp=2)).streams()
    assert stream.frames() == [b"next"]
    assert stream.seen == 2


@pytest.mark.parametrize(
    ("payload", "starts", "rest"),
    [
        (b"\x10data", True, b"data"),
        (b"\x00data", False, b"data"),
        (b"\x11data", False, b"data"),
        (b"\x90\x80\x05data", True, b"data"),
        (b"\x90\x80\x85\x05data", True, b"data"),
        (b"\x90\xe0\x85\x05\x01\x02data", True, b"data"),
    ],
)
def test_a_descriptor_is_taken_off(payload: bytes, starts: bool, rest: bytes) -> None:
    assert vp8_payload(payload) == (starts, rest)


@pytest.mark.parametrize(
    ("sealed", "header"),
    [
        (b"\x12", (1, 2)),
        (b"\x1a\x01\x00\x00", (1, 65536)),
        (b"\x98\x01\x02\x09", (0x102, 9)),
        (b"", (FIRST_LONG_KEY, 0)),
    ],
)
def test_a_header_says_key_and_number(sealed: bytes, header: tuple[int, int]) -> None:
    assert sframe_header(sealed) == header


def test_a_frame_without_a_number_of_its_own_is_noticed(tmp_path: Path) -> None:
    sealed = [b"\x10" + DELTA + b"\x18" + bytes([number]) for number in (8, 9, 9, 10)]
    lines = [packet(number, payload, timestamp=number) for number, payload in enumerate(sealed)]
    found = findings(tapped(tmp_path, *lines).streams())
    assert found == {("somebody", "video"): Findings(seen=4, decoded=0, unsealed=1, revealed=0)}
