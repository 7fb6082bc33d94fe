"""What an inspector, and somebody in an emergency, may see and take away of consent and proof: as the policy says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from consent import keys
from consent.database import Database
from consent.events import Tag
from consent.gate import PERSON
from consent.ledger import seat_actor
from consent.policy import Role
from consent.verify import verify
from server.appointments.seats import NewSeat
from server.appointments.tables import Appointment
from server.cases import service as cases
from server.consents import other_ways
from server.consents.writing import take_back
from tests.flows.conftest import Person
from tests.flows.test_session_records import worker
from tests.flows.test_supervision import Entries, SignedIn, admit, break_glass, text_of
from tests.support import casework, consents


async def agreed(database: Database, manager: Person) -> tuple[str, str]:
    """A case whose client has agreed to a conversation, and the record of that."""
    now = datetime.now(UTC)
    async with database.write() as session:
        case = await casework.open_case(session, worker(manager))
        appointment = await casework.plan(session, worker(manager), case, starts_at=now, now=now)
        key = await keys.open_case(session, keys.SYSTEM, case.id, keys.Purpose.SYSTEM)
        seat = await casework.seat_of(session, appointment, Role.CLIENT)
        return case.id, (await consents.agree(session, key, seat, now))[0].id


async def test_an_inspector_takes_away_what_proves_the_named_case_and_changes_nothing(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    (case_id, record), (other, foreign) = await agreed(database, manager), await agreed(database, manager)
    supervisor, inspector = await signed_in(Role.SUPERVISOR), await signed_in(Role.INSPECTOR)
    await admit(supervisor, case_id, inspector)
    case = f"/cases/{case_id}"
    page = await text_of(inspector, f"{case}/reading")
    for link in ("evidence.jsonl", "consents", "pack", "readers"):
        assert f'href="{case}/{link}"' in page
    proof = await inspector.get(f"{case}/evidence.jsonl")
    assert proof.status == 200
    assert verify((await proof.text()).splitlines(keepends=True)).findings == []
    for link in re.findall(rf'href="({case}[^"]*)"', await text_of(inspector, f"{case}/consents")):
        assert (await inspector.get(link)).status == 200, link
    shown = await text_of(inspector, f"{case}/consents/{record}")
    for paper in ("receipt.json", "fhir.json"):
        assert paper in shown
        assert (await inspector.get(f"{case}/consents/{record}/{paper}")).status == 200
    assert "/withdraw" not in shown
    assert (await inspector.post(f"{case}/consents/{record}/withdraw", {"method": "phone"})).status == 403
    for path in ("evidence.jsonl", "consents", f"consents/{foreign}", f"consents/{foreign}/receipt.json"):
        assert (await inspector.get(f"/cases/{other}/{path}")).status == 403, path
    read = {each.details["purpose"] for each in await entries(Tag.CASE_READ) if inspector.id in each.actor}
    assert read == {"inspect"}
    assert [each.details["form"] for each in await entries(Tag.RECORD_EXPORTED)] == ["case"]
    assert [each.details["as"] for each in await entries(Tag.CONSENT_EXPORTED)] == ["receipt", "fhir"]


async def taken_back(database: Database, manager: Person, team: Sequence[Person]) -> tuple[Appointment, list[str]]:
    """A client took back the conversation and what a guest may see, and agrees to an interpreter; the two records."""
    now, doer = datetime.now(UTC), worker(manager)
    async with database.write() as session:
        case = await casework.open_case(session, doer)
        for member in team:
            await cases.join_team(session, doer, case, member.id)
        guests = [NewSeat(Role.AGENCY_GUEST, "Oksana Lysenko", "uk"), NewSeat(Role.INTERPRETER, "Ivan Melnyk", "uk")]
        appointment = await casework.plan(session, doer, case, starts_at=now, now=now, guests=guests)
        key = await keys.open_case(session, keys.SYSTEM, case.id, keys.Purpose.SYSTEM)
        seat = await casework.seat_of(session, appointment, Role.CLIENT)
        given = await consents.agree(session, key, seat, now)
        back = [row for row in given if row.purpose == "video" or (row.about or {}).get("name") == "Oksana Lysenko"]
        for row in back:
            later, actor = now + timedelta(seconds=1), seat_actor(seat.id)
            await take_back(session, key, row, later, by=PERSON, tapped_by="person", method="page", actor=actor)
        await other_ways.open_for(session, key, seat.client_id, "withdrawn", now)
    return appointment, [row.id for row in back]


async def test_what_a_client_said_no_to_is_known_to_whoever_leads_the_case_and_to_supervisors_alone(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    manager, social = await signed_in(Role.CASE_MANAGER), await signed_in(Role.SOCIAL_WORKER)
    psychologist, lawyer = await signed_in(Role.PSYCHOLOGIST), await signed_in(Role.LAWYER)
    supervisor, inspector = await signed_in(Role.SUPERVISOR), await signed_in(Role.INSPECTOR)
    stranger = await signed_in(Role.CASE_MANAGER)
    appointment, records = await taken_back(database, manager, [social, psychologist])
    case, record = f"/cases/{appointment.case_id}", f"/sessions/{appointment.id}"
    await admit(supervisor, appointment.case_id, inspector)
    for somebody in (lawyer, stranger):
        await break_glass(somebody, appointment.case_id)
    assert len(records) == 2
    for person in (manager, social, supervisor):
        shown = await text_of(person, f"{case}/consents")
        for words in ("Oksana Lysenko", "video conversation", "the person stopped agreeing to video"):
            assert words in shown
        assert "took a consent back: video conversation" in await text_of(person, record)
        for each in records:
            assert (await person.get(f"{case}/consents/{each}")).status == 200
    for person in (psychologist, lawyer, stranger, inspector):
        shown = await text_of(person, f"{case}/consents")
        assert shown.count("stopped agreeing") == 2, "everybody sees that it was"
        assert "Ivan Melnyk" in shown, "what was agreed to is seen"
        for hidden in ("Oksana Lysenko", "video conversation", "stopped agreeing to video", *records):
            assert hidden not in shown, hidden
        told = await text_of(person, record)
        assert "took a consent back" in told
        assert "took a consent back:" not in told
        for each in records:
            assert (await person.get(f"{case}/consents/{each}")).status == 403
    for person, path in ((lawyer, "reading"), (stranger, "reading"), (inspector, "reading"), (inspector, "pack")):
        page = await text_of(person, f"{case}/{path}")
        [listed] = re.findall(r'<ul [^>]*data-list="consents">.*?</ul>', page, re.DOTALL)
        assert "stopped agreeing" in listed
        assert "Ivan Melnyk" in listed
        assert "Oksana Lysenko" not in listed
        assert "took a consent back:" not in page
    for paper in ("receipt.json", "fhir.json"):
        assert (await inspector.get(f"{case}/consents/{records[0]}/{paper}")).status == 403
    refused = [each for each in await entries(Tag.ACCESS_REFUSED) if each.details["action"] == "know_refusals"]
    assert len({each.actor for each in refused}) == 4
    assert "the person stopped agreeing to video" in await text_of(manager, "/today")


async def test_in_an_emergency_consents_are_read_and_not_taken_away(signed_in: SignedIn, database: Database) -> None:
    case_id, record = await agreed(database, await signed_in(Role.CASE_MANAGER))
    case, stranger = f"/cases/{case_id}", await signed_in(Role.PSYCHOLOGIST)
    await break_glass(stranger, case_id)
    for path in ("consents", f"consents/{record}", "suitability"):
        assert (await stranger.get(f"{case}/{path}")).status == 200, path
    for path in ("evidence.jsonl", f"consents/{record}/receipt.json"):
        assert (await stranger.get(f"{case}/{path}")).status == 403, path
