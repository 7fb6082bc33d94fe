"""FHIR R5 Consent: what we export is held against the resource's field rules, written down by hand."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent.gate import Answer
from consent.notices import Purpose, Text
from consent.records import Party
from server.consents.fhir import consent
from tests.unit.sessions import test_fhir as r5

NOW = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
TEXT = Text("uk", "Відео", "що", "чому", "хто", "доки", "права", "як зупинити", "організація", "video")
SERVICE = Party("controller", "A service", "Kyiv", "+380 44 000 00 00")
GRANTORS = "CareTeam|HealthcareService|Organization|Patient|Practitioner|RelatedPerson|Group|PractitionerRole"

ACTORS = "Device|Group|CareTeam|Organization|Patient|Practitioner|RelatedPerson|PractitionerRole"

# https://hl7.org/fhir/R5/consent.html, "Structure".
RULES: dict[str, dict[str, tuple[int, int | None, str]]] = {
    "Consent": {
        "resourceType": (1, 1, "code"),
        "id": (0, 1, "id"),
        "language": (0, 1, "code"),
        "identifier": (0, None, "Identifier"),
        "status": (1, 1, "code"),
        "category": (0, None, "CodeableConcept"),
        "subject": (0, 1, "Reference(Patient|Practitioner|Group)"),
        "date": (0, 1, "date"),
        "period": (0, 1, "Period"),
        "grantor": (0, None, f"Reference({GRANTORS})"),
        "controller": (0, None, "Reference(HealthcareService|Organization|Patient|Practitioner)"),
        "sourceAttachment": (0, None, "Attachment"),
        "policyText": (0, None, "Reference(DocumentReference)"),
        "verification": (0, None, "ConsentVerification"),
        "decision": (0, 1, "code"),
        "provision": (0, None, "ConsentProvision"),
    },
    "Attachment": {
        "contentType": (0, 1, "code"),
        "url": (0, 1, "uri"),
        "title": (0, 1, "string"),
        "creation": (0, 1, "dateTime"),
    },
    "ConsentVerification": {
        "verified": (1, 1, "boolean"),
        "verifiedWith": (0, 1, "Reference(Patient|RelatedPerson)"),
        "verificationDate": (0, None, "dateTime"),
    },
    "ConsentProvision": {
        "period": (0, 1, "Period"),
        "actor": (0, None, "ConsentActor"),
        "purpose": (0, None, "Coding"),
    },
    "ConsentActor": {"role": (0, 1, "CodeableConcept"), "reference": (0, 1, f"Reference({ACTORS})")},
}
STATUSES = {"draft", "active", "inactive", "not-done", "entered-in-error", "unknown"}


@dataclass
class Row:
    """A consent record as the export reads it."""

    id: str = "0123456789abcdef"
    purpose: str = "video"
    answer: str = "given"
    at: datetime = NOW
    until: datetime | None = NOW + timedelta(days=365)
    by: str = "person"
    about: dict[str, str] | None = None
    notice_hash: str = "a" * 64
    entered_by: str | None = None
    witness: str | None = None
    confirmed_at: datetime | None = None


@pytest.fixture(autouse=True)
def _rules(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, rule in RULES.items():
        monkeypatch.setitem(r5.RULES, kind, rule)
    monkeypatch.setitem(r5.PLAIN, "date", re.compile(r"\d{4}-\d\d-\d\d"))


def made(**fields: Any) -> dict[str, Any]:
    return consent(Row(**fields), TEXT, SERVICE, "f" * 32)  # type: ignore[arg-type]  # reads the same fields


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("answer", Answer)
def test_every_record_is_a_consent_that_r5_allows(purpose: Purpose, answer: Answer) -> None:
    about = {"name": "Oleh", "role": "interpreter"} if purpose is Purpose.INTERPRETER else None
    resource = made(
        purpose=purpose.value, answer=answer.value, about=about, until=NOW if answer is Answer.GIVEN else None
    )
    assert r5.faults(resource, "Consent") == []
    assert resource["status"] in STATUSES
    assert resource["decision"] == ("permit" if answer is Answer.GIVEN else "deny")
    assert json.loads(json.dumps(resource)) == resource


def test_what_staff_entered_says_whether_the_person_has_confirmed_it() -> None:
    waiting = made(entered_by="1" * 16, witness="Maria")
    assert r5.faults(waiting, "Consent") == []
    assert waiting["verification"][0]["verified"] is False
    confirmed = made(entered_by="1" * 16, witness="Maria", confirmed_at=NOW)
    assert r5.faults(confirmed, "Consent") == []
    assert confirmed["verification"][0] == {
        "verified": True,
        "verificationDate": ["2027-01-15T12:00:00Z"],
        "verifiedWith": {"type": "RelatedPerson", "display": "Maria"},
    }


@pytest.mark.parametrize("role", ["agency_guest", "helper", "representative", "contact", "interpreter", "supervisor"])
def test_whomever_it_is_about_is_an_actor_that_r5_knows(role: str) -> None:
    assert r5.faults(made(about={"name": "X", "role": role}), "Consent") == []


def test_a_representative_is_the_grantor_of_what_they_agreed_to() -> None:
    resource = made(by="representation:" + "2" * 16)
    assert r5.faults(resource, "Consent") == []
    assert resource["grantor"][0]["identifier"]["value"] == "2" * 16


def test_the_rules_notice_what_r5_does_not_allow() -> None:
    resource = made()
    for broken in (
        {**resource, "status": 5},
        {**resource, "scope": {"text": "an element of R4"}},
        {**resource, "date": "2027-01-15T12:00:00Z"},
        {name: value for name, value in resource.items() if name != "status"},
    ):
        assert r5.faults(broken, "Consent")
