"""The encrypted groups of all rooms: deliveries on one side, sockets and the record on the other.

What a delivery decides and what is sent because of it happen under one lock for each room, so that everybody receives
commits in one order. Nobody waits for a room inside of it, because rooms tell their news into it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from consent.events import Tag
from consent.policy import HOSTS, Action, Role
from rooms.service import Rooms
from signaling import mls
from signaling.actions import Caller, Reply
from signaling.delivery import Delivery, Send
from signaling.errors import ProtocolError
from signaling.limits import Bucket, Rate
from signaling.wire import Received, Sent

Emit = Callable[[str, str, Sent], Awaitable[None]]
"""(connection, event, message)."""

KEPT = timedelta(minutes=10)
"""How long the group of a room is remembered while nobody is connected: all their sockets may have broken at once."""
REPORTS = Rate(burst=20, per_s=0.1)
"""Each becomes an entry of the record."""

TAGS = {
    "verified": Tag.VERIFIED,
    "mismatch": Tag.MISMATCH,
    "stopped": Tag.ENCRYPTION_STOPPED,
    "refused": Tag.KEYS_REFUSED,
}


@dataclass
class Hall:
    """One room's delivery with what surrounds it. Whoever changes it holds ``lock``."""

    delivery: Delivery = field(default_factory=Delivery)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    told: dict[str, mls.MlsState] = field(default_factory=dict)
    """What each connection was told last, with revision 0."""
    revision: int = 0
    empty_since: datetime | None = None


class Groups:
    """All deliveries of this process; the gateway hands them what browsers send."""

    def __init__(self, rooms: Rooms, emit: Emit) -> None:
        self._rooms = rooms
        self._emit = emit
        self._halls: dict[str, Hall] = {}
        self._by_conn: dict[str, Hall] = {}
        self._reports: dict[str, Bucket] = {}
        self.actions: dict[str, Callable[[Caller, Any], Awaitable[Reply]]] = {
            "mls.key_package": self._key_package,
            "mls.create": self._create,
            "mls.commit": self._commit,
            "mls.ack": self._ack,
            "mls.message": self._message,
            "mls.replace": self._replace,
            "mls.report": self._report,
        }

    async def handle(self, name: str, caller: Caller, message: Received) -> Reply:
        """Do what a connection inside a room asks for. Raises ProtocolError or RoomError."""
        try:
            return await self.actions[name](caller, message)
        except ProtocolError as error:
            if error.code == "forbidden":  # to lead the group is to let people in
                await self._rooms.refused(caller.conn, Action.ADMIT)
            raise

    async def come(self, caller: Caller, role: Role) -> None:
        """A connection is inside its room; knowing it already changes nothing."""
        if caller.conn in self._by_conn:
            return
        now = self._rooms.clock()
        self._forget(now)
        hall = self._by_conn[caller.conn] = self._halls.setdefault(caller.appointment, Hall())
        self._reports[caller.conn] = Bucket(REPORTS, now.timestamp())
        hall.empty_since = None
        async with hall.lock:
            hall.delivery.come(caller.conn, caller.seat, may_commit=role in HOSTS, now_s=now.timestamp())
            await self._tell(hall, [])

    async def go(self, conn: str) -> None:
        """A connection is inside no more."""
        hall = self._by_conn.pop(conn, None)
        if hall is None:
            return
        self._reports.pop(conn, None)
        async with hall.lock:
            hall.told.pop(conn, None)
            await self._tell(hall, hall.delivery.go(conn))
            if not len(hall.delivery):
                hall.empty_since = self._rooms.clock()

    async def _key_package(self, caller: Caller, message: mls.MlsKeyPackage) -> Reply:
        hall, now = self._hall(caller), self._rooms.clock()
        async with hall.lock:
            hall.delivery.key_package(caller.conn, message.keyPackage, now, certified=message.certified)
            await self._tell(hall, [])
        return {}

    async def _create(self, caller: Caller, message: mls.MlsCreate) -> Reply:
        hall = self._hall(caller)
        async with hall.lock:
            await self._tell(hall, hall.delivery.create(caller.conn, message.group))
        return {}

    async def _commit(self, caller: Caller, message: mls.MlsCommit) -> Reply:
        hall = self._hall(caller)
        async with hall.lock:
            sends = hall.delivery.commit(
                caller.conn,
                message.group,
                message.epoch,
                message.commit,
                added=message.added,
                removed=message.removed,
            )
            await self._tell(hall, sends)
        return {"epoch": message.epoch + 1}

    async def _ack(self, caller: Caller, message: mls.MlsAck) -> Reply:
        hall = self._hall(caller)
        async with hall.lock:
            await self._tell(hall, hall.delivery.ack(caller.conn, message.group, message.epoch))
        return {}

    async def _message(self, caller: Caller, message: mls.MlsMessage) -> Reply:
        hall, now = self._hall(caller), self._rooms.clock()
        async with hall.lock:
            await self._tell(hall, hall.delivery.message(caller.conn, message.group, message.message, now))
        return {}

    async def _replace(self, caller: Caller, message: mls.MlsReplace) -> Reply:
        hall = self._hall(caller)
        async with hall.lock:
            await self._tell(hall, hall.delivery.replace(caller.conn, message.old, message.group))
        await self._rooms.note(caller.conn, Tag.REKEYED)
        return {}

    async def _report(self, caller: Caller, message: mls.MlsReport) -> Reply:
        bucket = self._reports.get(caller.conn)
        if bucket is None:
            raise ProtocolError("out_of_order")
        if not bucket.take(self._rooms.clock().timestamp()):
            raise ProtocolError("too_many_requests")
        details = {"reason": message.reason} if message.reason else {}
        await self._rooms.note(caller.conn, TAGS[message.what], message.seat, **details)
        return {}

    def _hall(self, caller: Caller) -> Hall:
        hall = self._by_conn.get(caller.conn)
        if hall is None:
            raise ProtocolError("out_of_order")
        return hall

    async def _tell(self, hall: Hall, sends: list[Send]) -> None:
        for send in sends:
            await self._emit(send.conn, send.event, send.data)
        for conn in hall.delivery.conns:
            state = hall.delivery.state(conn)
            if hall.told.get(conn) != state:
                hall.told[conn] = state
                hall.revision += 1
                await self._emit(conn, "mls.state", state.model_copy(update={"revision": hall.revision}))

    def _forget(self, now: datetime) -> None:
        self._halls = {
            appointment: hall
            for appointment, hall in self._halls.items()
            if hall.empty_since is None or now - hall.empty_since < KEPT
        }
