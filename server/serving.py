"""Running the application: sockets, signals, and a stop that lets running calls finish."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

from server.health import DRAIN
from server.http.context import SETTINGS
from server.metrics import CALLS, METRICS
from server.settings import SettingsError

SAY_DRAINING: web.AppKey[Callable[[], Awaitable[None]]] = web.AppKey("say_draining")
"""Tells everybody in a call that the server is about to stop."""

LOOK_EVERY_S = 0.25

log = logging.getLogger("poruch.serving")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises SettingsError that says what to do when the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise SettingsError(_why_not(host, port, error)) from None
    opened.listen(128)
    return opened


async def serve(
    app: web.Application,
    opened: socket.socket,
    *,
    tls: ssl.SSLContext | None = None,
    ready: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain: calls get ``drain_seconds``; a second signal ends at once."""
    asked, at_once = asyncio.Event(), asyncio.Event()

    def stop() -> None:
        (at_once if asked.is_set() else asked).set()

    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    try:
        await runner.setup()
        await web.SockSite(runner, opened, ssl_context=tls).start()
        log.info("ready")
        if ready is not None:
            ready()
        await asked.wait()
        await _drain(app, at_once)
    finally:
        await runner.cleanup()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)


async def _drain(app: web.Application, at_once: asyncio.Event) -> None:
    app[DRAIN].begun = True
    app[METRICS].draining.set(1)
    await app[SAY_DRAINING]()

    async def calls_over() -> None:
        while app[CALLS]():  # noqa: ASYNC110 - a server stops once; nobody needs an event for it
            await asyncio.sleep(LOOK_EVERY_S)

    waits = [asyncio.create_task(calls_over()), asyncio.create_task(at_once.wait())]
    await asyncio.wait(waits, timeout=app[SETTINGS].drain_seconds, return_when=asyncio.FIRST_COMPLETED)
    for each in waits:
        each.cancel()


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is already in use. Stop the program that uses it, "
            f"or choose another port: --port {port + 1 if port < 65535 else 0}, or --port 0 for any free one."
        )
    if error.errno == errno.EACCES:
        return f"This user may not open port {port}. Choose one above 1023, with a reverse proxy in front."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine."
    return f"Cannot listen on {host}, port {port}: {error.strerror}."
