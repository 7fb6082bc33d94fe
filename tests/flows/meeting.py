"""A running meeting server without pages, and people who talk to it through real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import socketio
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from sqlalchemy.ext.asyncio import AsyncSession

from consent.database import Database, DatabaseBusy
from consent.events import Tag
from consent.ledger import Entry
from consent.spool import Spool
from consent.tables import Base
from media.pool import MediaPool
from rooms.plan import MeetingPlan
from rooms.service import Rooms
from signaling import tickets
from signaling.errors import english
from signaling.gateway import Gateway
from signaling.turn import Turn
from tests.support.ledger import read_all
from tests.unit.rooms.people import NOON, plan

KEY = b"k" * 32
PATIENCE_S = 10
MEDIA = SimpleNamespace(
    media_listen="127.0.0.1", media_port=0, media_announced=["127.0.0.1"], media_workers=1, media_tcp=True
)

RELAY = Turn(("turn:relay.example.org:3478",), "between us")


@dataclass
class Clock:
    """A clock that goes when it is told to."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)


class Refused(Exception):
    """An acknowledgement that says no."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class Person:
    """One connection."""

    def __init__(self, house: House, seat: str, device: str) -> None:
        self.house = house
        self.seat = seat
        self.device = device
        self.socket = socketio.AsyncClient(reconnection=False, http_session=house.http)
        self.states: list[dict[str, Any]] = []
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.gone = False
        self._news = asyncio.Condition()
        self.socket.on("*", self._hear)
        self.socket.on("disconnect", self._end)

    @property
    def state(self) -> dict[str, Any]:
        """The last snapshot."""
        return self.states[-1]

    @property
    def closed(self) -> str | None:
        """The code with which the server ended this connection."""
        return next((data["code"] for name, data in self.heard if name == "seat.closed"), None)

    async def connect(self, ticket: str | None = None, **options: Any) -> Person:
        """Open the socket."""
        auth = {"ticket": self.house.ticket(self.seat, self.device) if ticket is None else ticket}
        await self.socket.connect(
            self.house.url, auth=auth, transports=["websocket"], socketio_path="socket", **options
        )
        return self

    async def enter(self, *, with_helper: bool | None = None) -> Person:
        """Come to the room or its waiting room."""
        abilities = {"audio": True, "video": True}
        await self.ask("room.enter", device=self.device, with_helper=with_helper, abilities=abilities)
        await self.until(lambda: self.states)
        return self

    async def ask(self, event: str, /, **data: Any) -> dict[str, Any]:
        """Send an event; returns ``data`` of the answer. Raises Refused."""
        answer = await self.socket.call(event, data, timeout=PATIENCE_S)
        if not answer["ok"]:
            raise Refused(answer["error"]["code"], answer["error"]["text"])
        found: dict[str, Any] = answer["data"]
        return found

    async def code(self, event: str, /, **data: Any) -> str | None:
        """The code of a refusal, or None when it was done."""
        try:
            await self.ask(event, **data)
        except Refused as refusal:
            return refusal.code
        return None

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for what the server will tell."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(condition)

    async def until_other(self, seat: str, **expected: Any) -> dict[str, Any]:
        """Wait until the last snapshot shows somebody like this."""

        def shows() -> bool:
            return bool(self.states) and expected.items() <= (self.other(seat) or {}).items()

        await self.until(shows)
        found = self.other(seat)
        assert found is not None
        return found

    def other(self, seat: str) -> dict[str, Any] | None:
        """Somebody in the last snapshot."""
        return next((each for each in self.state["people"] if each["seat"] == seat), None)

    async def until_closed(self) -> str:
        """Wait until the server has ended this connection; returns the code."""
        await self.until(lambda: self.gone)
        assert self.closed is not None
        return self.closed

    async def drop(self) -> None:
        """The power goes out: no goodbye."""
        await self.socket.eio.ws.close()
        await self.until(lambda: self.gone)

    async def _hear(self, name: str, data: dict[str, Any]) -> None:
        async with self._news:
            self.heard.append((name, data))
            if name == "room.state":
                self.states.append(data)
            self._news.notify_all()

    async def _end(self, *_reason: object) -> None:
        # The library leaves a socket half open that the server has ended; browsers do not.
        await self.socket.eio.ws.close()
        async with self._news:
            self.gone = True
            self._news.notify_all()


@dataclass
class House:
    """The server: rooms, gateway, database, and the appointments that it knows."""

    database: Database
    pool: MediaPool
    clock: Clock = field(default_factory=Clock)
    plans: dict[str, MeetingPlan] = field(default_factory=lambda: {plan().appointment_id: plan()})
    people: list[Person] = field(default_factory=list)
    ended: list[tuple[str, datetime]] = field(default_factory=list)
    origins: frozenset[str] = frozenset()
    spool: Spool | None = None
    loads: int = 0
    """How often a plan was read."""
    away: bool = False
    """Whether the database of the plans is away."""
    in_vain: asyncio.Event = field(default_factory=asyncio.Event)
    """A plan was asked for while it was."""

    async def start(self) -> None:
        """Make the tables where they are missing, and serve."""
        async with self.database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        self.rooms = Rooms(self.database, self.pool, self._load, ended=self._ended, clock=self.clock, spool=self.spool)
        self.pool.on_event = self.rooms.on_media
        self.gateway = Gateway(self.rooms, KEY, english, origins=self.origins, default_language="en", turn=RELAY)
        app = web.Application()
        self.gateway.attach(app)
        self.server = TestServer(app, host="127.0.0.1")
        await self.server.start_server()
        self.http = ClientSession()
        await self.rooms.start()

    async def stop(self) -> None:
        """Stop as the real server does: the record first, then the sockets."""
        await self.rooms.close()
        await self.gateway.close()
        for person in self.people:
            await person.until(lambda gone=person: gone.gone)  # type: ignore[misc]  # mypy infers no type for a default
        await self.http.close()
        await self.server.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.server.make_url("/")).rstrip("/")

    def ticket(self, seat: str, device: str, **changes: str) -> str:
        """A socket ticket, as the exchange would issue it."""
        claims = {
            "seat": seat,
            "appointment": plan().appointment_id,
            "device": tickets.device_hash(device),
            "language": "en",
            "at": self.clock().isoformat(),
        }
        return tickets.issue(KEY, tickets.Kind.SOCKET, claims | changes, self.clock() + timedelta(seconds=60))

    def person(self, seat: str, device: str | None = None) -> Person:
        """Somebody who has not connected yet; the same device unless another is named."""
        person = Person(self, seat, device or seat * 2)
        self.people.append(person)
        return person

    async def connect(self, seat: str, device: str | None = None) -> Person:
        """Somebody with a socket."""
        return await self.person(seat, device).connect()

    async def come(self, seat: str, device: str | None = None, *, with_helper: bool | None = None) -> Person:
        """Somebody at their seat or at its door."""
        return await (await self.connect(seat, device)).enter(with_helper=with_helper)

    async def record(self) -> Sequence[Entry]:
        """The ledger."""
        async with self.database.read() as session:
            return await read_all(session)

    async def tags(self, seat: str | None = None) -> list[Tag]:
        """What the ledger says, about one seat or at all."""
        return [Tag(each.tag) for each in await self.record() if seat is None or each.details.get("seat") == seat]

    async def _load(self, _session: AsyncSession, appointment_id: str, _now: datetime) -> MeetingPlan | None:
        self.loads += 1
        if self.away:
            self.in_vain.set()
            raise DatabaseBusy
        return self.plans.get(appointment_id)

    async def _ended(self, _session: AsyncSession, appointment_id: str, at: datetime) -> None:
        self.ended.append((appointment_id, at))
