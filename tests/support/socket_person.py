"""Somebody who comes by link without a browser: the seat's ticket, the socket, and the room's snapshots."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import socketio

from tests.support.page import PATIENCE_S


class Refused(Exception):
    """The server said no; `code` is the protocol's."""

    def __init__(self, error: dict[str, str]) -> None:
        super().__init__(f"{error['code']}: {error['text']}")
        self.code = error["code"]


class SocketPerson:
    """One connection; `seat` is what the door said, `state` the last snapshot, and `hearer` is told everything."""

    def __init__(self, http: aiohttp.ClientSession, seat: dict[str, Any]) -> None:
        self._http = http
        self._socket = socketio.AsyncClient(reconnection=False, http_session=http)
        self._news = asyncio.Condition()
        self.seat = seat
        self.state: dict[str, Any] = {}
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.hearer: Callable[[str, dict[str, Any]], None] | None = None
        self._socket.on("*", self._told)

    @classmethod
    async def come(cls, invitation: str) -> SocketPerson:
        """Open the invitation, agree to what is asked, and enter: afterwards this person waits to be let in."""
        address = urlsplit(invitation)
        origin = f"{address.scheme}://{address.netloc}"
        device = secrets.token_hex(16)
        http = aiohttp.ClientSession(headers={"Origin": origin})
        body = {"link": parse_qs(address.fragment)["i"][0], "device": device, "language": "en"}
        async with http.post(f"{origin}/api/seat", json=body) as answer:
            seat = await answer.json()
        if "error" in seat:
            await http.close()
            raise Refused(seat["error"])
        claim = {key: body[key] for key in ("link", "device", "language")}
        if answers := [
            {
                "purpose": item["purpose"],
                "about_seat": item["about"] and item["about"]["seat"],
                "notice_hash": item["notice"]["hash"],
                "decision": "given",
            }
            for page in (seat["consent"] or {"pages": []})["pages"]
            for item in page["items"]
        ]:
            asked = claim | {"tapped_by": "person", "answers": answers}
            async with http.post(f"{origin}/api/consent", json=asked) as answer:
                assert answer.status == 200, await answer.text()
        person = cls(http, seat)
        await person._socket.connect(
            origin, transports=["websocket"], socketio_path="socket", auth={"ticket": seat["ticket"]}
        )
        abilities = {"audio": True, "video": True}
        await person.request("room.enter", {"device": device, "with_helper": False, "abilities": abilities})
        return person

    async def request(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        """One event and its answer. Raises Refused."""
        answer = await self._socket.call(event, data, timeout=30)
        if not answer["ok"]:
            raise Refused(answer["error"])
        result: dict[str, Any] = answer["data"]
        return result

    async def until(self, condition: Callable[[dict[str, Any]], Any]) -> Any:
        """Wait until something holds of the snapshot, and return it."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: self.state and condition(self.state))
            return condition(self.state)

    async def _told(self, event: str, data: dict[str, Any]) -> None:
        self.heard.append((event, data))
        if self.hearer is not None:
            self.hearer(event, data)
        async with self._news:
            if event == "room.state":
                self.state = data
            self._news.notify_all()

    async def leave(self) -> None:
        """Go, and close the connection."""
        await self._socket.disconnect()
        await self._http.close()
