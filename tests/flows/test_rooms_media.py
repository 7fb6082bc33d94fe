"""A meeting and its media worker: streams in the snapshots, mute, pause, and a worker that dies."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from consent.database import Database
from consent.events import Tag
from media.control import ConsumerHeld, TransportClosed
from media.pool import MediaPool
from tests.flows.meeting import MEDIA, House, Person
from tests.unit.rooms.people import CLIENT, MANAGER, PSYCHOLOGIST, plan

DTLS = {"role": "client", "fingerprints": [{"algorithm": "sha-256", "value": ":".join(["AB"] * 32)}]}
OPUS = {
    "mimeType": "audio/opus",
    "payloadType": 111,
    "clockRate": 48000,
    "channels": 2,
    "parameters": {},
    "rtcpFeedback": [],
}


def sound(ssrc: int) -> dict[str, Any]:
    return {
        "mid": "0",
        "codecs": [OPUS],
        "headerExtensions": [],
        "encodings": [{"ssrc": ssrc}],
        "rtcp": {"cname": f"cname{ssrc}", "reducedSize": True},
    }


PICTURE = {
    "mid": "1",
    "codecs": [{"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000, "parameters": {}, "rtcpFeedback": []}],
    "headerExtensions": [],
    "encodings": [{"ssrc": 7}],
    "rtcp": {"cname": "cname7", "reducedSize": True},
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database, pool = Database.in_file(tmp_path / "rooms.sqlite3"), MediaPool(MEDIA)
    house = House(database, pool)
    await house.start()
    await pool.start()
    yield house
    await house.stop()
    await pool.close()
    await database.close()


async def test_browsers_are_told_of_the_relay_with_credentials_of_their_own(house: House) -> None:
    manager, client = await together(house)
    servers = [(await person.ask("transport.create", direction="send"))["iceServers"] for person in (manager, client)]
    assert [server["urls"] for (server,) in servers] == [["turn:relay.example.org:3478"]] * 2
    assert servers[0][0]["username"] != servers[1][0]["username"]


async def together(house: House) -> tuple[Person, Person]:
    """The case manager and an admitted client."""
    manager = await house.come(MANAGER)
    client = await house.come(CLIENT)
    await manager.ask("host.admit", seat=CLIENT)
    await client.until(lambda: client.state["you"]["phase"] == "in")
    return manager, client


async def publish(person: Person, ssrc: int) -> str:
    """A microphone."""
    transport = await person.ask("transport.create", direction="send")
    await person.ask("transport.connect", transportId=transport["id"], dtlsParameters=DTLS)
    microphone = {"kind": "audio", "source": "microphone", "rtpParameters": sound(ssrc), "paused": False}
    made = await person.ask("producer.create", transportId=transport["id"], **microphone)
    return str(made["id"])


async def test_it_shows_streams_to_everybody_inside_and_lets_them_consume(house: House) -> None:
    manager, client = await together(house)
    capabilities = await client.ask("media.capabilities")
    assert {codec["mimeType"] for codec in capabilities["routerRtpCapabilities"]["codecs"]} >= {
        "audio/opus",
        "video/VP8",
    }
    producer = await publish(client, 1)
    await manager.until(lambda: manager.state["producers"])
    assert manager.state["producers"] == [
        {"id": producer, "seat": CLIENT, "kind": "audio", "source": "microphone", "paused": False}
    ]
    assert await manager.code("consumer.create", producerId=producer) == "unknown_transport"
    await manager.ask("transport.create", direction="recv")
    consumer = await manager.ask("consumer.create", producerId=producer)
    assert (consumer["producerId"], consumer["paused"]) == (producer, True)
    for step in ("resume", "pause", "close"):
        await manager.ask(f"consumer.{step}", consumerId=consumer["id"])
    await client.ask("producer.close", producerId=producer)
    await manager.until(lambda: not manager.state["producers"])


async def test_it_keeps_everybody_to_what_is_their_own(house: House) -> None:
    manager, client = await together(house)
    producer = await publish(client, 1)
    transport = await manager.ask("transport.create", direction="recv")
    consumer = await manager.ask("consumer.create", producerId=producer)
    for step in ("pause", "resume", "close"):
        assert await manager.code(f"producer.{step}", producerId=producer) == "unknown_producer"
        assert await client.code(f"consumer.{step}", consumerId=consumer["id"]) == "unknown_consumer"
    assert await client.code("transport.restart_ice", transportId=transport["id"]) == "unknown_transport"
    connecting = {"transportId": transport["id"], "dtlsParameters": DTLS}
    assert await client.code("transport.connect", **connecting) == "unknown_transport"
    assert await client.code("consumer.create", producerId=producer) == "unknown_transport"
    await client.ask("transport.create", direction="recv")
    assert await client.code("consumer.create", producerId=producer) == "unknown_producer"


async def test_it_refuses_a_screen_of_somebody_who_came_by_link(house: House) -> None:
    manager, client = await together(house)
    transports = {person: await person.ask("transport.create", direction="send") for person in (manager, client)}
    for person, transport in transports.items():
        await person.ask("transport.connect", transportId=transport["id"], dtlsParameters=DTLS)

    async def show(person: Person, kind: str, rtp: dict[str, Any]) -> str | None:
        shown = {"kind": kind, "source": "screen", "rtpParameters": rtp, "paused": False}
        return await person.code("producer.create", transportId=transports[person]["id"], **shown)

    # Neither its picture nor its sound, and not by a second attempt.
    refusals = [await show(client, kind, rtp) for kind, rtp in (("video", PICTURE), ("audio", sound(2)))]
    assert refusals == ["forbidden", "forbidden"]
    assert await show(manager, "video", PICTURE) is None
    await client.until(lambda: client.state["producers"])
    assert [(one["seat"], one["source"]) for one in client.state["producers"]] == [(MANAGER, "screen")]
    refused = [entry for entry in await house.record() if entry.tag == Tag.ACCESS_REFUSED]
    assert [(entry.actor, entry.details["action"]) for entry in refused] == [(f"seat:{CLIENT}", "share_screen")]


async def test_it_tells_a_person_how_their_line_does_and_adds_up_what_their_page_has_seen(house: House) -> None:
    manager, client = await together(house)
    await publish(client, 1)
    first = await client.ask("media.line", freezes=2, relayed=True)
    assert (first["freezes"], first["path"], first["lost_up_permille"]) == (2, None, None)
    assert (await client.ask("media.line", freezes=3, relayed=False))["freezes"] == 5
    assert (await manager.ask("media.line", freezes=1, relayed=False))["freezes"] == 0  # without media there is none
    for wrong in ({"freezes": -1}, {"freezes": 61}, {"freezes": 0.5}, {"relayed": "yes"}, {"loss": 1}):
        assert await client.code("media.line", **{"freezes": 0, "relayed": False, **wrong}) == "bad_message"


async def test_a_stream_in_vp9_is_for_those_who_say_that_they_take_it(house: House) -> None:
    manager, client = await together(house)
    transport = await client.ask("transport.create", direction="send")
    await client.ask("transport.connect", transportId=transport["id"], dtlsParameters=DTLS)
    codec = {"mimeType": "video/VP9", "payloadType": 98, "clockRate": 90000, "parameters": {"profile-id": 0}}
    picture = {"codecs": [codec], "encodings": [{"ssrc": 9}]}
    made = await client.ask(
        "producer.create",
        transportId=transport["id"],
        kind="video",
        source="camera",
        rtpParameters=picture,
        paused=False,
    )
    await manager.ask("transport.create", direction="recv")
    assert await manager.code("consumer.create", producerId=made["id"]) == "unknown_producer"
    await manager.ask("seat.update", abilities={"audio": True, "video": True, "vp9": True})
    consumer = await manager.ask("consumer.create", producerId=made["id"])
    assert consumer["rtpParameters"]["codecs"][0]["mimeType"] == "video/VP9"


@pytest.mark.parametrize(
    "rtp",
    [
        {},
        {"codecs": "opus"},
        sound(1) | {"codecs": [OPUS | {"mimeType": "audio/PCMU"}]},
        sound(1) | {"encodings": [{"ssrc": "1"}]},
        sound(1) | {"encodings": [{"ssrc": -1}]},
    ],
)
async def test_it_refuses_bad_parameters_and_goes_on(house: House, rtp: dict[str, Any]) -> None:
    _, client = await together(house)
    transport = await client.ask("transport.create", direction="send")
    given = {"transportId": transport["id"], "kind": "audio", "source": "microphone", "paused": False}
    assert await client.code("producer.create", rtpParameters=rtp, **given) == "bad_parameters"
    assert await client.code("producer.create", rtpParameters=sound(1), **given) is None


async def test_it_refuses_more_streams_than_a_person_needs(house: House) -> None:
    _, client = await together(house)
    transport = await client.ask("transport.create", direction="send")
    codes = [
        await client.code(
            "producer.create",
            transportId=transport["id"],
            kind="audio",
            source="microphone",
            rtpParameters=sound(number) | {"mid": str(number)},
            paused=False,
        )
        for number in range(1, 6)
    ]
    assert codes == [None] * 4 + ["too_many_producers"]


async def test_it_mutes_a_microphone_until_its_owner_takes_that_back(house: House) -> None:
    manager, client = await together(house)
    producer = await publish(client, 1)
    await manager.ask("host.mute", seat=CLIENT)
    await manager.until(lambda: [each["paused"] for each in manager.state["producers"]] == [True])
    assert manager.other(CLIENT)["muted_by_host"]  # type: ignore[index]  # somebody who is there
    await client.drop()
    client = await house.come(CLIENT)
    assert client.state["you"]["muted_by_host"]
    producer = await publish(client, 2)
    await manager.until(lambda: [each["id"] for each in manager.state["producers"]] == [producer])
    assert manager.state["producers"][0]["paused"]
    await client.ask("producer.resume", producerId=producer)
    await manager.until(lambda: [each["paused"] for each in manager.state["producers"]] == [False])
    assert not manager.other(CLIENT)["muted_by_host"]  # type: ignore[index]  # as above


async def test_it_takes_streams_of_somebody_who_goes_out_of_the_snapshots(house: House) -> None:
    manager, client = await together(house)
    psychologist = await house.come(PSYCHOLOGIST)
    await publish(client, 1)
    kept = await publish(psychologist, 2)
    await manager.until(lambda: len(manager.state["producers"]) == 2)
    await manager.ask("host.remove", seat=CLIENT)
    await manager.until(lambda: [each["id"] for each in manager.state["producers"]] == [kept])


async def test_it_closes_the_previous_transport_of_a_direction(house: House) -> None:
    manager, client = await together(house)
    await publish(client, 1)
    await manager.until(lambda: manager.state["producers"])
    first = await client.ask("transport.create", direction="recv")
    await client.ask("transport.create", direction="recv")
    assert await client.code("transport.restart_ice", transportId=first["id"]) == "unknown_transport"
    again = await publish(client, 2)
    await manager.until(lambda: [each["id"] for each in manager.state["producers"]] == [again])
    assert len(await house.pool.stats()) == 1


async def test_it_shows_lost_media_as_a_drop_until_a_new_transport_works(house: House) -> None:
    manager, client = await together(house)
    transport = await client.ask("transport.create", direction="send")
    house.clock.forward(seconds=30)
    house.rooms.on_media(plan().appointment_id, TransportClosed(client.socket.get_sid(), transport["id"], "lost"))
    await manager.until_other(CLIENT, phase="lost", since="2026-03-05T12:00:30.000Z")
    await client.until(lambda: ("transport.closed", {"transportId": transport["id"]}) in client.heard)
    assert client.state["you"]["phase"] == "in"
    house.clock.forward(minutes=2)
    await publish(client, 1)
    await manager.until_other(CLIENT, phase="in")
    assert (await house.tags(CLIENT))[-2:] == [Tag.DROPPED, Tag.RETURNED]


async def test_it_does_not_take_a_browser_that_rebuilds_its_transport_for_lost(house: House) -> None:
    manager, client = await together(house)
    transport = await client.ask("transport.create", direction="recv")
    revision = client.state["revision"]
    event = TransportClosed(client.socket.get_sid(), transport["id"], "closed_by_peer")
    house.rooms.on_media(plan().appointment_id, event)
    await client.until(lambda: client.state["revision"] > revision)
    assert manager.other(CLIENT)["phase"] == "in"  # type: ignore[index]  # somebody who is there
    house.rooms.on_media(plan().appointment_id, event)
    await client.ask("transport.create", direction="recv")
    assert Tag.DROPPED not in await house.tags()


async def test_it_takes_how_large_a_stream_is_shown_and_what_a_person_needs(house: House) -> None:
    manager, client = await together(house)
    producer = await publish(client, 1)
    await manager.ask("transport.create", direction="recv")
    consumer = (await manager.ask("consumer.create", producerId=producer))["id"]
    await manager.ask("consumer.prefer", consumerId=consumer, height=360, rank="pinned")
    await manager.ask("media.need", sight=True)
    assert await manager.code("consumer.prefer", consumerId="other", height=1, rank="grid") == "unknown_consumer"
    assert await manager.code("consumer.prefer", consumerId=consumer, height=-1, rank="grid") == "bad_message"
    assert await client.code("consumer.prefer", consumerId=consumer, height=1, rank="grid") == "unknown_consumer"


async def test_it_tells_only_its_receiver_that_a_stream_is_held(house: House) -> None:
    manager, client = await together(house)
    producer = await publish(client, 1)
    await manager.ask("transport.create", direction="recv")
    consumer = (await manager.ask("consumer.create", producerId=producer))["id"]
    room, conn = plan().appointment_id, manager.socket.get_sid()
    house.rooms.on_media(room, ConsumerHeld(conn, "gone", True))
    house.rooms.on_media(room, ConsumerHeld(conn, consumer, True))
    await manager.until(lambda: ("consumer.held", {"consumerId": consumer, "held": True}) in manager.heard)
    told = [data for event, data in manager.heard if event == "consumer.held"]
    assert told == [{"consumerId": consumer, "held": True}]
    assert not [event for event, _ in client.heard if event == "consumer.held"]


async def test_it_places_the_room_anew_when_the_worker_dies(house: House) -> None:
    manager, client = await together(house)
    await publish(client, 1)
    await manager.until(lambda: manager.state["producers"])
    (worker,) = await house.pool.stats()
    os.kill(int(worker["pid"]), signal.SIGKILL)
    await manager.until(lambda: manager.state["room"]["media_epoch"] == 1)
    assert manager.state["producers"] == []
    producer = await publish(client, 2)
    await manager.until(lambda: manager.state["producers"])
    await manager.ask("transport.create", direction="recv")
    await manager.ask("consumer.create", producerId=producer)
    assert Tag.DROPPED not in await house.tags()
