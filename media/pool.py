"""The server's side of media: start workers, place rooms on them, replace the dead ones."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from aioice.ice import get_host_addresses

from . import control, ortc
from .bandwidth import TOP_HEIGHT
from .child import START_TIMEOUT, Child
from .control import Json, MediaError, MediaEvent, WorkerLost

RESTART_DELAYS = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a worker is started again after one, two, … failures in a row."""
STATS_TIMEOUT = 2.0
"""Seconds for each worker to say how it is; one that is stuck must not hide the others."""
USUAL_PEOPLE = 2
"""A room counts as one of so many until more are in it: those who were invited are still on their way."""
_LOOPBACK = "127.0.0.1"
_EVERYWHERE, _EVERYWHERE_V4 = "::", "0.0.0.0"  # noqa: S104 - media must reach people

_log = logging.getLogger(__name__)

OnEvent = Callable[[str, MediaEvent], None]


class MediaSettings(Protocol):
    """What the pool reads of the server's settings."""

    @property
    def media_listen(self) -> str:
        """Address to bind: ``::`` for all, 0.0.0.0 for all of IPv4."""

    @property
    def media_port(self) -> int:
        """Port of the first worker, the next has the next; 0 for any."""

    @property
    def media_announced(self) -> Sequence[str]:
        """Addresses under which clients reach this machine, best first."""

    @property
    def media_tcp(self) -> bool:
        """Whether to listen on TCP ports of the same numbers too."""

    @property
    def media_workers(self) -> int:
        """How many worker processes."""


def own_addresses(*, ipv6: bool = False) -> list[str]:
    """Return the machine's own addresses other than loopback: Firefox uses no 127.0.0.1 candidate. IPv4 comes first."""
    found = get_host_addresses(use_ipv4=True, use_ipv6=ipv6)
    usable = [each for each in found if not ipaddress.ip_address(each).is_loopback]
    return sorted(usable, key=lambda address: ":" in address)


def listen_address(settings: MediaSettings) -> str:
    """Return the address to bind: all of IPv4 where both families are wished for and the machine has no IPv6."""
    if settings.media_listen != _EVERYWHERE:
        return settings.media_listen
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            probe.bind((_EVERYWHERE, 0))
    except OSError:
        return _EVERYWHERE_V4
    return _EVERYWHERE


def announced_addresses(settings: MediaSettings) -> list[str]:
    """Return what candidates name: the configured addresses, then those of the interfaces that are listened on."""
    listen = listen_address(settings)
    everywhere = listen in (_EVERYWHERE, _EVERYWHERE_V4)
    listening = own_addresses(ipv6=listen == _EVERYWHERE) if everywhere else [listen]
    return list(dict.fromkeys([*settings.media_announced, *listening])) or [_LOOPBACK]


class MediaRoom:
    """One room on its worker. Every method raises :class:`MediaError`; ``worker_lost`` once the worker died."""

    def __init__(self, room_id: str, child: Child, forget: Callable[[str], None]) -> None:
        self.id = room_id
        self._child = child
        self._forget = forget
        self._peers: set[str] = set()

    @property
    def load(self) -> int:
        """How much work the room is: everybody is forwarded to everybody else."""
        people = max(USUAL_PEOPLE, len(self._peers))
        return people * (people - 1)

    async def capabilities(self) -> Json:
        """Return the router's RTP capabilities."""
        return ortc.router_capabilities()

    async def create_transport(self, peer: str, direction: str) -> Json:
        """Return the parameters of a new transport; ``direction`` is ``send`` or ``recv``, the client's view."""
        self._peers.add(peer)
        return await self._child.ask(control.CreateTransport(self.id, peer, direction))

    async def connect_transport(self, transport_id: str, dtls: Json) -> None:
        """Give a transport the client's DTLS parameters; the handshake then runs by itself."""
        await self._child.ask(control.ConnectTransport(self.id, transport_id, dtls))

    async def restart_ice(self, transport_id: str) -> Json:
        """Return fresh ``iceParameters``."""
        parameters: Json = (await self._child.ask(control.RestartIce(self.id, transport_id)))["iceParameters"]
        return parameters

    async def close_transport(self, transport_id: str) -> None:
        """Close a transport, its producers and consumers."""
        await self._child.ask(control.CloseTransport(self.id, transport_id))

    async def create_producer(
        self,
        peer: str,
        transport_id: str,
        kind: str,
        source: str,
        rtp_parameters: Json,
        *,
        paused: bool = False,
        height: int | None = None,
    ) -> str:
        """Return the id of a new producer; ``height`` is that of its largest picture, where it is known."""
        height = height or TOP_HEIGHT
        request = control.CreateProducer(self.id, peer, transport_id, kind, source, rtp_parameters, paused, height)
        producer_id: str = (await self._child.ask(request))["id"]
        return producer_id

    async def pause_producer(self, producer_id: str) -> None:
        """Stop forwarding a producer to everybody."""
        await self._child.ask(control.PauseProducer(self.id, producer_id))

    async def resume_producer(self, producer_id: str) -> None:
        """Forward a producer again."""
        await self._child.ask(control.ResumeProducer(self.id, producer_id))

    async def close_producer(self, producer_id: str) -> None:
        """Close a producer and its consumers."""
        await self._child.ask(control.CloseProducer(self.id, producer_id))

    async def create_consumer(self, peer: str, transport_id: str, producer_id: str, *, vp9: bool = False) -> Json:
        """Return ``{id, producerId, kind, rtpParameters, paused: true}`` of a new consumer.

        Who does not take ``vp9`` is refused a stream of that, with ``cannot_decode``.
        """
        return await self._child.ask(control.CreateConsumer(self.id, peer, transport_id, producer_id, vp9))

    async def pause_consumer(self, consumer_id: str) -> None:
        """Stop forwarding to a consumer."""
        await self._child.ask(control.PauseConsumer(self.id, consumer_id))

    async def resume_consumer(self, consumer_id: str) -> None:
        """Forward to a consumer, video from the next key frame on."""
        await self._child.ask(control.ResumeConsumer(self.id, consumer_id))

    async def prefer_consumer(self, consumer_id: str, height: int, rank: str) -> None:
        """Say how tall a consumer is shown; ``rank`` is ``pinned``, ``speaker``, ``grid`` or ``hidden``."""
        await self._child.ask(control.PreferConsumer(self.id, consumer_id, height, rank))

    async def set_need(self, peer: str, *, sight: bool) -> None:
        """Say whether a peer signs or reads lips: then the first pictures come before sound."""
        await self._child.ask(control.SetNeed(self.id, peer, sight))

    async def close_consumer(self, consumer_id: str) -> None:
        """Close a consumer."""
        await self._child.ask(control.CloseConsumer(self.id, consumer_id))

    async def pause_all(self) -> None:
        """Silence the room; each producer and consumer keeps its own pause."""
        await self._child.ask(control.PauseRoom(self.id))

    async def resume_all(self) -> None:
        """Undo :meth:`pause_all`."""
        await self._child.ask(control.ResumeRoom(self.id))

    async def quality(self, peer: str) -> Json:
        """Return how a peer's network has carried its packets so far; empty when it has carried none."""
        return await self._child.ask(control.ReadQuality(self.id, peer))

    async def line(self, peer: str) -> Json:
        """Return how a peer's network does at this moment: :meth:`media.quality.LineNow.as_json`."""
        return await self._child.ask(control.ReadLine(self.id, peer))

    async def detach(self, peer: str) -> None:
        """Close everything of a peer; when this returns, no packet of theirs or to them is forwarded."""
        self._peers.discard(peer)
        await self._child.ask(control.Detach(self.id, peer))

    async def close(self) -> None:
        """Close the room."""
        self._forget(self.id)
        await self._child.ask(control.CloseRoom(self.id))


class _Place:
    """A worker's place in the pool: it outlives the process that fills it."""

    def __init__(self, start: control.Start) -> None:
        self.start = start
        self.child: Child | None = None
        self.rooms: dict[str, MediaRoom] = {}
        self.keeper: asyncio.Task[None] | None = None

    @property
    def load(self) -> int:
        """How much work its rooms are."""
        return sum(room.load for room in self.rooms.values())


class MediaPool:
    """N worker processes. ``on_event(room_id, event)`` may be set at any time before :meth:`start`."""

    def __init__(self, settings: MediaSettings, on_event: OnEvent | None = None) -> None:
        self.on_event: OnEvent = on_event or (lambda _room, _event: None)
        announced, listen = announced_addresses(settings), listen_address(settings)
        self._places = [
            _Place(
                control.Start(
                    listen=listen,
                    port=settings.media_port + index if settings.media_port else 0,
                    announced=announced,
                    tcp=settings.media_tcp,
                )
            )
            for index in range(settings.media_workers)
        ]
        self._staffed = asyncio.Event()  # set while at least one worker runs

    async def start(self) -> None:
        """Start every worker. Raises :class:`MediaError` ``no_socket`` when a port is taken."""
        try:
            await asyncio.gather(*(self._fill(place) for place in self._places))
        except BaseException:
            await self.close()
            raise
        for place in self._places:
            place.keeper = asyncio.create_task(self._keep(place))

    async def close(self) -> None:
        """End every worker."""
        keepers = [place.keeper for place in self._places if place.keeper is not None]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        children = [place.child for place in self._places if place.child is not None]
        await asyncio.gather(*(child.close() for child in children))
        for place in self._places:
            place.child = place.keeper = None
        self._staffed.clear()

    async def open_room(self, room_id: str) -> MediaRoom:
        """Open a room on the worker with the least to do, waiting for one that is being restarted.

        Raises :class:`MediaError`: ``wrong_state`` when the room is open, ``no_worker`` when none comes up in time.
        """
        if any(room_id in place.rooms for place in self._places):
            raise MediaError("wrong_state", "this room is open already")
        try:
            await asyncio.wait_for(self._staffed.wait(), START_TIMEOUT)
        except TimeoutError:
            raise MediaError("no_worker", "no media worker is running") from None
        live = [(place, place.child) for place in self._places if place.child is not None]
        place, child = min(live, key=lambda each: each[0].load)
        rooms = place.rooms
        room = rooms[room_id] = MediaRoom(room_id, child, partial(_forget, rooms))
        try:
            await child.ask(control.OpenRoom(room_id))
        except BaseException:
            rooms.pop(room_id, None)
            raise
        return room

    async def stats(self, timeout: float = STATS_TIMEOUT) -> list[Json]:  # noqa: ASYNC109 - each worker has its own
        """Return each running worker's counters with ``worker``, ``port``, ``pid`` and ``answers``.

        Of one that does not answer within ``timeout`` seconds nothing else is known, and ``answers`` is 0.
        """
        running = [(index, place.child) for index, place in enumerate(self._places) if place.child is not None]
        found = await asyncio.gather(*(_stats(index, child, timeout) for index, child in running))
        return [each for each in found if each is not None]

    def _report(self, room: str, event: MediaEvent) -> None:
        try:
            self.on_event(room, event)
        except Exception:
            # The listener's mistake must not cut the line to a worker that carries other rooms.
            _log.exception("a listener failed")

    async def _fill(self, place: _Place) -> None:
        place.child = await Child.spawn(place.start, self._report)
        self._staffed.set()

    async def _keep(self, place: _Place) -> None:
        """Replace the place's worker whenever it dies."""
        while True:
            if place.child is not None:
                await place.child.ended()
                _log.warning("media worker %d died", place.child.pid)
            place.child = None
            if all(other.child is None for other in self._places):
                self._staffed.clear()
            lost, place.rooms = place.rooms, {}
            for room in sorted(lost):
                self._report(room, WorkerLost())
            for delay in itertools.chain(RESTART_DELAYS, itertools.repeat(RESTART_DELAYS[-1])):
                await asyncio.sleep(delay)
                try:
                    await self._fill(place)
                    break
                except (MediaError, OSError) as error:
                    _log.warning("media worker could not be started: %s", error)


def _forget(rooms: dict[str, MediaRoom], room_id: str) -> None:
    rooms.pop(room_id, None)


async def _stats(index: int, child: Child, limit: float) -> Json | None:
    """What one worker says of itself; None when it has just died."""
    about = {"worker": index, "port": child.port, "pid": child.pid}
    try:
        async with asyncio.timeout(limit):  # not the request's own limit, at which a worker is killed
            return {**await child.ask(control.ReadStats()), **about, "answers": 1}
    except TimeoutError:
        return {**about, "answers": 0}
    except MediaError:
        return None
