"""The messages between the server and a worker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import control
from media.control import MediaError, Unframer, frame

REQUESTS = [
    control.Start("0.0.0.0", 0, ["192.0.2.1"]),
    control.OpenRoom("r"),
    control.CreateTransport("r", "p", "send"),
    control.CreateProducer("r", "p", "t", "video", "camera", {"codecs": []}, False, 720),
    control.ReadStats(),
]
EVENTS = [control.WorkerLost(), control.TransportClosed("p", "t", "lost"), control.ProducerClosed("p", "x")]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_it_reads_the_requests_that_it_writes(request_: control.Request) -> None:
    assert control.parse_request(control.request_message(3, request_)) == (3, request_)


@pytest.mark.parametrize("event", EVENTS, ids=lambda each: type(each).__name__)
def test_it_reads_the_events_that_it_writes(event: control.MediaEvent) -> None:
    assert control.parse_event(control.event_message("r", event)) == ("r", event)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"id": True, "do": "OpenRoom", "with": {"room": "r"}},
        {"id": 1, "do": "Explode", "with": {}},
        {"id": 1, "do": ["OpenRoom"], "with": {}},
        {"id": 1, "do": "OpenRoom", "with": None},
        {"id": 1, "do": "OpenRoom", "with": {}},
        {"id": 1, "do": "OpenRoom", "with": {"room": 7}},
        {"id": 1, "do": "OpenRoom", "with": {"room": "r", "more": 1}},
        {"id": 1, "do": "CreateProducer", "with": {"room": "r"}},
    ],
)
def test_it_refuses_what_is_no_request(message: control.Json) -> None:
    with pytest.raises(MediaError) as refused:
        control.parse_request(message)
    assert refused.value.code == "bad_message"


@pytest.mark.parametrize("message", [{"event": "Boom"}, {"event": "WorkerLost", "room": 1, "with": {}}])
def test_it_refuses_what_is_no_event(message: control.Json) -> None:
    with pytest.raises(MediaError):
        control.parse_event(message)


@given(st.integers(1, 20), st.lists(st.dictionaries(st.text(), st.integers()), max_size=4))
def test_it_finds_messages_however_the_stream_is_cut(size: int, messages: list[control.Json]) -> None:
    stream = b"".join(frame(message) for message in messages)
    unframer = Unframer()
    found = [each for at in range(0, len(stream), size) for each in unframer.feed(stream[at : at + size])]
    assert found == messages


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\0\0\0\x01{", b"\0\0\0\x02[]", b"\0\0\0\x01\xff"])
def test_it_refuses_a_stream_that_is_not_frames_of_objects(data: bytes) -> None:
    with pytest.raises(MediaError):
        list(Unframer().feed(data))


def test_it_refuses_to_send_what_the_other_side_would_refuse() -> None:
    with pytest.raises(MediaError):
        frame({"text": "x" * control.MAX_FRAME})
