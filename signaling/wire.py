"""What all messages are made of: identifiers, times, and the two kinds, received and sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, JsonValue, PlainSerializer, StringConstraints

Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Device = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Opaque = dict[str, JsonValue]
"""ORTC parameters: the media engine checks them, the event's size bounds them."""


def wire_time(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(wire_time, when_used="json")]


class Received(BaseModel):
    """Something from outside: exactly these fields, of exactly these types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Sent(BaseModel):
    """Something that we send; made from the rooms' own types."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)
