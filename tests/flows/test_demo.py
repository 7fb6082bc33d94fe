"""The demo organisation: who can open what, in the exact shape, and only in a demo."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from sqlalchemy import func, select, update

from consent.database import Database
from consent.notices import Purpose
from consent.tables import LedgerEntry
from server import orgkey
from server.accounts.tables import Account
from server.appointments.tables import Appointment
from server.consents import texts
from server.consents.tables import ConsentRow
from server.demo import DemoLinks, build_demo
from server.demo_encryption import KEY_FILE, PASSPHRASE
from server.demo_keys import DemoKeys
from server.devices import service as devices
from server.devices.service import State
from server.devices.signatures import spki
from server.devices.tables import Device
from server.http.context import DATABASE, SECRETS
from server.settings import Settings
from server.vault import service as vault
from tests.flows.conftest import Person

Visitor = Callable[[], Awaitable[Person]]


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """A demo's settings, unless a test asks for a real server's."""
    return settings.model_copy(update={"demo": getattr(request, "param", True)})


@pytest.fixture
async def links(app: web.Application, settings: Settings) -> AsyncIterator[DemoLinks]:
    """What the demo prints."""
    yield await build_demo(app[DATABASE], settings, app[SECRETS])
    await app[DATABASE].close()


async def test_it_has_exactly_the_shape_that_scripts_walk(links: DemoLinks, settings: Settings) -> None:
    assert list(links) == ["base_url", "staff", "client", "case_url"]
    assert links["base_url"] == settings.base_url
    assert {tuple(each) for each in links["staff"]} == {("role", "name", "sign_in_url")}
    assert [each["role"] for each in links["staff"]] == [
        "case_manager", "psychologist", "interpreter", "supervisor", "psychologist", "administrator",
    ]  # fmt: skip
    assert [tuple(each) for each in links["client"]] == [("alias", "invitation_url")]
    assert links["client"][0]["invitation_url"].startswith(f"{settings.base_url}/call#i=")
    assert re.fullmatch(re.escape(settings.base_url) + r"/cases/[0-9a-f]{16}", links["case_url"])


async def test_it_builds_nothing_twice(app: web.Application, settings: Settings, links: DemoLinks) -> None:
    async def amounts() -> list[int | None]:
        async with app[DATABASE].read() as session:
            tables = (Account, Appointment, LedgerEntry)
            return [await session.scalar(select(func.count()).select_from(table)) for table in tables]

    before = await amounts()
    assert await build_demo(app[DATABASE], settings, app[SECRETS]) == links
    assert await amounts() == before


async def test_it_is_made_too_where_a_server_has_told_its_own_texts_before(
    client: TestClient[web.Request, web.Application], app: web.Application, settings: Settings
) -> None:
    assert client.server.started  # and has told what the program brings, a moment ago
    links = await build_demo(app[DATABASE], settings, app[SECRETS])
    assert await build_demo(app[DATABASE], settings, app[SECRETS]) == links
    async with app[DATABASE].read() as session:
        told = await texts.versions(session, Purpose.VIDEO)
        agreed = await session.scalar(select(func.count()).select_from(ConsentRow))
    assert [row.version for row in told] == [2, 1]
    assert told[0].published_at is not None
    assert told[1].published_at is not None
    assert told[0].published_at >= told[1].published_at
    assert agreed == 0  # nobody agreed last week to what was told today


async def test_it_plans_a_new_appointment_when_the_old_one_is_over(
    app: web.Application, settings: Settings, links: DemoLinks
) -> None:
    async with app[DATABASE].write() as session:
        await session.execute(update(Appointment).values(starts_at=datetime.now(UTC) - timedelta(days=2)))
    later = await build_demo(app[DATABASE], settings, app[SECRETS])
    assert later["client"][0]["invitation_url"] != links["client"][0]["invitation_url"]
    assert later["staff"] == links["staff"]
    assert later["case_url"] == links["case_url"]


async def test_one_click_signs_in_and_leads_to_where_the_work_begins(links: DemoLinks, visitor: Visitor) -> None:
    homes = ("/today", "/today", "/today", "/supervision", "/today", "/admin/accounts")
    for staff, home in zip(links["staff"], homes, strict=True):
        person = await visitor()
        page = await (await person.get(staff["sign_in_url"])).text()
        assert '<noscript><meta http-equiv="refresh" content="0; url=/"></noscript>' in page, staff["role"]
        response = await person.get("/")
        assert (response.status, response.url.path) == (200, home), staff["role"]
        assert "site-demo" in await response.text(), staff["role"]


async def test_the_case_opens_for_its_team_and_not_for_the_other_psychologist(
    links: DemoLinks, visitor: Visitor
) -> None:
    statuses = []
    for staff in links["staff"]:
        person = await visitor()
        await person.get(staff["sign_in_url"])
        statuses.append((await person.get(links["case_url"])).status)
    assert statuses == [200, 200, 403, 200, 403, 403]


async def test_its_links_carry_the_secrets_of_encrypted_calls_behind_the_hash_alone(links: DemoLinks) -> None:
    for staff in links["staff"]:
        page, _, fragment = staff["sign_in_url"].partition("#")
        takes_part = staff["role"] not in {"supervisor", "administrator"}
        assert bool(re.fullmatch(r"d=[A-Za-z0-9_-]{86}", fragment)) == takes_part, staff["role"]
        assert "d=" not in page
    assert re.search(r"#i=[\w-]{34}&s=[\w-]{87}$", links["client"][0]["invitation_url"])


async def test_its_staff_have_certified_devices_and_a_filled_vault(
    app: web.Application, links: DemoLinks, visitor: Visitor
) -> None:
    page = await (await (await visitor()).get(links["staff"][0]["sign_in_url"])).text()
    assert "device-certificate" in page
    keys = DemoKeys(app[SECRETS])
    async with app[DATABASE].read() as session:
        found = await devices.everybody(session, datetime.now(UTC))
        appointment = (await session.scalars(select(Appointment).order_by(Appointment.starts_at.desc()))).first()
        assert appointment
        entries = await vault.of_appointment(session, appointment.id)
    assert [each.state for each in found] == [State.CERTIFIED] * 4
    assert {each.device.sign_key for each in found} == {
        spki(keys.signing(each.account.id).public_key()) for each in found
    }
    assert sorted('"secret":"appointment"' in each.body for each in entries) == [False, True]


async def test_its_key_file_opens_so_that_certifying_can_be_tried(links: DemoLinks, settings: Settings) -> None:
    text = (settings.data_dir / KEY_FILE).read_text()
    assert links
    assert orgkey.unseal(text, PASSPHRASE)


async def test_it_leaves_a_device_revoked_that_somebody_has_revoked(
    app: web.Application, settings: Settings, links: DemoLinks
) -> None:
    async with app[DATABASE].write() as session:
        await session.execute(update(Device).values(revoked_at=datetime.now(UTC)))
    assert await build_demo(app[DATABASE], settings, app[SECRETS]) == links


async def test_a_forged_one_click_link_signs_nobody_in(links: DemoLinks, visitor: Visitor) -> None:
    person, genuine = await visitor(), links["staff"][0]["sign_in_url"].partition("#")[0]
    for forged in (genuine[:-1] + ("0" if genuine[-1] != "0" else "1"), genuine[:-40], genuine + "0"):
        assert (await person.get(forged)).status == 404, forged
    assert (await person.get("/today", allow_redirects=False)).status == 303


@pytest.mark.parametrize("settings", [False], indirect=True)
async def test_a_real_server_knows_no_one_click_sign_in(links: DemoLinks, visitor: Visitor, database: Database) -> None:
    person = await visitor()
    assert (await person.get(links["staff"][0]["sign_in_url"])).status == 404
