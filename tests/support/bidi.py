"""A small WebDriver BiDi connection over aiohttp: commands answered by id, events handed to listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp

Listener = Callable[[dict[str, Any]], None]


class BidiError(Exception):
    """The browser refused a command; `code` is the specification's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Bidi:
    """One session of one browser."""

    def __init__(self, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._http = http
        self._socket = socket
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: list[Listener] = []
        self._last = 0
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def connect(cls, url: str) -> Bidi:
        """Open the socket and the session."""
        http = aiohttp.ClientSession()
        bidi = cls(http, await http.ws_connect(f"{url}/session", max_msg_size=0))
        await bidi.send("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        return bidi

    def listen(self, listener: Listener) -> None:
        """Hand every event to `listener` too."""
        self._listeners.append(listener)

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """One command and its result. Raises BidiError."""
        self._last += 1
        answer = asyncio.get_running_loop().create_future()
        self._waiting[self._last] = answer
        await self._socket.send_json({"id": self._last, "method": method, "params": params})
        message = await asyncio.wait_for(answer, 60)
        if message["type"] == "error":
            raise BidiError(message["error"], message["message"])
        result: dict[str, Any] = message["result"]
        return result

    async def _read(self) -> None:
        async for frame in self._socket:
            message = frame.json()
            if message.get("type") == "event":
                for listener in self._listeners:
                    listener(message)
            elif (answer := self._waiting.pop(message.get("id"), None)) and not answer.done():
                answer.set_result(message)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(BidiError("closed", "the browser has gone"))

    async def close(self) -> None:
        """Ask the browser to end, and close the socket."""
        # It may have gone already; otherwise the caller ends its process.
        with suppress(BidiError, TimeoutError, ConnectionError):
            await asyncio.wait_for(self.send("browser.close"), 5)
        await asyncio.wait([self._reading], timeout=5)  # it ends with the browser
        await self._socket.close()
        await self._http.close()
