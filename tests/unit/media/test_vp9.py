"""VP9: what its descriptor says, and how one publisher's single layer goes through a room."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import ortc, rtcp, rtp, vp9
from media.control import MediaError
from media.forward import Outgoing
from media.parsing import ParseError
from tests.support.forwarded import Apart

SCREEN, SCREEN_RTX = 5001, 5002
KEY = bytes.fromhex("8c 81 23") + b"sealed whole"
DELTA = bytes.fromhex("cc 81 24") + b"sealed whole"


@pytest.mark.parametrize(
    ("payload", "read"),
    [
        ("0c aa", vp9.Descriptor(1, False, True, True, -1, 0)),
        ("8c 05 aa", vp9.Descriptor(2, False, True, True, 5, 0)),
        ("8c 85 07 aa", vp9.Descriptor(3, False, True, True, 0x507, 0)),
        ("c8 85 07 aa", vp9.Descriptor(3, True, True, False, 0x507, 0)),
        ("2c 02 09 aa", vp9.Descriptor(3, False, True, True, -1, 1)),  # a larger size, with TL0PICIDX
        ("3c 02 aa", vp9.Descriptor(2, False, True, True, -1, 1)),  # flexible mode has none
        ("5c 03 02 aa", vp9.Descriptor(3, True, True, True, -1, 0)),  # two references
        ("0a 18 0280 0168 01 04 01 aa", vp9.Descriptor(9, False, True, False, -1, 0)),  # sizes and a pattern
        ("0a 00 aa", vp9.Descriptor(2, False, True, False, -1, 0)),
    ],
)
def test_it_reads_a_descriptor(payload: str, read: vp9.Descriptor) -> None:
    data = bytes.fromhex(payload)
    assert vp9.read_descriptor(data, 0, len(data)) == read


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        ("", "vp9 flags"),
        ("80", "vp9 picture id"),
        ("80 80", "vp9 picture id"),
        ("20", "vp9 layer"),
        ("20 00", "vp9 tl0picidx"),
        ("50 01 01 01 00", "vp9 p_diff: expected at most 3"),
        ("50 01", "vp9 p_diff: packet ends"),
        ("02", "vp9 scalability structure"),
        ("02 10 02 80", "vp9 picture size"),
        ("02 08 02 04 01", "vp9 picture group"),
    ],
)
def test_it_names_what_is_wrong(payload: str, complaint: str) -> None:
    data = bytes.fromhex(payload)
    with pytest.raises(ParseError, match=complaint):
        vp9.read_descriptor(data, 0, len(data))
    assert not vp9.starts_key_frame(data, 0, len(data))


@given(st.binary(max_size=60))
def test_it_raises_nothing_but_parse_errors_and_stays_inside(data: bytes) -> None:
    try:
        assert 1 <= vp9.read_descriptor(data, 0, len(data)).size <= len(data)
    except ParseError:
        return


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        ("8c 81 23 ff", True),
        ("cc 81 23 ff", False),  # predicted
        ("84 81 23 ff", False),  # not the first packet of its picture
        ("2c 02 09 ff", False),  # a larger size of a picture
        ("2c 00 09 ff", True),
        ("8c 81 23", False),  # nothing follows
    ],
)
def test_it_knows_where_a_key_frame_begins(payload: str, begins: bool) -> None:
    data = bytes.fromhex(payload)
    assert vp9.starts_key_frame(b"before" + data, 6, 6 + len(data)) is begins


def parameters() -> dict[str, Any]:
    codecs = [
        {"mimeType": "video/VP9", "payloadType": 98, "clockRate": 90000, "parameters": {"profile-id": 0}},
        {"mimeType": "video/rtx", "payloadType": 99, "clockRate": 90000, "parameters": {"apt": 98}},
    ]
    extensions = [{"uri": ortc.MID, "id": 9}, {"uri": ortc.TRANSPORT_CC, "id": 3}]
    encodings = [{"ssrc": SCREEN, "rtx": {"ssrc": SCREEN_RTX}}]
    return {"mid": "0", "codecs": codecs, "headerExtensions": extensions, "encodings": encodings}


class Stage:
    """A screen in VP9, and one who looks."""

    def __init__(self) -> None:
        self.apart = Apart()
        self.router = self.apart.router
        self.router.open_link("up", "ann", "send")
        self.router.open_link("down", "bob", "recv")
        self.router.link_direct("down", direct=True)
        self.screen = self.router.create_producer("ann", "up", "video", "screen", parameters(), paused=False)

    def subscribe(self) -> dict[str, Any]:
        offer = self.router.create_consumer("bob", "down", self.screen, vp9=True)
        self.router.pause_consumer(offer["id"], paused=False)
        return offer

    def send(self, sequence: int, payload: bytes) -> list[Outgoing]:
        more: dict[str, Any] = {"marker": True, "payload_type": 98, "timestamp": 3000 * sequence, "ssrc": SCREEN}
        sent = self.apart.give("up", rtp.build(sequence=sequence, payload=payload, **more), 0.0)
        return [each for each in sent if not each.rtcp]


def test_a_subscriber_begins_with_a_key_frame_and_gets_the_sealed_bytes_unchanged() -> None:
    stage = Stage()
    offer = stage.subscribe()
    assert [codec["mimeType"] for codec in offer["rtpParameters"]["codecs"]] == ["video/VP9", "video/rtx"]
    assert stage.send(1, DELTA) == []
    packets = [rtp.parse(each.packet) for each in (*stage.send(2, KEY), *stage.send(3, DELTA))]
    assert [(each.payload_type, each.payload) for each in packets] == [(ortc.VP9, KEY), (ortc.VP9, DELTA)]


def test_what_a_subscriber_lost_comes_again_under_the_payload_type_of_vp9s_retransmissions() -> None:
    stage = Stage()
    ssrc = stage.subscribe()["rtpParameters"]["encodings"][0]["ssrc"]
    lost = rtp.parse(stage.send(2, KEY)[0].packet)
    stage.router.on_rtcp("down", rtcp.build_nack(1, ssrc, [lost.sequence]), 0.1)
    (again,) = [rtp.parse(each.packet) for each in stage.router.take() if not each.rtcp]
    assert again.payload_type == ortc.VP9_RTX
    assert again.payload == lost.sequence.to_bytes(2, "big") + KEY


def test_who_does_not_take_vp9_is_never_given_it() -> None:
    stage = Stage()
    with pytest.raises(MediaError) as refused:
        stage.router.create_consumer("bob", "down", stage.screen)
    assert refused.value.code == "cannot_decode"
    assert stage.send(1, KEY) == []
