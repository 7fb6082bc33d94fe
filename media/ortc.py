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
MID_ID = 1
RID_ID = 2
REPAIRED_RID_ID = 3
ABS_SEND_TIME_ID = 4
TRANSPORT_CC_ID = 5

MAX_LAYERS = 3
"""Sizes of one picture that a publisher may send side by side."""

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
    """Return the router's RTP capabilities: Opus, VP8 with RTX, and the extensions it understands."""
    congestion = [{"type": "transport-cc", "parameter": ""}]
    codecs = [
        _codec("audio", "audio/opus", OPUS, 48000, feedback=congestion) | {"channels": 2},
        _codec("video", "video/VP8", VP8, 90000, feedback=[*_VIDEO_FEEDBACK, *congestion]),
        _codec("video", "video/rtx", RTX, 90000, parameters={"apt": VP8}),
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


def consumer_parameters(kind: str, mid: str, ssrc: int, rtx_ssrc: int, cname: str) -> Json:
    """Return a subscriber's RtpParameters; apart from ``mid`` they are the same for all subscribers of a producer."""
    encoding: Json = {"ssrc": ssrc}
    if kind == "audio":
        codecs: list[Json] = [
            {
                "mimeType": "audio/opus",
                "payloadType": OPUS,
                "clockRate": 48000,
                "channels": 2,
                "parameters": {"useinbandfec": 1, "minptime": 10},
                "rtcpFeedback": [],
            }
        ]
    else:
        encoding["rtx"] = {"ssrc": rtx_ssrc}
        codecs = [
            {
                "mimeType": "video/VP8",
                "payloadType": VP8,
                "clockRate": 90000,
                "parameters": {},
                "rtcpFeedback": [*_VIDEO_FEEDBACK, {"type": "goog-remb", "parameter": ""}],
            },
            {
                "mimeType": "video/rtx",
                "payloadType": RTX,
                "clockRate": 90000,
                "parameters": {"apt": VP8},
                "rtcpFeedback": [],
            },
        ]
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
    wanted = ("audio/opus", 48000) if kind == "audio" else ("video/vp8", 90000)
    codec = next((each for each in read.codecs if (each.mimeType.lower(), each.clockRate) == wanted), None)
    if codec is None or (kind == "audio" and codec.channels != 2):
        raise MediaError("bad_parameters", f"codecs: expected {wanted[0]} at {wanted[1]}")
    rtx = next((each for each in read.codecs if _is_rtx(each, codec.payloadType)), None)
    encodings = tuple(
        Encoding(each.rid or "", each.ssrc, each.rtx.ssrc if each.rtx else None) for each in read.encodings
    )
    _check_encodings(kind, encodings)
    identifiers = {extension.uri: extension.id for extension in read.headerExtensions}
    return Incoming(
        kind=kind,
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


def _check_encodings(kind: str, encodings: tuple[Encoding, ...]) -> None:
    if kind == "audio" and len(encodings) > 1:
        raise MediaError("bad_parameters", "encodings: expected one of sound")
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
