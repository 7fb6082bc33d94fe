"""FHIR R5 ◇: one session as an Encounter, and each of its entries as an AuditEvent, in a Bundle.

Element names, cardinalities and codes are those of https://hl7.org/fhir/R5/encounter.html, auditevent.html and
bundle.html. People are logical references (identifier and display): the systems that know them under other names
find them by the identifier.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from consent.events import Tag
from consent.policy import Role
from server.sessions.record import Outcome, Person, Phase, SessionRecord

Json = dict[str, Any]

SYSTEM = "urn:poruch"
"""Begins the systems of our own identifiers and codes."""
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
AUDIT_OUTCOME = "http://hl7.org/fhir/issue-severity"
UCUM = "http://unitsofmeasure.org"

STATUS = {
    Phase.PLANNED: "planned",
    Phase.RUNNING: "in-progress",
    Phase.ENDED: "completed",
    Phase.NOT_HELD: "cancelled",  # "the Encounter has ended before it has begun"
    Phase.CANCELLED: "cancelled",
}
CLASS = {
    "video": ("VR", "virtual"),
    "phone": ("VR", "virtual"),
    "visit": ("HH", "home health"),
}
TYPES = {
    Role.CLIENT: "Patient",
    Role.REPRESENTATIVE: "RelatedPerson",
    Role.HELPER: "RelatedPerson",
}
"""Everybody else is a Practitioner."""

_READS = frozenset({Tag.CASE_READ, Tag.RECORD_EXPORTED})
_CREATES = frozenset({Tag.PLANNED, Tag.INVITED, Tag.NOTES_WRITTEN, Tag.CONTACT_ENTERED})
_UPDATES = frozenset({Tag.MOVED, Tag.RESTORED, Tag.NOTES_SIGNED})
_DELETES = frozenset({Tag.CANCELLED, Tag.INVITATION_REVOKED})


@dataclass(frozen=True)
class Told:
    """One ledger entry, opened, with its place in the log."""

    sequence: int
    at: datetime
    tag: Tag
    actor: str
    name: str | None
    """The actor's name, where it is known."""


def bundle(
    *,
    session_id: str,
    case_id: str,
    way: str,
    record: SessionRecord,
    told: Sequence[Told],
    organisation: str,
    now: datetime,
) -> Json:
    """A Bundle (collection) of one Encounter and its AuditEvents."""
    encounter = encounter_of(session_id, case_id, way, record)
    events = [audit_event(each, session_id, record, organisation) for each in told]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": instant(now),
        "entry": [
            {"fullUrl": f"{SYSTEM}:{each['resourceType'].lower()}:{each['id']}", "resource": each}
            for each in (encounter, *events)
        ],
    }


def encounter_of(session_id: str, case_id: str, way: str, record: SessionRecord) -> Json:
    """The session as an Encounter."""
    code, display = CLASS[way]
    clients = [person for person in record.people if person.role == Role.CLIENT.value]
    found: Json = {
        "resourceType": "Encounter",
        "id": session_id,
        "identifier": [{"system": f"{SYSTEM}:session", "value": session_id}],
        "status": STATUS[record.phase],
        "class": [{"coding": [{"system": ACT_CODE, "code": code, "display": display}]}],
        "episodeOfCare": [_reference("EpisodeOfCare", "case", case_id)],
        "participant": [_participant(person) for person in record.people if person.outcome is not Outcome.UNINVITED],
    }
    if len(clients) == 1:
        found["subject"] = _person(clients[0])
    elif clients:
        found["subject"] = _reference("Group", "case", case_id)
    if record.starts_at and record.ends_at:
        found["plannedStartDate"] = instant(record.starts_at)
        found["plannedEndDate"] = instant(record.ends_at)
    if record.began_at:
        found["actualPeriod"] = _period(record.began_at, record.ended_at)
        if record.ended_at:
            minutes = round((record.ended_at - record.began_at).total_seconds() / 60, 1)
            found["length"] = {"value": minutes, "unit": "min", "system": UCUM, "code": "min"}
    if not found["participant"]:
        del found["participant"]  # FHIR has no empty arrays
    return found


def audit_event(told: Told, session_id: str, record: SessionRecord, organisation: str) -> Json:
    """One ledger entry as an AuditEvent; its id is its place in the log."""
    return {
        "resourceType": "AuditEvent",
        "id": f"entry-{told.sequence}",
        "category": [{"coding": [{"system": f"{SYSTEM}:area", "code": told.tag.value.partition(":")[0]}]}],
        "code": {"coding": [{"system": f"{SYSTEM}:entry", "code": told.tag.value}]},
        "action": _action(told.tag),
        "occurredDateTime": instant(told.at),
        "recorded": instant(told.at),
        "outcome": {"code": {"system": AUDIT_OUTCOME, "code": "informational"}},
        "encounter": {"reference": f"{SYSTEM}:encounter:{session_id}", "type": "Encounter"},
        "agent": [{"who": _actor(told, record.people), "requestor": told.actor != "system"}],
        "source": {
            "observer": {
                "type": "Device",
                "identifier": {"system": f"{SYSTEM}:server", "value": "ledger"},
                "display": organisation or "Poruch",
            }
        },
    }


def instant(moment: datetime) -> str:
    """A FHIR instant: with seconds at least and a time zone, always UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _action(tag: Tag) -> str:
    for letter, tags in (("R", _READS), ("C", _CREATES), ("U", _UPDATES), ("D", _DELETES)):
        if tag in tags:
            return letter
    return "E"


def _participant(person: Person) -> Json:
    kind = ("SBJ", "subject") if person.role == Role.CLIENT.value else ("PART", "Participation")
    found: Json = {
        "type": [
            {"coding": [{"system": PARTICIPATION, "code": kind[0], "display": kind[1]}]},
            {"coding": [{"system": f"{SYSTEM}:role", "code": person.role}]},
        ],
        "actor": _person(person),
    }
    if person.intervals:
        found["period"] = _period(person.intervals[0].since, person.intervals[-1].until)
    return found


def _person(person: Person) -> Json:
    kind = TYPES.get(Role(person.role), "Practitioner")
    return {**_reference(kind, "seat", person.seat), "display": person.name}


def _actor(told: Told, people: Iterable[Person]) -> Json:
    kind, _, name = told.actor.partition(":")
    if kind == "seat":
        known = next((person for person in people if person.seat == name), None)
        if known is not None:
            return _person(known)
    if kind == "system" or not name:
        return {"type": "Device", "identifier": {"system": f"{SYSTEM}:server", "value": "system"}}
    found = _reference("Patient" if kind == "client" else "Practitioner", kind, name)
    return {**found, "display": told.name} if told.name else found


def _reference(kind: str, of: str, value: str) -> Json:
    return {"type": kind, "identifier": {"system": f"{SYSTEM}:{of}", "value": value}}


def _period(start: datetime, end: datetime | None) -> Json:
    return {"start": instant(start), "end": instant(end)} if end else {"start": instant(start)}
