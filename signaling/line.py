"""How a person's network does: what the page says of it, and what it is told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from signaling.wire import Received, Sent


class MediaLine(Received):
    """What only the page knows of its network since it last said so."""

    freezes: Annotated[int, Field(ge=0, le=60)]
    relayed: bool


class Line(Sent):
    """How a person's network does now; None is not known (yet)."""

    path: Literal["udp", "tcp", "relay"] | None = None
    lost_up_permille: int | None = None
    lost_down_permille: int | None = None
    round_trip_ms: int | None = None
    jitter_ms: int = 0
    up_kbps: int = 0
    down_kbps: int = 0
    available_down_kbps: int | None = None
    smaller: int = 0
    held: int = 0
    freezes: int = 0
