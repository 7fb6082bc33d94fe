"""Headless participants through the pool, a real worker and real packets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media.control import MediaError, MediaEvent, ProducerClosed, TransportClosed, WorkerLost
from media.pool import MediaPool, MediaRoom
from tests.support.headless import Headless
from tests.support.media_room import Line, counters, join, need_own_address, settings

pytestmark = pytest.mark.timeout(60)


class Stage:
    """A pool with an open room, its participants, and every event that it reported."""

    def __init__(self, pool: MediaPool) -> None:
        self.pool = pool
        self.room: MediaRoom
        self.events: asyncio.Queue[tuple[str, MediaEvent]] = asyncio.Queue()
        self.people: list[Headless] = []
        pool.on_event = lambda room, event: self.events.put_nowait((room, event))

    async def join(self, peer: str) -> tuple[Headless, Line]:
        participant, line = await join(self.room, peer)
        self.people.append(participant)
        return participant, line


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    need_own_address()
    made = Stage(MediaPool(settings()))
    await made.pool.start()
    made.room = await made.pool.open_room("room")
    yield made
    for participant in made.people:
        await participant.close()
    await made.pool.close()


async def test_three_participants_hear_and_see_each_other(stage: Stage) -> None:
    people = [await stage.join(name) for name in ("ann", "bob", "cec")]
    published = {id(person): [await person.publish(kind) for kind in ("audio", "video")] for person, _ in people}
    for person, _ in people:
        for other, _ in people:
            if other is not person:
                for producer in published[id(other)]:
                    await person.consume(producer)
    for person, _ in people:
        for producer in person.received:
            await person.wait_for(producer, changes=15)
    seen = await counters(stage.pool)
    assert (seen["dtls_connected"], seen["producers"], seen["consumers"]) == (6, 6, 12)
    assert (seen["packet_errors"], seen["tick_errors"]) == (0, 0)


async def test_a_stream_survives_pauses_reopening_and_an_ice_restart(stage: Stage) -> None:
    ann, ann_line = await stage.join("ann")
    bob, _ = await stage.join("bob")
    video = await ann.publish("video")
    await bob.consume(video)
    await bob.wait_for(video, changes=5)
    for pause, resume in (
        (stage.room.pause_all, stage.room.resume_all),
        (lambda: stage.room.pause_producer(video), lambda: stage.room.resume_producer(video)),
        (
            lambda: stage.room.pause_consumer(bob.consumer_id(video)),
            lambda: stage.room.resume_consumer(bob.consumer_id(video)),
        ),
    ):
        await pause()
        await resume()
        await bob.wait_for(video, changes=bob.received[video].changes + 5)
    before = await stage.room.restart_ice(ann_line.transports["send"])
    assert before["iceLite"] is True
    await bob.wait_for(video, changes=bob.received[video].changes + 5)  # the old name still serves
    await bob.stop_consuming(video)
    await bob.consume(video)
    await bob.wait_for(video, changes=bob.received[video].changes + 5)
    assert bob.failures == []


async def test_a_peer_s_network_is_known_from_both_of_its_ends(stage: Stage) -> None:
    ann, _ = await stage.join("ann")
    bob, _ = await stage.join("bob")
    assert await stage.room.quality("ann") == {}
    audio = await ann.publish("audio")
    await bob.consume(audio)
    while "round_trip_ms" not in (down := await stage.room.quality("bob")):
        await asyncio.sleep(0.05)
    up = await stage.room.quality("ann")
    assert (up["path"], down["path"]) == ("udp", "udp")
    assert up["lost_up_permille"] == 0
    assert up["up_kbps"] > 0
    assert down["lost_down_permille"] == 0
    assert down["round_trip_ms"] < 10_000
    assert set(up) | set(down) <= {
        *("path", "lost_up_permille", "lost_down_permille", "round_trip_ms", "worst_round_trip_ms"),
        *("jitter_ms", "up_kbps", "available_down_kbps"),
    }
    seen = await counters(stage.pool)
    assert seen["reported_packets"] > 0
    now = await stage.room.line("bob")
    assert (now["path"], now["lost_down_permille"], now["held"], now["smaller"]) == ("udp", 0, 0, 0)
    assert now["down_kbps"] > 0
    assert (await stage.room.line("ann"))["up_kbps"] > 0


async def test_a_detached_peer_is_gone_before_the_call_returns(stage: Stage) -> None:
    ann, ann_line = await stage.join("ann")
    bob, bob_line = await stage.join("bob")
    audio = await ann.publish("audio")
    await bob.consume(audio)
    await bob.wait_for(audio, changes=5)
    await stage.room.detach("bob")
    seen = await counters(stage.pool)
    assert (seen["transports"], seen["consumers"], seen["producers"]) == (1, 0, 1)
    for refused in (
        stage.room.restart_ice(bob_line.transports["recv"]),
        stage.room.create_consumer("bob", bob_line.transports["recv"], audio),
    ):
        with pytest.raises(MediaError) as error:
            await refused
        assert error.value.code == "unknown_transport"
    await stage.room.detach("ann")
    after = await counters(stage.pool)
    assert (after["transports"], after["producers"]) == (0, 0)
    assert after["rtp_out"] >= seen["rtp_out"]
    again = await counters(stage.pool)
    assert again["rtp_out"] == after["rtp_out"]
    assert stage.events.empty()  # what was asked for is no news
    assert ann_line.transports


async def test_a_peer_that_hangs_up_is_reported_with_its_producers(stage: Stage) -> None:
    ann, line = await stage.join("ann")
    bob, _ = await stage.join("bob")
    audio = await ann.publish("audio")
    await bob.consume(audio)
    await bob.wait_for(audio, changes=5)
    await ann.close()
    assert await stage.events.get() == ("room", ProducerClosed("ann", audio))
    assert await stage.events.get() == ("room", TransportClosed("ann", line.transports["send"], "closed_by_peer"))


async def test_a_wrong_fingerprint_ends_the_transport(stage: Stage) -> None:
    class Impostor(Line):
        async def __call__(self, event: str, data: dict[str, object]) -> dict[str, object]:
            if event == "transport.connect":
                data["dtlsParameters"]["fingerprints"] = [{"algorithm": "sha-256", "value": ":".join(["AB"] * 32)}]  # type: ignore[index]  # JSON
            return await super().__call__(event, data)

    line = Impostor(stage.room, "eve")
    eve = Headless(line)
    stage.people.append(eve)
    await eve.load()
    producer = await eve.publish("audio")
    assert await stage.events.get() == ("room", ProducerClosed("eve", producer))
    assert await stage.events.get() == ("room", TransportClosed("eve", line.transports["send"], "dtls_failed"))


async def test_a_killed_worker_loses_its_rooms_and_is_replaced(stage: Stage) -> None:
    ann, _ = await stage.join("ann")
    await ann.publish("audio")
    (worker,) = await stage.pool.stats()
    os.kill(worker["pid"], signal.SIGKILL)
    assert await stage.events.get() == ("room", WorkerLost())
    with pytest.raises(MediaError) as lost:
        await stage.room.create_transport("ann", "send")
    assert lost.value.code == "worker_lost"
    stage.room = await stage.pool.open_room("room")
    dee, _ = await stage.join("dee")
    eli, _ = await stage.join("eli")
    audio = await dee.publish("audio")
    await eli.consume(audio)
    await eli.wait_for(audio, changes=5)
    (again,) = await stage.pool.stats()
    assert again["pid"] != worker["pid"]


async def test_rooms_go_to_the_worker_with_the_fewest() -> None:
    pool = MediaPool(settings(media_workers=2))
    await pool.start()
    try:
        rooms = [await pool.open_room(f"room-{number}") for number in range(4)]
        assert [worker["rooms"] for worker in await pool.stats()] == [2, 2]
        with pytest.raises(MediaError) as refused:
            await pool.open_room("room-0")
        assert refused.value.code == "wrong_state"
        await rooms[0].close()
        await rooms[2].close()
        await pool.open_room("room-0")
        assert sorted(worker["rooms"] for worker in await pool.stats()) == [1, 2]
    finally:
        await pool.close()


async def test_a_room_with_many_people_counts_for_more_than_several_small_ones() -> None:
    pool = MediaPool(settings(media_workers=2))
    await pool.start()
    try:
        full, *_ = [await pool.open_room(name) for name in ("full", "small")]
        for person in range(4):
            await full.create_transport(f"person-{person}", "send")
        for number in range(5):
            await pool.open_room(f"small-{number}")
        assert [worker["rooms"] for worker in await pool.stats()] == [1, 6]
        for person in range(4):
            await full.detach(f"person-{person}")
        await pool.open_room("after")
        assert [worker["rooms"] for worker in await pool.stats()] == [2, 6], "who has gone does not count"
    finally:
        await pool.close()


async def test_a_stuck_worker_is_said_to_be_stuck_and_hides_nobody() -> None:
    pool = MediaPool(settings(media_workers=2))
    await pool.start()
    stuck, well = await pool.stats()
    os.kill(stuck["pid"], signal.SIGSTOP)
    try:
        seen = await pool.stats(timeout=0.5)
        assert [(each["pid"], each["answers"]) for each in seen] == [(stuck["pid"], 0), (well["pid"], 1)]
        assert "rooms" not in seen[0]
        assert seen[1]["rooms"] == 0
    finally:
        os.kill(stuck["pid"], signal.SIGCONT)
        await pool.close()


async def test_a_taken_port_is_named_at_start() -> None:
    first = MediaPool(settings())
    await first.start()
    try:
        (worker,) = await first.stats()
        with pytest.raises(MediaError) as refused:
            await MediaPool(settings(media_port=worker["port"])).start()
        assert refused.value.code == "no_socket"
    finally:
        await first.close()


async def test_a_worker_ends_with_its_server() -> None:
    pool = MediaPool(settings())
    await pool.start()
    (worker,) = await pool.stats()
    await pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(worker["pid"], 0)
    with contextlib.suppress(MediaError):
        assert await pool.stats() == []


ORPHANING_SERVER = """
import asyncio, sys
from types import SimpleNamespace
from media.pool import MediaPool
async def main():
    settings = {"media_listen": "127.0.0.1", "media_port": 0, "media_announced": [], "media_workers": 1}
    pool = MediaPool(SimpleNamespace(**settings, media_tcp=False))
    await pool.start()
    (worker,) = await pool.stats()
    print(worker["pid"], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_worker_does_not_outlive_a_server_that_was_killed() -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ORPHANING_SERVER, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert server.stdout is not None
    worker = int(await server.stdout.readline())
    server.kill()
    await server.wait()
    while _runs(worker):
        await asyncio.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
