"""The socket: what is dropped before anything looks at it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.batch import BATCHED, MAX_PACKET, Names, Received, Way
from media.ice import Address
from media.wire import Kind, Wire, classify


@pytest.mark.parametrize(
    ("datagram", "kind"),
    [
        (b"", Kind.OTHER),
        (b"\x80", Kind.OTHER),
        (b"\x00\x01", Kind.STUN),
        (b"\x04\x00", Kind.OTHER),
        (b"\x14\xfe", Kind.DTLS),
        (b"\x3f\x00", Kind.DTLS),
        (b"\x40\x00", Kind.OTHER),
        (b"\x80\x60", Kind.RTP),
        (b"\x80\xe0", Kind.RTP),
        (b"\x80\xc8", Kind.RTCP),
        (b"\xc0\x00", Kind.OTHER),
        (b"\x80" + bytes(MAX_PACKET), Kind.OTHER),
    ],
)
def test_it_sorts_datagrams_by_their_first_bytes(datagram: bytes, kind: Kind) -> None:
    assert classify(datagram) is kind


@given(st.binary(max_size=40))
def test_it_sorts_anything(datagram: bytes) -> None:
    assert isinstance(classify(datagram), Kind)


class Ends:
    """A wire that believes every check, and two sockets that talk to it."""

    def __init__(self, near: socket.socket, far: socket.socket, *, way: Way) -> None:
        self.near, self.far = near, far
        self.counters: Counter[str] = Counter()
        self.got: asyncio.Queue[tuple[Kind, bytes]] = asyncio.Queue()
        self.wire = Wire("127.0.0.1", 0, self._check, self.counters, way=way)
        for each in (near, far):
            each.connect(("127.0.0.1", self.wire.port))

    def _check(self, datagram: bytes, source: Address, _now: float) -> None:
        if datagram == b"\0break":
            raise RuntimeError("a handler's mistake")
        self.wire.admit(source, self.sink)
        self.got.put_nowait((Kind.STUN, datagram))

    def sink(self, kind: Kind, datagram: bytes, _source: Address, _now: float) -> None:
        self.got.put_nowait((kind, datagram))


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.socket(type=socket.SOCK_DGRAM) as near, socket.socket(type=socket.SOCK_DGRAM) as far:
        yield near, far


@pytest.fixture(params=Way, ids=lambda way: way.name)
async def ends(sockets: tuple[socket.socket, socket.socket], request: pytest.FixtureRequest) -> AsyncIterator[Ends]:
    if request.param is not Way.SINGLY and not BATCHED:
        pytest.skip("this system has no batched calls")
    made = Ends(*sockets, way=request.param)
    yield made
    made.wire.close()


async def test_only_a_checked_source_is_heard(ends: Ends) -> None:
    ends.far.send(b"\x80\x60stranger")
    ends.far.send(b"\x16\xfestranger")
    ends.near.send(b"\0\1check")
    ends.near.send(b"\x80\x60media")
    assert await ends.got.get() == (Kind.STUN, b"\0\1check")
    assert await ends.got.get() == (Kind.RTP, b"\x80\x60media")
    assert ends.counters["dropped_stranger"] == 2


async def test_a_dismissed_sink_hears_nothing(ends: Ends) -> None:
    ends.near.send(b"\0\1check")
    await ends.got.get()
    ends.wire.dismiss(ends.sink)
    ends.near.send(b"\x80\x60media")
    ends.far.send(b"\0\1check")
    assert await ends.got.get() == (Kind.STUN, b"\0\1check")
    assert ends.counters["dropped_stranger"] == 1


async def test_a_handlers_mistake_costs_one_packet(ends: Ends) -> None:
    ends.near.send(b"\0break")
    ends.near.send(b"\0\1check")
    assert await ends.got.get() == (Kind.STUN, b"\0\1check")
    assert ends.counters["packet_errors"] == 1


async def test_empty_and_oversize_datagrams_are_dropped(ends: Ends) -> None:
    ends.near.send(b"\0\1check")
    ends.near.send(b"")
    ends.near.send(b"\x80\x60" + bytes(9000))
    ends.near.send(b"\x80\x60media")
    await ends.got.get()
    assert await ends.got.get() == (Kind.RTP, b"\x80\x60media")
    assert ends.counters["dropped_unknown"] == 2


async def test_a_source_that_is_checked_elsewhere_moves_there(ends: Ends) -> None:
    ends.near.send(b"\0\1check")
    await ends.got.get()
    other: asyncio.Queue[bytes] = asyncio.Queue()

    def elsewhere(kind: Kind, datagram: bytes, source: Address, now: float) -> None:
        other.put_nowait(datagram)

    ends.wire.admit(ends.near.getsockname(), elsewhere)
    ends.wire.dismiss(ends.sink)
    ends.near.send(b"\x80\x60media")
    assert await other.get() == b"\x80\x60media"


async def test_a_peer_that_roams_keeps_its_last_addresses_only(ends: Ends) -> None:
    for port in range(1, 100):
        ends.wire.admit(("192.0.2.9", port), ends.sink)
    assert len(ends.wire._doors) == 16
    assert ends.wire._names.key(("192.0.2.9", 99)) in ends.wire._doors


async def test_an_unreachable_address_is_counted(ends: Ends) -> None:
    ends.wire.send(b"x", ("127.0.0.1", 0))
    assert ends.counters["send_failed"] == 1


async def test_a_busy_wire_reads_at_intervals_and_wakes_again_after_a_silence(ends: Ends) -> None:
    ends.near.send(b"\0check")
    await ends.got.get()
    while not ends.wire._busy:
        ends.near.send(b"\x80\x60media")
        assert await ends.got.get() == (Kind.RTP, b"\x80\x60media")
    ends.near.send(b"\x80\x60read by the timer")
    assert await ends.got.get() == (Kind.RTP, b"\x80\x60read by the timer")
    while ends.wire._timer is not None:
        await asyncio.sleep(0)
    ends.near.send(b"\x80\x60after a silence")
    assert await ends.got.get() == (Kind.RTP, b"\x80\x60after a silence")


@pytest.mark.skipif(not BATCHED, reason="this system has no batched calls")
def test_the_kernel_says_when_a_datagram_came_however_late_it_is_read() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as port, socket.socket(type=socket.SOCK_DGRAM) as far:
        port.bind(("127.0.0.1", 0))
        port.setblocking(False)
        received = Received(Names(socket.AF_INET))
        received.stamp(port)
        sent = []
        for _ in range(2):
            before = time.time()
            far.sendto(b"x", port.getsockname())
            sent.append((before, time.time()))
        for _ in range(2):
            far.sendto(b"behind them", port.getsockname())
        count = len(received.receive(port, batched=True))
        begun = time.time()
        ages = received.ages(count)
        ended = time.time()
        assert count == 4
        for age, (before, after) in zip(ages, sent, strict=False):
            assert before - 1e-5 <= ended - age
            assert begun - age <= after + 1e-5
        received._stamp_seconds[0] += 3600
        assert received.ages(count)[0] == 0.0


async def test_a_busy_wire_reads_on_after_a_mistake_behind_it(sockets: tuple[socket.socket, socket.socket]) -> None:
    near, _ = sockets
    got: asyncio.Queue[bytes] = asyncio.Queue()

    def broken() -> None:
        raise RuntimeError("a mistake behind the wire")

    seen: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: seen.append(str(context["exception"])))
    wire = Wire("127.0.0.1", 0, lambda datagram, _source, _now: got.put_nowait(datagram), Counter(), on_batch=broken)
    wire._busy = True
    near.connect(("127.0.0.1", wire.port))
    for datagram in (b"\0one", b"\0two"):
        near.send(datagram)
        assert await got.get() == datagram
    while len(seen) < 2:
        await asyncio.sleep(0)
    assert set(seen) == {"a mistake behind the wire"}
    wire.close()
