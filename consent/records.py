"""Consent records ◇ after ISO/IEC TS 27560:2023: one record a decision, and the receipt that the person keeps.

The names are those of the standard's tables: record header (6.3.3), PII processing (6.3.4), PII information (6.3.5),
party identification (6.3.6), event (6.3.7), receipt metadata (6.4.5). What is mandatory is always there; ``missing``
names what is not, and tests hold it to nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from consent.gate import Answer
from consent.notices import Purpose, Text

SCHEMA = "ISO/IEC TS 27560:2023; poruch 1"
SIGN_LABEL = "poruch consent"
"""Labels what a person's device signs, so that this signature can be of nothing else."""

Method = Literal["page", "call", "own_page", "oral", "paper", "home_visit", "phone"]
"""How a decision reached us. ``oral`` and the ones after it are entered by staff."""
ENTERED: frozenset[Method] = frozenset({"oral", "paper", "home_visit", "phone"})
TappedBy = Literal["person", "helper", "worker", "representative"]

MANDATORY: Mapping[str, tuple[str, ...]] = {
    "header": ("schema_version", "record_id", "pii_principal_id"),
    "processing": ("privacy_notice", "language", "purposes"),
    "purpose": (
        "purpose",
        "lawful_basis",
        "pii_information",
        "pii_controllers",
        "collection_method",
        "processing_method",
        "storage_locations",
        "retention_period",
        "processing_locations",
        "jurisdiction",
        "recipient_third_parties",
        "withdrawal_method",
        "privacy_rights",
    ),
    "pii": ("pii_type", "pii_optional", "special_pii_category"),
    "party": ("party_id", "party_name", "party_address", "party_contact", "party_type"),
    "event": ("event_time", "validity_duration", "entity_id", "event_type", "event_state"),
    "receipt": ("receipt_id", "schema_version", "record_id"),
}

EVENT_TYPES: Mapping[Answer, str] = {
    Answer.GIVEN: "explicit consent",
    Answer.REFUSED: "refusal",
    Answer.WITHDRAWN: "withdrawal",
}
EVENT_STATES: Mapping[Answer, str] = {
    Answer.GIVEN: "given",
    Answer.REFUSED: "refused",
    Answer.WITHDRAWN: "withdrawn",
}

_CALL_DATA = ("picture and voice during the conversation", "text written during the conversation")
PII: Mapping[Purpose, tuple[str, ...]] = {
    Purpose.VIDEO: _CALL_DATA,
    Purpose.EXPLAIN: _CALL_DATA,
    Purpose.SHARING: (*_CALL_DATA, "what is said about the person's situation"),
    Purpose.INTERPRETER: _CALL_DATA,
    Purpose.HELPER: _CALL_DATA,
    Purpose.REPRESENTATIVE: (*_CALL_DATA, "decisions made for the person"),
    Purpose.CONTACT: ("address or number of the channel", "that the service writes or phones"),
    Purpose.JOINING: _CALL_DATA,
    Purpose.SUPERVISION: (*_CALL_DATA, "how the consultation was led"),
}
"""What of a person each purpose touches."""


class Signed(Protocol):
    """One answer, as far as it is signed."""

    @property
    def purpose(self) -> str:
        """The purpose's code."""

    @property
    def about_seat(self) -> str | None:
        """The seat of whom it is about."""

    @property
    def notice_hash(self) -> str:
        """The text that was shown."""

    @property
    def decision(self) -> str:
        """given, refused, explain or withdrawn."""


@dataclass(frozen=True)
class Party:
    """The organisation that answers for the data."""

    id: str
    name: str
    address: str
    contact: str
    country: str = "UA"


@dataclass(frozen=True)
class Fact:
    """Everything about one decision that its record says."""

    record_id: str
    principal_id: str
    """A pseudonym: the record names nobody."""
    purpose: Purpose
    answer: Answer
    at: datetime
    until: datetime | None
    notice_version: int
    notice_hash: str
    text: Text
    about: str | None
    """The person, agency or channel that it is about, as shown."""
    by: str
    """``person`` or ``representation:ID``."""
    method: Method
    tapped_by: TappedBy
    witness: str | None = None
    confirmed_at: datetime | None = None
    """When the person confirmed what staff had entered for them."""


def record(fact: Fact, controller: Party) -> dict[str, Any]:
    """The record as plain JSON; times are UTC."""
    return {
        "schema_version": SCHEMA,
        "record_id": fact.record_id,
        "pii_principal_id": fact.principal_id,
        "pii_processing": {
            "privacy_notice": {
                "version": fact.notice_version,
                "sha256": fact.notice_hash,
                "text": {part: getattr(fact.text, part) for part in ("title", "what", "why", "who", "how_long")},
            },
            "language": fact.text.language,
            "purposes": [_purpose(fact, controller)],
        },
        "party_identification": [_party(controller)],
        "events": [_event(fact)],
    }


def receipt(record_body: Mapping[str, Any], receipt_id: str) -> dict[str, Any]:
    """What the person keeps: the whole record with the metadata of a receipt (6.4.5)."""
    return {
        "receipt_metadata": {
            "receipt_id": receipt_id,
            "schema_version": SCHEMA,
            "record_id": record_body["record_id"],
        },
        "record": dict(record_body),
    }


def to_sign(seat_id: str, answers: Sequence[Signed], at: str) -> str:
    """What a person's device key signs under ``SIGN_LABEL``: answers to texts, from this seat, at this time.

    ``at`` is the browser's own time as it spelled it. The same bytes in every language: sorted keys, no spaces.
    """
    said = [
        {
            "about": each.about_seat or "",
            "decision": each.decision,
            "notice": each.notice_hash,
            "purpose": each.purpose,
        }
        for each in answers
    ]
    body = {"answers": said, "at": at, "seat": seat_id}
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(body: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a record or receipt in sorted compact JSON; the ledger keeps it."""
    return hashlib.sha256(
        json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def missing(body: Mapping[str, Any]) -> list[str]:
    """The mandatory fields that a record lacks, as ``section.field``; an empty list may be right, ``None`` never is."""
    processing = body.get("pii_processing", {})
    lacking = _lacking("header", body) + _lacking("processing", processing)
    for purpose in processing.get("purposes", []):
        lacking += _lacking("purpose", purpose)
        for pii in purpose.get("pii_information", []):
            lacking += _lacking("pii", pii)
    for party in body.get("party_identification", []) or [{}]:
        lacking += _lacking("party", party)
    for event in body.get("events", []) or [{}]:
        lacking += _lacking("event", event)
    return lacking


def _lacking(section: str, body: Mapping[str, Any]) -> list[str]:
    return [f"{section}.{name}" for name in MANDATORY[section] if body.get(name) is None]


def _purpose(fact: Fact, controller: Party) -> dict[str, Any]:
    third = [fact.about] if fact.purpose is Purpose.SHARING and fact.about else []
    return {
        "purpose": fact.purpose.value,
        "purpose_description": fact.text.what,
        "about": fact.about,
        "lawful_basis": "explicit consent",
        "pii_information": [
            {"pii_type": each, "pii_optional": True, "special_pii_category": True} for each in PII[fact.purpose]
        ],
        "pii_controllers": [controller.id],
        "collection_method": fact.method,
        # End-to-end encryption: nothing of the conversation is kept, so only the fact is located and retained.
        "processing_method": "end-to-end encrypted conversation; neither recorded nor decoded by the server",
        "storage_locations": [f"{controller.name}: own server, {controller.country}"],
        "retention_period": fact.text.how_long,
        "processing_locations": [controller.country],
        "jurisdiction": controller.country,
        "recipient_third_parties": third,
        "withdrawal_method": fact.text.withdraw,
        "privacy_rights": fact.text.rights,
    }


def _party(controller: Party) -> dict[str, Any]:
    return {
        "party_id": controller.id,
        "party_name": controller.name,
        "party_address": controller.address,
        "party_contact": controller.contact,
        "party_type": "PII controller",
    }


def _event(fact: Fact) -> dict[str, Any]:
    event: dict[str, Any] = {
        "event_time": _utc(fact.at),
        "validity_duration": _duration(fact),
        "entity_id": fact.principal_id if fact.by == "person" else fact.by,
        "event_type": EVENT_TYPES[fact.answer],
        "event_state": EVENT_STATES[fact.answer],
        "entered_by": fact.tapped_by,
    }
    if fact.witness:
        event["witness"] = fact.witness
    if fact.confirmed_at:
        event["confirmed_at"] = _utc(fact.confirmed_at)
    return event


def _duration(fact: Fact) -> str:
    """ISO 8601: how long a consent holds, in days; ``P0D`` for what ends with its own moment."""
    if fact.answer is not Answer.GIVEN or fact.until is None:
        return "P0D"
    return f"P{max(1, round((fact.until - fact.at).total_seconds() / 86_400))}D"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
