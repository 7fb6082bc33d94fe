"""The device check's proof: each browser passes it, and it fails where encryption would fail."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.support.page import Page

WEB = Path(__file__).parents[2] / "web"
POLICY = "default-src 'none'; img-src data:; script-src 'self'; connect-src 'self'; worker-src blob:"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A build with the tests' own page, served as a server would serve it."""
    built = tmp_path_factory.mktemp("build")
    node = shutil.which("node")
    assert node is not None
    process = await asyncio.create_subprocess_exec(node, "build.mjs", "--for-tests", f"--out={built}", cwd=WEB)
    assert await process.wait() == 0
    script = json.loads((built / "manifest.json").read_text())["encryption_page.js"]
    head = f'<title>Proof</title><link rel="icon" href="data:,"><script type="module" src="/static/{script}"></script>'
    html = f'<!doctype html><html lang="en">{head}</html>'

    async def page(_: web.Request) -> web.Response:
        return web.Response(
            text=html,
            content_type="text/html",
            headers={"Content-Security-Policy": POLICY},
        )

    application = web.Application()
    application.router.add_get("/", page)
    application.router.add_static("/static", built)
    async with TestServer(application) as server:
        yield f"http://localhost:{server.port}"


async def _prove(page: Page, site: str, *before: str) -> dict[str, Any]:
    await page.goto(site)
    for step in before:
        await page.evaluate(f"encryption.{step}()")
    proof: dict[str, Any] = await page.evaluate("encryption.prove()")
    return proof


async def test_it_holds_in_chromium(site: str, in_chromium: MakeChromiumPerson) -> None:
    page = await in_chromium("somebody")
    assert await _prove(page, site) == {"ok": True, "path": "script", "curves": "native"}


async def test_it_holds_in_firefox(site: str, in_firefox: MakeFirefoxPerson) -> None:
    page = await in_firefox("somebody")
    assert await _prove(page, site) == {"ok": True, "path": "script", "curves": "native"}


async def test_it_holds_in_chromium_with_encoded_streams(site: str, in_chromium: MakeChromiumPerson) -> None:
    page = await in_chromium("somebody")
    assert await _prove(page, site, "forceEncodedStreams") == {"ok": True, "path": "streams", "curves": "native"}


async def test_it_holds_where_webcrypto_lacks_the_curves(site: str, in_firefox: MakeFirefoxPerson) -> None:
    page = await in_firefox("somebody")
    assert await _prove(page, site, "loseCurves") == {"ok": True, "path": "script", "curves": "noble"}


async def test_it_fails_where_transforms_are_ignored(site: str, in_chromium: MakeChromiumPerson) -> None:
    page = await in_chromium("somebody")
    proof = await _prove(page, site, "ignoreTransforms")
    assert (proof["ok"], proof.get("reason")) == (False, "leaks"), proof


async def test_it_fails_where_there_is_no_access_to_frames(site: str, in_chromium: MakeChromiumPerson) -> None:
    page = await in_chromium("somebody")
    proof = await _prove(page, site, "loseTransforms")
    assert (proof["ok"], proof.get("reason")) == (False, "no_access"), proof


async def test_nothing_leaves_once_the_worker_is_gone(
    site: str, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    for make in (in_chromium, in_firefox):
        page: Page = await make("somebody")
        await page.goto(site)
        assert await page.evaluate("encryption.outliveWorker(30)") == 0
