"""Answers and withdrawals: written once, with their entry, or refused with nothing written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.database import Database
from consent.gate import PERSON, State
from consent.keys import CaseKey
from consent.notices import Purpose
from consent.policy import Role
from consent.records import SIGN_LABEL, missing, to_sign
from server.appointments.seats import NewSeat
from server.appointments.tables import LINGER, Appointment, Seat
from server.cases.tables import Case, CaseClient
from server.consents import other_ways, overview, representation, service, suitability, texts, upkeep, writing
from server.consents.service import ConsentError, Given, Proof
from server.consents.tables import ConsentRow, OtherWay, SuitabilityRow
from server.devices.signatures import sign, spki
from tests.support import casework, consents
from tests.support.casework import NOW, PHONE, Worker

LATER = NOW + timedelta(hours=1)


@dataclass
class Walk:
    """One case with an appointment of a client, an interpreter and somebody from an agency."""

    session: AsyncSession
    key: CaseKey
    manager: Worker
    case: Case
    appointment: Appointment
    client: Seat
    agency: Seat

    async def state(self, now: datetime = LATER) -> State:
        return (await service.standing(self.session, self.key, self.appointment.id, now))[self.client.id].state

    async def given(self, decision: str = "given") -> list[Given]:
        return await consents.answers(self.session, self.key, self.client, LATER, decision)

    async def records(self) -> int:
        return await self.session.scalar(select(func.count()).select_from(ConsentRow)) or 0

    async def refused(self, given: list[Given], code: str, now: datetime = LATER, **more: object) -> None:
        """Posting these answers is refused, and nothing is written."""
        before = await self.records()
        with pytest.raises(ConsentError) as refusal:
            await service.answer(
                self.session,
                self.key,
                **{"seat_id": self.client.id, "answers": given, "tapped_by": "person", "now": now, **more},  # type: ignore[arg-type]  # tests hand over what is wrong
            )
        assert refusal.value.code == code
        assert await self.records() == before


@pytest.fixture
async def walk(database: Database) -> AsyncIterator[Walk]:
    async with database.write() as session:
        manager = await casework.hire(session, Role.CASE_MANAGER, "Maria")
        case = await casework.open_case(session, manager)
        await consents.told(session, NOW - timedelta(days=1))
        guests = [NewSeat(Role.AGENCY_GUEST, "Job centre", "uk")]
        appointment = await casework.plan(session, manager, case, guests=guests)
        key = await keys.open_case(session, keys.SYSTEM, case.id, keys.Purpose.SYSTEM)
        yield Walk(
            session,
            key,
            manager,
            case,
            appointment,
            await casework.seat_of(session, appointment, Role.CLIENT),
            await casework.seat_of(session, appointment, Role.AGENCY_GUEST),
        )


async def test_it_asks_then_allows_then_stops_and_one_answer_gives_it_again(walk: Walk) -> None:
    assert await walk.state() is State.ASK
    given = await walk.given()
    rows = await consents.agree(walk.session, walk.key, walk.client, LATER)
    assert await walk.state() is State.ALLOW
    assert [row.purpose for row in rows] == ["video", "sharing"]
    stopped = await service.withdraw(
        walk.session,
        walk.key,
        seat_id=walk.client.id,
        purpose="video",
        about_seat=None,
        now=LATER + timedelta(minutes=1),
    )
    assert [row.answer for row in stopped] == ["withdrawn"]
    after = LATER + timedelta(minutes=2)
    assert await walk.state(after) is State.REFUSE
    assert await service.withdrawn(walk.session, walk.key, walk.appointment.id, after) == {walk.client.id: ["video"]}
    await consents.agree(walk.session, walk.key, walk.client, after, given[:1])
    assert await walk.state(after) is State.ALLOW


async def test_every_record_has_all_mandatory_fields_and_names_nobody(walk: Walk) -> None:
    rows = await consents.agree(walk.session, walk.key, walk.client, LATER)
    for row in rows:
        assert missing(row.record) == []
        assert walk.client.name not in str(row.record)
        assert row.record["pii_principal_id"] != walk.client.client_id


async def test_the_same_answers_twice_are_one_record(walk: Walk) -> None:
    given = await walk.given()
    first = await consents.agree(walk.session, walk.key, walk.client, LATER, given)
    again = await consents.agree(walk.session, walk.key, walk.client, LATER, given)
    assert [row.id for row in again] == [row.id for row in first]
    assert await walk.records() == 2


async def test_withdrawing_twice_is_the_same_as_once(walk: Walk) -> None:
    await consents.agree(walk.session, walk.key, walk.client, LATER)
    for minute in (1, 2):
        rows = await service.withdraw(
            walk.session,
            walk.key,
            seat_id=walk.client.id,
            purpose="sharing",
            about_seat=walk.agency.id,
            now=LATER + timedelta(minutes=minute),
        )
    assert [row.at for row in rows] == [LATER + timedelta(minutes=1)]
    said = (await service.standing(walk.session, walk.key, walk.appointment.id, LATER + timedelta(minutes=3)))[
        walk.client.id
    ]
    assert (said.state, said.kept_out) == (State.ALLOW, frozenset({walk.agency.id}))


@pytest.mark.parametrize("ids", ["ab", "ba"])
async def test_a_yes_and_a_no_of_the_same_moment_are_a_no_everywhere(
    walk: Walk, monkeypatch: pytest.MonkeyPatch, ids: str
) -> None:
    [video, *_] = await walk.given()
    client = await walk.session.get_one(CaseClient, walk.client.client_id)
    names = iter(letter * 16 for letter in ids)
    monkeypatch.setattr(writing, "new_id", lambda: next(names))
    await consents.agree(walk.session, walk.key, walk.client, LATER, [video])
    await service.withdraw(walk.session, walk.key, seat_id=walk.client.id, purpose="video", about_seat=None, now=LATER)
    assert await walk.state() is State.REFUSE
    last = await writing.last_row(walk.session, client.id, Purpose.VIDEO, None, PERSON)
    assert last is not None
    assert last.answer == "withdrawn"
    seen = await overview.of_client(walk.session, walk.key, client, LATER)
    assert [line.state for line in seen.current] == ["withdrawn"]
    assert [line.row.answer for line in seen.history] == ["withdrawn", "given"]


async def test_nobody_answers_for_another_person(walk: Walk) -> None:
    given = await walk.given()
    manager = await casework.seat_of(walk.session, walk.appointment, Role.CASE_MANAGER)
    await walk.refused(given, "not_yours", seat_id=manager.id)
    await walk.refused(given, "not_yours", seat_id=walk.agency.id)
    await walk.refused(given, "not_yours", seat_id="0" * 16)
    other = await casework.open_case(walk.session, walk.manager, alias="Other")
    elsewhere = await casework.plan(walk.session, walk.manager, other)
    await walk.refused(given, "not_yours", seat_id=(await casework.seat_of(walk.session, elsewhere, Role.CLIENT)).id)


async def test_a_seat_that_was_taken_back_answers_nothing(walk: Walk) -> None:
    given = await walk.given()
    walk.client.revoked_at = NOW
    await walk.refused(given, "not_yours")


async def test_it_refuses_answers_to_a_text_that_was_never_shown(walk: Walk) -> None:
    given = (await walk.given())[0]
    await walk.refused([replace(given, notice_hash="0" * 64)], "notice_unknown")
    other = next(each for each in await texts.published(walk.session) if each.purpose.value == "helper")
    await walk.refused([replace(given, notice_hash=other.hash_of("uk"))], "notice_unknown")
    draft = await texts.begin_draft(walk.session, other.purpose)
    assert draft.published_at is None


async def test_a_new_version_asks_again_and_refuses_answers_to_the_old_one(walk: Walk) -> None:
    given = await walk.given()
    await consents.agree(walk.session, walk.key, walk.client, LATER)
    video = next(each for each in await texts.published(walk.session) if each.purpose.value == "video")
    draft = await texts.begin_draft(walk.session, video.purpose)
    changed = replace(video.in_language("uk"), who="Also the neighbour.")
    await texts.write_draft(walk.session, draft, changed, "A service", PHONE)
    published_at = LATER + timedelta(minutes=1)
    await texts.publish(walk.session, walk.manager, draft, consents.LANGUAGES, published_at)
    assert await walk.state(published_at) is State.ASK
    await walk.refused(given[:1], "notice_old", now=published_at)
    await consents.agree(walk.session, walk.key, walk.client, published_at)
    assert await walk.state(published_at) is State.ALLOW


async def test_it_refuses_what_was_not_asked(walk: Walk) -> None:
    given = (await walk.given())[0]
    for wrong in (
        replace(given, purpose="recording"),
        replace(given, purpose="interpreter"),
        replace(given, about_seat=walk.agency.id),
        replace(given, decision="perhaps"),
        replace((await walk.given())[1], decision="explain"),
    ):
        await walk.refused([wrong], "not_asked")
    await walk.refused([], "not_asked")
    await walk.refused([given] * 41, "not_asked")


async def test_one_wrong_answer_among_right_ones_writes_nothing(walk: Walk) -> None:
    given = await walk.given()
    await walk.refused([given[0], replace(given[1], notice_hash="f" * 64)], "notice_unknown")


async def test_it_refuses_answers_when_the_appointment_is_over_or_cancelled(walk: Walk) -> None:
    given = await walk.given()
    await walk.refused(given, "over", now=walk.appointment.ends_at + LINGER)
    walk.appointment.status = "cancelled"
    await walk.refused(given, "cancelled")


async def test_it_takes_back_even_after_the_appointment_was_over(walk: Walk) -> None:
    await consents.agree(walk.session, walk.key, walk.client, LATER)
    late = walk.appointment.ends_at + LINGER + timedelta(days=1)
    rows = await service.withdraw(
        walk.session, walk.key, seat_id=walk.client.id, purpose="video", about_seat=None, now=late
    )
    assert rows[0].answer == "withdrawn"


async def test_it_cannot_take_back_what_was_never_given(walk: Walk) -> None:
    for purpose, about in (("video", None), ("nonsense", None), ("sharing", "0" * 16)):
        with pytest.raises(ConsentError, match="not_asked"):
            await service.withdraw(
                walk.session, walk.key, seat_id=walk.client.id, purpose=purpose, about_seat=about, now=LATER
            )


async def test_without_a_decision_that_says_suitable_no_answer_counts(walk: Walk) -> None:
    given = await walk.given()
    await suitability.flag_danger(walk.session, walk.manager, walk.case.id, "He reads along.", LATER)
    await walk.refused(given, "impossible")
    assert await walk.state() is State.REFUSE


async def test_a_talk_that_explains_needs_its_own_two_sentences_only(walk: Walk) -> None:
    explain = next(each for each in await texts.published(walk.session) if each.purpose.value == "explain")
    rows = await consents.agree(
        walk.session, walk.key, walk.client, LATER, [Given("video", explain.hash_of("uk"), "explain")]
    )
    assert (rows[0].purpose, rows[0].until) == ("explain", walk.appointment.ends_at + LINGER)
    assert await walk.state() is State.EXPLAIN
    await service.withdraw(
        walk.session,
        walk.key,
        seat_id=walk.client.id,
        purpose="video",
        about_seat=None,
        now=LATER + timedelta(minutes=1),
    )
    assert await walk.state(LATER + timedelta(minutes=2)) is State.ASK


async def test_refusing_offers_a_phone_call_that_belongs_to_the_case_manager(walk: Walk) -> None:
    given = await walk.given("refused")
    await service.answer(
        walk.session, walk.key, seat_id=walk.client.id, answers=given[:1], tapped_by="person", now=LATER
    )
    way = await other_ways.open_of(walk.session, walk.case.id, walk.client.client_id)
    assert way is not None
    assert (way.way, way.owner_id, way.because, way.due_on) == ("phone", walk.manager.id, "refused", None)
    assert list(await other_ways.due(walk.session, walk.manager.id, LATER)) == [way]
    await consents.agree(walk.session, walk.key, walk.client, LATER + timedelta(minutes=1))
    assert await other_ways.open_of(walk.session, walk.case.id, walk.client.client_id) is None


@pytest.mark.parametrize("what", ["right", "other_body", "other_seat", "other_key", "no_key", "no_signature"])
async def test_a_signature_of_the_persons_device_is_kept_and_a_forged_one_refused(walk: Walk, what: str) -> None:
    device, stranger = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    given = await walk.given()
    body = to_sign("0" * 16 if what == "other_seat" else walk.client.id, given, "2027-01-15T13:00:00Z")
    signature = sign(stranger if what == "other_key" else device, SIGN_LABEL, body)
    proof = Proof(
        key="AAAA" if what == "no_key" else spki(device.public_key()),
        signature="" if what == "no_signature" else signature,
        at="another time" if what == "other_body" else "2027-01-15T13:00:00Z",
    )
    if what != "right":
        await walk.refused(given, "signature_invalid", proof=proof)
        return
    rows = await service.answer(
        walk.session, walk.key, seat_id=walk.client.id, answers=given, tapped_by="person", now=LATER, proof=proof
    )
    assert (rows[0].signature, rows[0].signed) == (signature, body)
    await service.withdraw(
        walk.session,
        walk.key,
        seat_id=walk.client.id,
        purpose="video",
        about_seat=None,
        now=LATER + timedelta(minutes=1),
    )
    await walk.refused(given, "signature_used", proof=proof, now=LATER + timedelta(minutes=2))


async def test_whoever_has_lost_their_guardian_is_offered_a_call_once(walk: Walk) -> None:
    assert await upkeep.offer_ways(walk.session, LATER) == 0
    paper = representation.NewRepresentation(
        client_id=walk.client.client_id or "",
        kind="guardian",
        name="Petro",
        document="Court of Kyiv",
        valid_from=NOW - timedelta(days=9),
        valid_until=LATER,
    )
    row = await representation.add(walk.session, walk.key, walk.manager, paper, NOW)
    for _ in range(2):
        assert await upkeep.offer_ways(walk.session, LATER) == 1
    [way] = await other_ways.of_case(walk.session, walk.case.id)
    assert (way.because, way.client_id) == ("representation_expired", walk.client.client_id)
    await representation.end(walk.session, walk.key, walk.manager, row, LATER)
    assert await upkeep.offer_ways(walk.session, LATER) == 0


async def test_an_erasure_leaves_nothing_of_who_agreed_to_what(walk: Walk) -> None:
    await consents.agree(walk.session, walk.key, walk.client, LATER)
    await other_ways.open_for(walk.session, walk.key, walk.client.client_id, "wished", LATER)
    await upkeep.erase(walk.session, walk.case.id)
    for table in (ConsentRow, OtherWay, SuitabilityRow):
        assert await walk.session.scalar(select(func.count()).select_from(table)) == 0


async def test_a_signature_lies_sealed_in_its_row(walk: Walk) -> None:
    device = ec.generate_private_key(ec.SECP256R1())
    given = await walk.given()
    body = to_sign(walk.client.id, given, "t")
    proof = Proof(spki(device.public_key()), sign(device, SIGN_LABEL, body), "t")
    await service.answer(
        walk.session, walk.key, seat_id=walk.client.id, answers=given, tapped_by="person", now=LATER, proof=proof
    )
    stored = (await walk.session.execute(text("SELECT * FROM consent_records"))).all()
    for secret in (proof.key, proof.signature, "Job centre"):
        assert secret not in str(stored)
