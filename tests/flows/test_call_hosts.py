"""Call pages on other hosts: they may ask what a call page asks, from no other place and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from consent.policy import Role
from server.http import security
from server.settings import Settings, SettingsError, load
from tests.flows.conftest import Person

Client = TestClient[web.Request, web.Application]
HOST, OTHER = "https://call.example.org", "https://evil.example.org"
SEAT = "/api/seat"
VAULT = f"/api/appointments/{'0' * 16}/vault"
ALLOW, WITH_SIGN_IN = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"
FOREIGN = {"Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A server whose call page is on another host."""
    return settings.model_copy(update={"call_url": f"{HOST}/call.html"})


@pytest.mark.parametrize("path", [SEAT, "/api/trust", "/api/devices", VAULT])
async def test_the_host_is_told_yes_before_it_asks(client: Client, path: str) -> None:
    response = await client.options(path, headers={"Origin": HOST, "Access-Control-Request-Method": "POST", **FOREIGN})
    assert response.status == 204
    assert response.headers[ALLOW] == HOST
    assert "Content-Type" in response.headers["Access-Control-Allow-Headers"]
    assert (WITH_SIGN_IN in response.headers) == (path in {"/api/devices", VAULT})


@pytest.mark.parametrize("origin", [OTHER, "null", "http://call.example.org", f"{HOST}:8443", f"{HOST}.evil.example"])
async def test_every_other_origin_is_told_nothing(client: Client, origin: str) -> None:
    headers = {"Origin": origin, **FOREIGN}
    for response in (
        await client.options(SEAT, headers={**headers, "Access-Control-Request-Method": "POST"}),
        await client.post(SEAT, json={"link": "x", "device": "0" * 32}, headers=headers),
        await client.get("/api/trust", headers=headers),
    ):
        assert ALLOW not in response.headers
        assert response.headers["Vary"] == "Origin"
    assert (await client.post(SEAT, json={}, headers=headers)).status == 403


async def test_refusals_can_be_read_too(client: Client) -> None:
    body = {"link": "unknown", "device": "0" * 32}
    response = await client.post(SEAT, json=body, headers={"Origin": HOST, **FOREIGN})
    assert (response.status, response.headers[ALLOW]) == (404, HOST)
    assert (await response.json())["error"]["code"] == "link_unknown"


@pytest.mark.parametrize("path", ["/api/devices/0000000000000000/certificate", "/sign-in", "/sign-out"])
async def test_what_is_not_a_call_pages_to_ask_stays_with_our_own_pages(client: Client, path: str) -> None:
    headers = {"Origin": HOST, **FOREIGN}
    response = await client.post(path, json={}, headers=headers)
    assert response.status == 403
    assert ALLOW not in response.headers


async def test_the_teams_api_wants_its_token_from_there_as_well(
    client: Client, signed_in: Callable[..., Awaitable[Person]]
) -> None:
    person = await signed_in(Role.CASE_MANAGER)
    headers = {"Origin": HOST, "Sec-Fetch-Site": "same-site"}
    response = await person.session.post(client.make_url("/api/devices"), json={}, headers=headers)
    assert (response.status, response.headers[ALLOW]) == (403, HOST)
    assert (await response.json())["error"]["code"] == "foreign_request"


def test_joining_may_lead_there_and_nowhere_else(settings: Settings) -> None:
    assert f"form-action 'self' {HOST};" in security.content_policy(settings)
    several = settings.model_copy(update={"client_origins": ["https://second.example.org"]})
    assert several.call_hosts == {HOST, "https://second.example.org"}
    assert HOST not in several.origins


def test_an_address_that_cannot_be_a_page_is_refused() -> None:
    for given in ("call.example.org", "ftp://call.example.org", "https://call.example.org/call#x"):
        with pytest.raises(SettingsError, match="call_url"):
            load(call_url=given)
    assert load(base_url="https://a.example").call_page == "https://a.example/call"
