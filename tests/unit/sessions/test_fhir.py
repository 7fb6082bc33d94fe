"""FHIR R5: what we send is held against the field rules of Encounter, AuditEvent and Bundle, written down by hand."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.events import Tag
from consent.policy import Role
from server.sessions.fhir import CLASS, STATUS, Told, bundle
from server.sessions.record import Fact, Phase, build
from tests.unit.sessions.test_record import AFTER, CLIENT, INTERPRETER, MANAGER, at, everybody, room, seat

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
URI = re.compile(r"\S+")
CODE = re.compile(r"[^\s]+( [^\s]+)*")

# Rules: element -> (least, most or None, type). Only elements that R5 has and that we use; anything else is a fault.
# https://hl7.org/fhir/R5/encounter.html and auditevent.html, "Structure"; datatypes.html for the types.
RULES: dict[str, dict[str, tuple[int, int | None, str]]] = {
    "Bundle": {
        "resourceType": (1, 1, "code"),
        "type": (1, 1, "code"),
        "timestamp": (0, 1, "instant"),
        "entry": (0, None, "BundleEntry"),
    },
    "BundleEntry": {"fullUrl": (0, 1, "uri"), "resource": (0, 1, "Resource")},
    "Encounter": {
        "resourceType": (1, 1, "code"),
        "id": (0, 1, "id"),
        "identifier": (0, None, "Identifier"),
        "status": (1, 1, "code"),
        "class": (0, None, "CodeableConcept"),
        "subject": (0, 1, "Reference(Patient|Group)"),
        "episodeOfCare": (0, None, "Reference(EpisodeOfCare)"),
        "participant": (0, None, "Participant"),
        "actualPeriod": (0, 1, "Period"),
        "plannedStartDate": (0, 1, "dateTime"),
        "plannedEndDate": (0, 1, "dateTime"),
        "length": (0, 1, "Duration"),
    },
    "Participant": {
        "type": (0, None, "CodeableConcept"),
        "period": (0, 1, "Period"),
        "actor": (
            0,
            1,
            "Reference(Patient|Group|RelatedPerson|Practitioner|PractitionerRole|Device|HealthcareService)",
        ),
    },
    "AuditEvent": {
        "resourceType": (1, 1, "code"),
        "id": (0, 1, "id"),
        "category": (0, None, "CodeableConcept"),
        "code": (1, 1, "CodeableConcept"),
        "action": (0, 1, "code"),
        "occurredDateTime": (0, 1, "dateTime"),
        "recorded": (1, 1, "instant"),
        "outcome": (0, 1, "AuditOutcome"),
        "encounter": (0, 1, "Reference(Encounter)"),
        "agent": (1, None, "AuditAgent"),
        "source": (1, 1, "AuditSource"),
    },
    "AuditOutcome": {"code": (1, 1, "Coding"), "detail": (0, None, "CodeableConcept")},
    "AuditAgent": {
        "who": (1, 1, "Reference(Practitioner|PractitionerRole|Organization|CareTeam|Patient|Device|RelatedPerson)"),
        "requestor": (0, 1, "boolean"),
    },
    "AuditSource": {
        "observer": (
            1,
            1,
            "Reference(Practitioner|PractitionerRole|Organization|CareTeam|Patient|Device|RelatedPerson)",
        )
    },
    "CodeableConcept": {"coding": (0, None, "Coding"), "text": (0, 1, "string")},
    "Coding": {"system": (0, 1, "uri"), "code": (0, 1, "code"), "display": (0, 1, "string")},
    "Identifier": {"system": (0, 1, "uri"), "value": (0, 1, "string")},
    "Period": {"start": (0, 1, "dateTime"), "end": (0, 1, "dateTime")},
    "Duration": {
        "value": (0, 1, "decimal"),
        "unit": (0, 1, "string"),
        "system": (0, 1, "uri"),
        "code": (0, 1, "code"),
    },
    "Reference": {
        "reference": (0, 1, "string"),
        "type": (0, 1, "uri"),
        "identifier": (0, 1, "Identifier"),
        "display": (0, 1, "string"),
    },
}
PLAIN = {"id": ID, "instant": INSTANT, "dateTime": INSTANT, "uri": URI, "code": CODE}
ENCOUNTER_STATUS = {
    *("planned", "in-progress", "on-hold", "discharged", "completed", "cancelled", "discontinued"),
    *("entered-in-error", "unknown"),
}
AUDIT_ACTIONS = {"C", "R", "U", "D", "E"}


def faults(value: Any, kind: str, path: str = "$") -> list[str]:
    """What R5 does not allow about a value of this type."""
    if kind in PLAIN:
        return [] if isinstance(value, str) and PLAIN[kind].fullmatch(value) else [f"{path}: {value!r} is no {kind}"]
    if kind in {"string", "boolean", "decimal"}:
        fits = {"string": str, "boolean": bool, "decimal": (int, float)}[kind]
        return [] if isinstance(value, fits) and value != "" else [f"{path}: {value!r} is no {kind}"]
    if kind == "Resource":
        kind = value["resourceType"]
    found = []
    if kind.startswith("Reference("):
        targets = kind.removeprefix("Reference(").removesuffix(")").split("|")
        if value.get("type") not in targets:
            found.append(f"{path}: a reference to {value.get('type')} instead of {targets}")
        kind = "Reference"
    rules = RULES[kind]
    found += [f"{path}.{name}: R5 has no such element" for name in value.keys() - rules.keys()]
    for name, (least, most, inner) in rules.items():
        if name not in value:
            found += [f"{path}.{name} is missing"] * (least > 0)
        elif most == 1:
            found += faults(value[name], inner, f"{path}.{name}")
        elif not isinstance(value[name], list) or not value[name]:
            found.append(f"{path}.{name}: a list that is never empty")
        else:
            found += [fault for each in value[name] for fault in faults(each, inner, f"{path}.{name}")]
    return found


def made(*facts: Fact, way: str = "video", now: Any = AFTER) -> dict[str, Any]:
    all_facts = [*everybody(), *facts]
    told = [Told(number, fact.at, fact.tag, fact.actor, None) for number, fact in enumerate(all_facts)]
    record = build(all_facts, now)
    return bundle(session_id="a" * 16, case_id="c" * 16, way=way, record=record, told=told, organisation="", now=now)


MET = (
    seat(-1, Tag.JOINED, MANAGER),
    seat(0, Tag.WAITED, CLIENT),
    seat(1, Tag.JOINED, CLIENT),
    seat(9, Tag.DROPPED, CLIENT),
    seat(10, Tag.RETURNED, CLIENT),
    room(30, Tag.ENDED),
)


def test_the_rules_themselves_find_what_is_wrong() -> None:
    whole = made(*MET)
    event = whole["entry"][1]["resource"]
    del event["agent"]
    event["outcome"]["code"]["colour"] = "red"
    whole["entry"][0]["resource"]["plannedStartDate"] = "yesterday"
    whole["entry"][0]["resource"]["participant"] = []
    found = "\n".join(faults(whole, "Bundle"))
    for words in ("agent is missing", "colour: R5 has no such", "'yesterday' is no dateTime", "never empty"):
        assert words in found


@pytest.mark.parametrize("way", sorted(CLASS))
def test_a_session_keeps_the_rules(way: str) -> None:
    assert faults(made(*MET, way=way), "Bundle") == []


def test_codes_are_those_of_the_bound_value_sets() -> None:
    assert set(STATUS) == set(Phase)
    assert set(STATUS.values()) <= ENCOUNTER_STATUS
    events = [entry["resource"] for entry in made(*MET)["entry"][1:]]
    assert {event["action"] for event in events} <= AUDIT_ACTIONS
    assert {event["action"] for event in events} >= {"C", "E"}


def test_the_encounter_says_who_was_there_and_when() -> None:
    encounter = made(*MET)["entry"][0]["resource"]
    assert encounter["status"] == "completed"
    assert encounter["subject"]["display"] == "Оля"
    assert encounter["actualPeriod"] == {"start": "2027-01-15T11:59:00.000Z", "end": "2027-01-15T12:30:00.000Z"}
    assert encounter["length"]["value"] == 31
    periods = {each["actor"]["display"]: each.get("period") for each in encounter["participant"]}
    assert periods["Оля"] == {"start": "2027-01-15T12:01:00.000Z", "end": "2027-01-15T12:30:00.000Z"}
    assert periods["Олег"] is None


def test_every_entry_becomes_one_event_in_its_order() -> None:
    events = [entry["resource"] for entry in made(*MET)["entry"][1:]]
    assert [event["code"]["coding"][0]["code"] for event in events[-6:]] == [fact.tag.value for fact in MET]
    assert [event["id"] for event in events] == [f"entry-{number}" for number in range(len(events))]


def test_a_client_is_a_patient_and_staff_are_practitioners() -> None:
    events = [entry["resource"] for entry in made(*MET)["entry"][1:]]
    kinds = {event["agent"][0]["who"].get("display"): event["agent"][0]["who"]["type"] for event in events}
    assert kinds["Оля"] == "Patient"
    assert kinds["Марія"] == "Practitioner"


STEPS = [Tag.JOINED, Tag.LEFT, Tag.WAITED, Tag.VERIFIED, Tag.REMOVED, Tag.CANCELLED, Tag.ENDED, Tag.CASE_READ]


@given(
    st.lists(st.tuples(st.integers(-9, 90), st.sampled_from(STEPS), st.sampled_from([MANAGER, CLIENT, INTERPRETER])))
)
def test_it_keeps_the_rules_whatever_happened(steps: list[tuple[int, Tag, str]]) -> None:
    facts = [seat(minute, tag, who) for minute, tag, who in sorted(steps, key=lambda step: step[0])]
    whole = made(*facts, now=at(100))
    assert faults(whole, "Bundle") == []
    json.dumps(whole)


def test_no_role_is_without_a_kind_of_person() -> None:
    for role in Role:
        facts = [fact for fact in everybody() if fact.tag is Tag.PLANNED]
        named = {"seat": CLIENT, "name": "X", "role": role.value, "by": "Y"}
        facts.append(Fact(at(-60), Tag.INVITED, "account:1", named))
        record = build(facts, AFTER)
        whole = bundle(
            session_id="a" * 16, case_id="c" * 16, way="video", record=record, told=[], organisation="X", now=AFTER
        )
        assert faults(whole, "Bundle") == []
