"""What the way of a packet costs without a meeting around it: ``python -m bench.media_path [--profile]``.

One process holds everything: people who have sent and encrypted their packets before the clock starts, the wire, the
router and the subscribers' sockets. Timed is the processor of this thread while the wire reads, forwards and sends;
beside it the least that the same packets cost: as many are encrypted and sent by the same calls, with nothing decided.
The lowest of many rounds counts, so that a busy machine hardly disturbs it.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import os
import pstats
import random
import time
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pylibsrtp import Policy
from pylibsrtp._binding import lib

from bench.media_client import ClientTransport, session
from bench.media_load import Load, Room, people
from bench.media_servers import rtp_parameters, sources
from media.batch import SLOT, Names, Sending, Way, repeated
from media.outbox import WayOut
from media.router import Router
from media.srtp import SrtpKeys, sessions
from media.wire import Inlet, Kind, Wire
from tests.support import network

PROFILE = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
_KEY = 28
_BYTES = 1 << 40  # nobody's budget ends here
_LENGTH = 1112  # of a picture's packet


@dataclass(frozen=True, slots=True)
class Shape:
    """Rooms, people in each, publishers in each (None: all), and frames that wait when the wire reads."""

    rooms: int
    size: int
    publishers: int | None
    frames: int


SHAPES = {
    "room4": Shape(1, 4, None, 1),
    "rooms5x4": Shape(5, 4, None, 6),
    "fan20": Shape(1, 21, 1, 1),
    "rooms20x4": Shape(20, 4, None, 24),
}
"""Frames are about what one read finds in bench.media's load; sound and picture in the ratio of 5 to 3."""


class Path:
    """A wire with rooms behind it and people before it, all in this thread."""

    def __init__(self, address: str, shape: Shape) -> None:
        self.shape = shape
        self.load = Load()
        self.counters: Counter[str] = Counter()
        self._ways: dict[str, WayOut] = {}
        self.wire = Wire(address, 0, lambda *_: None, self.counters, find=self._ways.get, on_batch=self._feed_back)
        self._speaking: list[Router] = []
        self._kept: list[object] = []
        self._routers: list[Router] = []
        self.rooms: list[Room] = people(shape.rooms, shape.size, shape.publishers)
        for number, members in enumerate(self.rooms):
            self._open(address, str(number), members)
        self.frames = [(person, stream) for members in self.rooms for person in members for stream in person.streams]
        random.Random(4).shuffle(self.frames)  # noqa: S311 - whose frames come together is chance, the same each time
        self._turn = 0

    def _open(self, address: str, name: str, members: Room) -> None:
        router = Router(self.counters, self.wire.outbox.spread, self._speaking.append)
        self._routers.append(router)
        for person in members:
            if person.streams:
                person.up = self._line(router, address, f"{name}{person.name}up", person.name, "send")
            person.down = self._line(router, address, f"{name}{person.name}down", person.name, "recv")
        for person in members:
            for streams in sources(person):
                source = "camera" if streams[0].kind == "video" else "microphone"
                made = router.create_producer(
                    person.name,
                    f"{name}{person.name}up",
                    streams[0].kind,
                    source,
                    rtp_parameters(streams),
                    paused=False,
                )
                for other in members:
                    if other is not person:
                        consumer = router.create_consumer(other.name, f"{name}{other.name}down", made)
                        router.pause_consumer(consumer["id"], paused=False)

    def _line(self, router: Router, address: str, name: str, peer: str, direction: str) -> ClientTransport:
        keys = SrtpKeys(PROFILE, receive=os.urandom(_KEY), send=os.urandom(_KEY))
        receiving, sending = sessions(keys)
        line = ClientTransport(address)
        line.socket.connect((address, self.wire.port))
        theirs = SrtpKeys(PROFILE, receive=keys.send, send=keys.receive)
        ends = session(theirs, inbound=True), session(theirs, inbound=False)
        line.receive, line.protect = ends[0]._srtp[0], ends[1]._srtp[0]
        destination = self.wire.destination(line.address)
        self._kept += [ends, receiving, sending, destination]
        self._ways[name] = WayOut(sending.context, destination.place, sending)
        router.open_link(name, peer, direction)

        def sink(_kind: Kind, _datagram: bytes, _source: object, _now: float) -> None:
            return

        self.wire.admit(line.address, sink)
        self.wire.open_inlet(sink, Inlet(receiving.context, router.taker(name), _BYTES))
        router.link_direct(name, direct=True)
        return line

    def _feed_back(self) -> None:
        while self._speaking:
            self._speaking.pop().take()

    def fill(self) -> int:
        """Let the next frames arrive; return how many packets."""
        now, sent = time.perf_counter(), 0
        for _ in range(self.shape.frames):
            # five sounds, then three pictures, as 50 and 30 a second come
            kind = "audio" if self._turn % 8 < 5 else "video"
            while True:
                self.frames.append(self.frames.pop(0))
                person, stream = self.frames[-1]
                if stream.kind == kind:
                    break
            before = stream.sent
            self.load.frame(person, stream, now)
            sent += stream.sent - before
            self._turn += 1
        return sent

    def empty(self) -> int:
        """Read what has reached everybody; return how many packets."""
        everybody = [person for members in self.rooms for person in members]
        before = sum(person.received for person in everybody)
        self.load.drain(everybody)
        return sum(person.received for person in everybody) - before

    def close(self) -> None:
        """Close every socket."""
        self.wire.close()
        for members in self.rooms:
            for person in members:
                for line in (person.up, person.down):
                    if line is not None:
                        line.socket.close()


class Floor:
    """Encrypts and sends to the same people as many packets as were forwarded, and does nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        down = [person.down for members in path.rooms for person in members if person.down is not None]
        names = Names(down[0].socket.family)
        self._slots = Sending(names)
        self._destinations = [path.wire.destination(line.address) for line in down]
        keys = SrtpKeys(PROFILE, receive=os.urandom(_KEY), send=os.urandom(_KEY))
        self._sessions = [session(keys, inbound=False) for _ in down]
        self._contexts = [each._srtp[0] for each in self._sessions]
        for place in range(len(self._slots.packets)):
            self._slots.bytes[place * SLOT : place * SLOT + 12] = bytes((0x80, 101, 0, 1)) + bytes(8)

    def run(self, count: int, way: Way) -> None:
        """Encrypt and send ``count`` packets, those to one person side by side, four each."""
        people_ = len(self._contexts)
        order = [place // 4 % people_ for place in range(count)]
        self._slots.lengths[:count] = repeated(_LENGTH, count)
        contexts = [self._contexts[each] for each in order]
        failed = list(map(lib.srtp_protect, contexts, self._slots.packets[:count], self._slots.length_pointers[:count]))
        if any(failed):
            raise RuntimeError("the floor could not encrypt")
        places = memoryview(array("Q", [self._destinations[each].place for each in order]))
        if way is Way.TRAINS:
            for at in range(0, count, 4):
                self._slots.coupled(
                    at, min(at + 4, count), places[at : at + 1], min(4, count - at), (0, min(4, count - at))
                )
        else:
            self._slots.alone(0, count, places)
        self._slots.flush(self._path.wire._socket, way=way)


def timed(work: Callable[[], object]) -> float:
    """Microseconds of this thread's processor."""
    before = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - before) / 1e3


@dataclass(slots=True)
class Sum:
    """One round: microseconds, packets in, packets out."""

    micros: float = 0.0
    taken: int = 0
    given: int = 0


def measure(path: Path, rounds: int, reads: int) -> tuple[Sum, dict[Way, float]]:
    """Return the best round and the floor's microseconds a packet for both ways."""
    kept: list[Sum] = []
    for _ in range(rounds):
        found = Sum()
        for _ in range(reads):
            found.taken += path.fill()
            found.micros += timed(path.wire._drain)
            found.given += path.empty()
        kept.append(found)
    best = min(kept, key=lambda each: each.micros / each.given)
    floor, count = Floor(path), min(512, max(1, best.given // reads))
    floors: dict[Way, float] = {}
    for way in (Way.MESSAGES, Way.TRAINS):
        spent: list[float] = []
        for _ in range(rounds):
            spent.append(0.0)
            for _ in range(reads):
                spent[-1] += timed(partial(floor.run, count, way))
                path.empty()
        floors[way] = min(spent) / reads / count
    return best, floors


async def _run(address: str, wish: argparse.Namespace) -> None:
    for name in wish.shapes:
        path = Path(address, SHAPES[name])
        try:
            for _ in range(20):
                path.fill()
                path.wire._drain()
                path.empty()
            gc.collect()
            gc.freeze()
            if wish.profile:
                _profile(path, wish.reads * wish.rounds)
                continue
            best, floors = measure(path, wish.rounds, wish.reads)
            a_packet = best.micros / best.given
            print(
                f"{name:10} {best.taken / wish.reads:5.1f} in, {best.given / wish.reads:6.1f} out a read:"
                f" {a_packet:6.2f} µs a packet out, {best.micros / best.taken:6.2f} µs a packet in;"
                f" floor {floors[Way.MESSAGES]:5.2f}, coupled {floors[Way.TRAINS]:5.2f}"
                f" ({a_packet / floors[Way.MESSAGES]:.2f}, {a_packet / floors[Way.TRAINS]:.2f} times)",
                flush=True,
            )
        finally:
            path.close()


def _profile(path: Path, reads: int) -> None:
    profiler = cProfile.Profile(time.thread_time)
    for _ in range(reads):
        path.fill()
        profiler.runcall(path.wire._drain)
        path.empty()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def main() -> None:
    """Measure the shapes that were asked for."""
    parser = argparse.ArgumentParser(description="What the way of a packet costs.")
    parser.add_argument("--shapes", nargs="+", choices=tuple(SHAPES), default=[*SHAPES])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--reads", type=int, default=40, help="reads of the wire in a round")
    parser.add_argument("--profile", action="store_true", help="say where the time goes instead")
    wish = parser.parse_args()
    asyncio.run(_run(network.enter(), wish))


if __name__ == "__main__":
    main()
