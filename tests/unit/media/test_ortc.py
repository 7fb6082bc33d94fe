"""The ORTC model: what clients may send and what they get."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymediasoup.ortc import validateAndNormalizeRtpCapabilities
from pymediasoup.rtp_parameters import RtpCapabilities, RtpParameters

from media import ortc
from media.control import MediaError
from media.ice import Credentials

VIDEO: dict[str, Any] = {
    "mid": "1",
    "codecs": [
        {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000, "parameters": {}, "rtcpFeedback": []},
        {"mimeType": "video/rtx", "payloadType": 97, "clockRate": 90000, "parameters": {"apt": 96}},
    ],
    "headerExtensions": [
        {"uri": ortc.MID, "id": 9, "encrypt": False, "parameters": {}},
        {"uri": ortc.TRANSPORT_CC, "id": 3, "encrypt": False, "parameters": {}},
        {"uri": "urn:3gpp:video-orientation", "id": 13},
    ],
    "encodings": [{"ssrc": 1234567, "rtx": {"ssrc": 7654321}, "dtx": False, "maxBitrate": 900000}],
    "rtcp": {"cname": "x", "reducedSize": True},
    "msid": "a b",
}
AUDIO: dict[str, Any] = {
    "mid": "0",
    "codecs": [
        {
            "mimeType": "audio/opus",
            "payloadType": 111,
            "clockRate": 48000,
            "channels": 2,
            "parameters": {"minptime": 10},
        }
    ],
    "headerExtensions": [],
    "encodings": [{"ssrc": 99999}],
}
FINGERPRINT = ":".join(["AB"] * 32)


def changed(parameters: dict[str, Any], *path: str | int, to: Any) -> dict[str, Any]:
    copied = copy.deepcopy(parameters)
    place: Any = copied
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return copied


def test_its_capabilities_satisfy_the_client_library() -> None:
    capabilities = RtpCapabilities(**ortc.router_capabilities())
    validateAndNormalizeRtpCapabilities(capabilities)
    assert [codec.preferredPayloadType for codec in capabilities.codecs] == [100, 101, 102, 103, 104]


def test_it_gives_each_caller_capabilities_of_its_own() -> None:
    ortc.router_capabilities()["codecs"].clear()
    assert ortc.router_capabilities()["codecs"]


def test_it_reads_a_video_publisher() -> None:
    assert ortc.read_rtp_parameters("video", VIDEO) == ortc.Incoming(
        kind="video",
        codec="vp8",
        mid="1",
        payload_type=96,
        clock_rate=90000,
        rtx_payload_type=97,
        encodings=(ortc.Encoding("", 1234567, 7654321),),
        mid_id=9,
        rid_id=0,
        repaired_rid_id=0,
        transport_cc_id=3,
    )


def test_it_reads_an_audio_publisher() -> None:
    incoming = ortc.read_rtp_parameters("audio", AUDIO)
    assert (incoming.payload_type, incoming.encodings, incoming.mid_id) == (111, (ortc.Encoding("", 99999, None),), 0)


@pytest.mark.parametrize(
    ("kind", "parameters", "complaint"),
    [
        ("text", VIDEO, "kind"),
        ("video", None, "parameters"),
        ("video", [], "parameters"),
        ("video", {}, "codecs"),
        ("audio", VIDEO, "audio/opus"),
        ("video", AUDIO, "video/vp8"),
        ("audio", changed(AUDIO, "codecs", 0, "channels", to=1), "audio/opus"),
        ("video", changed(VIDEO, "codecs", to=[]), "codecs"),
        ("video", changed(VIDEO, "codecs", to=VIDEO["codecs"] * 20), "codecs"),
        ("video", changed(VIDEO, "codecs", 0, "payloadType", to=128), "codecs.0.payloadType"),
        ("video", changed(VIDEO, "codecs", 0, "payloadType", to=True), "codecs.0.payloadType"),
        ("video", changed(VIDEO, "codecs", 0, "payloadType", to="96"), "codecs.0.payloadType"),
        ("video", changed(VIDEO, "codecs", 0, "mimeType", to="v" * 300), "codecs.0.mimeType"),
        ("video", changed(VIDEO, "codecs", 0, "parameters", to={str(n): n for n in range(40)}), "parameters"),
        ("video", changed(VIDEO, "mid", to=""), "mid"),
        ("video", changed(VIDEO, "mid", to="m" * 33), "mid"),
        ("video", changed(VIDEO, "headerExtensions", 0, "id", to=0), "headerExtensions.0.id"),
        ("video", changed(VIDEO, "headerExtensions", to=VIDEO["headerExtensions"] * 20), "headerExtensions"),
        ("video", changed(VIDEO, "encodings", to=[]), "encodings"),
        ("video", changed(VIDEO, "encodings", to=[{"ssrc": 1}, {"ssrc": 2}]), "encodings"),
        ("video", changed(VIDEO, "encodings", 0, "ssrc", to=0), "encodings.0.ssrc"),
        ("video", changed(VIDEO, "encodings", 0, "ssrc", to=1 << 32), "encodings.0.ssrc"),
        ("video", changed(VIDEO, "encodings", 0, "ssrc", to=1.5), "encodings.0.ssrc"),
        ("video", changed(VIDEO, "encodings", 0, "rtx", to={"ssrc": 1234567}), "rtx"),
    ],
)
def test_it_names_the_field_that_is_wrong(kind: str, parameters: Any, complaint: str) -> None:
    with pytest.raises(MediaError, match=complaint) as refused:
        ortc.read_rtp_parameters(kind, parameters)
    assert refused.value.code == "bad_parameters"


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*VIDEO, "ssrc"]), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_it_refuses_anything_else_with_bad_parameters(value: Any) -> None:
    for read in (lambda: ortc.read_rtp_parameters("video", value), lambda: ortc.read_dtls_parameters(value)):
        with pytest.raises(MediaError) as refused:
            read()
        assert refused.value.code == "bad_parameters"


@given(st.sampled_from(["codecs", "headerExtensions", "encodings"]), json_values)
def test_it_survives_anything_in_a_field(field: str, value: Any) -> None:
    with contextlib.suppress(MediaError):
        ortc.read_rtp_parameters("video", changed(VIDEO, field, to=value))


def test_it_reads_dtls_parameters() -> None:
    read = ortc.read_dtls_parameters(
        {"role": "server", "fingerprints": [{"algorithm": "sha-256", "value": FINGERPRINT}]}
    )
    assert read == ortc.PeerDtls("server", (("sha-256", FINGERPRINT),))


@pytest.mark.parametrize(
    "parameters",
    [
        {"role": "boss", "fingerprints": [{"algorithm": "sha-256", "value": FINGERPRINT}]},
        {"fingerprints": []},
        {"fingerprints": [{"algorithm": "md5", "value": FINGERPRINT}]},
        {"fingerprints": [{"algorithm": "sha-256", "value": "AB:CD"}]},
        {"fingerprints": [{"algorithm": "sha-256", "value": FINGERPRINT + "\n"}]},
        {"fingerprints": [{"algorithm": "sha-256", "value": FINGERPRINT}] * 9},
    ],
)
def test_it_refuses_unusable_dtls_parameters(parameters: Any) -> None:
    with pytest.raises(MediaError) as refused:
        ortc.read_dtls_parameters(parameters)
    assert refused.value.code == "bad_parameters"


VP9 = changed(VIDEO, "codecs", 0, "mimeType", to="video/VP9")


@pytest.mark.parametrize("profile", [{}, {"profile-id": 0}, {"profile-id": "0"}])
def test_it_reads_a_vp9_publisher(profile: dict[str, Any]) -> None:
    incoming = ortc.read_rtp_parameters("video", changed(VP9, "codecs", 0, "parameters", to=profile))
    assert (incoming.codec, incoming.payload_type, incoming.rtx_payload_type) == ("vp9", 96, 97)


def test_it_takes_the_codec_that_a_publisher_names_first() -> None:
    both = changed(VIDEO, "codecs", to=[VP9["codecs"][0] | {"payloadType": 98}, *VIDEO["codecs"]])
    assert ortc.read_rtp_parameters("video", both).codec == "vp9"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (changed(VP9, "codecs", 0, "parameters", to={"profile-id": 2}), "codecs"),
        (changed(VP9, "codecs", 0, "clockRate", to=48000), "codecs"),
        (changed(VP9, "encodings", to=[{"rid": "r0"}, {"rid": "r1"}]), "encodings"),
    ],
)
def test_it_refuses_vp9_that_not_everybody_reads_and_several_sizes_of_it(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(MediaError) as refused:
        ortc.read_rtp_parameters("video", wrong)
    assert refused.value.code == "bad_parameters"
    assert refused.value.text.startswith(field)


@pytest.mark.parametrize("codec", ortc.CODECS)
def test_its_consumer_parameters_satisfy_the_client_library(codec: str) -> None:
    parameters = ortc.consumer_parameters(codec, "3", 70001, 70002, "name")
    read = RtpParameters(**parameters)
    assert read.rtcp is not None
    assert read.rtcp.cname == "name"
    assert [extension["uri"] for extension in parameters["headerExtensions"]] == [ortc.ABS_SEND_TIME]
    assert ("rtx" in parameters["encodings"][0]) is (codec != "opus")


def test_it_offers_every_address_in_order_of_preference() -> None:
    reply = ortc.transport_reply("t", Credentials("u", "p"), ["192.0.2.1", "192.0.2.2"], 4000, fingerprint=FINGERPRINT)
    first, second = reply["iceCandidates"]
    assert first["ip"] == first["address"] == "192.0.2.1"
    assert first["priority"] > second["priority"]
    assert first["foundation"] != second["foundation"]
    assert reply["iceParameters"] == {"usernameFragment": "u", "password": "p", "iceLite": True}
