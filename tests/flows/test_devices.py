"""Devices: a browser asks, the administrator's browser certifies, anybody may know who was revoked."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from consent.database import Database
from consent.events import Tag
from consent.ledger import Entry
from consent.policy import Role
from server.accounts.tables import Account
from server.devices import certificates, service
from server.devices.certificates import Body, Certificate
from server.devices.tables import Device
from tests.flows.conftest import Person
from tests.support.casework import Worker
from tests.support.staff_device import Organisation, StaffDevice

SignedIn = Callable[..., Awaitable[Person]]
Visitor = Callable[[], Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Entry]]]
PROPOSED = re.compile(r'data-certify="([0-9a-f]{16})" data-body="([^"]+)"')


@pytest.fixture
async def organisation(database: Database, signed_in: SignedIn) -> Organisation:
    """A key that the server trusts."""
    organisation = Organisation()
    async with database.write() as session:
        await service.trust(session, organisation.public, actor="system", now=datetime.now(UTC))
    return organisation


def worker(person: Person) -> Worker:
    assert person.account is not None
    return Worker(person.id, person.account.name, Role(person.account.role))


async def csrf(person: Person) -> str:
    """What the page's script would send in its header; everybody may ask for it."""
    return str((await (await person.get("/api/devices")).json())["csrf"])


async def post(person: Person, path: str, body: Any, *, token: str | None = None) -> tuple[int, dict[str, Any]]:
    headers = {"X-Csrf-Token": await csrf(person) if token is None else token}
    async with person.session.post(person.base_url.with_path(path), json=body, headers=headers) as response:
        return response.status, await response.json()


async def code(person: Person, path: str, body: Any, *, token: str | None = None) -> tuple[int, str]:
    status, answer = await post(person, path, body, token=token)
    return status, answer.get("error", {}).get("code", "")


async def trust(person: Person) -> dict[str, Any]:
    found: dict[str, Any] = await (await person.get("/api/trust")).json()
    return found


async def certified(
    person: Person, administrator: Person, organisation: Organisation
) -> tuple[StaffDevice, str, Certificate]:
    device = StaffDevice()
    _, asked = await post(person, "/api/devices", device.asking(person.id))
    certificate = organisation.certify(device, worker(person))
    status, _ = await post(administrator, f"/api/devices/{asked['id']}/certificate", certificate.model_dump())
    assert status == 200
    return device, asked["id"], certificate


async def test_a_browser_asks_is_certified_and_fetches_its_certificate(
    signed_in: SignedIn, organisation: Organisation, entries: Entries
) -> None:
    person, administrator, device = (
        await signed_in(Role.PSYCHOLOGIST, name="Ірина Бойко"),
        await signed_in(Role.ADMINISTRATOR),
        StaffDevice(),
    )
    status, asked = await post(person, "/api/devices", device.asking(person.id))
    assert (status, asked["state"], asked["fingerprint"]) == (200, "asked", device.fingerprint)
    page = await (await administrator.get("/admin/devices")).text()
    [(device_id, proposed)] = PROPOSED.findall(page)
    body = html.unescape(proposed)
    # The page's script signs exactly what the page holds.
    certificate = certificates.issue(organisation.key, Body.model_validate_json(body))
    assert certificate.body == body
    status, answer = await post(administrator, f"/api/devices/{device_id}/certificate", certificate.model_dump())
    assert (status, answer["state"]) == (200, "certified")
    _, again = await post(person, "/api/devices", device.asking(person.id))
    assert (again["state"], again["certificate"]) == ("certified", certificate.model_dump())
    assert [len(await entries(tag)) for tag in (Tag.DEVICE_ASKED, Tag.DEVICE_CERTIFIED)] == [1, 1]
    [entry] = await entries(Tag.DEVICE_CERTIFIED)
    assert entry.details["device"] == device.fingerprint


async def test_anybody_may_know_the_organisations_key_and_who_was_revoked(
    signed_in: SignedIn, visitor: Visitor, organisation: Organisation, entries: Entries
) -> None:
    administrator, person, stranger = (
        await signed_in(Role.ADMINISTRATOR),
        await signed_in(Role.LAWYER),
        await visitor(),
    )
    device, device_id, _ = await certified(person, administrator, organisation)
    response = await stranger.get("/api/trust")
    assert response.headers["Cache-Control"] == "public, max-age=30"
    assert await response.json() == {
        "organisation": {"key": organisation.public, "fingerprint": certificates.fingerprint(organisation.public)},
        "revoked": [],
        "for_good": [],
    }
    assert (await administrator.post(f"/admin/devices/{device_id}/revoke")).status == 303
    for fate in ("revoked", "for_good"):
        assert (await trust(stranger))[fate] == [device.fingerprint]
    assert (await person.get("/devices", allow_redirects=False)).status == 303, "whoever holds it is signed out"
    assert len(await entries(Tag.DEVICE_REVOKED)) == 1
    assert (await administrator.post(f"/admin/devices/{device_id}/revoke")).status == 303
    assert len(await entries(Tag.DEVICE_REVOKED)) == 1


async def test_a_disabled_persons_devices_count_no_more(signed_in: SignedIn, organisation: Organisation) -> None:
    administrator, person = await signed_in(Role.ADMINISTRATOR), await signed_in(Role.LAWYER)
    device, _, _ = await certified(person, administrator, organisation)
    await administrator.post(f"/admin/accounts/{person.id}/disable")
    assert (await trust(administrator))["revoked"] == [device.fingerprint]
    assert (await trust(administrator))["for_good"] == [], "the account may be enabled again"


async def test_a_revoked_device_never_comes_back(
    signed_in: SignedIn, organisation: Organisation, entries: Entries
) -> None:
    administrator, person = await signed_in(Role.ADMINISTRATOR), await signed_in(Role.LAWYER)
    device, device_id, certificate = await certified(person, administrator, organisation)
    assert (await person.post(f"/devices/{device_id}/forget", page="/devices")).status == 303
    assert (await trust(person))["revoked"] == [device.fingerprint]
    assert await code(person, "/api/devices", device.asking(person.id)) == (409, "revoked")
    path = f"/api/devices/{device_id}/certificate"
    assert await code(administrator, path, certificate.model_dump()) == (409, "revoked")


async def test_it_keeps_no_certificate_that_is_not_exactly_right(
    signed_in: SignedIn, organisation: Organisation, entries: Entries
) -> None:
    administrator, person, device = (
        await signed_in(Role.ADMINISTRATOR),
        await signed_in(Role.LAWYER),
        StaffDevice(),
    )
    _, asked = await post(person, "/api/devices", device.asking(person.id))
    now, own = datetime.now(UTC), worker(person)
    stranger = Organisation()
    genuine = organisation.certify(device, own)
    wrong = {
        "certificate_wrong_organisation": stranger.certify(device, own),
        "certificate_bad_signature": genuine.model_copy(update={"signature": stranger.certify(device, own).signature}),
        "certificate_not_yet_valid": organisation.certify(device, own, issued=now + timedelta(hours=1)),
        "certificate_expired": organisation.certify(device, own, issued=now - timedelta(days=9), expires=now),
        "certificate_too_long": organisation.certify(device, own, expires=now + timedelta(days=999)),
        "certificate_malformed": Certificate(body="{}", signature=genuine.signature),
    }
    path = f"/api/devices/{asked['id']}/certificate"
    for expected, certificate in wrong.items():
        assert (await code(administrator, path, certificate.model_dump()))[1] == expected
    for changes in (
        {"role": Role.CASE_MANAGER},
        {"name": "Somebody else"},
        {"account": administrator.id},
        {"sign": StaffDevice().sign_key},
        {"seal": StaffDevice().seal_key},
    ):
        certificate = organisation.certify(device, own, **changes)
        assert await code(administrator, path, certificate.model_dump()) == (400, "certificate_other_device")
    old = organisation.certify(device, own, issued=now - timedelta(days=2))
    assert (await code(administrator, path, old.model_dump()))[1] == "certificate_expired"
    assert await code(administrator, path, {"body": "x" * 5000, "signature": ""}) == (413, "too_large")
    assert await code(administrator, path, {"body": 7}) == (400, "bad_message")
    assert await code(administrator, path, genuine.model_dump(), token="") == (403, "foreign_request")
    assert await code(person, path, genuine.model_dump()) == (403, "forbidden")
    assert await code(administrator, f"/api/devices/{'0' * 16}/certificate", genuine.model_dump()) == (404, "not_found")
    assert await entries(Tag.DEVICE_CERTIFIED) == []


async def test_it_takes_only_keys_that_a_browser_can_show_to_be_its_own(
    signed_in: SignedIn, organisation: Organisation, visitor: Visitor
) -> None:
    person, other, device = await signed_in(Role.LAWYER), await signed_in(Role.LAWYER), StaffDevice()
    asking = device.asking(person.id)
    assert await code(person, "/api/devices", asking, token="") == (403, "foreign_request")
    assert await code(person, "/api/devices", asking | {"proof": StaffDevice().asking(person.id)["proof"]}) == (
        400,
        "bad_proof",
    )
    assert await code(person, "/api/devices", device.asking(other.id)) == (400, "bad_proof")
    assert await code(person, "/api/devices", asking | {"seal": StaffDevice().seal_key}) == (400, "bad_proof")
    assert await code(person, "/api/devices", asking | {"sign": "AAAA"}) == (400, "bad_keys")
    assert await code(person, "/api/devices", asking | {"seal": asking["sign"]}) == (400, "bad_keys")
    assert await code(person, "/api/devices", asking | {"more": "x"}) == (400, "bad_message")
    assert (await post(person, "/api/devices", asking))[0] == 200
    assert await code(other, "/api/devices", device.asking(other.id)) == (409, "not_yours")
    assert (await (await visitor()).get("/api/devices")).status == 401
    supervisor = await signed_in(Role.SUPERVISOR)
    assert await code(supervisor, "/api/devices", StaffDevice().asking(supervisor.id)) == (403, "not_for_role")


async def test_somebody_who_asks_again_and_again_is_stopped(signed_in: SignedIn, organisation: Organisation) -> None:
    person = await signed_in(Role.LAWYER)
    for _ in range(service.MAX_WAITING):
        assert (await post(person, "/api/devices", StaffDevice().asking(person.id)))[0] == 200
    assert await code(person, "/api/devices", StaffDevice().asking(person.id)) == (409, "too_many")


async def test_a_certificate_ends_with_its_time_with_the_role_and_with_the_organisations_key(
    signed_in: SignedIn, organisation: Organisation, database: Database
) -> None:
    administrator, person = await signed_in(Role.ADMINISTRATOR), await signed_in(Role.LAWYER)
    device, device_id, certificate = await certified(person, administrator, organisation)
    now = datetime.now(UTC)

    async def state(at: datetime = now) -> str:
        async with database.read() as session:
            known = await service.by_fingerprint(session, device.fingerprint, at)
        assert known
        return known.state.value

    assert await state() == "certified"
    assert await state(now + certificates.VALID) == "expired"
    async with database.write() as session:
        await session.execute(update(Account).where(Account.id == person.id).values(role=Role.PSYCHOLOGIST.value))
    assert await state() == "asked"
    async with database.write() as session:
        await session.execute(update(Account).where(Account.id == person.id).values(role=Role.LAWYER.value))
        with pytest.raises(service.DeviceError, match="other_key"):
            await service.trust(session, Organisation().public, actor="system", now=now)
        assert await service.trust(session, Organisation().public, actor="system", now=now, replace=True)
    assert await state() == "asked"
    async with database.read() as session:
        kept = await session.get_one(Device, device_id)
    assert kept.certificate_body == certificate.body


async def test_the_pages_belong_to_the_administrator_and_to_oneself(
    signed_in: SignedIn, organisation: Organisation
) -> None:
    person, other = await signed_in(Role.LAWYER), await signed_in(Role.LAWYER)
    _, asked = await post(person, "/api/devices", StaffDevice().asking(person.id))
    assert (await person.get("/admin/devices")).status == 403
    assert (await person.post(f"/admin/devices/{asked['id']}/revoke")).status == 403
    assert (await other.post(f"/devices/{asked['id']}/forget", page="/devices")).status == 404
    assert asked["fingerprint"] not in await (await other.get("/devices")).text()
    assert asked["fingerprint"] in await (await person.get("/devices")).text()
    supervisor = await signed_in(Role.SUPERVISOR)
    assert "takes no part in conversations" in await (await supervisor.get("/devices")).text()


async def test_the_page_says_what_to_do_while_no_key_is_trusted(signed_in: SignedIn) -> None:
    administrator = await signed_in(Role.ADMINISTRATOR)
    assert "poruch org-key" in await (await administrator.get("/admin/devices")).text()
    assert await trust(administrator) == {"organisation": None, "revoked": [], "for_good": []}
