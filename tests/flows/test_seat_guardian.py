"""Consent by the link of a guardian or a representative: never over the person's "no", and only by a valid document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from consent import keys
from consent.database import Database
from consent.events import Tag
from consent.keys import Purpose
from consent.ledger import Entry
from consent.policy import Role
from server.appointments import links, seats
from server.consents import representation, suitability
from server.consents.tables import RepresentationRow
from server.http.context import ROOMS
from server.settings import Settings
from tests.flows.test_seat_consent import desk, post, refused, yes
from tests.flows.test_signaling_seats import Desk
from tests.support import casework
from tests.support.socket_person import SocketPerson

__all__ = ["desk"]  # a fixture

Entries = Callable[..., Awaitable[Sequence[Entry]]]


@dataclass
class Family:
    """A client with a guardian or a representative: what each of them is asked by their own link."""

    desk: Desk
    client: str
    guardian: str
    paper: str
    case_id: str

    async def asked(self, link: str) -> dict[str, Any]:
        """What the page of this link is told."""
        return await self.desk.ask(link=link)

    async def answer(self, link: str, decision: str = "given") -> dict[str, Any]:
        """Answer everything that this link is asked."""
        answers = yes((await self.asked(link))["consent"], decision)
        whose = "representative" if link == self.guardian else "person"
        return await post(self.desk.client, "/api/consent", 200, {"link": link, "answers": answers, "tapped_by": whose})


@pytest.fixture
async def family(desk: Desk, database: Database) -> Family:
    return await _family(desk, database, "guardian")


async def _family(desk: Desk, database: Database, kind: str) -> Family:
    now = datetime.now(UTC)
    async with database.write() as session:
        case = await casework.open_case(session, desk.manager)
        guest = seats.NewSeat(Role.REPRESENTATIVE, "Опікунка", "uk")
        appointment = await casework.plan(
            session, desk.manager, case, starts_at=now + timedelta(minutes=5), now=now, guests=[guest]
        )
        client = await casework.seat_of(session, appointment, Role.CLIENT)
        guardian = await casework.seat_of(session, appointment, Role.REPRESENTATIVE)
        key = await keys.open_case(session, keys.SYSTEM, case.id, Purpose.SYSTEM)
        paper = await representation.add(
            session,
            key,
            desk.manager,
            representation.NewRepresentation(
                client_id=client.client_id or "",
                kind=kind,
                name="Опікунка",
                document="Decision of a court",
                valid_from=now - timedelta(days=1),
                valid_until=now + timedelta(days=30),
            ),
            now,
        )
        await representation.link_seat(session, key, desk.manager, paper, guardian, now=now)
        made = [links.make(desk.keys.link, seat.id, 1) for seat in (client, guardian)]
        return Family(desk, made[0], made[1], paper.id, case.id)


async def test_it_needs_the_guardians_word_beside_the_persons_own(family: Family) -> None:
    after = await family.answer(family.client)
    assert after["state"] == "ask"
    assert after["reasons"] == ["representative_needed"]
    assert after["pages"] == [], "nothing is left for the person to answer"
    asked = (await family.asked(family.guardian))["consent"]
    assert [item["purpose"] for page in asked["pages"] for item in page["items"]] == ["video"]
    assert asked["explain"] is None
    assert (await family.answer(family.guardian))["state"] == "allow"
    assert (await family.asked(family.client))["consent"]["state"] == "allow"


@pytest.mark.parametrize("ends", ["document", "decision"])
async def test_a_document_or_a_decision_that_ends_while_somebody_is_there_sends_them_away(
    family: Family,
    database: Database,
    app: web.Application,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    ends: str,
) -> None:
    await family.answer(family.client)
    await family.answer(family.guardian)
    now = datetime.now(UTC)
    over = now + timedelta(minutes=10)
    async with database.write() as session:
        if ends == "document":
            (await session.get_one(RepresentationRow, family.paper)).valid_until = over
        else:
            decision = suitability.NewDecision(suitable=True, reason="Safe.", expires_at=over, review_at=over)
            await suitability.decide(session, family.desk.manager, family.case_id, decision, now)
    there = await SocketPerson.come(f"{settings.base_url}/call#i={family.client}")
    await there.until(lambda state: state["you"]["consent"] == "allow")
    rooms = app[ROOMS]
    for later, closed in ((over - timedelta(seconds=1), False), (over + timedelta(minutes=1), True)):
        monkeypatch.setattr(rooms, "clock", lambda at=later: at)
        await rooms.tick()
        if closed:
            await there.until(lambda _: there.heard[-1][0] == "seat.closed")
            assert there.heard[-1][1]["code"] == "other_way"
    await there.leave()
    seat = await family.asked(family.client)
    assert seat["appointment"]["status"] == "open", "by this test's own clock it has not ended"


async def test_the_persons_own_no_wins_over_the_guardians_yes(family: Family) -> None:
    await family.answer(family.client)
    await family.answer(family.guardian)
    back = {"link": family.client, "purpose": "video"}
    assert (await post(family.desk.client, "/api/consent/withdraw", 200, back))["consent"]["state"] == "refuse"
    asked = (await family.asked(family.guardian))["consent"]
    assert asked["state"] == "refuse"
    assert asked["pages"] == [], "nobody is asked to say yes where the person has said no"


async def test_what_a_representative_agreed_to_is_stopped_by_the_person_and_not_begun_again_by_anybody_else(
    desk: Desk, database: Database, entries: Entries
) -> None:
    family = await _family(desk, database, "representative")
    asked = yes((await family.asked(family.guardian))["consent"])
    video = {"link": family.guardian, "answers": asked[:1], "tapped_by": "representative"}
    assert (await post(desk.client, "/api/consent", 200, video))["state"] == "ask"
    present = [each for each in yes((await family.asked(family.client))["consent"]) if each["about_seat"]]
    after = await post(desk.client, "/api/consent", 200, {"link": family.client, "answers": present})
    assert after["state"] == "allow"
    assert {each["purpose"] for each in after["given"]} == {"video", "representative"}

    back = {"link": family.client, "purpose": "video", "in_call": True}
    reply = await post(desk.client, "/api/consent/withdraw", 200, back)
    assert reply["written"]
    assert reply["consent"]["state"] == "refuse"
    assert reply["consent"]["other_way"]["kind"] == "phone"
    [written] = await entries(Tag.CONSENT_WITHDRAWN)
    assert (written.details["by"], written.details["tapped_by"]) == ("person", "person")
    # They load the page anew, and the representative says yes once more.
    assert (await family.asked(family.client))["consent"]["state"] == "refuse"
    assert (await family.asked(family.guardian))["consent"]["pages"] == []
    after = await post(desk.client, "/api/consent", 200, video)
    assert (after["state"], after["reasons"]) == ("refuse", ["withdrawn"])
    assert len(await entries(Tag.OTHER_WAY_OPENED)) == 1
    assert await entries(Tag.OTHER_WAY_DONE) == []


async def test_by_a_document_that_has_run_out_nobody_acts_and_nothing_opens(family: Family, database: Database) -> None:
    answers = yes((await family.asked(family.client))["consent"])
    async with database.write() as session:
        await keys.open_case(session, keys.SYSTEM, family.case_id, Purpose.SYSTEM)
        paper = await session.get(RepresentationRow, family.paper)
        assert paper is not None
        paper.valid_until = datetime.now(UTC) - timedelta(minutes=1)
    reply = await family.asked(family.client)
    assert reply["appointment"]["status"] == "other_way"
    assert reply["ticket"] is None
    assert (await family.asked(family.guardian))["consent"] is None
    body = {"link": family.guardian, "answers": answers, "tapped_by": "representative"}
    assert await refused(family.desk.client, "/api/consent", 409, body) == "representation_expired"
