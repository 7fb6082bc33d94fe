"""Records and receipts: every mandatory field of ISO/IEC TS 27560:2023 is there, whatever was decided."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent.gate import Answer
from consent.notices import Purpose, Text
from consent.records import MANDATORY, Fact, Party, digest, missing, receipt, record, to_sign

NOW = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
TEXT = Text("uk", "Відео", "що", "чому", "хто", "доки", "права", "як зупинити", "організація", "video")
SERVICE = Party("poruch", "A service", "Kyiv", "+380 44 000 00 00")
FACT = Fact(
    record_id="0123456789abcdef",
    principal_id="f" * 32,
    purpose=Purpose.VIDEO,
    answer=Answer.GIVEN,
    at=NOW,
    until=NOW + timedelta(days=365),
    notice_version=1,
    notice_hash="a" * 64,
    text=TEXT,
    about=None,
    by="person",
    method="page",
    tapped_by="person",
)


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("answer", Answer)
def test_a_record_has_every_mandatory_field(purpose: Purpose, answer: Answer) -> None:
    made = record(replace(FACT, purpose=purpose, answer=answer), SERVICE)
    assert missing(made) == []
    assert json.loads(json.dumps(made)) == made


def test_a_record_without_a_mandatory_field_is_noticed() -> None:
    made = record(FACT, SERVICE)
    places: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "header": lambda body: body,
        "processing": lambda body: body["pii_processing"],
        "purpose": lambda body: body["pii_processing"]["purposes"][0],
        "pii": lambda body: body["pii_processing"]["purposes"][0]["pii_information"][0],
        "party": lambda body: body["party_identification"][0],
        "event": lambda body: body["events"][0],
    }
    for section, place in places.items():
        for name in MANDATORY[section]:
            broken = copy.deepcopy(made)
            del place(broken)[name]
            assert f"{section}.{name}" in missing(broken)
    assert missing({})


def test_a_record_says_when_until_when_and_who_tapped() -> None:
    event = record(replace(FACT, tapped_by="helper"), SERVICE)["events"][0]
    assert event["event_time"] == "2027-01-15T12:00:00Z"
    assert event["validity_duration"] == "P365D"
    assert (event["event_state"], event["entered_by"]) == ("given", "helper")
    assert record(replace(FACT, answer=Answer.WITHDRAWN), SERVICE)["events"][0]["validity_duration"] == "P0D"


def test_a_record_of_sharing_names_the_agency_as_recipient() -> None:
    made = record(replace(FACT, purpose=Purpose.SHARING, about="Job centre"), SERVICE)
    assert made["pii_processing"]["purposes"][0]["recipient_third_parties"] == ["Job centre"]


def test_what_staff_entered_says_how_with_whom_and_when_it_was_confirmed() -> None:
    event = record(replace(FACT, method="home_visit", tapped_by="worker", witness="Maria", confirmed_at=NOW), SERVICE)[
        "events"
    ][0]
    assert (event["entered_by"], event["witness"], event["confirmed_at"]) == ("worker", "Maria", "2027-01-15T12:00:00Z")


def test_a_receipt_carries_the_whole_record_under_its_own_number() -> None:
    made = record(FACT, SERVICE)
    kept = receipt(made, "r1")
    assert kept["record"] == made
    assert [name for name in MANDATORY["receipt"] if name not in kept["receipt_metadata"]] == []
    assert digest(kept) != digest(receipt(made, "r2"))


@dataclass(frozen=True)
class Said:
    purpose: str = "video"
    about_seat: str | None = None
    notice_hash: str = "a"
    decision: str = "given"


def test_what_a_device_signs_differs_for_every_answer_text_person_seat_and_time() -> None:
    one = Said()
    others = [replace(one, **{field: "other"}) for field in ("purpose", "about_seat", "notice_hash", "decision")]
    signed = {to_sign("s1", [each], "t1") for each in (one, *others)}
    signed |= {to_sign("s2", [one], "t1"), to_sign("s1", [one], "t2"), to_sign("s1", [one, one], "t1")}
    assert len(signed) == 8
    assert to_sign("s1", [one], "t1") == (
        '{"answers":[{"about":"","decision":"given","notice":"a","purpose":"video"}],"at":"t1","seat":"s1"}'
    )
