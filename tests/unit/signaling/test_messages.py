"""What the typed messages refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from signaling import exchange, messages, wire

DEVICE = "0" * 32
BOTH = {"audio": True, "video": True}
ENTER = {"device": DEVICE, "with_helper": None, "abilities": BOTH}
PRODUCER = {"transportId": "t", "kind": "audio", "source": "microphone", "rtpParameters": {}, "paused": False}


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("room.enter", {}),
        ("room.enter", ENTER | {"abilities": {"audio": True, "video": 1}}),
        ("room.enter", ENTER | {"with_helper": "no"}),
        ("room.enter", ENTER | {"device": "0" * 31}),
        ("room.enter", ENTER | {"role": "case_manager"}),
        ("room.leave", {"why": "no reason"}),
        ("transport.create", {"direction": "sideways"}),
        ("transport.connect", {"transportId": "t", "dtlsParameters": {"role": "client", "fingerprints": []}}),
        ("transport.connect", {"transportId": "t" * 65, "dtlsParameters": {}}),
        ("producer.create", PRODUCER | {"kind": "video"}),
        ("producer.create", PRODUCER | {"source": "camera"}),
        ("producer.create", PRODUCER | {"rtpParameters": []}),
        ("consumer.resume", {"consumerId": ["c"]}),
        ("host.admit", {"seat": None}),
        ("host.admit", {"seat": "../../etc"}),
        ("host.lock", {"locked": "true"}),
    ],
)
def test_it_refuses_what_is_not_described(event: str, data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        messages.FROM_BROWSER[event].model_validate(data)


@pytest.mark.parametrize(
    "data",
    [
        {"device": DEVICE},
        {"device": DEVICE, "link": "a", "code": "b"},
        {"device": DEVICE, "resume": ""},
        {"device": DEVICE, "link": "a" * 2049},
        {"device": DEVICE.upper().replace("0", "A"), "link": "a"},
        {"link": "a"},
    ],
)
def test_it_refuses_anything_but_one_way_in_and_a_device(data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        exchange.SeatRequest.model_validate(data)


def test_it_takes_what_is_described() -> None:
    messages.RoomEnter.model_validate(ENTER)
    messages.ProducerCreate.model_validate(PRODUCER)


def test_it_writes_times_in_utc_with_milliseconds() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=timezone(timedelta(hours=2)))
    assert wire.wire_time(at) == "2026-01-02T01:04:05.678Z"
    assert wire.wire_time(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000Z"


def test_it_answers_with_either_data_or_an_error() -> None:
    for given in ({"ok": True}, {"ok": False}, {"ok": False, "data": {}}):
        with pytest.raises(ValidationError):
            messages.Ack.model_validate(given)
