"""The servers that are measured, behind one door: ``start`` on one core, ``connect`` rooms of people, ``stop``."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from bench.media_client import ClientTransport
from bench.media_load import Person, Room, Stream
from media.control import MediaError
from media.ortc import ABS_SEND_TIME, TRANSPORT_CC, PeerDtls
from media.pool import MediaPool, MediaRoom
from tests.support.media_room import settings

_AT_ONCE = 8  # handshakes in flight


class Subject(Protocol):
    """A server under measurement."""

    name: str
    pid: int

    async def connect(self, rooms: Sequence[Room]) -> None:
        """Give every person of the rooms their transports, and let media flow between them."""

    async def stop(self) -> None:
        """End the server."""


def pin(pid: int, core: int) -> None:
    """Bind every thread of a process, and those it will start, to one core."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


async def in_turns(work: Sequence[Any]) -> None:
    """Do this work, a few handshakes at a time."""
    for batch in (work[at : at + _AT_ONCE] for at in range(0, len(work), _AT_ONCE)):
        await asyncio.gather(*batch)


class Ours:
    """One media worker of the product, started and asked as the server does."""

    name = "poruch"

    def __init__(self, address: str, pool: MediaPool, pid: int) -> None:
        self._address = address
        self._pool = pool
        self._numbers = itertools.count()
        self._rooms: list[MediaRoom] = []
        self.pid = pid

    @classmethod
    async def start(cls, address: str, core: int) -> Ours:
        """Start a worker pinned to ``core``."""
        pool = MediaPool(settings(media_listen=address))
        await pool.start()
        (worker,) = await pool.stats()
        pin(worker["pid"], core)
        return cls(address, pool, worker["pid"])

    async def stats(self) -> dict[str, Any]:
        """The worker's own counters."""
        return (await self._pool.stats())[0]

    async def connect(self, rooms: Sequence[Room]) -> None:
        """Open a room of the worker for each room."""
        for members in rooms:
            room = await self._pool.open_room(f"bench{next(self._numbers)}")
            self._rooms.append(room)
            ids = {person.name: await self._transports(room, person, members) for person in members}
            await in_turns([_connect(t, r) for pairs in ids.values() for t, r in pairs.values()])
            producers = {
                (person.name, streams[0].kind): await room.create_producer(
                    person.name,
                    ids[person.name]["send"][1]["id"],
                    streams[0].kind,
                    "camera" if streams[0].kind == "video" else "microphone",
                    rtp_parameters(streams),
                )
                for person in members
                for streams in sources(person)
            }
            for person in members:
                if person.down is None:
                    continue
                for (publisher, _), producer in producers.items():
                    if publisher != person.name:
                        transport = ids[person.name]["recv"][1]["id"]
                        consumer = await room.create_consumer(person.name, transport, producer)
                        await room.resume_consumer(consumer["id"])

    async def _transports(
        self, room: MediaRoom, person: Person, members: Room
    ) -> dict[str, tuple[ClientTransport, dict[str, Any]]]:
        made = {}
        if person.streams:
            person.up = ClientTransport(self._address)
            made["send"] = (person.up, await room.create_transport(person.name, "send"))
        if any(other.streams for other in members if other is not person):
            person.down = ClientTransport(self._address)
            made["recv"] = (person.down, await room.create_transport(person.name, "recv"))
        for transport, reply in made.values():
            fingerprints = [{"algorithm": "sha-256", "value": transport.fingerprint}]
            await room.connect_transport(reply["id"], {"role": "client", "fingerprints": fingerprints})
        return made

    async def close_rooms(self) -> None:
        """Close every room, for another load."""
        for room in self._rooms:
            await room.close()
        self._rooms.clear()

    async def stop(self) -> None:
        """End the worker."""
        with contextlib.suppress(MediaError):
            await self.close_rooms()
        await self._pool.close()


async def _connect(transport: ClientTransport, reply: dict[str, Any]) -> None:
    candidate = next(each for each in reply["iceCandidates"] if each["protocol"] == "udp")
    ice, dtls = reply["iceParameters"], reply["dtlsParameters"]
    fingerprints = tuple((each["algorithm"], each["value"]) for each in dtls["fingerprints"])
    remote = (candidate["ip"], candidate["port"])
    await transport.connect(remote, ice["usernameFragment"], ice["password"], PeerDtls("server", fingerprints))


def sources(person: Person) -> list[list[Stream]]:
    """A person's streams by source: sound, and the picture in all of its sizes."""
    kinds = [[stream for stream in person.streams if stream.kind == kind] for kind in ("audio", "video")]
    return [streams for streams in kinds if streams]


def rtp_parameters(streams: Sequence[Stream]) -> dict[str, Any]:
    """What a browser would tell the router about one source."""
    stream = streams[0]
    codecs: list[dict[str, Any]]
    if stream.kind == "audio":
        codecs = [{"mimeType": "audio/opus", "payloadType": stream.payload_type, "clockRate": 48000, "channels": 2}]
    else:
        codecs = [
            {"mimeType": "video/VP8", "payloadType": stream.payload_type, "clockRate": 90000},
            {
                "mimeType": "video/rtx",
                "payloadType": 97,
                "clockRate": 90000,
                "parameters": {"apt": stream.payload_type},
            },
        ]
    extensions = [
        {"uri": uri, "id": number}
        for uri, number in ((ABS_SEND_TIME, stream.abs_send_time_id), (TRANSPORT_CC, stream.transport_cc_id))
    ]
    return {
        "mid": "0" if stream.kind == "audio" else "1",
        "codecs": codecs,
        "headerExtensions": extensions,
        "encodings": [
            {"ssrc": each.ssrc}
            | ({"rid": each.rid} if each.rid else {})
            | ({"rtx": {"ssrc": each.rtx_ssrc}} if each.rtx_ssrc else {})
            for each in streams
        ],
        "rtcp": {"cname": "bench"},
    }
