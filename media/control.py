"""What the server and a media worker say to each other: typed messages, their framing, and the one error.

A frame is a 4-byte big-endian length and a JSON object. The server sends requests, ``{"id", "do", "with"}``; the worker
answers each with ``{"id", "data"}`` or ``{"id", "code", "text"}`` and reports events, ``{"event", "room", "with"}``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

MAX_FRAME = 1 << 20
_LENGTH = 4


class MediaError(Exception):
    """A refused media request: a stable ``code`` for programs beside a text for the log."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Start:
    """First message: bind the UDP socket (``port`` 0 = any), with ``tcp`` a TCP socket too; announce these addresses.

    Reply: ``port``.
    """

    listen: str
    port: int
    announced: list[str]
    tcp: bool = True


@dataclass(frozen=True, slots=True)
class OpenRoom:
    """Make an empty room."""

    room: str


@dataclass(frozen=True, slots=True)
class CloseRoom:
    """Close a room with everything in it."""

    room: str


@dataclass(frozen=True, slots=True)
class CreateTransport:
    """Make a WebRTC transport for ``peer``; ``direction`` is the client's view. Reply: what its library takes."""

    room: str
    peer: str
    direction: str


@dataclass(frozen=True, slots=True)
class ConnectTransport:
    """Give a transport the client's DTLS role and fingerprints."""

    room: str
    transport: str
    dtls: Json


@dataclass(frozen=True, slots=True)
class RestartIce:
    """New ICE credentials; the old ones serve until the new ones are used. Reply: ``iceParameters``."""

    room: str
    transport: str


@dataclass(frozen=True, slots=True)
class CloseTransport:
    """Close a transport and what it carries."""

    room: str
    transport: str


@dataclass(frozen=True, slots=True)
class CreateProducer:
    """Take a stream from ``peer``. Reply: ``id``."""

    room: str
    peer: str
    transport: str
    kind: str
    source: str
    rtp: Json
    paused: bool
    height: int


@dataclass(frozen=True, slots=True)
class PauseProducer:
    """Stop forwarding a stream to everybody."""

    room: str
    producer: str


@dataclass(frozen=True, slots=True)
class ResumeProducer:
    """Forward a stream again, from its next key frame."""

    room: str
    producer: str


@dataclass(frozen=True, slots=True)
class CloseProducer:
    """End a stream and its consumers."""

    room: str
    producer: str


@dataclass(frozen=True, slots=True)
class CreateConsumer:
    """Offer a stream to ``peer``, paused. Reply: ``id``, ``producerId``, ``kind``, ``rtpParameters``, ``paused``.

    ``vp9`` tells whether its browser takes VP9: it is refused a stream of that otherwise, with ``cannot_decode``.
    """

    room: str
    peer: str
    transport: str
    producer: str
    vp9: bool


@dataclass(frozen=True, slots=True)
class PauseConsumer:
    """Stop forwarding to one consumer."""

    room: str
    consumer: str


@dataclass(frozen=True, slots=True)
class ResumeConsumer:
    """Forward to one consumer, from the next key frame."""

    room: str
    consumer: str


@dataclass(frozen=True, slots=True)
class CloseConsumer:
    """End one consumer."""

    room: str
    consumer: str


@dataclass(frozen=True, slots=True)
class PreferConsumer:
    """A consumer is shown ``height`` lines tall, and needed as a name in :data:`media.bandwidth.RANKS` says."""

    room: str
    consumer: str
    height: int
    rank: str


@dataclass(frozen=True, slots=True)
class SetNeed:
    """Whether ``peer`` signs or reads lips, and needs pictures before sound."""

    room: str
    peer: str
    sight: bool


@dataclass(frozen=True, slots=True)
class PauseRoom:
    """Nobody hears or sees anybody until the room resumes."""

    room: str


@dataclass(frozen=True, slots=True)
class ResumeRoom:
    """Undo :class:`PauseRoom`."""

    room: str


@dataclass(frozen=True, slots=True)
class ReadQuality:
    """Ask how a peer's network has carried its packets so far. Reply: :meth:`media.quality.Quality.as_json`."""

    room: str
    peer: str


@dataclass(frozen=True, slots=True)
class ReadLine:
    """Ask how a peer's network does at this moment. Reply: :meth:`media.quality.LineNow.as_json`."""

    room: str
    peer: str


@dataclass(frozen=True, slots=True)
class Detach:
    """Close everything of a peer before another packet is forwarded."""

    room: str
    peer: str


@dataclass(frozen=True, slots=True)
class ReadStats:
    """Ask for the worker's counters. Reply: names to numbers."""


Request = (
    Start
    | OpenRoom
    | CloseRoom
    | CreateTransport
    | ConnectTransport
    | RestartIce
    | CloseTransport
    | CreateProducer
    | PauseProducer
    | ResumeProducer
    | CloseProducer
    | CreateConsumer
    | PauseConsumer
    | ResumeConsumer
    | CloseConsumer
    | PreferConsumer
    | SetNeed
    | PauseRoom
    | ResumeRoom
    | ReadQuality
    | ReadLine
    | Detach
    | ReadStats
)


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker that held the room died: every transport, producer and consumer of the room is gone."""


@dataclass(frozen=True, slots=True)
class TransportClosed:
    """A transport ended by itself; ``reason`` is ``lost``, ``closed_by_peer`` or ``dtls_failed``."""

    peer: str
    transport_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProducerClosed:
    """A stream ended because its transport did."""

    peer: str
    producer_id: str


@dataclass(frozen=True, slots=True)
class ConsumerHeld:
    """A consumer gets nothing because its peer's network cannot carry it now, or (``held`` false) goes on."""

    peer: str
    consumer_id: str
    held: bool


MediaEvent = WorkerLost | TransportClosed | ProducerClosed | ConsumerHeld

_REQUESTS: dict[str, type[Request]] = {kind.__name__: kind for kind in Request.__args__}
_EVENTS: dict[str, type[MediaEvent]] = {kind.__name__: kind for kind in MediaEvent.__args__}
# Keyed by the annotation's text, which is what ``from __future__ import annotations`` leaves in a field.
_FIELD_TYPES: dict[str, type] = {"str": str, "int": int, "bool": bool, "Json": dict, "list[str]": list}


def request_message(number: int, request: Request) -> Json:
    """Return the JSON object of a request."""
    return {"id": number, "do": type(request).__name__, "with": _fields(request)}


def parse_request(message: Json) -> tuple[int, Request]:
    """Return (number, request) of a JSON object. Raises :class:`MediaError` ``bad_message``."""
    number, name, values = message.get("id"), message.get("do"), message.get("with")
    if type(number) is not int:
        raise MediaError("bad_message", "id: expected an integer")
    kind = _REQUESTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise MediaError("bad_message", "do: not a known request")
    return number, kind(**_checked(kind, values))


def event_message(room: str, event: MediaEvent) -> Json:
    """Return the JSON object of an event in a room."""
    return {"event": type(event).__name__, "room": room, "with": _fields(event)}


def parse_event(message: Json) -> tuple[str, MediaEvent]:
    """Return (room, event) of a JSON object. Raises :class:`MediaError` ``bad_message``."""
    room, name, values = message.get("room"), message.get("event"), message.get("with")
    kind = _EVENTS.get(name) if isinstance(name, str) else None
    if kind is None or not isinstance(room, str):
        raise MediaError("bad_message", "event: not a known event")
    return room, kind(**_checked(kind, values))


def _fields(message: Request | MediaEvent) -> Json:
    return {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}


def _checked(kind: type[Request] | type[MediaEvent], values: object) -> Json:
    fields = dataclasses.fields(kind)
    if not isinstance(values, dict) or set(values) != {field.name for field in fields}:
        raise MediaError("bad_message", f"{kind.__name__}: wrong fields")
    for field in fields:
        expected = _FIELD_TYPES[str(field.type)]
        if type(values[field.name]) is not expected:
            raise MediaError("bad_message", f"{kind.__name__}.{field.name}: expected {field.type}")
    return values


def frame(message: Json) -> bytes:
    """Return the bytes of one message. Raises :class:`MediaError` ``bad_message`` when it is too large."""
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME:
        raise MediaError("bad_message", f"{len(body)} bytes, at most {MAX_FRAME} fit")
    return len(body).to_bytes(_LENGTH, "big") + body


class Unframer:
    """Cuts a byte stream into messages."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Json]:
        """Yield each message that ``data`` completes. Raises :class:`MediaError` ``bad_message``."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH:
            size = int.from_bytes(self._buffer[:_LENGTH], "big")
            if size > MAX_FRAME:
                raise MediaError("bad_message", f"{size} bytes announced, at most {MAX_FRAME} fit")
            if len(self._buffer) < _LENGTH + size:
                return
            body = bytes(self._buffer[_LENGTH : _LENGTH + size])
            del self._buffer[: _LENGTH + size]
            try:
                message = json.loads(body)
            except ValueError as error:
                raise MediaError("bad_message", "not JSON") from error
            if not isinstance(message, dict):
                raise MediaError("bad_message", "not a JSON object")
            yield message
