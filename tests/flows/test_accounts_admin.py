"""The administrator's pages: inviting, links, roles, disabling; and who may not open them."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import socketio
from aiohttp import web
from sqlalchemy import select, update
from yarl import URL

from consent.database import Database
from consent.events import Tag
from consent.ledger import Entry
from consent.policy import Role
from server.accounts import service
from server.accounts.tables import Account, AccountLink
from server.appointments import links, seats
from server.appointments.tables import Seat
from server.demo import build_demo
from server.http.context import SECRETS
from server.settings import Settings
from signaling import tickets
from tests.flows.conftest import Person

Visitor = Callable[[], Awaitable[Person]]
SignedIn = Callable[..., Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Entry]]]

NEW = {"name": "Ірина Бойко", "email": "Iryna@Example.org", "role": "psychologist", "language": "en"}
PASSWORD = "calm river lamp orchard"


async def invite(administrator: Person, **fields: str) -> str:
    """Invite somebody and return the path of the link."""
    response = await administrator.post("/admin/accounts/invite", NEW | fields)
    assert response.status == 200
    return link_on(await response.text())


def link_on(page: str) -> str:
    found = re.search(r'value="http://[^/"]+(/password/set/[^"]+)"', html.unescape(page))
    assert found
    return found[1]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR and role is not Role.CLIENT])
async def test_it_refuses_every_other_role_and_records_it_once(
    signed_in: SignedIn, entries: Entries, role: Role
) -> None:
    person = await signed_in(role)
    for _ in range(2):
        response = await person.get("/admin/accounts")
        assert response.status == 403
    page = await response.text()
    assert "You cannot open this" in page
    assert 'href="/"' in page
    refused = await entries(Tag.ACCESS_REFUSED)
    assert [(entry.actor, entry.details["action"]) for entry in refused] == [
        (f"account:{person.id}", "manage_accounts")
    ]


async def test_it_invites_somebody_who_then_sets_a_password_and_signs_in(
    signed_in: SignedIn, visitor: Visitor, entries: Entries
) -> None:
    path = await invite(await signed_in(Role.ADMINISTRATOR))
    newcomer = await visitor()
    shown = await newcomer.get(path)
    assert "iryna@example.org" in await shown.text()
    fields = {"password": PASSWORD, "again": PASSWORD}
    response = await newcomer.post(path, fields, page=path)
    assert (response.status, response.headers["Location"]) == (303, "/sign-in?changed")
    assert "Your password is set" in await (await newcomer.get("/sign-in?changed")).text()
    response = await newcomer.post("/sign-in", {"email": "iryna@example.org", "password": PASSWORD})
    assert (response.status, response.headers["Location"]) == (303, "/")
    home = await newcomer.get("/", allow_redirects=False)
    assert home.headers["Location"] == "/today"
    for tag in (Tag.ACCOUNT_CREATED, Tag.ACCOUNT_INVITED, Tag.PASSWORD_CHANGED, Tag.SIGNED_IN):
        assert await entries(tag)
    assert "example.org" not in str([entry.details for entry in await entries()])


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", " "), ("email", "iryna"), ("role", "client"), ("role", ""), ("language", "tlh"), ("name", "x" * 121)],
)
async def test_it_says_what_is_wrong_with_an_invitation_and_makes_no_account(
    signed_in: SignedIn, database: Database, field: str, value: str
) -> None:
    administrator = await signed_in(Role.ADMINISTRATOR)
    response = await administrator.post("/admin/accounts/invite", NEW | {field: value})
    assert response.status == 400
    page = await response.text()
    assert f'href="#{field}"' in page
    assert f'id="{field}"' in page
    async with database.read() as session:
        assert len(await service.everybody(session)) == 1


async def test_it_knows_an_address_that_is_taken(signed_in: SignedIn) -> None:
    administrator = await signed_in(Role.ADMINISTRATOR)
    await invite(administrator)
    response = await administrator.post("/admin/accounts/invite", NEW)
    assert response.status == 400
    assert "already an account" in await response.text()


async def test_a_link_works_once(signed_in: SignedIn, visitor: Visitor) -> None:
    path = await invite(await signed_in(Role.ADMINISTRATOR))
    newcomer = await visitor()
    fields = {"password": PASSWORD, "again": PASSWORD}
    assert (await newcomer.post(path, fields, page=path)).status == 303
    for response in (await newcomer.get(path), await newcomer.post(path, fields)):
        assert response.status == 410
        assert "does not work any more" in await response.text()


async def test_opening_a_link_changes_nothing(signed_in: SignedIn, visitor: Visitor) -> None:
    path = await invite(await signed_in(Role.ADMINISTRATOR))
    for _ in range(3):
        assert (await (await visitor()).get(path)).status == 200


async def test_a_link_expires(signed_in: SignedIn, visitor: Visitor, database: Database) -> None:
    path = await invite(await signed_in(Role.ADMINISTRATOR))
    async with database.write() as session:
        await session.execute(update(AccountLink).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert (await (await visitor()).get(path)).status == 410


async def test_a_new_link_replaces_the_old_one(signed_in: SignedIn, visitor: Visitor, database: Database) -> None:
    administrator = await signed_in(Role.ADMINISTRATOR)
    old = await invite(administrator)
    async with database.read() as session:
        account = await service.by_email(session, "iryna@example.org")
    assert account
    new = link_on(await (await administrator.post(f"/admin/accounts/{account.id}/link")).text())
    person = await visitor()
    assert (await person.get(old)).status == 410
    assert (await person.get(new)).status == 200


@pytest.mark.parametrize(
    ("password", "again", "message"),
    [
        ("short", "short", "At least 12 characters|Use at least 12 characters"),
        (PASSWORD, PASSWORD + "!", "not the same"),
        ("aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "too few characters"),
        ("iryna@example.org1", "iryna@example.org1", "too close to your name"),
        ("x1y2z" * 30, "x1y2z" * 30, "at most 128"),
    ],
)
async def test_it_refuses_weak_passwords_in_plain_words(
    signed_in: SignedIn, visitor: Visitor, password: str, again: str, message: str
) -> None:
    path = await invite(await signed_in(Role.ADMINISTRATOR))
    person = await visitor()
    response = await person.post(path, {"password": password, "again": again}, page=path)
    assert response.status == 400
    assert re.search(message, await response.text())
    assert (await person.get(path)).status == 200


async def test_a_new_password_ends_every_sign_in(signed_in: SignedIn, visitor: Visitor) -> None:
    administrator, person = await signed_in(Role.ADMINISTRATOR), await signed_in(Role.ADMINISTRATOR)
    path = link_on(await (await administrator.post(f"/admin/accounts/{person.id}/link")).text())
    elsewhere = await visitor()
    assert (await elsewhere.post(path, {"password": PASSWORD, "again": PASSWORD}, page=path)).status == 303
    assert (await person.get("/admin/accounts", allow_redirects=False)).status == 303


async def test_disabling_ends_the_sign_in_at_once_and_can_be_taken_back(signed_in: SignedIn, entries: Entries) -> None:
    administrator, person = await signed_in(Role.ADMINISTRATOR), await signed_in(Role.ADMINISTRATOR)
    assert (await administrator.post(f"/admin/accounts/{person.id}/disable")).status == 303
    assert (await person.get("/admin/accounts", allow_redirects=False)).status == 303
    page = await (await administrator.get(f"/admin/accounts/{person.id}")).text()
    assert "cannot sign in" in page
    assert (await administrator.post(f"/admin/accounts/{person.id}/link")).status == 409
    assert (await administrator.post(f"/admin/accounts/{person.id}/enable")).status == 303
    assert [len(await entries(tag)) for tag in (Tag.ACCOUNT_DISABLED, Tag.ACCOUNT_ENABLED)] == [1, 1]


async def test_nobody_disables_themselves_or_leaves_the_server_without_an_administrator(signed_in: SignedIn) -> None:
    administrator = await signed_in(Role.ADMINISTRATOR)
    response = await administrator.post(f"/admin/accounts/{administrator.id}/disable")
    assert response.status == 400
    assert "cannot disable your own" in await response.text()
    response = await administrator.post(f"/admin/accounts/{administrator.id}/role", {"role": "lawyer"})
    assert response.status == 400
    assert "only administrator" in await response.text()


async def test_a_new_role_counts_from_the_next_page(signed_in: SignedIn, entries: Entries) -> None:
    administrator, person = await signed_in(Role.ADMINISTRATOR), await signed_in(Role.ADMINISTRATOR)
    response = await administrator.post(f"/admin/accounts/{person.id}/role", {"role": "interpreter"})
    assert response.status == 303
    assert (await person.get("/admin/accounts")).status == 403
    changed = await entries(Tag.ACCOUNT_CHANGED)
    assert changed[0].details == {"account": person.id, "before": "administrator", "after": "interpreter"}


async def test_asking_for_a_password_shows_to_the_administrator_and_tells_strangers_nothing(
    signed_in: SignedIn, visitor: Visitor, database: Database, entries: Entries
) -> None:
    administrator, forgetful = await signed_in(Role.ADMINISTRATOR), await signed_in(Role.LAWYER)
    async with database.read() as session:
        email = (await session.scalars(select(Account.email).where(Account.id == forgetful.id))).one()
    stranger = await visitor()
    answers = set()
    for typed in (email, "nobody@example.org"):
        response = await stranger.post("/password/forgot", {"email": typed}, page="/password/forgot")
        assert response.status == 200
        answers.add(await response.text())
    assert len(answers) == 1
    assert len(await entries(Tag.PASSWORD_RESET_ASKED)) == 1
    assert "Needs a new password" in await (await administrator.get("/admin/accounts")).text()


async def test_an_unknown_account_is_a_page_that_does_not_exist(signed_in: SignedIn) -> None:
    administrator = await signed_in(Role.ADMINISTRATOR)
    assert (await administrator.get("/admin/accounts/0000000000000000")).status == 404
    assert (await administrator.post("/admin/accounts/0000000000000000/disable")).status == 404


async def test_disabling_ends_the_persons_part_in_a_running_call(
    signed_in: SignedIn, visitor: Visitor, app: web.Application, settings: Settings, database: Database
) -> None:
    demo = await build_demo(database, settings.model_copy(update={"demo": True}), app[SECRETS])
    async with database.read() as session:
        psychologist = await service.by_email(session, "psychologist@demo.invalid")
        assert psychologist
        token = demo["client"][0]["invitation_url"].partition("#i=")[2].partition("&")[0]
        client_seat = await session.get_one(Seat, links.parse(app[SECRETS].derive(links.KEY_PURPOSE), token).seat_id)
        seat = await seats.of_account(session, client_seat.appointment_id, psychologist.id)
        assert seat
    entry = tickets.issue(
        app[SECRETS].derive(tickets.KEY_PURPOSE),
        tickets.Kind.ENTRY,
        {"seat": seat.id},
        datetime.now(UTC) + timedelta(minutes=1),
    )
    page = await visitor()
    there = page.base_url.join(URL("/api/seat"))
    async with page.session.post(there, json={"code": entry, "device": "0" * 32}) as answer:
        given = await answer.json()
    assert given["ticket"]
    closed: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
    client = socketio.AsyncClient(reconnection=False)
    client.on("seat.closed", closed.set_result)
    await client.connect(
        settings.base_url, auth={"ticket": given["ticket"]}, socketio_path="socket", transports=["websocket"]
    )
    hello = {"device": "0" * 32, "with_helper": None, "abilities": {"audio": True, "video": True}}
    assert (await client.call("room.enter", hello))["ok"]
    administrator = await signed_in(Role.ADMINISTRATOR)
    assert (await administrator.post(f"/admin/accounts/{psychologist.id}/disable")).status == 303
    assert (await closed)["code"] == "revoked"
    await client.disconnect()
    async with page.session.post(there, json={"resume": given["resume"], "device": "0" * 32}) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (410, "link_revoked")
