"""A withdrawal while the database is away: it holds at once, and it is written even if the server is killed first."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from consent import database as databases
from consent.database import Database
from consent.events import Tag
from consent.ledger import Entry
from consent.policy import Role
from rooms import withdrawal
from server import app as composition
from server import secrets, withdrawals
from server.appointments import links
from server.appointments.seats import of_appointment
from server.appointments.tables import Seat
from server.evidence.job import SPOOL
from server.http.context import DATABASE, SECRETS
from server.seats import spooled
from server.settings import Settings
from tests.flows.test_person import SignedIn, Walk, walk
from tests.flows.test_seat_consent import asked, desk, post, yes
from tests.flows.test_signaling_seats import Desk
from tests.support.ledger import read_all
from tests.support.socket_person import SocketPerson

__all__ = ["desk", "walk"]  # fixtures

Entries = Callable[..., Awaitable[Sequence[Entry]]]


@pytest.fixture
def shut_out(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[], sqlite3.Connection]:
    """Takes the database's write lock away from the server, until the connection is closed."""
    monkeypatch.setattr(databases, "BUSY_TIMEOUT_S", 1)
    monkeypatch.setattr(withdrawal, "RETRY_S", 0.02)

    def shut() -> sqlite3.Connection:
        connection = sqlite3.connect(settings.data_dir / "poruch.sqlite3", isolation_level=None, timeout=20)
        connection.execute("BEGIN IMMEDIATE")
        return connection

    return shut


@dataclass
class Meeting:
    """A client in the live meeting of a case, and the record by which they agreed to it."""

    walk: Walk
    there: SocketPerson
    record: str

    async def by_the_person(self) -> None:
        status, body = await self.walk.ask("/withdraw", record=self.record)
        assert (status, body) == (200, {"kept": True, "words": "stopped agreeing"})

    async def by_a_worker(self) -> None:
        path = f"/cases/{self.walk.case}/consents/{self.record}/withdraw"
        await self._said(await self.walk.manager.post(path, {"method": "phone", "witness": "Oksana"}))

    async def by_a_form(self) -> None:
        fields = {"purpose": "video", "answer": "withdrawn", "method": "home_visit", "witness": "Oksana"}
        path = f"/cases/{self.walk.case}/clients/{self.walk.client}/consents/new"
        said = datetime.now(UTC).date().isoformat()
        await self._said(await self.walk.manager.post(path, {**fields, "notice_language": "en", "said": said}))

    async def _said(self, answer: ClientResponse) -> None:
        assert answer.status == 202
        assert "It holds from this moment" in await answer.text()


@pytest.fixture
async def meeting(
    shut_out: Callable[[], sqlite3.Connection], walk: Walk, app: web.Application, settings: Settings
) -> AsyncIterator[Meeting]:
    assert shut_out  # first of all: how long a connection waits is settled when it is made
    async with walk.database.read() as session:
        [seat] = await session.scalars(select(Seat).where(Seat.client_id == walk.client))
    token = links.make(app[SECRETS].derive(links.KEY_PURPOSE), seat.id, seat.link_version)
    there = await SocketPerson.come(f"{settings.base_url}/call#i={token}")
    await there.until(lambda state: state["you"]["consent"] == "allow")
    _, page = await walk.ask()
    await walk.manager.post("/language", {"language": "en"}, page=walk.page)  # so that it has its form's token already
    yield Meeting(walk, there, page["agreements"][0]["record"])
    await there.leave()


@pytest.mark.embedded
@pytest.mark.parametrize("how", [Meeting.by_the_person, Meeting.by_a_worker, Meeting.by_a_form])
async def test_what_is_taken_back_outside_the_call_holds_at_once_and_is_kept_until_it_can_be_written(
    meeting: Meeting,
    app: web.Application,
    shut_out: Callable[[], sqlite3.Connection],
    entries: Entries,
    how: Callable[[Meeting], Awaitable[None]],
) -> None:
    before = datetime.now(UTC)
    other = shut_out()
    await how(meeting)
    after = datetime.now(UTC)
    await meeting.there.until(lambda state: state["you"]["consent"] == "ask")
    [kept] = app[SPOOL].waiting
    assert await entries(Tag.CONSENT_WITHDRAWN) == []
    other.close()
    await meeting.there.until(
        lambda _: meeting.there.heard[-1][0] == "seat.closed"
    )  # nobody waits at the door for a no
    [entry] = await entries(Tag.CONSENT_WITHDRAWN)
    assert before < entry.at < after
    assert entry.at.isoformat() == kept.item["at"]
    assert app[SPOOL].waiting == []
    way = f"/cases/{meeting.walk.case}/consents"
    assert "stopped agreeing" in await (await meeting.walk.manager.get(way)).text()


@pytest.mark.embedded
async def test_the_servers_end_loses_nothing_of_it_and_the_next_start_writes_it_once(
    meeting: Meeting,
    client: TestClient[web.Request, web.Application],
    settings: Settings,
    shut_out: Callable[[], sqlite3.Connection],
) -> None:
    other = shut_out()
    await meeting.by_the_person()
    await client.close()  # the database is still away, so the spool is all that is left
    other.close()
    for _ in range(2):
        again = composition.build(settings, secrets.load(settings.data_dir))
        async with TestClient(TestServer(again, host="127.0.0.1", port=settings.listen_port)):
            assert again[SPOOL].waiting == []
            async with again[DATABASE].read() as session:
                [entry] = await read_all(session, Tag.CONSENT_WITHDRAWN)
                assert entry.actor == f"client:{meeting.walk.client}"


@pytest.mark.embedded
async def test_what_is_not_theirs_to_take_back_is_not_kept_either(
    meeting: Meeting, app: web.Application, shut_out: Callable[[], sqlite3.Connection], signed_in: SignedIn
) -> None:
    stranger = await signed_in(Role.CASE_MANAGER)
    await stranger.get("/")
    forged = {"key": "AAAA", "at": "2026-01-01T00:00:00.000Z", "value": "AAAA"}
    other = shut_out()
    assert await meeting.walk.ask("/withdraw", record="0" * 16) == (404, "record_unknown")
    assert await meeting.walk.ask("/withdraw", record=meeting.record, signature=forged) == (400, "signature_invalid")
    path = f"/cases/{meeting.walk.case}/consents/{meeting.record}/withdraw"
    assert (await stranger.post(path, {"method": "phone"})).status == 503  # nor is the refusal, so it comes later
    assert (await meeting.walk.manager.post(path, {"method": "dream"})).status == 422
    other.close()
    assert (await stranger.post(path, {"method": "phone"})).status == 403
    assert app[SPOOL].waiting == []
    assert meeting.there.state["you"]["consent"] == "allow"


async def test_what_was_kept_is_written_at_the_next_start_with_its_own_time_and_once(
    desk: Desk,
    app: web.Application,
    client: TestClient[web.Request, web.Application],
    database: Database,
    entries: Entries,
) -> None:
    assert client.server.started
    appointment, link, consent = await asked(desk)
    await post(desk.client, "/api/consent", 200, {"link": link, "answers": yes(consent)})
    async with database.read() as session:
        [seat] = [each for each in await of_appointment(session, appointment.id) if each.role == "client"]
    at = datetime.now(UTC) + timedelta(seconds=1)
    spool = app[SPOOL]
    item = {
        "case": appointment.case_id,
        "seat": seat.id,
        "purpose": "video",
        "about_seat": None,
        "tapped_by": "person",
        "method": "call",
        "at": at.isoformat(),
    }
    for _ in range(2):
        spool.put(spooled.KIND, item)
        await withdrawals.replay(spool, database)
        assert spool.waiting == []
        taken_back = [each for each in await entries(Tag.CONSENT_WITHDRAWN) if each.details["purpose"] == "video"]
        assert [each.at for each in taken_back] == [at]
    spool.put(spooled.KIND, {**item, "purpose": "recording"})
    await withdrawals.replay(spool, database)  # nothing of that kind was given
    assert spool.waiting == []
