"""Packets that are encrypted side by side: each receiver can open its own, and nobody else's number is on it."""

from __future__ import annotations

import os
import socket
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pylibsrtp import Policy

from media import rtp
from media.batch import SEND_SLOTS, Destination, Names, Single, Way, best_way, trains
from media.fanout import Fanout, Lanes, Patch
from media.outbox import REFUSALS, Outbox, Receivers
from media.srtp import SrtpKeys, SrtpSession, sessions

SO_NO_CHECK = 11  # the socket module has no name for it
GCM = Policy.SRTP_PROFILE_AEAD_AES_256_GCM


@dataclass
class Person:
    """A subscriber: our sending session, its receiving one, its socket, and where we send to."""

    sending: SrtpSession
    receiving: SrtpSession
    socket: socket.socket
    destination: Destination

    def next(self) -> rtp.RtpPacket | None:
        data = self.receiving.unprotect_rtp(self.socket.recv(2000))
        return rtp.parse(data) if data is not None else None


class Bench:
    """An outbox on a real socket and its people, in IPv4 or in IPv6 that takes both."""

    def __init__(self, *, way: Way, family: int) -> None:
        self.counters: Counter[str] = Counter()
        self.port = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            self.port.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.names = Names(family)
        self.outbox = Outbox(self.port, self.names, self.counters, lambda _: None, way=way)
        self.memory = Single(self.names)
        self.people: list[Person] = []
        self.fanouts: dict[tuple[int, ...], Fanout] = {}

    def person(self, host: str = "127.0.0.1") -> Person:
        end = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        end.bind((host, 0))
        end.settimeout(5)
        key = os.urandom(44)
        _, sending = sessions(SrtpKeys(GCM, receive=os.urandom(44), send=key))
        destination = Destination(self.names, end.getsockname()[:2])
        made = Person(sending, SrtpSession(GCM, key, inbound=True), end, destination)
        self.people.append(made)
        return made

    def spread(
        self, sequences: list[int], *, size: int = 200, ssrcs: list[int] | None = None, patches: tuple[Patch, ...] = ()
    ) -> None:
        packet = rtp.build(
            marker=True,
            payload_type=101,
            sequence=0,
            timestamp=9,
            ssrc=70001,
            payload=bytes(range(200))[:size],
            abs_send_time=(4, 5),
        )
        own = memoryview(b"".join(each.to_bytes(4, "big") for each in ssrcs)).cast("I") if ssrcs else None
        fanout = self.fanouts.setdefault((*(each - sequences[0] for each in sequences), *(ssrcs or ())), Fanout())
        fanout.plan = fanout.plan or Receivers(
            [each.sending.context for each in self.people],
            memoryview(array("Q", [each.destination.place for each in self.people])),
            Lanes([each - sequences[0] for each in sequences]),
            own,
        )
        self.outbox.spread(
            self.memory,
            self.memory.put(packet),
            len(packet),
            fanout,
            (0x90E50000, sequences[0]),
            patches,
        )

    def close(self) -> None:
        for each in (self.port, *(person.socket for person in self.people)):
            each.close()


@pytest.fixture(params=Way, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    with socket.socket(type=socket.SOCK_DGRAM) as port:
        ways = list(Way)
        if ways.index(request.param) > ways.index(best_way(port)):
            pytest.skip("this system has no such calls")
    return Way(request.param)


@pytest.fixture
def bench(way: Way) -> Iterator[Bench]:
    made = Bench(way=way, family=socket.AF_INET)
    yield made
    made.close()


def test_everybody_gets_the_packet_under_a_number_of_their_own(bench: Bench) -> None:
    for _ in range(3):
        bench.person()
    bench.spread([7, 40_000, 65_535], ssrcs=[70001, 70002, 70003])
    bench.outbox.flush()
    got = [person.next() for person in bench.people]
    assert [(each.sequence, each.ssrc, each.payload) for each in got if each] == [
        (7, 70001, bytes(range(200))),
        (40_000, 70002, bytes(range(200))),
        (65_535, 70003, bytes(range(200))),
    ]
    assert bench.counters == Counter(rtp_out=3, datagrams_out=3)


def test_single_fields_are_laid_in_before_encryption(bench: Bench) -> None:
    for _ in range(2):
        bench.person()
    times = Patch(4, 4, memoryview(b"\0\0\0\1\0\0\0\2"))
    pictures = Patch(22, 2, memoryview(b"\x81\x02\x83\x04"))
    levels = Patch(25, 1, memoryview(b"\xaa\xbb"))
    bench.spread([1, 1], patches=(times, pictures, levels))
    bench.outbox.flush()
    first, second = (person.next() for person in bench.people)
    assert first
    assert second
    assert (first.timestamp, first.payload[:7].hex()) == (1, "0001810204aa06")
    assert (second.timestamp, second.payload[:7].hex()) == (2, "0001830404bb06")


def test_a_refused_packet_leaves_no_gap_among_the_others(bench: Bench) -> None:
    for _ in range(4):
        bench.person()
    bench.spread([1, 1, 1, 1])
    bench.spread([2, 1, 2, 1])  # two of them would be encrypted under a nonce that was used
    bench.outbox.flush()
    sequences = [[each.sequence for each in (person.next(),) if each] for person in bench.people]
    assert sequences == [[1], [1], [1], [1]]
    assert [each.sequence for person in bench.people[::2] for each in (person.next(),) if each] == [2, 2]
    assert bench.counters == Counter(rtp_out=6, datagrams_out=6, protect_refused=2)
    for person in bench.people[1::2]:
        person.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            person.next()


def test_more_packets_than_slots_leave_in_several_goes(bench: Bench) -> None:
    for _ in range(100):
        bench.person()
    rounds = SEND_SLOTS // 100 + 2
    for sequence in range(rounds):
        bench.spread([sequence] * 100)
    bench.outbox.flush()
    assert bench.counters == Counter(rtp_out=100 * rounds, datagrams_out=100 * rounds)
    assert [each.sequence for _ in range(rounds) for each in (bench.people[-1].next(),) if each] == list(range(rounds))


def test_an_unreachable_receiver_does_not_hold_up_the_others(bench: Bench) -> None:
    for _ in range(3):
        bench.person()
    bench.people[1].destination.move(("127.0.0.1", 0))
    bench.spread([5, 5, 5])
    bench.outbox.flush()
    assert [each.sequence for person in bench.people[::2] for each in (person.next(),) if each] == [5, 5]
    assert bench.counters == Counter(rtp_out=3, datagrams_out=2, send_failed=1)


def test_a_receiver_that_moves_is_followed_without_new_tables(bench: Bench) -> None:
    person, elsewhere = bench.person(), bench.person()
    bench.people.remove(elsewhere)
    bench.spread([5])
    bench.outbox.flush()
    person.destination.move(elsewhere.socket.getsockname())
    bench.spread([6])
    bench.outbox.flush()
    assert person.socket.recv(2000)
    assert elsewhere.socket.recv(2000)
    elsewhere.socket.close()


def test_one_socket_serves_both_families(way: Way) -> None:
    bench = Bench(way=way, family=socket.AF_INET6)
    bench.person("127.0.0.1")
    bench.person("::1")
    bench.spread([5, 6])
    bench.outbox.flush()
    assert [each.sequence for person in bench.people for each in (person.next(),) if each] == [5, 6]
    bench.close()


def test_trains_of_all_sizes_arrive_whole_and_in_order(bench: Bench) -> None:
    for _ in range(3):
        bench.person()
    sizes = [100, 100, 100, 60, 60, 61, 200, 10, 10, 10, *([150] * 70), 7]
    for sequence, size in enumerate(sizes):
        bench.spread([sequence] * 3, size=size)
    bench.outbox.flush()
    for person in bench.people:
        got = [each for _ in sizes for each in (person.next(),) if each]
        assert [(each.sequence, len(each.payload)) for each in got] == list(enumerate(sizes))
    assert bench.counters == Counter(rtp_out=3 * len(sizes), datagrams_out=3 * len(sizes))


def test_a_train_that_the_system_refuses_goes_in_single_packets(bench: Bench, way: Way) -> None:
    person = bench.person()
    bench.port.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)  # nobody takes a train apart without checksums
    rounds = 2 * REFUSALS
    for sequence in range(rounds):
        bench.spread([2 * sequence])
        bench.spread([2 * sequence + 1])
        bench.outbox.flush()
        assert [each.sequence for _ in range(2) for each in (person.next(),) if each] == [
            2 * sequence,
            2 * sequence + 1,
        ]
    assert bench.counters["datagrams_out"] == 2 * rounds
    if way is Way.TRAINS:
        assert bench.outbox.way is Way.MESSAGES


@pytest.mark.parametrize("address", [("192.0.2.7", 4321), ("2001:db8::7", 4321)])
def test_names_are_the_kernels_and_read_back(address: tuple[str, int]) -> None:
    names = Names(socket.AF_INET6)
    assert names.unpack(names.pack(address)) == address
    assert len(names.pack(address)) == names.length


@pytest.mark.parametrize(
    ("sizes", "coupled"),
    [
        ([7], [(0, 1)]),
        ([7, 7, 7], [(0, 3)]),
        ([7, 7, 5], [(0, 3)]),
        ([7, 5, 5, 5], [(0, 2), (2, 4)]),
        ([5, 7, 7], [(0, 1), (1, 3)]),
        ([7, 5, 7], [(0, 2), (2, 3)]),
        ([7] * 40, [(0, 32), (32, 40)]),
    ],
)
def test_only_the_last_of_a_train_may_be_shorter(sizes: list[int], coupled: list[tuple[int, int]]) -> None:
    assert trains(sizes) == coupled


def test_runs_and_single_packets_and_whole_ones_leave_together(bench: Bench) -> None:
    for _ in range(3):
        bench.person()
    bench.spread([1, 11, 21], size=50)
    bench.outbox.add(b"whole", bench.people[1].destination.place)
    bench.spread([2, 12, 22], size=60)
    bench.spread([3, 13, 23], size=60)
    bench.spread([5, 5, 5], ssrcs=[70001, 70002, 70003])
    bench.outbox.flush()
    assert bench.people[1].socket.recv(2000) == b"whole"
    for place, person in enumerate(bench.people):
        got = [each for _ in range(4) for each in (person.next(),) if each]
        assert [each.sequence for each in got] == [10 * place + 1, 10 * place + 2, 10 * place + 3, 5]
        assert got[-1].ssrc == 70001 + place
    assert bench.counters == Counter(rtp_out=12, datagrams_out=13)
    bench.spread([4, 14, 24])  # the tables are as they were before
    bench.outbox.flush()
    assert [each.sequence for person in bench.people for each in (person.next(),) if each] == [4, 14, 24]
