"""The gateway: Socket.IO connections on one side, rooms on the other."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import socketio
from aiohttp import web
from pydantic import ValidationError

from rooms.effects import RoomError
from rooms.outlet import Outlet
from rooms.seat import Phase
from rooms.service import Rooms
from rooms.view import View
from signaling import messages, tickets
from signaling.actions import ACTIONS, Caller
from signaling.errors import ACK_TEXTS, ProtocolError
from signaling.groups import Groups
from signaling.limits import Bucket, Buckets, Rate
from signaling.machine import Decision, IllegalEvent, Machine, State
from signaling.packets import BrowserPacket, WithoutRubbish
from signaling.tickets import Kind, TicketError
from signaling.turn import Turn
from signaling.wire import Received, Sent

PATH = "socket"
PING_INTERVAL_S = 5  # whole seconds: engine.io cuts fractions off
PING_TIMEOUT_S = 10
EVENTS = Rate(burst=200, per_s=20)
CONNECTS = Rate(burst=60, per_s=1)
MAX_REFUSED = 100
"""Refusals in a row after which a flooding connection is closed."""
MAX_PER_ADDRESS = 100
"""Sockets from one address at once; an office or a clinic shares one."""

Text = Callable[[str, str], str]
"""(code, language) -> the text in that language."""
Address = Callable[[web.Request], str]

log = logging.getLogger("poruch.signaling")


def remote_address(request: web.Request) -> str:
    """The address of the socket's other end, for servers without a proxy in front."""
    return request.remote or ""


@dataclass
class Connection:
    """One accepted socket."""

    request: web.Request
    address: str
    caller: Caller
    bucket: Bucket
    machine: Machine = field(default_factory=Machine)
    answering: bool = False


class Gateway:
    """Accepts sockets with a ticket, checks what they send, and hands it to the rooms."""

    def __init__(
        self,
        rooms: Rooms,
        key: bytes,
        text: Text,
        *,
        origins: frozenset[str] = frozenset(),
        address: Address = remote_address,
        default_language: str = "uk",
        turn: Turn | None = None,
    ) -> None:
        """``key`` is ``Secrets.derive(tickets.KEY_PURPOSE)``; pages of ``origins`` or of our own host may connect."""
        self._turn = turn or Turn()
        self._rooms = rooms
        self._key = key
        self._text = text
        self._origins = origins
        self._address = address
        self._default_language = default_language
        self._connections: dict[str, Connection] = {}
        self._connects = Buckets(CONNECTS)
        self._tasks: set[asyncio.Task[None]] = set()
        self.sio = socketio.AsyncServer(
            async_mode="aiohttp",
            transports=["websocket"],
            async_handlers=False,  # one event of a connection after the other, in their order
            always_connect=True,  # a refused socket is told why
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            max_http_buffer_size=messages.MAX_FRAME,
            allow_upgrades=False,
            http_compression=False,
            cors_allowed_origins="*",  # our own check answers with a code
            cors_credentials=False,
            logger=False,
            serializer=BrowserPacket,
            engineio_logger=_engine_log(),
        )
        self.sio.on("connect", self._connect)
        self.sio.on("disconnect", self._disconnect)
        self.sio.on("*", self._event)
        self._groups = Groups(rooms, self._tell)
        rooms.listen(Outlet(self._state, self._closed, self._transport_closed, self._consumer_held))

    def attach(self, app: web.Application) -> None:
        """Take the path ``/socket`` of an application."""
        app.router.add_get(f"/{PATH}/", self._serve)

    @property
    def connections(self) -> int:
        """How many sockets are open."""
        return len(self._connections)

    async def drain(self) -> None:
        """Tell everybody that the server is about to restart."""
        for sid in list(self._connections):
            await self.sio.emit("server.draining", messages.dump(messages.ServerDraining()), to=sid)

    async def close(self) -> None:
        """Cut all sockets; call it after the rooms are closed, so that nobody is recorded as lost by it.

        No Socket.IO goodbye is said, because browsers take that as final; a socket that breaks is opened again.
        """
        for carrier in list(self.sio.eio.sockets.values()):
            await self._cut(carrier)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.sio.shutdown()

    # what Socket.IO reports

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await self.sio.handle_request(request)
        except ValueError:  # a frame that is not even engine.io's
            log.info("a socket spoke another protocol")
            if request.transport is not None:
                request.transport.close()
            return web.Response(status=400)
        finally:
            # Whatever ended it, a socket that is not served any more is gone.
            for sid in [sid for sid, each in self._connections.items() if each.request is request]:
                self._gone(sid)
        return response

    async def _connect(self, sid: str, environ: dict[str, Any], auth: object = None) -> bool:
        request = environ.get("aiohttp.request") if isinstance(environ, dict) else None
        if not isinstance(request, web.Request) or sid in self._connections:
            return False  # an event that calls itself "connect"
        if environ.setdefault("poruch.sid", sid) != sid:
            return False  # a second connect on the same socket
        address = self._address(request)
        language = self._default_language
        try:
            self._check_address(address)
            self._check_origin(request)
            claims = self._claims(auth)
            language = claims.get("language", language)
            caller = Caller(
                sid,
                claims["seat"],
                claims["appointment"],
                claims["device"],
                datetime.fromisoformat(claims["at"]),
                language,
            )
        except (ProtocolError, TicketError, KeyError, ValueError) as error:
            code = error.code if isinstance(error, ProtocolError | TicketError) else "ticket_invalid"
            await self._farewell(sid, code, language)
            self._spawn(self._end_socket(sid))
            return False
        self._connections[sid] = Connection(request, address, caller, Bucket(EVENTS, time.monotonic()))
        return True

    async def _disconnect(self, sid: str, reason: object = None) -> None:
        del reason
        if self.sio.manager.is_connected(sid, "/"):
            return  # an event that calls itself "disconnect"
        self._gone(sid)

    def _gone(self, sid: str) -> None:
        if self._connections.pop(sid, None) is not None:
            # Never wait for a room here: this may run inside of its own telling.
            self._spawn(self._rooms.lost(sid, self._rooms.clock()))
            self._spawn(self._groups.go(sid))

    async def _event(self, name: str, sid: str, *data: object) -> dict[str, Any]:
        connection = self._connections.get(sid)
        if connection is None:
            return self._refusal("ticket_invalid", self._default_language)
        connection.answering = True
        answer = await self._answer(connection, name, data)
        connection.answering = False
        if connection.bucket.refused >= MAX_REFUSED:
            await self._closed(sid, "too_many_requests")
        if connection.machine.state is State.CLOSED:
            self._spawn(self._end_socket(sid))
        return answer

    async def _answer(self, connection: Connection, name: str, data: tuple[object, ...]) -> dict[str, Any]:
        try:
            reply = await self._handle(connection, name, data)
            return messages.dump(messages.Ack(ok=True, data=reply))
        except (ProtocolError, RoomError) as error:
            code = error.code
        except IllegalEvent:
            code = "out_of_order"
        except Exception:
            # The connection's other events go on: this one alone has failed.
            log.exception("an event failed", extra={"event": name if name in messages.FROM_BROWSER else "unknown"})
            code = "internal"
        return self._refusal(code, connection.caller.language)

    # what the rooms report

    async def _state(self, sid: str, view: View) -> None:
        connection = self._connections.get(sid)
        if connection is None or connection.machine.state in {State.CONNECTED, State.CLOSED}:
            return
        connection.machine.apply(Decision.ADMITTED if view.you.phase is Phase.IN else Decision.WAITS)
        await self._tell(sid, "room.state", messages.RoomState.model_validate(view))
        if view.you.phase is Phase.IN:
            await self._groups.come(connection.caller, view.you.role)
        else:
            await self._groups.go(sid)

    async def _closed(self, sid: str, code: str) -> None:
        connection = self._connections.get(sid)
        if connection is None or connection.machine.state is State.CLOSED:
            return
        connection.machine.apply(Decision.CLOSED)
        await self._groups.go(sid)
        await self._farewell(sid, code, connection.caller.language)
        if not connection.answering:  # else the answer goes out first
            self._spawn(self._end_socket(sid))

    async def _transport_closed(self, sid: str, transport_id: str) -> None:
        await self._tell(sid, "transport.closed", messages.TransportClosed(transportId=transport_id))

    async def _consumer_held(self, sid: str, consumer_id: str, held: bool) -> None:
        await self._tell(sid, "consumer.held", messages.ConsumerHeld(consumerId=consumer_id, held=held))

    async def _tell(self, sid: str, event: str, message: Sent) -> None:
        await self.sio.emit(event, messages.dump(message), to=sid)

    # inner steps

    async def _handle(self, connection: Connection, name: str, data: tuple[object, ...]) -> dict[str, Any]:
        if not connection.bucket.take(time.monotonic()):
            raise ProtocolError("too_many_requests")
        model = messages.FROM_BROWSER.get(name)
        if model is None:
            raise ProtocolError("unknown_event")
        message = _parse(name, model, data)
        machine, before = connection.machine, connection.machine.state
        machine.apply(name)
        try:
            if name in self._groups.actions:
                reply = await self._groups.handle(name, connection.caller, message)
            else:
                reply = await ACTIONS[name](self._rooms, connection.caller, message)
                if name == "transport.create":
                    reply = {**reply, "iceServers": self._turn.ice_servers(self._rooms.clock())}
        except BaseException:
            if machine.state is State.ENTERING:
                machine.apply(Decision.REFUSED)
            elif machine.state is State.LEAVING:
                machine.apply(Decision.ADMITTED if before is State.IN else Decision.WAITS)
            raise
        if name == "room.leave" and machine.state is not State.CLOSED:
            machine.apply(Decision.LEFT)
            await self._groups.go(connection.caller.conn)
        return reply

    def _check_address(self, address: str) -> None:
        if not self._connects.take(address, time.monotonic()):
            raise ProtocolError("too_many_requests")
        if sum(each.address == address for each in self._connections.values()) >= MAX_PER_ADDRESS:
            raise ProtocolError("too_many_connections")

    def _check_origin(self, request: web.Request) -> None:
        if not allowed_origin(request.headers.get("Origin"), request.host, self._origins):
            raise ProtocolError("wrong_origin")

    def _claims(self, auth: object) -> dict[str, str]:
        ticket = auth.get("ticket") if isinstance(auth, dict) else None
        if not isinstance(ticket, str):
            raise TicketError("ticket_invalid")
        return tickets.verify(self._key, Kind.SOCKET, ticket, self._rooms.clock())

    async def _end_socket(self, sid: str) -> None:
        carrier = self.sio.eio.sockets.get(self.sio.manager.eio_sid_from_sid(sid, "/"))
        await self.sio.disconnect(sid)
        if carrier is not None:
            await self._cut(carrier)

    async def _cut(self, carrier: Any) -> None:
        # Without waiting: a browser that went first would never empty the queue.
        await carrier.close(wait=False, reason=self.sio.reason.SERVER_DISCONNECT)
        carrier.queue.put_nowait(None)  # engine.io's own mark: send what is left, then close the WebSocket

    async def _farewell(self, sid: str, code: str, language: str) -> None:
        message = messages.SeatClosed(code=code, text=self._text(code, language))
        await self.sio.emit("seat.closed", messages.dump(message), to=sid)

    def _refusal(self, code: str, language: str) -> dict[str, Any]:
        code = code if code in ACK_TEXTS else "internal"
        error = messages.ErrorBody(code=code, text=self._text(code, language))
        return messages.dump(messages.Ack(ok=False, error=error))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def allowed_origin(origin: str | None, host: str, origins: frozenset[str]) -> bool:
    """Whether a page of this origin may talk to us. Without an Origin header it is no browser's page that asks."""
    return origin is None or origin in origins or urlsplit(origin).netloc == host


def _parse(name: str, model: type[Received], data: tuple[object, ...]) -> Received:
    if len(data) != 1 or not isinstance(data[0], dict):
        raise ProtocolError("bad_message")
    try:
        size = len(json.dumps(data[0]).encode())
        if size > messages.MAX_BYTES.get(name, messages.MAX_EVENT):
            raise ProtocolError("too_large")
        return model.model_validate(data[0])
    except (ValidationError, TypeError, ValueError, RecursionError) as error:  # TypeError: binary data is not JSON
        raise ProtocolError("bad_message") from error


def _engine_log() -> logging.Logger:
    engine = logging.getLogger("poruch.engineio")
    engine.setLevel(logging.WARNING)  # below, it writes down what people send
    engine.addFilter(WithoutRubbish())
    return engine


def _caller(sid: str, claims: dict[str, str], language: str) -> Caller:
    issued_at = datetime.fromisoformat(claims["at"])
    return Caller(sid, claims["seat"], claims["appointment"], claims["device"], issued_at, language)
