"""One room's place on a media worker: its transports, producers and consumers, and whose they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from media.control import MediaError
from media.pool import MediaPool, MediaRoom
from rooms.effects import RoomError
from rooms.view import Stream

Json = dict[str, Any]

MAX_PRODUCERS = 4
MICROPHONE = "microphone"
SCREEN = "screen"
MAX_FREEZES = 9_999
"""More of them say nothing more, and a page could make them up."""
_CODES = {
    **{code: code for code in ("bad_parameters", "unknown_transport", "unknown_producer", "unknown_consumer")},
    "cannot_decode": "unknown_producer",
    **dict.fromkeys(("bad_message", "wrong_direction", "already_consumed", "limit_reached"), "bad_parameters"),
}
"""What the engine's refusals are called on the wire; everything else means that it is not at its best."""

log = logging.getLogger("poruch.rooms")


@dataclass
class Peer:
    """What one connection has made."""

    seat: str
    transports: dict[str, str] = field(default_factory=dict)
    """Id by direction: one of each."""
    producers: dict[str, Stream] = field(default_factory=dict)
    consumers: set[str] = field(default_factory=set)
    freezes: int = 0
    """How often a picture stood still, as the page has counted."""
    relayed: bool = False
    """Whether the page has come by a relay, which the engine cannot tell."""


class Placement:
    """A room's media. A worker that dies takes everything along: ``epoch`` grows, and browsers build anew.

    Raises RoomError with the codes of PROTOCOL.md; MediaError never gets out.
    """

    def __init__(self, pool: MediaPool, room_id: str) -> None:
        self.epoch = 0
        self.paused = True
        self._pool = pool
        self._room_id = room_id
        self._room: MediaRoom | None = None
        self._opening = asyncio.Lock()
        self._peers: dict[str, Peer] = {}

    def streams(self) -> list[Stream]:
        """All producers of the room."""
        return [stream for peer in self._peers.values() for stream in peer.producers.values()]

    def knows_transport(self, conn: str, transport_id: str) -> bool:
        """Whether this connection has this transport; those that we closed ourselves are not known any more."""
        peer = self._peers.get(conn)
        return peer is not None and transport_id in peer.transports.values()

    async def capabilities(self) -> Json:
        """The router's RTP capabilities."""
        async with self._media() as media:
            return await media.capabilities()

    async def create_transport(self, conn: str, seat: str, direction: str) -> Json:
        """Make this connection's transport of one direction; a previous one is closed with everything on it."""
        peer = self._peers.setdefault(conn, Peer(seat))
        if old := peer.transports.pop(direction, None):
            await self.close_transport(conn, old, direction)
        async with self._media() as media:
            made = await media.create_transport(conn, direction)
            if self._peers.get(conn) is not peer:
                await media.detach(conn)
                raise RoomError("out_of_order")
        peer.transports[direction] = made["id"]
        return made

    async def close_transport(self, conn: str, transport_id: str, direction: str) -> None:
        """Close a transport and forget what was on it."""
        self.forget_transport(conn, transport_id, direction)
        async with self._media() as media:
            await media.close_transport(transport_id)

    def forget_transport(self, conn: str, transport_id: str, direction: str | None = None) -> None:
        """The engine has closed this transport: what was on it is gone."""
        peer = self._peers[conn]
        for name in [name for name, each in peer.transports.items() if each == transport_id]:
            del peer.transports[name]
            direction = name
        if direction == "send":
            peer.producers.clear()
        else:
            peer.consumers.clear()

    async def connect_transport(self, conn: str, transport_id: str, dtls: Json) -> None:
        """Give a transport the browser's DTLS parameters."""
        self._own_transport(conn, transport_id)
        async with self._media() as media:
            await media.connect_transport(transport_id, dtls)

    async def restart_ice(self, conn: str, transport_id: str) -> Json:
        """New ICE parameters for a transport."""
        self._own_transport(conn, transport_id)
        async with self._media() as media:
            return await media.restart_ice(transport_id)

    async def create_producer(
        self, conn: str, transport_id: str, *, kind: str, source: str, rtp: Json, paused: bool, height: int | None
    ) -> str:
        """Publish a stream; returns its id."""
        peer = self._own_transport(conn, transport_id)
        if peer.transports.get("send") != transport_id:
            raise RoomError("unknown_transport")
        if len(peer.producers) >= MAX_PRODUCERS:
            raise RoomError("too_many_producers")
        async with self._media() as media:
            made = await media.create_producer(conn, transport_id, kind, source, rtp, paused=paused, height=height)
        if peer.transports.get("send") == transport_id:
            peer.producers[made] = Stream(made, peer.seat, kind, source, paused)
        return made

    def producer(self, conn: str, producer_id: str) -> Stream:
        """An own producer of a connection."""
        peer = self._peers.get(conn)
        if peer is None or producer_id not in peer.producers:
            raise RoomError("unknown_producer")
        return peer.producers[producer_id]

    async def pause_producer(self, conn: str, producer_id: str, *, paused: bool) -> None:
        """Pause or resume an own producer."""
        self.producer(conn, producer_id)
        async with self._media() as media:
            await (media.pause_producer(producer_id) if paused else media.resume_producer(producer_id))
        peer = self._peers.get(conn)
        if peer and (stream := peer.producers.get(producer_id)):
            peer.producers[producer_id] = replace(stream, paused=paused)

    async def close_producer(self, conn: str, producer_id: str) -> None:
        """Close an own producer."""
        self.producer(conn, producer_id)
        del self._peers[conn].producers[producer_id]
        async with self._media() as media:
            await media.close_producer(producer_id)

    def forget_producer(self, conn: str, producer_id: str) -> bool:
        """The engine has closed this producer; says whether that is news."""
        peer = self._peers.get(conn)
        return peer is not None and peer.producers.pop(producer_id, None) is not None

    async def mute(self, conn: str) -> None:
        """Pause all microphones of a connection."""
        peer = self._peers.get(conn)
        for stream in list(peer.producers.values()) if peer else []:
            if stream.source == MICROPHONE and not stream.paused:
                await self.pause_producer(conn, stream.id, paused=True)

    async def create_consumer(self, conn: str, producer_id: str, *, vp9: bool = False) -> Json:
        """Offer somebody else's producer to this connection, on its receiving transport.

        One in VP9 is unknown to who does not take that: its publisher is about to bring another.
        """
        peer = self._peers.get(conn)
        transport_id = peer.transports.get("recv") if peer else None
        if peer is None or transport_id is None:
            raise RoomError("unknown_transport")
        others = {stream.id for each in self._peers.values() if each is not peer for stream in each.producers.values()}
        if producer_id not in others:
            raise RoomError("unknown_producer")
        async with self._media() as media:
            made = await media.create_consumer(conn, transport_id, producer_id, vp9=vp9)
        peer.consumers.add(made["id"])
        return made

    async def pause_consumer(self, conn: str, consumer_id: str, *, paused: bool) -> None:
        """Pause or resume an own consumer."""
        self._own_consumer(conn, consumer_id)
        async with self._media() as media:
            await (media.pause_consumer(consumer_id) if paused else media.resume_consumer(consumer_id))

    async def prefer_consumer(self, conn: str, consumer_id: str, *, height: int, rank: str) -> None:
        """Say how tall an own consumer is shown and how much it is needed."""
        self._own_consumer(conn, consumer_id)
        async with self._media() as media:
            await media.prefer_consumer(consumer_id, height, rank)

    async def set_need(self, conn: str, *, sight: bool) -> None:
        """Say whether this connection's person signs or reads lips."""
        if conn in self._peers:
            async with self._media() as media:
                await media.set_need(conn, sight=sight)

    def knows_consumer(self, conn: str, consumer_id: str) -> bool:
        """Whether this connection has this consumer."""
        peer = self._peers.get(conn)
        return peer is not None and consumer_id in peer.consumers

    async def close_consumer(self, conn: str, consumer_id: str) -> None:
        """Close an own consumer; the engine may have done so already."""
        self._own_consumer(conn, consumer_id).consumers.discard(consumer_id)
        try:
            async with self._media() as media:
                await media.close_consumer(consumer_id)
        except RoomError as error:
            if error.code != "unknown_consumer":
                raise

    async def pause(self, paused: bool) -> None:
        """Pause or resume the whole room; a room that has no media yet starts in this state."""
        async with self._opening:  # whoever places the room just now has read the old state
            self.paused = paused
        if self._room is not None:
            async with self._media() as media:
                await (media.pause_all() if paused else media.resume_all())

    async def quality(self, conn: str) -> Json:
        """How this connection's network has carried its media so far; empty when it has carried none."""
        peer = self._peers.get(conn)
        if peer is None or self._room is None:
            return {}
        async with self._media() as media:
            said = await media.quality(conn)
        return {**said, **_seen(peer, said)} if said else {}

    async def line(self, conn: str, *, freezes: int, relayed: bool) -> Json:
        """How this connection's network does now; takes what only the page knows: pictures that stood still since."""
        peer = self._peers.get(conn)
        if peer is None or self._room is None:
            return {}
        peer.freezes = min(MAX_FREEZES, peer.freezes + freezes)
        peer.relayed = relayed
        async with self._media() as media:
            said = await media.line(conn)
        return {**said, **_seen(peer, said)}

    async def detach(self, conn: str) -> None:
        """Close everything of a connection at once."""
        if self._peers.pop(conn, None) is not None and self._room is not None:
            async with self._media() as media:
                await media.detach(conn)

    def worker_lost(self) -> None:
        """Everything on the worker is gone; the next who asks places the room anew."""
        self.epoch += 1
        self._room = None
        self._peers.clear()

    async def close(self) -> None:
        """Give the place back."""
        room, self._room = self._room, None
        self._peers.clear()
        if room is not None:
            try:
                await room.close()
            except MediaError as error:
                log.warning("a media room was not closed properly", extra={"code": error.code})

    def _own_transport(self, conn: str, transport_id: str) -> Peer:
        peer = self._peers.get(conn)
        if peer is None or transport_id not in peer.transports.values():
            raise RoomError("unknown_transport")
        return peer

    def _own_consumer(self, conn: str, consumer_id: str) -> Peer:
        peer = self._peers.get(conn)
        if peer is None or consumer_id not in peer.consumers:
            raise RoomError("unknown_consumer")
        return peer

    @asynccontextmanager
    async def _media(self) -> AsyncIterator[MediaRoom]:
        try:
            async with self._opening:
                if self._room is None:
                    room = await self._pool.open_room(self._room_id)
                    if self.paused:
                        await room.pause_all()
                    self._room = room
                media = self._room
            yield media
        except MediaError as error:
            if error.code not in _CODES:
                log.warning("the media engine refused", extra={"code": error.code})
            raise RoomError(_CODES.get(error.code, "media_unavailable")) from error


def _seen(peer: Peer, said: Json) -> Json:
    """What the page adds to the engine's view: a relay's packets come to the engine like anybody's, over UDP."""
    path = {"path": "relay"} if peer.relayed and said.get("path") is not None else {}
    return {"freezes": peer.freezes, **path}
