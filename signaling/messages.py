"""The messages of PROTOCOL.md as strict types: what a browser may send, and what it is sent."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from consent.policy import Action, Role
from rooms.plan import Gate
from rooms.seat import KnockKind, Phase
from signaling import mls
from signaling.line import Line, MediaLine
from signaling.wire import Device, Id, Moment, Opaque, Received, Sent


class Abilities(Received):
    """What the device check found, and whether the browser takes VP9 beside VP8."""

    model_config = ConfigDict(from_attributes=True)

    audio: bool
    video: bool
    vp9: bool = False


# from the browser


class RoomEnter(Received):
    """Come to the room or its waiting room."""

    device: Device
    with_helper: bool | None
    abilities: Abilities


class RoomLeave(Received):
    """Go."""


class SeatUpdate(Received):
    """Say something about oneself; None leaves it as it was."""

    with_helper: bool | None = None
    abilities: Abilities | None = None


class MediaCapabilities(Received):
    """Ask what the router can take."""


class TransportCreate(Received):
    """Make a transport; ``direction`` is the browser's view."""

    direction: Literal["send", "recv"]


class Fingerprint(Received):
    """One certificate fingerprint."""

    algorithm: Annotated[str, StringConstraints(max_length=16)]
    value: Annotated[str, StringConstraints(max_length=200)]


class DtlsParameters(Received):
    """The browser's side of DTLS."""

    role: Literal["auto", "client", "server"] = "auto"
    fingerprints: Annotated[list[Fingerprint], Field(min_length=1, max_length=8)]


class TransportConnect(Received):
    """Give a transport the browser's DTLS parameters."""

    transportId: Id  # noqa: N815 - names of the wire are those of the client library
    dtlsParameters: DtlsParameters  # noqa: N815 - as above


class TransportRestartIce(Received):
    """Ask for new ICE parameters."""

    transportId: Id  # noqa: N815 - as above


class ProducerCreate(Received):
    """Publish a stream."""

    transportId: Id  # noqa: N815 - as above
    kind: Literal["audio", "video"]
    source: Literal["microphone", "camera", "screen"]
    rtpParameters: Opaque  # noqa: N815 - as above
    paused: bool
    height: Annotated[int, Field(ge=1, le=10_000)] | None = None

    @model_validator(mode="after")
    def _source_fits(self) -> Self:
        if (self.source, self.kind) in {("microphone", "video"), ("camera", "audio")}:
            raise ValueError("a microphone is audio and a camera is video")
        return self


class _OwnProducer(Received):
    producerId: Id  # noqa: N815 - as above


class ProducerPause(_OwnProducer):
    """Stop sending."""


class ProducerResume(_OwnProducer):
    """Send again."""


class ProducerClose(_OwnProducer):
    """End a stream."""


class ConsumerCreate(Received):
    """Receive somebody's stream."""

    producerId: Id  # noqa: N815 - as above


class _OwnConsumer(Received):
    consumerId: Id  # noqa: N815 - as above


class ConsumerResume(_OwnConsumer):
    """Begin or go on receiving."""


class ConsumerPause(_OwnConsumer):
    """Stop receiving for now."""


class ConsumerPrefer(_OwnConsumer):
    """How tall a stream is shown, in pixels of the screen, and how much it is needed."""

    height: Annotated[int, Field(ge=0, le=10_000)]
    rank: Literal["pinned", "speaker", "grid", "hidden"]


class MediaNeed(Received):
    """Whether this person signs or reads lips."""

    sight: bool


class ConsumerClose(_OwnConsumer):
    """Stop receiving."""


class _OtherSeat(Received):
    seat: Id


class HostAdmit(_OtherSeat):
    """Let in who stands at this door."""


class HostDecline(_OtherSeat):
    """Send away who stands at this door."""


class HostMute(_OtherSeat):
    """Silence for all."""


class HostRemove(_OtherSeat):
    """Send away for good."""


class HostHelper(_OtherSeat):
    """Correct what was said about being alone."""

    with_helper: bool


class HostLock(Received):
    """Close the room to newcomers, or open it."""

    locked: bool


class HostEnd(Received):
    """End the meeting for all."""


# answers


class ErrorBody(Sent):
    """A stable code, and a text in the person's language."""

    code: str
    text: str


class Ack(Sent):
    """The answer to every event: ``data`` when ok, else ``error``."""

    ok: bool
    data: Opaque | None = None
    error: ErrorBody | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.ok is not (self.error is None) or self.ok is not (self.data is not None):
            raise ValueError("either data or error is expected")
        return self


class Empty(Sent):
    """Nothing to say."""


class Capabilities(Sent):
    """What the router can take."""

    routerRtpCapabilities: Opaque  # noqa: N815 - as above


class Transport(Sent):
    """What the client library needs to make its side of a transport."""

    id: Id
    iceParameters: Opaque  # noqa: N815 - as above
    iceCandidates: list[Opaque]  # noqa: N815 - as above
    iceServers: list[Opaque]  # noqa: N815 - as above
    dtlsParameters: Opaque  # noqa: N815 - as above


class IceRestart(Sent):
    """New ICE parameters."""

    iceParameters: Opaque  # noqa: N815 - as above


class Created(Sent):
    """The id of something new."""

    id: Id


class Consumer(Sent):
    """What the client library needs to receive a stream."""

    id: Id
    producerId: Id  # noqa: N815 - as above
    kind: Literal["audio", "video"]
    paused: bool
    rtpParameters: Opaque  # noqa: N815 - as above


# from the server


class StateYou(Sent):
    """The seat that looks."""

    seat: Id
    role: Role
    name: str
    phase: Literal[Phase.WAITING, Phase.IN]
    knock: KnockKind | None
    host: bool
    can: tuple[Action, ...]
    muted_by_host: bool
    consent: Gate | None
    asked: tuple[Id, ...]


class StateRoom(Sent):
    """The room as a whole."""

    phase: Literal["open", "paused"]
    reason: Literal["no_staff"] | None
    locked: bool
    media_epoch: int
    host: Id | None
    help_phone: str
    starts_at: Moment
    started_at: Moment | None


class StatePerson(Sent):
    """One seat as others see it."""

    seat: Id
    name: str
    role: Role
    phase: Phase
    since: Moment | None
    with_helper: bool | None
    knock: KnockKind | None
    knock_since: Moment | None
    admitted_by: Id | None
    muted_by_host: bool
    abilities: Abilities
    consent: Gate | None
    took_back: bool
    stopped: tuple[str, ...]
    waits_for: tuple[Id, ...]


class StateProducer(Sent):
    """One stream that can be consumed."""

    id: Id
    seat: Id
    kind: Literal["audio", "video"]
    source: Literal["microphone", "camera", "screen"]
    paused: bool


class RoomState(Sent):
    """The whole picture for one seat."""

    revision: int
    now: Moment
    you: StateYou
    room: StateRoom
    people: tuple[StatePerson, ...]
    producers: tuple[StateProducer, ...]


class TransportClosed(Sent):
    """The engine gave a transport up."""

    transportId: Id  # noqa: N815 - as above


class ConsumerHeld(Sent):
    """A stream is kept back for want of bandwidth, or goes on."""

    consumerId: Id  # noqa: N815 - as above
    held: bool


class SeatClosed(Sent):
    """Why a connection ends."""

    code: str
    text: str


class ServerDraining(Sent):
    """The server is about to restart."""


FROM_BROWSER: dict[str, type[Received]] = {
    "room.enter": RoomEnter,
    "room.leave": RoomLeave,
    "seat.update": SeatUpdate,
    "media.capabilities": MediaCapabilities,
    "transport.create": TransportCreate,
    "transport.connect": TransportConnect,
    "transport.restart_ice": TransportRestartIce,
    "producer.create": ProducerCreate,
    "producer.pause": ProducerPause,
    "producer.resume": ProducerResume,
    "producer.close": ProducerClose,
    "consumer.create": ConsumerCreate,
    "consumer.resume": ConsumerResume,
    "consumer.pause": ConsumerPause,
    "consumer.prefer": ConsumerPrefer,
    "consumer.close": ConsumerClose,
    "media.need": MediaNeed,
    "media.line": MediaLine,
    "host.admit": HostAdmit,
    "host.decline": HostDecline,
    "host.mute": HostMute,
    "host.remove": HostRemove,
    "host.helper": HostHelper,
    "host.lock": HostLock,
    "host.end": HostEnd,
    **mls.FROM_BROWSER,
}
"""Every event that a browser may send."""

REPLIES: dict[str, type[Sent]] = {
    "media.capabilities": Capabilities,
    "transport.create": Transport,
    "transport.restart_ice": IceRestart,
    "producer.create": Created,
    "consumer.create": Consumer,
    "media.line": Line,
    **mls.REPLIES,
}
"""What ``data`` of an acknowledgement is, where it is not empty."""

FROM_SERVER: dict[str, type[Sent]] = {
    "room.state": RoomState,
    "transport.closed": TransportClosed,
    "consumer.held": ConsumerHeld,
    "seat.closed": SeatClosed,
    "server.draining": ServerDraining,
    **mls.FROM_SERVER,
}
"""Every event that the server sends."""

MAX_EVENT = 16 * 1024
MAX_BYTES = {"producer.create": 32 * 1024, "transport.connect": 32 * 1024, **mls.MAX_BYTES}
"""How much JSON an event may carry, where it is not MAX_EVENT."""
MAX_FRAME = 512 * 1024
"""A larger WebSocket frame ends the connection."""


def dump(message: Sent) -> dict[str, Any]:
    """A message as the JSON that goes out."""
    return message.model_dump(mode="json")
