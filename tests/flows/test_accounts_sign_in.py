"""Signing in and out, and what happens to those who may not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from sqlalchemy import select, update

from consent.database import Database
from consent.events import Tag
from consent.ledger import Entry
from consent.policy import Role
from server.accounts.passwords import Passwords
from server.accounts.tables import Account, AccountSession
from tests.flows.conftest import Person

Visitor = Callable[[], Awaitable[Person]]
SignedInFactory = Callable[..., Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Entry]]]

PASSWORD = "calm river lamp orchard"


@pytest.fixture
async def olena(database: Database, client: TestClient[web.Request, web.Application]) -> Account:
    password_hash = await Passwords().hash(PASSWORD)
    account = Account(
        email="olena@example.org",
        name="Олена",
        role=Role.ADMINISTRATOR.value,
        password_hash=password_hash,
        language="en",
        time_zone="Europe/Kyiv",
        created_at=datetime.now(UTC),
    )
    async with database.write() as session:
        session.add(account)
    return account


async def test_it_sends_a_visitor_to_sign_in_and_back_to_the_page_they_wanted(visitor: Visitor, olena: Account) -> None:
    person = await visitor()
    asked = await person.get("/admin/accounts/invite", allow_redirects=False)
    assert asked.status == 303
    assert asked.headers["Location"] == "/sign-in?next=/admin/accounts/invite"
    fields = {"email": "Olena@Example.org", "password": PASSWORD, "next": "/admin/accounts/invite"}
    response = await person.post("/sign-in", fields, page=asked.headers["Location"])
    assert (response.status, response.headers["Location"]) == (303, "/admin/accounts/invite")
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert (await person.get("/admin/accounts/invite")).status == 200


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:1"])
async def test_it_never_sends_anybody_to_another_site(visitor: Visitor, olena: Account, elsewhere: str) -> None:
    person = await visitor()
    fields = {"email": olena.email, "password": PASSWORD, "next": elsewhere}
    response = await person.post("/sign-in", fields, page="/sign-in")
    assert response.headers["Location"] == "/"


async def test_it_answers_an_unknown_account_and_a_wrong_password_alike_and_records_both(
    visitor: Visitor, olena: Account, entries: Entries
) -> None:
    person = await visitor()
    pages = []
    for email in (olena.email, "nobody@example.org"):
        response = await person.post("/sign-in", {"email": email, "password": "wrong"}, page="/sign-in")
        assert response.status == 400
        pages.append((await response.text()).replace(email, "…"))
    assert pages[0] == pages[1]
    assert "E-mail address or password is not right" in pages[0]
    failed = await entries(Tag.SIGN_IN_FAILED)
    assert [entry.actor for entry in failed] == [f"account:{olena.id}", "system"]
    assert "nobody" not in str([entry.details for entry in failed])


async def test_it_refuses_further_tries_on_one_account_in_plain_words(visitor: Visitor, olena: Account) -> None:
    person = await visitor()
    statuses = []
    for _ in range(10):
        response = await person.post("/sign-in", {"email": olena.email, "password": "wrong"}, page="/sign-in")
        statuses.append(response.status)
    assert statuses[:8] == [400] * 8
    assert statuses[8:] == [429] * 2
    assert int(response.headers["Retry-After"]) > 0
    assert "Please wait a little" in await response.text()


async def test_it_lets_no_disabled_account_in(visitor: Visitor, olena: Account, database: Database) -> None:
    async with database.write() as session:
        await session.execute(update(Account).values(disabled_at=datetime.now(UTC)))
    person = await visitor()
    response = await person.post("/sign-in", {"email": olena.email, "password": PASSWORD}, page="/sign-in")
    assert response.status == 400


async def test_it_refuses_a_form_without_the_token(visitor: Visitor, olena: Account) -> None:
    person = await visitor()
    data = {"email": olena.email, "password": PASSWORD}
    response = await person.session.post(person.base_url.join(person.base_url / "sign-in"), data=data)
    assert response.status == 403
    assert "Go back, load the page again" in await response.text()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_it_refuses_a_form_of_another_site(visitor: Visitor, olena: Account, headers: dict[str, str]) -> None:
    person = await visitor()
    fields = {"email": olena.email, "password": PASSWORD}
    assert (await person.post("/sign-in", fields, page="/sign-in", headers=headers)).status == 403


async def test_it_takes_a_form_as_browsers_send_it_under_our_referrer_policy(visitor: Visitor, olena: Account) -> None:
    person = await visitor()
    fields = {"email": olena.email, "password": PASSWORD}
    headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert (await person.post("/sign-in", fields, page="/sign-in", headers=headers)).status == 303


async def test_it_refuses_the_token_of_somebody_else(signed_in: SignedInFactory, entries: Entries) -> None:
    one, other = await signed_in(Role.ADMINISTRATOR), await signed_in(Role.ADMINISTRATOR)
    await other.post("/language-of-nobody")
    one._csrf = other._csrf
    assert (await one.post("/sign-out")).status == 403
    assert not await entries(Tag.SIGNED_OUT)


async def test_it_signs_out_on_the_server_too(signed_in: SignedInFactory, entries: Entries, database: Database) -> None:
    person = await signed_in(Role.ADMINISTRATOR)
    old = {cookie.key: cookie.value for cookie in person.session.cookie_jar}
    assert (await person.post("/sign-out")).status == 303
    assert len(await entries(Tag.SIGNED_OUT)) == 1
    person.session.cookie_jar.update_cookies(old, person.base_url)
    assert (await person.get("/admin/accounts", allow_redirects=False)).status == 303


@pytest.mark.parametrize("change", ["idle", "absolute"])
async def test_it_forgets_a_sign_in_that_was_idle_or_lasted_too_long(
    signed_in: SignedInFactory, database: Database, change: str
) -> None:
    person = await signed_in(Role.ADMINISTRATOR)
    assert (await person.get("/admin/accounts", allow_redirects=False)).status == 200
    now = datetime.now(UTC)
    values = {"last_seen_at": now - timedelta(minutes=61)} if change == "idle" else {"expires_at": now}
    async with database.write() as session:
        await session.execute(update(AccountSession).values(**values))
    assert (await person.get("/admin/accounts", allow_redirects=False)).status == 303


async def test_it_moves_the_idle_clock_with_use(signed_in: SignedInFactory, database: Database) -> None:
    person = await signed_in(Role.ADMINISTRATOR)
    before = datetime.now(UTC) - timedelta(minutes=30)
    async with database.write() as session:
        await session.execute(update(AccountSession).values(last_seen_at=before))
    await person.get("/admin/accounts")
    async with database.read() as session:
        seen = (await session.scalars(select(AccountSession.last_seen_at))).one()
    assert seen > before + timedelta(minutes=29)
