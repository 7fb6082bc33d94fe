"""Stopping the server: calls are told, and get the time to end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest
import socketio
from aiohttp import web

from consent.database import Database
from server import secrets, serving
from server.demo import DemoLinks, build_demo
from server.settings import Settings


@pytest.fixture
async def links(app: web.Application, settings: Settings, database: Database) -> DemoLinks:
    """The demo organisation, made before the server begins, as `poruch demo` does it."""
    return await build_demo(database, settings, secrets.load(settings.data_dir))


@pytest.fixture
async def running(app: web.Application, settings: Settings, links: DemoLinks) -> AsyncIterator[asyncio.Task[None]]:
    """The application as `poruch serve` runs it, in this process."""
    started = asyncio.Event()
    with serving.listen("127.0.0.1", settings.listen_port) as opened:
        task = asyncio.create_task(serving.serve(app, opened, ready=started.set))
        await started.wait()
        yield task
        await task


@pytest.fixture
async def caller(
    settings: Settings, links: DemoLinks, running: asyncio.Task[None]
) -> AsyncIterator[socketio.AsyncClient]:
    """Somebody whose call page is open."""
    token = links["client"][0]["invitation_url"].partition("#i=")[2].partition("&")[0]
    asked = {"link": token, "device": "0" * 32}
    async with aiohttp.ClientSession() as browser, browser.post(f"{settings.base_url}/api/seat", json=asked) as answer:
        ticket = (await answer.json())["ticket"]
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(settings.base_url, auth={"ticket": ticket}, socketio_path="socket", transports=["websocket"])
    yield client
    await client.disconnect()


async def test_a_stop_tells_everybody_takes_nobody_new_and_waits_for_calls_to_end(
    running: asyncio.Task[None], caller: socketio.AsyncClient, settings: Settings
) -> None:
    told = asyncio.Event()
    caller.on("server.draining", lambda _data: told.set())
    os.kill(os.getpid(), signal.SIGTERM)
    await told.wait()
    async with aiohttp.ClientSession() as probe, probe.get(f"{settings.base_url}/health/ready") as answer:
        assert answer.status == 503
    assert not running.done()
    await caller.disconnect()
    await running


async def test_a_second_signal_stops_at_once(running: asyncio.Task[None], caller: socketio.AsyncClient) -> None:
    told = asyncio.Event()
    caller.on("server.draining", lambda _data: told.set())
    os.kill(os.getpid(), signal.SIGINT)
    await told.wait()
    os.kill(os.getpid(), signal.SIGINT)
    await running
