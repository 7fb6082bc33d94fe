"""A consent record as HL7 FHIR R5 Consent (hl7.org/fhir/R5/consent.html) ◇."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from consent.gate import Answer
from consent.notices import Text
from consent.records import Party
from server.consents.tables import ConsentRow

STATUS: Mapping[str, str] = {
    Answer.GIVEN.value: "active",
    Answer.REFUSED.value: "inactive",
    Answer.WITHDRAWN.value: "inactive",
}
"""Consent.status (required binding consent-state-codes): draft | active | inactive | not-done | entered-in-error."""
SYSTEM = "urn:poruch:consent-purpose"


def consent(row: ConsentRow, text: Text, controller: Party, subject: str) -> dict[str, Any]:
    """The resource; ``subject`` is the person's pseudonym. Elements and cardinalities are those of R5."""
    made: dict[str, Any] = {
        "resourceType": "Consent",
        "id": row.id,
        "language": text.language,
        "identifier": [{"system": "urn:poruch:consent-record", "value": row.id}],
        "status": STATUS[row.answer],
        "category": [
            {
                "coding": [
                    {
                        "system": "http://loinc.org",
                        "code": "59284-0",
                        "display": "Consent Document",
                    }
                ]
            }
        ],
        "subject": _person(subject),
        "date": _utc(row.at)[:10],
        "grantor": [_person(subject)],
        "controller": [{"type": "Organization", "display": controller.name}],
        "sourceAttachment": [
            {
                "contentType": "application/json",
                "title": text.title,
                "creation": _utc(row.at),
                # Attachment.hash is for SHA-1 alone; ours names the text by its SHA-256.
                "url": f"urn:poruch:notice:sha256:{row.notice_hash}",
            }
        ],
        "policyText": [{"type": "DocumentReference", "display": text.what}],
        "decision": "permit" if row.answer == Answer.GIVEN.value else "deny",
        "provision": [_provision(row)],
    }
    if row.until is not None:
        made["period"] = {"start": _utc(row.at), "end": _utc(row.until)}
    if row.by != "person":
        document = {"system": "urn:poruch:representation", "value": row.by.partition(":")[2]}
        made["grantor"] = [{"type": "RelatedPerson", "identifier": document}]
    if row.confirmed_at is not None or row.entered_by is not None:
        made["verification"] = [_verification(row)]
    return made


def _person(subject: str) -> dict[str, Any]:
    return {"type": "Patient", "identifier": {"system": "urn:poruch:client", "value": subject}}


def _kind(role: str) -> str:
    """What somebody is to FHIR: a service, somebody of the person's own, a channel, or a professional."""
    kinds = {
        "agency_guest": "Organization",
        "helper": "RelatedPerson",
        "representative": "RelatedPerson",
        "contact": "Device",
    }
    return kinds.get(role, "Practitioner")


def _provision(row: ConsentRow) -> dict[str, Any]:
    provision: dict[str, Any] = {"purpose": [{"system": SYSTEM, "code": row.purpose}]}
    if row.until is not None:
        provision["period"] = {"start": _utc(row.at), "end": _utc(row.until)}
    if row.about is not None:
        provision["actor"] = [
            {
                "role": {"coding": [{"system": "urn:poruch:role", "code": row.about["role"]}]},
                "reference": {"type": _kind(row.about["role"]), "display": row.about["name"]},
            }
        ]
    return provision


def _verification(row: ConsentRow) -> dict[str, Any]:
    """Consent.verification: whether the person has confirmed what staff entered."""
    verification: dict[str, Any] = {"verified": row.confirmed_at is not None}
    if row.confirmed_at is not None:
        verification["verificationDate"] = [_utc(row.confirmed_at)]
    if row.witness is not None:
        verification["verifiedWith"] = {"type": "RelatedPerson", "display": row.witness}
    return verification


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
