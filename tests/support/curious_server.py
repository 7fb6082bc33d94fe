"""The server of an operator who cannot be trusted: ``python -m tests.support.curious_server demo …`` (tests alone)."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import StreamReader, web
from engineio.async_socket import AsyncSocket

from media import child
from server import cli, trial
from server.app import build
from server.files import DIST as DIST_KEY
from server.http.context import JINJA
from server.http.render import Assets
from server.secrets import Secrets
from server.settings import Settings

DIST = "CURIOUS_DIST"
"""Names the environment's variable with another build of the client, if there is to be one."""


HEARD = "CURIOUS_HEARD"
"""Names the environment's variable with the file to which everything goes that comes and leaves but media."""


class Ears:
    """A file of JSON lines, each a string: what was said over sockets and HTTP, and every key that was derived."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, what: object) -> None:
        """Append what was heard."""
        text = base64.b64encode(what).decode() if isinstance(what, bytes) else what
        if isinstance(text, str) and text:
            os.write(self._file, json.dumps(text).encode() + b"\n")

    def listen(self) -> None:
        """Hear all sockets, all bodies of requests, and all keys that are derived from the master secret."""
        receive, send, derive = AsyncSocket.receive, AsyncSocket.send, Secrets.derive
        feed = StreamReader.feed_data

        async def heard(socket: AsyncSocket, packet: Any) -> Any:
            self.write(packet.data)
            return await receive(socket, packet)

        async def said(socket: AsyncSocket, packet: Any) -> Any:
            self.write(packet.data)
            return await send(socket, packet)

        def derived(secrets: Secrets, purpose: str) -> bytes:
            key = derive(secrets, purpose)
            self.write(key)
            return key

        def fed(stream: StreamReader, data: bytes, *rest: Any) -> Any:
            self.write(bytes(data))
            return feed(stream, data, *rest)

        StreamReader.feed_data = fed  # type: ignore[method-assign] # who runs a server runs what they like
        AsyncSocket.receive, AsyncSocket.send = heard, said
        Secrets.derive = derived  # type: ignore[method-assign] # who runs a server runs what they like

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Hear what pages ask for, and what they are told."""
        self.write(request.path_qs)
        for each in (*request.headers.values(), *request.cookies.values()):
            self.write(each)
        response = await handler(request)
        if isinstance(response, web.Response) and isinstance(response.body, bytes):
            self.write(response.body.decode(errors="replace"))
        return response


def _build(settings: Settings, secrets: Secrets) -> web.Application:
    app = build(settings, secrets)
    if ears:
        # Outermost, where nothing has been taken away yet.
        app.middlewares.insert(0, ears.middleware)
    if DIST in os.environ:
        app[DIST_KEY] = Path(os.environ[DIST])
        app[JINJA].globals["asset"] = Assets(app[DIST_KEY])
    return app


if __name__ == "__main__":
    ears = Ears(os.environ[HEARD]) if HEARD in os.environ else None
    if ears:
        ears.listen()
    child.WORKER = "tests.support.curious_worker"
    trial.build = _build  # type: ignore[attr-defined] # who runs a server runs what they like
    sys.exit(cli.main())
