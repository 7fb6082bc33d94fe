"""A publisher of one picture in three sizes, as a browser sends it: SSRCs by rid, each with numbers of its own."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from typing import Any

from media import ortc, rtcp

RIDS = ("r0", "r1", "r2")
SSRCS = (3001, 3002, 3003)
FRAME_TICKS = 3000  # of 90 kHz: 30 frames a second
PAYLOAD_TYPE, RTX_PAYLOAD_TYPE = 96, 97
MID_ID, TRANSPORT_CC_ID, RID_ID, REPAIRED_RID_ID = 9, 3, 10, 11
MAX_PAYLOAD = 1100


def parameters(mid: str = "0") -> dict[str, Any]:
    """What the browser tells the router: rids, and no SSRC."""
    names = {ortc.MID: MID_ID, ortc.TRANSPORT_CC: TRANSPORT_CC_ID, ortc.RID: RID_ID, ortc.REPAIRED_RID: REPAIRED_RID_ID}
    return {
        "mid": mid,
        "codecs": [
            {"mimeType": "video/VP8", "payloadType": PAYLOAD_TYPE, "clockRate": 90000},
            {
                "mimeType": "video/rtx",
                "payloadType": RTX_PAYLOAD_TYPE,
                "clockRate": 90000,
                "parameters": {"apt": PAYLOAD_TYPE},
            },
        ],
        "headerExtensions": [{"uri": uri, "id": identifier} for uri, identifier in names.items()],
        "encodings": [{"rid": rid} for rid in RIDS],
    }


@dataclass
class LayerSource:
    """One size: frames as RTP packets with a 15-bit picture id, TL0PICIDX, and a clock that began at random."""

    place: int
    random: random.Random
    sequence: int = field(init=False)
    timestamp: int = field(init=False)
    picture: int = field(init=False)
    level: int = field(init=False)
    first_timestamp: int = field(init=False)

    def __post_init__(self) -> None:
        self.sequence, self.timestamp = self.random.randrange(1 << 16), self.random.randrange(1 << 32)
        self.picture, self.level = self.random.randrange(1 << 15), self.random.randrange(256)
        self.first_timestamp = self.timestamp

    def frame(self, number: int, *, key: bool, packets: int = 1, body: bytes = b"") -> list[bytes]:
        """Return frame ``number`` of the camera."""
        self.timestamp = (self.first_timestamp + number * FRAME_TICKS) & 0xFFFFFFFF
        self.picture = (self.picture + 1) & 0x7FFF
        self.level = (self.level + 1) & 0xFF
        made = []
        for part in range(packets):
            self.sequence = (self.sequence + 1) & 0xFFFF
            begins = part == 0
            descriptor = struct.pack("!BBHBB", 0x90 if begins else 0x80, 0xE0, 0x8000 | self.picture, self.level, 0x20)
            payload = descriptor + (b"\0" if key and begins else b"\1") + bytes((self.place,)) + body
            rid = RIDS[self.place].encode()
            extension = bytes((MID_ID << 4, 0x30, RID_ID << 4 | 1)) + rid + bytes(3)
            header = struct.pack(
                "!BBHII",
                0x90,
                PAYLOAD_TYPE | (0x80 if part == packets - 1 else 0),
                self.sequence,
                self.timestamp,
                SSRCS[self.place],
            )
            made.append(header + b"\xbe\xde\0\2" + extension + payload)
        return made

    def report(self, number: int) -> bytes:
        """Return a sender report of the moment of frame ``number``."""
        ntp = (1 << 40) + number * (1 << 32) // 30
        timestamp = (self.first_timestamp + number * FRAME_TICKS) & 0xFFFFFFFF
        return rtcp.build_sender_report(rtcp.SenderReport(SSRCS[self.place], ntp, timestamp, 1, 1), "theirs")


def sources(seed: int = 1) -> list[LayerSource]:
    """Return the three sizes, the smallest first."""
    chance = random.Random(seed)
    return [LayerSource(place, chance) for place in range(3)]
