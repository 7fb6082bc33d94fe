"""What comes under a wrong key or a wrong name is neither seen nor heard, and who stalls holds up nobody else."""

from __future__ import annotations

import asyncio
import json
import os
import re
from typing import Any

from playwright.async_api import WebSocketRoute

from consent.policy import Role
from tests.browser.conftest import MakeChromiumPerson
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.encrypted import EncryptedPerson
from tests.support.forging import ForgingServer
from tests.support.keys_process import KeysProcess
from tests.support.media_seen import sees
from tests.support.page import until
from tests.support.socket_person import SocketPerson
from tests.support.walk import (
    DESK,
    PHONE,
    all_meet,
    arrive,
    is_in,
    join,
    let_in,
    picture,
    plan,
    says_of,
    sees_and_hears,
    sign_in,
    tile,
)

ENCRYPTION = "poruch.encryption()"
COUNTS = f"Object.values({ENCRYPTION}.stay.value?.crypto.counts.value ?? {{}})"
COMING = "Sound and picture come in a moment"
# Plays every incoming track whatever the page makes of it, for a while: the loudest sample, the brightest colour, and
# how many pictures came out of the decoders.
PERCEIVED = """(async () => {
  const tracks = witness.connections.filter(one => one.connectionState === 'connected')
    .flatMap(one => one.getReceivers()).map(one => one.track);
  const context = new AudioContext(), ear = context.createAnalyser(), samples = new Float32Array(ear.fftSize);
  await context.resume();
  for (const track of tracks.filter(one => one.kind === 'audio'))
    context.createMediaStreamSource(new MediaStream([track])).connect(ear);
  const videos = tracks.filter(one => one.kind === 'video').map(track => {
    const video = Object.assign(document.createElement('video'), {muted: true, srcObject: new MediaStream([track])});
    video.play().catch(() => 0);
    return video;
  });
  const brush = new OffscreenCanvas(32, 18).getContext('2d', {willReadFrequently: true});
  let loudest = 0, brightest = 0, decoded = 0;
  for (let turn = 0; turn < 40; turn++) {
    await new Promise(done => setTimeout(done, 50));
    ear.getFloatTimeDomainData(samples);
    loudest = Math.max(loudest, ...samples.map(Math.abs));
    for (const video of videos) {
      brush.drawImage(video, 0, 0, 32, 18);
      const seen = brush.getImageData(0, 0, 32, 18).data;
      for (let at = 0; at < seen.length; at += 4) brightest = Math.max(brightest, seen[at], seen[at + 1], seen[at + 2]);
    }
  }
  for (const connection of witness.connections)
    for (const line of (await connection.getStats()).values())
      if (line.type === 'inbound-rtp' && line.kind === 'video') decoded += line.framesDecoded ?? 0;
  context.close();
  return {tracks: tracks.length, loudest, brightest, decoded};
})()"""


async def test_frames_under_a_wrong_key_are_black_and_silent_and_never_noise(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await join(manager, meeting.url)
    process = await KeysProcess.start()
    person = await SocketPerson.come(meeting.invitation)
    await let_in(manager, demo.client)
    await person.until(lambda state: state["you"]["phase"] == "in")
    client = await EncryptedPerson.start(person, meeting.invitation, process)
    await client.has_keys()
    frames = client.member.frames
    right = frames.base_key()
    frames.mislead(os.urandom(16))
    await client.media.load()
    for kind in ("audio", "video"):
        await client.media.publish(kind)
    # Frames of both kinds come, and none opens.
    await manager.wait_for(f"{COUNTS}.filter(one => one.refused.tampered > 20).length === 2")
    await says_of(manager, demo.client, COMING)
    perceived = await manager.evaluate(PERCEIVED)
    assert perceived == {"tracks": perceived["tracks"], "loudest": 0, "brightest": 0, "decoded": 0}
    assert perceived["tracks"] >= 2
    # The very same senders with the right key are seen and heard, by the same eyes and ears.
    frames.mislead(right)
    await sees_and_hears(manager, demo.client)
    perceived = await manager.evaluate(PERCEIVED)
    assert perceived["loudest"] > 0.01
    assert perceived["brightest"] > 50
    assert perceived["decoded"] > 0
    await client.leave()
    await process.close()


def _swapped(one: str, other: str, message: str | bytes) -> str | bytes:
    """The snapshot of a server that says of each of these two that what they send is the other's."""
    if not isinstance(message, str) or not message.startswith('42["room.state"'):
        return message
    name, state = json.loads(message[2:])
    turned = {one: other, other: one}
    for producer in state["producers"]:
        producer["seat"] = turned.get(producer["seat"], producer["seat"])
    return f"42{json.dumps([name, state])}"


async def test_streams_that_the_server_swaps_between_people_are_not_shown(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    await sign_in(psychologist, demo, "psychologist")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    name = demo.name("case_manager")
    await all_meet({name: manager, demo.client: client})
    seats: list[str] = await manager.evaluate(f"{ENCRYPTION}.view.value.members.map(one => one.seat)")
    assert len(seats) == 2

    def lie(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda message: socket.send(_swapped(seats[0], seats[1], message)))

    await psychologist.raw.route_web_socket(re.compile("/socket"), lie)
    await join(psychologist, meeting.url)
    # Four streams come, sound and picture of two people, and each is refused for its sender.
    await psychologist.wait_for(f"{COUNTS}.filter(one => one.refused.wrong_sender > 20).length === 4")
    for person in (name, demo.client):
        await says_of(psychologist, person, COMING)
    assert await psychologist.evaluate(
        "[...document.querySelectorAll('.tile:not(.tile--own) video')].every(one => !one.srcObject)"
    )
    perceived = await psychologist.evaluate(PERCEIVED)
    assert (perceived["loudest"], perceived["brightest"], perceived["decoded"]) == (0, 0, 0)
    # It is their names that are wrong, not the streams: the two see each other still.
    await sees_and_hears(manager, demo.client, demo.name("psychologist"))


def _without(seat: str, message: str | bytes) -> str | bytes:
    """The snapshot of a server that leaves somebody out."""
    if not isinstance(message, str) or not message.startswith('42["room.state"'):
        return message
    name, state = json.loads(message[2:])
    for kind in ("people", "producers"):
        state[kind] = [each for each in state[kind] if each["seat"] != seat]
    return f"42{json.dumps([name, state])}"


async def test_whoever_has_keys_and_is_left_out_of_the_list_is_named(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    await sign_in(psychologist, demo, "psychologist")
    meeting = await plan(manager, demo)
    name, hidden = demo.name("case_manager"), demo.name("psychologist")
    await asyncio.gather(join(manager, meeting.url), join(psychologist, meeting.url))
    await all_meet({name: manager, hidden: psychologist})
    seat = await psychologist.evaluate("poruch.state().you.seat")

    def lie(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda message: socket.send(_without(seat, message)))

    await client.raw.route_web_socket(re.compile("/socket"), lie)
    await arrive(client, meeting.invitation)
    await let_in(manager, demo.client)
    await sees_and_hears(client, name)
    # No tile, no voice and no arrival tell the client of the psychologist; the keys do.
    assert await client.evaluate(f"!({tile(hidden)})")
    await client.see(f"In the encrypted group, and not in the list: {hidden}.")
    # Whom the server tells of everybody reads nothing of the kind.
    for page in (manager, psychologist):
        assert await page.evaluate("!document.body.innerText.includes('not in the list')")


async def _stalling(page: ChromiumPage, what: str = "committed|welcome") -> list[str]:
    """From its next connection on: once the list that is returned holds a word, nothing of this kind arrives."""
    orders: list[str] = []

    def stall(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def passed_on(message: str | bytes) -> None:
            kept_back = isinstance(message, str) and re.match(rf'42\["mls\.({what})"', message)
            if not (orders and kept_back):
                socket.send(message)

        server.on_message(passed_on)

    await page.raw.route_web_socket(re.compile("/socket"), stall)
    return orders


async def test_a_member_who_processes_no_commit_holds_up_nobody_else(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    orders = await _stalling(client)
    await sign_in(manager, demo, "case_manager")
    await sign_in(psychologist, demo, "psychologist")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    names = {"manager": demo.name("case_manager"), "psychologist": demo.name("psychologist")}
    await all_meet({names["manager"]: manager, demo.client: client})

    orders.append("stall")
    await join(psychologist, meeting.url)
    place = f"JSON.stringify([{ENCRYPTION}.view.value?.group, {ENCRYPTION}.view.value?.epoch])"

    async def agree() -> Any:
        return await manager.evaluate(place) == await psychologist.evaluate(place)

    await until(agree, "the two others agree")
    await asyncio.gather(
        _sees(manager, names["psychologist"]),
        _sees(psychologist, names["manager"]),
        # Who stalls is told so, and sends nothing with keys that are no longer everybody's.
        client.see("Stopped, because no certified device of the team has let this one in yet"),
    )
    # The line is mended, and everybody meets.
    orders.clear()
    await client.reload()
    await is_in(client)
    await all_meet({names["manager"]: manager, demo.client: client, names["psychologist"]: psychologist})


async def test_a_commit_that_the_server_does_not_even_tell_of_is_noticed_by_the_frames(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    orders = await _stalling(client, what="committed|state")
    await sign_in(manager, demo, "case_manager")
    await sign_in(psychologist, demo, "psychologist")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    names = {demo.name("case_manager"): manager, demo.client: client, demo.name("psychologist"): psychologist}
    await all_meet({name: page for name, page in names.items() if page is not psychologist})

    orders.append("stall")
    await join(psychologist, meeting.url)
    # The client hears neither of the commit nor of the epoch, and comes with a fresh leaf all the same.
    await client.wait_for(f"{COUNTS}.some(one => one.refused.newer_epoch > 20)")
    await client.wait_for(f"{ENCRYPTION}.view.value?.members.length === 3")
    place = f"JSON.stringify([{ENCRYPTION}.view.value?.group, {ENCRYPTION}.view.value?.epoch])"

    async def agree() -> Any:
        return len({await page.evaluate(place) for page in names.values()}) == 1

    await until(agree, "all three agree")
    await all_meet(names)


async def _sees(page: ChromiumPage, name: str) -> None:
    await sees(page, picture(name))


# How many certificates and how many links' secrets this browser keeps.
KEPT = """new Promise((done, failed) => {
  const opened = indexedDB.open("poruch-device");
  opened.onerror = failed;
  opened.onsuccess = () => {
    const asked = opened.result.transaction(["certificate", "secrets"]);
    const [certificates, secrets] = ["certificate", "secrets"].map(name => asked.objectStore(name).count());
    asked.oncomplete = () => {
      done([certificates.result, secrets.result]);
      opened.result.close();
    };
  };
})"""


async def test_a_server_that_calls_a_client_staff_takes_no_secret_and_no_pin_away(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    await client.see("Encrypted and verified")
    assert await client.evaluate(KEPT) == [0, 1]

    forger = ForgingServer(Role.CASE_MANAGER)
    await forger.call_staff(client.raw)
    await client.reload()
    await is_in(client)
    # Under another name of the appointment nobody can let this device in; its link still says whom it trusts.
    await client.wait_for(f"{ENCRYPTION}.stay.value?.mayRaise === false")
    assert await client.evaluate(KEPT) == [0, 1]

    await forger.stand_before(client.raw)
    await client.reload()
    await client.see("Stopped, because the server names another organisation than your invitation does")
    assert forger.issued == [], "nor does it ask to be certified"
    assert await client.evaluate(KEPT) == [0, 1]
    assert await client.evaluate(f"{ENCRYPTION}.stay.value === null")
