"""The ORTC model: what the router can do, strict reading of what clients send, and what they get back.

Shapes are those of mediasoup's client libraries. Payload types, extension ids and SSRCs towards subscribers are the
router's own; a publisher's are its browser's and are rewritten on the way in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from .control import Json, MediaError
from .ice import Credentials

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

OPUS = 100
VP8 = 101
RTX = 102
VP9 = 103
VP9_RTX = 104
MID_ID = 1
RID_ID = 2
REPAIRED_RID_ID = 3
ABS_SEND_TIME_ID = 4
TRANSPORT_CC_ID = 5

MAX_LAYERS = 3
"""Sizes of one picture that a publisher may send side by side."""


@dataclass(frozen=True, slots=True)
class Codec:
    """How subscribers see a codec: its payload type and that of its retransmissions (0 = none), its parameters."""

    mime_type: str
    payload_type: int
    rtx_payload_type: int
    clock_rate: int
    parameters: tuple[tuple[str, int], ...]


CODECS = {
    "opus": Codec("audio/opus", OPUS, 0, 48000, (("useinbandfec", 1), ("minptime", 10))),
    "vp8": Codec("video/VP8", VP8, RTX, 90000, ()),
    # Profile 0 is what every browser that has VP9 can decode.
    "vp9": Codec("video/VP9", VP9, VP9_RTX, 90000, (("profile-id", 0),)),
}
"""By the names that :class:`Incoming` has. The first one of a kind is what publishers take who say nothing else."""

KINDS = ("audio", "video")
SOURCES = ("microphone", "camera", "screen")
DIRECTIONS = ("send", "recv")

_VIDEO_FEEDBACK = [
    {"type": "nack", "parameter": ""},
    {"type": "nack", "parameter": "pli"},
    {"type": "ccm", "parameter": "fir"},
]
_CANDIDATE_PRIORITY = 1076302079
_TCP_PRIORITY = 1015021823


def router_capabilities() -> Json:
    """Return the router's RTP capabilities: Opus, VP8 and VP9 with RTX, and the extensions it understands."""
    congestion = [{"type": "transport-cc", "parameter": ""}]
    codecs = [_codec("audio", "audio/opus", OPUS, 48000, feedback=congestion) | {"channels": 2}]
    for each in (CODECS["vp8"], CODECS["vp9"]):
        feedback = [*_VIDEO_FEEDBACK, *congestion]
        codecs += [
            _codec(
                "video",
                each.mime_type,
                each.payload_type,
                each.clock_rate,
                parameters=dict(each.parameters),
                feedback=feedback,
            ),
            _codec("video", "video/rtx", each.rtx_payload_type, each.clock_rate, parameters={"apt": each.payload_type}),
        ]
    extensions = [
        {"kind": kind, "uri": uri, "preferredId": identifier, "preferredEncrypt": False, "direction": direction}
        for kind in KINDS
        for uri, identifier, direction in (
            (MID, MID_ID, "sendrecv"),
            (ABS_SEND_TIME, ABS_SEND_TIME_ID, "sendrecv"),
            (TRANSPORT_CC, TRANSPORT_CC_ID, "recvonly"),
        )
    ]
    # Without the first of these no browser sends more than one size of a picture.
    extensions += [
        {"kind": "video", "uri": uri, "preferredId": identifier, "preferredEncrypt": False, "direction": "recvonly"}
        for uri, identifier in ((RID, RID_ID), (REPAIRED_RID, REPAIRED_RID_ID))
    ]
    return {"codecs": codecs, "headerExtensions": extensions}


def _codec(
    kind: str,
    mime_type: str,
    payload_type: int,
    clock_rate: int,
    *,
    parameters: Json | None = None,
    feedback: list[dict[str, str]] | None = None,
) -> Json:
    return {
        "kind": kind,
        "mimeType": mime_type,
        "preferredPayloadType": payload_type,
        "clockRate": clock_rate,
        "parameters": parameters or {},
        "rtcpFeedback": feedback or [],
    }


def transport_reply(
    transport_id: str,
    credentials: Credentials,
    addresses: Sequence[str],
    port: int,
    *,
    fingerprint: str,
    tcp_port: int | None = None,
) -> Json:
    """Return what a client needs for ``createSendTransport`` or ``createRecvTransport``."""
    candidates = [
        # `ip` beside `address`: pymediasoup and older clients know only the first name.
        {
            "foundation": f"udp{place}",
            "priority": _CANDIDATE_PRIORITY - 256 * place,
            "ip": address,
            "address": address,
            "protocol": "udp",
            "port": port,
            "type": "host",
        }
        for place, address in enumerate(addresses)
    ]
    if tcp_port is not None:
        # After all of UDP (RFC 6544, section 4.2): a lost packet holds up those behind it.
        candidates += [
            {
                "foundation": f"tcp{place}",
                "priority": _TCP_PRIORITY - 256 * place,
                "ip": address,
                "address": address,
                "protocol": "tcp",
                "port": tcp_port,
                "type": "host",
                "tcpType": "passive",
            }
            for place, address in enumerate(addresses)
        ]
    return {
        "id": transport_id,
        "iceParameters": ice_parameters(credentials),
        "iceCandidates": candidates,
        "dtlsParameters": {"role": "server", "fingerprints": [{"algorithm": "sha-256", "value": fingerprint}]},
    }


def ice_parameters(credentials: Credentials) -> Json:
    """Return credentials as clients read them."""
    return {"usernameFragment": credentials.ufrag, "password": credentials.password, "iceLite": True}


def consumer_parameters(codec: str, mid: str, ssrc: int, rtx_ssrc: int, cname: str) -> Json:
    """Return a subscriber's RtpParameters; apart from ``mid`` they are the same for all subscribers of a producer.

    ``codec`` is a name in :data:`CODECS`.
    """
    encoding: Json = {"ssrc": ssrc}
    each = CODECS[codec]
    codecs: list[Json] = [
        {
            "mimeType": each.mime_type,
            "payloadType": each.payload_type,
            "clockRate": each.clock_rate,
            "parameters": dict(each.parameters),
            "rtcpFeedback": [],
        }
    ]
    if codec == "opus":
        codecs[0]["channels"] = 2
    else:
        encoding["rtx"] = {"ssrc": rtx_ssrc}
        codecs[0]["rtcpFeedback"] = [*_VIDEO_FEEDBACK, {"type": "goog-remb", "parameter": ""}]
        codecs.append(
            {
                "mimeType": "video/rtx",
                "payloadType": each.rtx_payload_type,
                "clockRate": each.clock_rate,
                "parameters": {"apt": each.payload_type},
                "rtcpFeedback": [],
            }
        )
    return {
        "mid": mid,
        "codecs": codecs,
        # No mid downlink: its bytes would differ between subscribers.
        "headerExtensions": [{"uri": ABS_SEND_TIME, "id": ABS_SEND_TIME_ID, "encrypt": False, "parameters": {}}],
        "encodings": [encoding],
        # Without a cname no ssrc line is written on the client.
        "rtcp": {"cname": cname, "reducedSize": True},
    }


_Model = TypeVar("_Model", bound=BaseModel)
_Ssrc = Annotated[int, Field(ge=1, le=0xFFFFFFFF)]
_PayloadType = Annotated[int, Field(ge=0, le=127)]
_Name = Annotated[str, StringConstraints(max_length=255)]


class _Strict(BaseModel):
    # Clients add fields of their own freely; those we read must be exactly right.
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Codec(_Strict):
    mimeType: _Name  # noqa: N815 - the client's name
    payloadType: _PayloadType  # noqa: N815 - the client's name
    clockRate: Annotated[int, Field(ge=1, le=1_000_000)]  # noqa: N815 - the client's name
    channels: Annotated[int, Field(ge=1, le=8)] | None = None
    parameters: Annotated[dict[str, Any], Field(max_length=32)] = {}


class _HeaderExtension(_Strict):
    uri: _Name
    id: Annotated[int, Field(ge=1, le=255)]


class _Retransmission(_Strict):
    ssrc: _Ssrc


class _Encoding(_Strict):
    ssrc: _Ssrc | None = None
    rid: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,16}$")] | None = None
    rtx: _Retransmission | None = None


class _RtpParameters(_Strict):
    mid: Annotated[str, StringConstraints(min_length=1, max_length=32)] | None = None
    codecs: Annotated[list[_Codec], Field(min_length=1, max_length=32)]
    headerExtensions: Annotated[list[_HeaderExtension], Field(max_length=32)] = []  # noqa: N815 - the client's name
    encodings: Annotated[list[_Encoding], Field(min_length=1, max_length=MAX_LAYERS)]


class _Fingerprint(_Strict):
    algorithm: Literal["sha-256", "sha-384", "sha-512"]
    value: Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31,63}$")]


class _DtlsParameters(_Strict):
    role: Literal["auto", "client", "server"] = "auto"
    fingerprints: Annotated[list[_Fingerprint], Field(min_length=1, max_length=8)]


@dataclass(frozen=True, slots=True)
class Encoding:
    """One size of a picture, or the only one: known by its SSRC, or by a rid from which the SSRC is learnt."""

    rid: str
    ssrc: int | None
    rtx_ssrc: int | None


@dataclass(frozen=True, slots=True)
class Incoming:
    """How a publisher's packets look: its own payload types, extension ids (0 = not sent), encodings from small up."""

    kind: str
    codec: str
    """A name in :data:`CODECS`."""
    mid: str
    payload_type: int
    clock_rate: int
    rtx_payload_type: int | None
    encodings: tuple[Encoding, ...]
    mid_id: int
    rid_id: int
    repaired_rid_id: int
    transport_cc_id: int


@dataclass(frozen=True, slots=True)
class PeerDtls:
    """The client's DTLS role and certificate fingerprints, as (algorithm, value)."""

    role: str
    fingerprints: tuple[tuple[str, str], ...]


def read_rtp_parameters(kind: str, parameters: object) -> Incoming:
    """Read a publisher's RtpParameters. Raises :class:`MediaError` ``bad_parameters`` naming the field."""
    if kind not in KINDS:
        raise MediaError("bad_parameters", "kind: expected audio or video")
    read = _validated(_RtpParameters, parameters)
    name, codec = next(((name, each) for each in read.codecs if (name := _name_of(kind, each))), (None, None))
    if name is None or codec is None:
        wanted = "audio/opus at 48000, 2 channels" if kind == "audio" else "video/vp8 or video/vp9 (profile 0) at 90000"
        raise MediaError("bad_parameters", f"codecs: expected {wanted}")
    rtx = next((each for each in read.codecs if _is_rtx(each, codec.payloadType)), None)
    encodings = tuple(
        Encoding(each.rid or "", each.ssrc, each.rtx.ssrc if each.rtx else None) for each in read.encodings
    )
    _check_encodings(name, encodings)
    identifiers = {extension.uri: extension.id for extension in read.headerExtensions}
    return Incoming(
        kind=kind,
        codec=name,
        mid=read.mid or "",
        payload_type=codec.payloadType,
        clock_rate=codec.clockRate,
        rtx_payload_type=rtx.payloadType if rtx else None,
        encodings=encodings,
        mid_id=identifiers.get(MID, 0),
        rid_id=identifiers.get(RID, 0),
        repaired_rid_id=identifiers.get(REPAIRED_RID, 0),
        transport_cc_id=identifiers.get(TRANSPORT_CC, 0),
    )


def _name_of(kind: str, said: _Codec) -> str | None:
    """Return what a publisher's codec is called in :data:`CODECS`; None for one that is not taken."""
    for name, codec in CODECS.items():
        fits = (codec.mime_type.lower(), codec.clock_rate) == (said.mimeType.lower(), said.clockRate)
        if fits and said.mimeType.lower().startswith(f"{kind}/"):
            if name == "opus":
                return name if said.channels == 2 else None
            # Browsers write numbers of an fmtp line as numbers or as text.
            return name if str(said.parameters.get("profile-id", 0)) == "0" else None
    return None


def _check_encodings(codec: str, encodings: tuple[Encoding, ...]) -> None:
    # Whoever switches layers moves numbers in the descriptor, which is known for VP8 alone.
    if codec != "vp8" and len(encodings) > 1:
        raise MediaError("bad_parameters", f"encodings: expected one of {codec}")
    ssrcs = [ssrc for each in encodings for ssrc in (each.ssrc, each.rtx_ssrc) if ssrc is not None]
    if len(set(ssrcs)) < len(ssrcs):
        raise MediaError("bad_parameters", "encodings: each stream and each rtx needs an ssrc of its own")
    if any(not each.rid and each.ssrc is None for each in encodings):
        raise MediaError("bad_parameters", "encodings: expected an ssrc or a rid")
    rids = [each.rid for each in encodings]
    if len(encodings) > 1 and (not all(rids) or len(set(rids)) < len(rids)):
        raise MediaError("bad_parameters", "encodings: several need a rid each")


def _is_rtx(codec: _Codec, associated: int) -> bool:
    return codec.mimeType.lower() == "video/rtx" and codec.parameters.get("apt") == associated


def read_dtls_parameters(parameters: object) -> PeerDtls:
    """Read a client's DtlsParameters. Raises :class:`MediaError` ``bad_parameters`` naming the field."""
    read = _validated(_DtlsParameters, parameters)
    return PeerDtls(read.role, tuple((each.algorithm, each.value) for each in read.fingerprints))


def _validated(model: type[_Model], value: object) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "parameters"
        raise MediaError("bad_parameters", f"{place}: {first['msg']}") from error
