"""ICE over TCP: framing, who may speak on a connection, and what an engine answers there."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as some

from media import control
from media.control import Json
from media.engine import Engine
from media.ice import Address, StreamAddress
from media.parsing import ParseError
from media.tcp import MAX_FRAME, MAX_STREAMS_A_HOST, Deframer, Streams, frame

FINGERPRINT = {"algorithm": "sha-256", "value": ":".join(["AB"] * 32)}


@given(some.lists(some.binary(min_size=1, max_size=MAX_FRAME), max_size=8), some.integers(1, 4000))
def test_packets_come_out_as_they_went_in_however_the_stream_is_cut(packets: list[bytes], cut: int) -> None:
    stream = b"".join(map(frame, packets))
    deframer = Deframer()
    found = [packet for at in range(0, len(stream), cut) for packet in deframer.feed(stream[at : at + cut])]
    assert found == packets


def test_a_packet_of_no_bytes_is_passed_over() -> None:
    assert list(Deframer().feed(b"\0\0" + frame(b"x"))) == [b"x"]


def test_a_packet_that_is_too_long_is_refused_before_it_has_come() -> None:
    with pytest.raises(ParseError, match="rfc4571 length: 1501 bytes, expected at most 1500"):
        list(Deframer().feed((MAX_FRAME + 1).to_bytes(2, "big")))


class Bench:
    """An engine with a room, and connections to its TCP port."""

    def __init__(self) -> None:
        start = control.Start("127.0.0.1", 0, ["127.0.0.1"])
        self.engine = Engine(start, lambda _room, _event: None)
        self.engine.handle(control.OpenRoom("room"))
        self.lines: list[asyncio.StreamWriter] = []

    def transport(self) -> Json:
        return self.engine.handle(control.CreateTransport("room", "ann", "send"))

    @property
    def counted(self) -> Json:
        return self.engine.handle(control.ReadStats())

    async def connect(self, transport: Json) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        candidate = next(each for each in transport["iceCandidates"] if each["protocol"] == "tcp")
        assert candidate["tcpType"] == "passive"
        reader, writer = await asyncio.open_connection(candidate["ip"], candidate["port"])
        self.lines.append(writer)
        return reader, writer

    async def until(self, name: str, at_least: int) -> None:
        async with asyncio.timeout(10):
            while self.counted.get(name, 0) < at_least:
                await asyncio.sleep(0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    for writer in made.lines:
        writer.close()
    await made.engine.close()


def check(ice: Json, password: str | None = None) -> bytes:
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{ice['usernameFragment']}:client"
    request.add_message_integrity((password or ice["password"]).encode())
    return bytes(request)


async def packet(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))


async def ends(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(10):
        assert await reader.read() == b""


async def test_a_check_is_answered_with_the_address_it_came_from(bench: Bench) -> None:
    made = bench.transport()
    reader, writer = await bench.connect(made)
    writer.write(frame(check(made["iceParameters"])))
    reply = stun.parse_message(await packet(reader))
    assert reply.message_class == stun.Class.RESPONSE
    assert reply.attributes["XOR-MAPPED-ADDRESS"] == writer.get_extra_info("sockname")
    assert bench.counted["address_selected"] == 1


async def test_whoever_speaks_before_a_good_check_is_hung_up_on(bench: Bench) -> None:
    made = bench.transport()
    for words in (b"\x16\xfe\xfd" + bytes(40), b"\x80\x60" + bytes(40), b"GET / HTTP/1.1"):
        reader, writer = await bench.connect(made)
        writer.write(frame(check(made["iceParameters"], "guessed")) + frame(words))
        await ends(reader)
    assert bench.counted["stun_refused"] == 3
    assert bench.counted["dropped_stranger"] == 3


async def test_a_stream_that_is_no_framing_is_hung_up_on(bench: Bench) -> None:
    reader, writer = await bench.connect(bench.transport())
    writer.write(b"\xff\xff\xff")
    await ends(reader)
    assert bench.counted["tcp_malformed"] == 1


async def test_one_host_gets_only_so_many_connections(bench: Bench) -> None:
    made = bench.transport()
    lines = [await bench.connect(made) for _ in range(MAX_STREAMS_A_HOST)]
    await bench.until("tcp_accepted", MAX_STREAMS_A_HOST)
    reader, _ = await bench.connect(made)
    await ends(reader)
    assert bench.counted["tcp_refused"] == 1
    lines[0][1].close()
    reader, writer = lines[1]
    writer.write(frame(check(made["iceParameters"])))
    assert stun.parse_message(await packet(reader)).message_class == stun.Class.RESPONSE


async def test_the_connection_ends_with_its_transport(bench: Bench) -> None:
    made = bench.transport()
    reader, writer = await bench.connect(made)
    bench.engine.handle(control.ConnectTransport("room", made["id"], {"role": "client", "fingerprints": [FINGERPRINT]}))
    writer.write(frame(check(made["iceParameters"])))
    await packet(reader)
    bench.engine.handle(control.CloseTransport("room", made["id"]))
    async with asyncio.timeout(10):
        while await reader.read(2048):
            continue


async def test_a_check_from_elsewhere_that_nominates_moves_the_peer(bench: Bench) -> None:
    made = bench.transport()
    first, first_line = await bench.connect(made)
    first_line.write(frame(check(made["iceParameters"])))
    await packet(first)
    second, second_line = await bench.connect(made)
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{made['iceParameters']['usernameFragment']}:client"
    request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity(made["iceParameters"]["password"].encode())
    second_line.write(frame(bytes(request)))
    await packet(second)
    assert bench.counted["address_selected"] == 2


class Port:
    """A listening port, and one peer who has passed a check there."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.batches = 0
        self.delivered: list[bytes] = []
        self.admitted: asyncio.Future[StreamAddress] = asyncio.get_running_loop().create_future()
        self.streams = Streams("127.0.0.1", 0, self._on_check, self.counters, on_batch=self._on_batch)
        self.peer = socket.create_connection(("127.0.0.1", self.streams.port))
        self.peer.setblocking(False)

    def _on_check(self, _packet: bytes, source: Address, _now: float) -> None:
        assert isinstance(source, StreamAddress)
        self.streams.admit(source, lambda _kind, packet, _source, _now: self.delivered.append(packet))
        self.admitted.set_result(source)

    def _on_batch(self) -> None:
        self.batches += 1

    async def address(self) -> StreamAddress:
        await asyncio.get_running_loop().sock_sendall(self.peer, frame(bytes(20)))
        return await asyncio.wait_for(self.admitted, 10)

    async def read(self, count: int) -> list[bytes]:
        """Read until so many packets have come."""
        deframer, found = Deframer(), list[bytes]()
        async with asyncio.timeout(10):
            while len(found) < count:
                found += deframer.feed(await asyncio.get_running_loop().sock_recv(self.peer, 1 << 16))
        return found


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    made = Port()
    yield made
    made.peer.close()
    made.streams.close()


async def test_what_gathers_for_a_peer_leaves_with_one_write(port: Port) -> None:
    address = await port.address()
    packets = [bytes((0x80, 0, number)) * 300 for number in range(40)]
    for packet in packets:
        port.streams.gather(packet, address)
    assert port.counters["tcp_writes"] == 0
    port.streams.flush()
    assert port.counters["tcp_writes"] == 1
    assert await port.read(40) == packets


async def test_all_packets_of_one_read_are_one_batch(port: Port) -> None:
    await port.address()
    before = port.batches
    packets = [bytes((0x80, 0, number)) * 20 for number in range(30)]
    await asyncio.get_running_loop().sock_sendall(port.peer, b"".join(map(frame, packets)))
    async with asyncio.timeout(10):
        while len(port.delivered) < 30:
            await asyncio.sleep(0)
    assert port.delivered == packets
    assert port.batches == before + 1


async def test_what_does_not_fit_is_dropped_whole_and_the_stream_stays_readable(port: Port) -> None:
    address = await port.address()
    numbers = itertools.count()
    while port.counters["send_buffer_full"] == 0:
        for number in itertools.islice(numbers, 100):
            port.streams.gather(bytes((0x80, 0)) + number.to_bytes(4, "big") + bytes(1194), address)
        port.streams.flush()
    came = next(numbers) - port.counters["send_buffer_full"]
    found = await port.read(came)
    assert [int.from_bytes(each[2:6], "big") for each in found] == list(range(came))
    port.streams.gather(b"\x80after", address)
    port.streams.flush()
    assert await port.read(1) == [b"\x80after"]


async def test_a_peer_that_went_between_costs_nothing_but_a_count(port: Port) -> None:
    address = await port.address()
    port.streams.gather(b"\x80", address)
    port.streams.hang_up(address)
    port.streams.flush()
    port.streams.gather(b"\x80", address)
    assert (port.counters["tcp_writes"], port.counters["send_failed"]) == (0, 1)


async def test_an_engine_without_tcp_offers_none() -> None:
    engine = Engine(control.Start("127.0.0.1", 0, ["127.0.0.1"], tcp=False), lambda _room, _event: None)
    engine.handle(control.OpenRoom("room"))
    made = engine.handle(control.CreateTransport("room", "ann", "send"))
    assert [each["protocol"] for each in made["iceCandidates"]] == ["udp"]
    await engine.close()
