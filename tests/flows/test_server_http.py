"""What every answer shares: headers, error pages, languages, files, health, metrics, logs."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from consent.database import Database
from consent.policy import Role
from server import files
from server.app import WEB
from server.health import DRAIN
from server.http import security
from server.http.context import MEDIA
from server.logs import JsonLines
from server.settings import Settings
from tests.flows.conftest import Person

Visitor = Callable[[], Awaitable[Person]]
SignedIn = Callable[..., Awaitable[Person]]
Client = TestClient[web.Request, web.Application]


@pytest.mark.parametrize("path", ["/sign-in", "/nothing", "/health/live", "/static/nothing.js", "/api/nothing"])
async def test_every_answer_carries_the_strict_headers(client: Client, path: str) -> None:
    response = await client.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }.items():
        assert response.headers[name] == value
    assert "Server" not in response.headers
    assert "Strict-Transport-Security" not in response.headers


def test_https_is_insisted_on_once_the_server_has_it(settings: Settings) -> None:
    secure = settings.model_copy(update={"base_url": "https://poruch.example.org"})
    assert "max-age=" in security.headers(secure)["Strict-Transport-Security"]
    assert "wss://poruch.example.org" in security.content_policy(secure)


async def test_an_unknown_page_is_told_in_the_persons_language_with_a_way_on(client: Client) -> None:
    response = await client.get("/nothing", headers={"Accept-Language": "uk"})
    assert response.status == 404
    page = await response.text()
    assert '<html lang="uk"' in page
    assert 'href="/sign-in"' in page
    assert "+380 44 000 00 00" in page


async def test_programs_get_a_stable_code_and_a_text(client: Client) -> None:
    response = await client.get("/api/nothing")
    assert response.status == 404
    assert (await response.json())["error"]["code"] == "not_found"
    response = await client.post("/api/seat", data="link=x", headers={"Content-Type": "text/plain"})
    assert response.status == 415
    response = await client.post("/api/seat", json={}, headers={"Origin": "https://evil.example"})
    assert (response.status, (await response.json())["error"]["code"]) == (403, "wrong_origin")


async def test_a_wrong_method_and_too_large_a_body_are_told_plainly(client: Client, visitor: Visitor) -> None:
    person = await visitor()
    response = await person.post("/today", page="/sign-in")
    assert response.status == 405
    response = await person.post("/sign-in", {"email": "x" * 300_000}, page="/sign-in")
    assert response.status == 413
    assert "too large" in await response.text()


async def test_our_own_mistake_gives_a_number_to_quote_and_no_details(
    app: web.Application, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_request: web.Request) -> web.Response:
        raise RuntimeError("Пані Оля, +380 44 123 45 67")

    app.router.add_get("/broken/{token}", broken)
    caplog.set_level(logging.INFO, "poruch")
    async with TestClient(TestServer(app, port=settings.listen_port)) as client:
        response = await client.get("/broken/very-secret?and=more")
        page = await response.text()
    assert response.status == 500
    assert response.headers["X-Request-Id"] in page
    assert "Оля" not in page
    lines = [JsonLines().format(record) for record in caplog.records]
    written = "\n".join(lines)
    assert response.headers["X-Request-Id"] in written
    assert '"error": "RuntimeError"' in written
    assert "/broken/{token}" in written
    for private in ("Оля", "very-secret", "more", "127.0.0.1"):
        assert private not in written
    assert all(json.loads(line) for line in lines)


def test_log_lines_of_others_lose_their_arguments() -> None:
    record = logging.LogRecord("asyncio", logging.WARNING, "", 0, "lost %s", ("203.0.113.7",), None)
    assert json.loads(JsonLines().format(record))["message"] == "lost %s"


async def test_a_busy_database_is_told_as_such_and_nothing_breaks(
    signed_in: SignedIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await signed_in(Role.ADMINISTRATOR)
    await person.get("/admin/accounts")
    async with database.engine.connect() as connection:
        await connection.exec_driver_sql("ROLLBACK")
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
        response = await person.post("/sign-out")
        assert response.status == 503
        assert "Nothing was changed" in await response.text()
        assert (await person.get("/admin/accounts")).status == 200
        await connection.exec_driver_sql("ROLLBACK")
    assert (await person.post("/sign-out")).status == 303


async def test_the_language_is_kept_on_the_device_and_comes_back_to_the_page(visitor: Visitor) -> None:
    person = await visitor()
    response = await person.get("/language/ru?next=/password/forgot", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, "/password/forgot")
    assert '<html lang="ru"' in await (await person.get("/sign-in")).text()
    assert (await person.get("/language/tlh")).status == 404
    response = await person.get("/language/uk?next=//evil.example", allow_redirects=False)
    assert response.headers["Location"] == "/"


async def test_the_language_of_an_account_follows_its_owner(signed_in: SignedIn) -> None:
    person = await signed_in(Role.ADMINISTRATOR, language="en")
    assert '<html lang="en"' in await (await person.get("/admin/accounts")).text()
    await person.get("/language/uk", allow_redirects=False)
    person.session.cookie_jar.clear(lambda cookie: cookie.key == "lang")
    assert '<html lang="uk"' in await (await person.get("/admin/accounts")).text()


async def test_built_files_are_kept_for_good_and_nothing_else_can_be_read(
    app: web.Application, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hush")
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "site.abc.css").write_text("body{}")
    (dist / "leak").symlink_to(tmp_path / "secret")
    application = web.Application()
    application[files.DIST] = dist
    application.add_routes(files.routes())
    async with TestClient(TestServer(application)) as static:
        response = await static.get("/static/site.abc.css")
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for path in ("/static/..%2f..%2fserver/app.py", "/static/%2e%2e/secret", "/static/."):
        assert (await client.get(path)).status == 404


class TestCallPage:
    @pytest.fixture
    def app(self, app: web.Application, tmp_path: Path) -> web.Application:
        """With the page as it is built for a server, and without the rest of a build."""
        (tmp_path / "call.html").write_text((WEB / "call.html").read_text().replace("%phone%", ""))
        app[files.DIST] = tmp_path
        return app

    async def test_it_says_whom_to_phone_before_anything_else_is_asked(
        self, client: Client, settings: Settings
    ) -> None:
        response = await client.get("/call")
        assert (response.status, response.content_type) == (200, "text/html")
        assert response.headers["Cache-Control"] == "no-cache"
        page = await response.text()
        assert f'<meta name="poruch-phone" content="{settings.help_phone}">' in page
        # Also for whoever has no script.
        assert settings.help_phone in page.partition("<noscript>")[2]


async def test_it_is_ready_when_database_and_media_work_and_not_while_stopping(
    app: web.Application, client: Client
) -> None:
    assert (await client.get("/health/live")).status == 200
    assert (await client.get("/health/ready")).status == 200
    app[DRAIN].begun = True
    response = await client.get("/health/ready")
    assert response.status == 503
    assert (await response.json())["checks"] == {"database": True, "media": True, "accepting": False}


class TestWithTwoWorkers:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"media_workers": 2})

    async def test_a_stuck_worker_is_named_and_the_other_serves_on(self, app: web.Application, client: Client) -> None:
        stuck, _ = await app[MEDIA].stats()
        os.kill(stuck["pid"], signal.SIGSTOP)
        try:
            assert (await client.get("/health/ready")).status == 200
            text = await (await client.get("/metrics")).text()
        finally:
            os.kill(stuck["pid"], signal.SIGCONT)
        assert 'poruch_media{counter="answers",worker="0"} 0.0' in text
        assert 'poruch_media{counter="answers",worker="1"} 1.0' in text
        assert 'poruch_media{counter="rooms",worker="1"} 0.0' in text
        assert 'poruch_media{counter="cache_octets",worker="1"} 0.0' in text
        assert 'poruch_media{counter="resident_octets",worker="1"}' in text
        assert 'counter="rooms",worker="0"' not in text


async def test_it_is_not_ready_without_its_database(client: Client, database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE account_links")
        await connection.exec_driver_sql("DROP TABLE account_sessions")
        await connection.exec_driver_sql("ALTER TABLE accounts RENAME TO gone")
    response = await client.get("/health/ready")
    assert (response.status, (await response.json())["checks"]["database"]) == (503, False)


async def test_metrics_are_for_loopback_and_name_nobody(client: Client, signed_in: SignedIn) -> None:
    person = await signed_in(Role.ADMINISTRATOR, name="Олена")
    await person.get(f"/admin/accounts/{person.id}")
    response = await client.get("/metrics")
    text = await response.text()
    assert 'route="/admin/accounts/{account_id}"' in text
    assert "poruch_sockets 0.0" in text
    assert person.id not in text
    assert (await client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})).status == 403


class TestWithToken:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update=dict.fromkeys(("metrics_token", "ledger_token"), SecretStr("hush")))

    async def test_metrics_are_for_whoever_has_the_token(self, client: Client) -> None:
        assert (await client.get("/metrics")).status == 403
        assert (await client.get("/metrics", headers={"Authorization": "Bearer nope"})).status == 403
        assert (await client.get("/metrics", headers={"Authorization": "Bearer hush"})).status == 200

    @pytest.mark.parametrize("path", ["/metrics", "/ledger/checkpoint"])
    async def test_bytes_that_are_no_text_are_no_token(self, client: Client, path: str) -> None:
        reader, writer = await asyncio.open_connection(client.host, client.port)
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
        writer.write(head.encode() + b"\xff\xfe\r\n\r\n")  # which our own client cannot send
        assert (await reader.readline()).startswith(b"HTTP/1.1 403")
        writer.close()


class TestBehindProxies:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"behind_proxy": 1})

    async def test_limits_count_what_our_own_proxy_saw_and_believe_nobody_else(self, client: Client) -> None:
        async def tries(number: int, forged: str) -> set[int]:
            chain = {"X-Forwarded-For": f"{forged}, 203.0.113.7"}
            return {(await client.get("/password/set/x", headers=chain)).status for _ in range(number)}

        assert await tries(20, "198.51.100.1") == {410}
        assert await tries(1, "198.51.100.2") == {429}
        assert (await client.get("/password/set/x", headers={"X-Forwarded-For": "203.0.113.8"})).status == 410
