"""A worker's rooms: requests in, events out, and packets between wire, transports and routers."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from . import control, ortc
from .control import ConsumerHeld, Json, MediaError, MediaEvent, ProducerClosed, Request, TransportClosed
from .forward import Outgoing
from .ice import Address, claimed_ufrag, parse_check
from .outbox import WayOut
from .parsing import ParseError
from .router import Router
from .tcp import Streams
from .transport import WebRtcTransport
from .twcc import FEEDBACK_INTERVAL
from .wire import Wire

MAX_TRANSPORTS = 8
"""Transports of one peer in one room: a pair, and as many again for each of three rebuilds in flight."""
_TICK_PARTS, _ROOMS_A_PART = 10, 2
"""In how many parts the rooms of a full worker get their feedback, and how many rooms a part has at least."""

_log = logging.getLogger(__name__)

OnEvent = Callable[[str, MediaEvent], None]


class Engine:
    """Everything behind one UDP port. ``on_event(room, event)`` reports what nobody asked for."""

    def __init__(self, start: control.Start, on_event: OnEvent, clock: Callable[[], float] = time.monotonic) -> None:
        self._on_event = on_event
        self._clock = clock
        self._counters: Counter[str] = Counter()
        self._wire = Wire(
            start.listen,
            start.port,
            self._on_check,
            self._counters,
            clock,
            on_batch=self._flush,
            find=self._way_out,
        )
        self._speaking: list[Router] = []
        self._streams = self._open_streams(start)
        self._single = self._wire.single()
        self._announced = start.announced
        self._rooms: dict[str, Router] = {}
        self._transports: dict[str, WebRtcTransport] = {}
        self._by_ufrag: dict[str, WebRtcTransport] = {}
        self._farewells: set[asyncio.Task[None]] = set()
        self._turns: list[list[Router]] = []
        self._turn_at, self._turn_lasts = clock(), FEEDBACK_INTERVAL
        self._ticker = asyncio.create_task(self._tick())

    @property
    def port(self) -> int:
        """The UDP port in use."""
        return self._wire.port

    async def close(self) -> None:
        """Close every room and the socket."""
        self._ticker.cancel()
        for room in list(self._rooms):
            self._close_room(room)
        await asyncio.gather(*self._farewells)
        if self._streams is not None:
            self._streams.close()
        self._wire.close()

    def _open_streams(self, start: control.Start) -> Streams | None:
        """Listen on the TCP port of the same number; when any will do and that one is taken, on any."""
        if not start.tcp:
            return None
        try:
            return self._streams_on(start.listen, self._wire.port)
        except OSError:
            if start.port:
                self._wire.close()
                raise
            return self._streams_on(start.listen, 0)

    def _streams_on(self, listen: str, port: int) -> Streams:
        return Streams(listen, port, self._on_check, self._counters, self._clock, on_batch=self._on_batch)

    def _on_batch(self) -> None:
        """Send what one read over TCP has led to."""
        self._flush()
        self._wire.outbox.flush()

    def handle(self, request: Request) -> Json:
        """Carry out one request. Raises :class:`MediaError`."""
        match request:
            case control.OpenRoom():
                if request.room in self._rooms:
                    raise MediaError("wrong_state", "this room is open already")
                room = request.room
                self._rooms[room] = Router(
                    self._counters,
                    self._wire.outbox.spread,
                    self._speaking.append,
                    lambda *said: self._on_event(room, ConsumerHeld(*said)),
                )
            case control.CloseRoom():
                self._router(request.room)
                self._close_room(request.room)
            case control.Detach():
                for transport in self._transports_of(request.room, request.peer):
                    self._close(transport)
                self._router(request.room).forget(request.peer)
            case control.ReadQuality() | control.ReadLine() | control.ReadStats():
                return self._stats() if isinstance(request, control.ReadStats) else self._quality(request)
            case control.CreateTransport():
                return self._create_transport(request)
            case control.ConnectTransport():
                self._transport(request.room, request.transport).connect(ortc.read_dtls_parameters(request.dtls))
            case control.RestartIce():
                transport = self._transport(request.room, request.transport)
                credentials = transport.ice.restart()
                self._forget_names(transport)
                self._by_ufrag.update((ufrag, transport) for ufrag in transport.ice.ufrags)
                return {"iceParameters": ortc.ice_parameters(credentials)}
            case control.CloseTransport():
                self._close(self._transport(request.room, request.transport))
            case control.Start():
                raise MediaError("wrong_state", "this worker is started already")
            case _:
                return _route(self._router(request.room), request)
        return {}

    def _create_transport(self, request: control.CreateTransport) -> Json:
        router = self._router(request.room)
        if request.direction not in ortc.DIRECTIONS:
            raise MediaError("bad_parameters", "direction: expected send or recv")
        if len(self._transports_of(request.room, request.peer)) >= MAX_TRANSPORTS:
            raise MediaError("limit_reached", f"at most {MAX_TRANSPORTS} transports a peer")
        transport = WebRtcTransport(
            secrets.token_hex(8),
            request.room,
            request.peer,
            wire=self._wire,
            streams=self._streams,
            counters=self._counters,
            on_packet=self._on_packet,
            taker=lambda: router.taker(transport.id),
            on_ready=self._on_ready,
            on_moved=self._on_moved,
            on_end=self._on_end,
        )
        self._transports[transport.id] = transport
        self._by_ufrag[transport.ice.credentials.ufrag] = transport
        router.open_link(transport.id, request.peer, request.direction)
        return ortc.transport_reply(
            transport.id,
            transport.ice.credentials,
            self._announced,
            self.port,
            fingerprint=transport.fingerprint,
            tcp_port=self._streams.port if self._streams is not None else None,
        )

    # -- packets

    def _on_check(self, datagram: bytes, source: Address, now: float) -> None:
        try:
            transport = self._by_ufrag.get(claimed_ufrag(datagram))
            if transport is not None and not transport.checks.take(1, now):
                self._counters["over_budget"] += 1
                return
            check = parse_check(datagram) if transport is not None else None
        except ParseError:
            self._counters["stun_malformed"] += 1
            return
        if transport is None or check is None or not transport.on_check(check, source, now):
            self._counters["stun_refused"] += 1
            return
        self._counters["stun_in"] += 1

    def _flush(self) -> None:
        """Send what routers have gathered, and what is due."""
        self._tick_due(self._clock())
        while self._speaking:
            self._send(self._speaking.pop().take())
        if self._streams is not None:
            self._streams.flush()

    def _way_out(self, transport_id: str) -> WayOut | None:
        transport = self._transports.get(transport_id)
        return transport.way_out if transport is not None else None

    def _on_packet(self, transport: WebRtcTransport, rtcp: bool, data: bytes, now: float) -> None:
        router = self._rooms[transport.room]
        if rtcp:
            router.on_rtcp(transport.id, data, now)
        else:  # over TCP
            router.taker(transport.id)(self._single, self._single.put(data), len(data), now, now)

    def _on_moved(self, transport: WebRtcTransport) -> None:
        self._rooms[transport.room].link_direct(transport.id, direct=transport.way_out is not None)

    def _on_ready(self, transport: WebRtcTransport) -> None:
        if transport.id in self._transports:
            router = self._rooms[transport.room]
            router.link_direct(transport.id, direct=transport.way_out is not None)
            router.link_ready(transport.id)

    def _send(self, outgoing: list[Outgoing]) -> None:
        for each in outgoing:
            transport = self._transports.get(each.transport)
            if transport is not None:
                transport.send(each.packet, rtcp=each.rtcp)

    async def _tick(self) -> None:
        while True:
            # Packets that are read see to it in time; this is for when none are.
            await asyncio.sleep(max(0.0, self._turn_at - self._clock()) + FEEDBACK_INTERVAL)
            self._flush()
            self._wire.outbox.flush()

    def _tick_due(self, now: float) -> None:
        """Give the rooms whose turn has come their feedback: all at once would hold up everybody's packets.

        It is called whenever packets are read, so that a busy worker does not wake up for it.
        """
        while now >= self._turn_at:
            if not self._turns:
                rooms = list(self._rooms.values())
                parts = max(1, min(_TICK_PARTS, len(rooms) // _ROOMS_A_PART))
                self._turns = [rooms[part::parts] for part in range(parts)]
                self._turn_lasts = FEEDBACK_INTERVAL / parts
                self._begin_round(now)
            # Whoever was late by a whole round does not run after it.
            self._turn_at = max(self._turn_at, now - FEEDBACK_INTERVAL) + self._turn_lasts
            for router in self._turns.pop():
                self._tick_room(router, now)

    def _begin_round(self, now: float) -> None:
        try:
            for transport in self._transports.values():
                transport.refill()
            for transport in [each for each in self._transports.values() if each.ice.expired(now)]:
                self._on_end(transport, "lost")
        except Exception:
            self._counters["tick_errors"] += 1  # the last belt: the rounds go on
            _log.exception("a round's beginning failed")

    def _tick_room(self, router: Router, now: float) -> None:
        try:
            router.tick(now)
        except Exception:
            # The last belt, as on the wire: one room's trouble must not end every room's feedback.
            self._counters["tick_errors"] += 1
            _log.exception("a room's feedback failed")

    # -- ends

    def _on_end(self, transport: WebRtcTransport, reason: str) -> None:
        if transport.id not in self._transports:
            return
        ended = self._close(transport)
        for producer_id in ended:
            self._on_event(transport.room, ProducerClosed(transport.peer, producer_id))
        self._on_event(transport.room, TransportClosed(transport.peer, transport.id, reason))

    def _close(self, transport: WebRtcTransport) -> list[str]:
        del self._transports[transport.id]
        self._forget_names(transport)
        ended = self._rooms[transport.room].close_link(transport.id, transport.path)
        transport.detach()
        task = asyncio.create_task(transport.farewell())
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)
        return [producer.id for producer in ended]

    def _forget_names(self, transport: WebRtcTransport) -> None:
        self._by_ufrag = {ufrag: each for ufrag, each in self._by_ufrag.items() if each is not transport}

    def _close_room(self, room: str) -> None:
        for transport in self._transports_of(room):
            self._close(transport)
        del self._rooms[room]

    # -- look-ups

    def _router(self, room: str) -> Router:
        try:
            return self._rooms[room]
        except KeyError:
            raise MediaError("unknown_room", "no such room on this worker") from None

    def _transport(self, room: str, transport_id: str) -> WebRtcTransport:
        transport = self._transports.get(transport_id)
        if transport is None or transport.room != room:
            raise MediaError("unknown_transport", "no such transport in this room")
        return transport

    def _transports_of(self, room: str, peer: str | None = None) -> list[WebRtcTransport]:
        self._router(room)
        return [each for each in self._transports.values() if each.room == room and peer in (None, each.peer)]

    def _quality(self, asked: control.ReadQuality | control.ReadLine) -> Json:
        paths = [each.path for each in self._transports_of(asked.room, asked.peer) if each.path is not None]
        # A peer with one foot in TCP suffers from it.
        path = "tcp" if "tcp" in paths else next(iter(paths), None)
        if isinstance(asked, control.ReadLine):
            return self._router(asked.room).line(asked.peer, path).as_json()
        quality = self._router(asked.room).quality(asked.peer, path)
        return quality.as_json() if quality is not None else {}

    def _stats(self) -> Json:
        sizes: Counter[str] = Counter(rooms=len(self._rooms), transports=len(self._transports))
        for router in self._rooms.values():
            sizes.update(router.size)
        held = [router.cache_octets for router in self._rooms.values()]
        sizes.update(cache_octets=sum(held), cache_octets_of_largest_room=max(held, default=0))
        return {**self._counters, **sizes, "resident_octets": _resident()}


def _resident() -> int:
    """Return how much memory this process has; 0 where the system does not say so under /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _route(router: Router, request: Request) -> Json:
    """Carry out a request that concerns only a room's producers and consumers."""
    match request:
        case control.CreateProducer():
            producer_id = router.create_producer(
                request.peer,
                request.transport,
                request.kind,
                request.source,
                request.rtp,
                paused=request.paused,
                height=request.height,
            )
            return {"id": producer_id}
        case control.CreateConsumer():
            return router.create_consumer(request.peer, request.transport, request.producer, vp9=request.vp9)
        case control.PauseProducer() | control.ResumeProducer():
            router.pause_producer(request.producer, paused=isinstance(request, control.PauseProducer))
        case control.CloseProducer():
            router.close_producer(request.producer)
        case control.PauseConsumer() | control.ResumeConsumer():
            router.pause_consumer(request.consumer, paused=isinstance(request, control.PauseConsumer))
        case control.PreferConsumer():
            router.prefer(request.consumer, request.height, request.rank)
        case control.SetNeed():
            router.need(request.peer, sight=request.sight)
        case control.CloseConsumer():
            router.close_consumer(request.consumer)
        case control.PauseRoom() | control.ResumeRoom():
            router.pause(paused=isinstance(request, control.PauseRoom))
    return {}
