"""A curious server: it keeps every packet that it forwards, and can make nothing of any of them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.support import curious_server, curious_worker
from tests.support.chromium import ChromiumPage
from tests.support.curious import Tap, findings
from tests.support.curious_keys import LONGEST, Bag, opened, opens, private_halves, samples
from tests.support.demo import ROOT, Demo
from tests.support.eavesdrop import PHRASE
from tests.support.encrypted import EncryptedPerson
from tests.support.keys_process import KeysProcess
from tests.support.media_seen import sees
from tests.support.page import Page, until
from tests.support.socket_person import SocketPerson
from tests.support.walk import (
    DESK,
    PHONE,
    Meeting,
    all_meet,
    arrive,
    is_in,
    join,
    let_in,
    open_people,
    picture,
    plan,
    sees_and_hears,
    sign_in,
)

UNENCRYPTED = "nothing is encrypted"
"""What tests/browser/plain_pipeline.ts says in the console of the build that has it."""
AUDIO, VIDEO = 100, 40
"""So many frames of each person are looked at in each moment: two seconds, on a slow machine some more."""
ENCRYPTION = "poruch.encryption()"


async def _build(folder: Path, *options: str) -> Path:
    node = shutil.which("node")
    assert node is not None
    command = (node, "build.mjs", f"--out={folder}", *options)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT / "web")
    assert await process.wait() == 0
    return folder


async def _plain_build(folder: Path) -> Path:
    return await _build(folder, "--instead=client/e2ee/pipeline=../tests/browser/plain_pipeline.ts")


@pytest.fixture
def tap(tmp_path: Path) -> Tap:
    """Where the server under test writes what it sees."""
    return Tap(tmp_path / "tap.jsonl")


@pytest_asyncio.fixture(loop_scope="session")
async def demo(request: pytest.FixtureRequest, tap: Tap, tmp_path: Path) -> AsyncIterator[Demo]:
    """A curious server with the client that people get, or with the one that does not encrypt."""
    plain = getattr(request, "param", "") == "plain"
    built = await (_plain_build if plain else _build)(tmp_path / "built")
    environment = {
        curious_worker.TAP: str(tap.path),
        curious_server.DIST: str(built),
        curious_server.HEARD: str(tmp_path / "heard.jsonl"),
    }
    server = await Demo.start(tmp_path / "data", environment=environment, module="tests.support.curious_server")
    yield server
    assert await server.stop() == 0, server.log.read_text()


async def _in_a_call(demo: Demo, manager: ChromiumPage, client: Page) -> Meeting:
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await is_in(client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    return meeting


async def _flows(tap: Tap, people: int, since: int = 0) -> set[str]:
    """Wait until so many people's sound and picture have come after the mark; return their connections."""
    found: set[str] = set()

    async def enough() -> bool:
        frames: Counter[tuple[str, str]] = Counter()
        for stream in tap.streams(since):
            frames[stream.peer, stream.kind] += stream.seen
        found.update(peer for peer, _ in frames if frames[peer, "audio"] >= AUDIO and frames[peer, "video"] >= VIDEO)
        return len(found) >= people

    await until(enough, f"sound and picture of {people} people")
    return found


# Transforms of senders are attached only once pictures were made or packets have left. `claimed` is a browser that says
# of a transform that it were at work although it is not.
LATE = """((claimed) => {
  const total = async field => {
    let sum = 0;
    for (const connection of witness.connections.filter(one => one.connectionState !== 'closed'))
      for (const line of (await connection.getStats()).values())
        if (line.type === 'outbound-rtp') sum += line[field] ?? 0;
    return sum;
  };
  window.late = {asked: 0, attached: 0, sent: 0, packets: () => total('packetsSent')};
  const {get, set} = Object.getOwnPropertyDescriptor(RTCRtpSender.prototype, 'transform');
  const asked = new Map();
  Object.defineProperty(RTCRtpSender.prototype, 'transform', {
    get() { return claimed ? asked.get(this) : get.call(this); },
    async set(value) {
      late.asked++;
      asked.set(this, value);
      while (await total('framesEncoded') < 10 && await late.packets() < 60)
        await new Promise(done => setTimeout(done, 20));
      late.sent = Math.max(late.sent, await late.packets());
      late.attached++;
      set.call(this, value);
    }
  });
})"""


async def test_what_people_get_holds_no_way_around_the_encryption(tmp_path: Path) -> None:
    given, plain = await asyncio.gather(_build(tmp_path / "given"), _plain_build(tmp_path / "plain"))

    def saying(build: Path) -> set[str]:
        files = (path for path in build.rglob("*") if path.is_file())
        return {path.name.partition(".")[0] for path in files if UNENCRYPTED.encode() in path.read_bytes()}

    assert saying(plain) == {"e2ee-worker-native", "e2ee-worker-noble"}
    assert saying(given) == set()


@pytest.mark.parametrize("demo", ["plain"], indirect=True)
async def test_without_encryption_the_server_sees_and_hears_both_browsers(
    demo: Demo, tap: Tap, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await _in_a_call(demo, manager, await in_firefox("client", viewport=PHONE))
    await _flows(tap, 2)
    found = findings(tap.streams())
    assert len({person for person, _ in found}) == 2
    assert len(found) == 4
    for each in found.values():
        assert each.decoded >= 0.95 * each.seen
        assert each.unsealed >= 0.8 * each.seen
    assert all(each.revealed > 0 for each in found.values()), found

    # A screen is another codec, of which it can make as much.
    mark = tap.now()
    await manager.click("button", "Screen")

    async def of_the_screen() -> bool:
        return any(each.seen >= VIDEO for each in tap.streams(mark) if each.codec == "vp9")

    await until(of_the_screen, "a screen in VP9")
    (screen,) = [each for each in tap.streams(mark) if each.codec == "vp9"]
    assert screen.decoded() >= 0.95 * screen.seen


async def test_with_encryption_it_never_sees_or_hears_anything(
    demo: Demo, tap: Tap, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_firefox("client", viewport=PHONE)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    meeting = await _in_a_call(demo, manager, client)
    everybody: dict[str, Page] = {demo.name("case_manager"): manager, demo.client: client}
    await _flows(tap, 2)

    # Somebody comes late, and all keys change.
    await sign_in(psychologist, demo, "psychologist")
    mark = tap.now()
    await join(psychologist, meeting.url)
    everybody[demo.name("psychologist")] = psychologist
    await all_meet(everybody)
    await _flows(tap, 3, mark)

    # Cameras go off and on again.
    cameras = "poruch.state().producers.filter(one => one.source === 'camera' && one.paused).length"
    for page in (manager, client):
        await page.click("button", "Camera")
    await psychologist.wait_for(f"{cameras} === 2")
    mark = tap.now()
    for page in (manager, client):
        await page.click("button", "Camera")
    await _flows(tap, 3, mark)

    # Somebody shows their screen.
    mark = tap.now()
    await psychologist.click("button", "Screen")
    await manager.find("button", f"Larger: screen of {demo.name('psychologist')}")
    await sees(client, picture(f"Screen of {demo.name('psychologist')}"))

    async def of_the_screen() -> bool:
        pictures = Counter(each.peer for each in tap.streams(mark) if each.kind == "video" and each.seen >= VIDEO)
        return max(pictures.values(), default=0) == 2

    await until(of_the_screen, "two pictures of one person")
    assert "vp9" in {each.codec for each in tap.streams(mark)}
    await psychologist.click("button", "Stop showing it")

    # Pages are loaded again, in both browsers.
    mark = tap.now()
    for page in (client, psychologist):
        await page.reload()
        await is_in(page)
    await all_meet(everybody)
    await _flows(tap, 3, mark)

    # The encrypting worker ends in one browser, the media worker for all.
    mark = tap.now()
    await manager.evaluate(f"{ENCRYPTION}.stay.value.crypto.close()")
    await manager.wait_for(f"{ENCRYPTION}.stay.value && {ENCRYPTION}.stage.value.name === 'in'")
    await all_meet(everybody)
    await _flows(tap, 3, mark)
    epoch = await client.evaluate("poruch.state().room.media_epoch")
    mark = tap.now()
    for worker in demo.media_workers():
        os.kill(worker, signal.SIGKILL)
    await client.wait_for(f"poruch.state().room.media_epoch > {epoch}")
    await all_meet(everybody)
    await _flows(tap, 3, mark)

    # Somebody is removed, and the keys change again.
    await open_people(manager)
    await manager.click("button", f"Remove: {demo.client}")
    await manager.click_css("dialog[open] .button--danger")
    await client.find("heading", "You are no longer in this conversation")
    mark = tap.now()
    assert await _flows(tap, 2, mark) == {stream.peer for stream in tap.streams(mark)}

    found = findings(tap.streams())
    assert len(found) >= 6
    # Every frame carries the number of its seal, and none shows or says anything. A decoder that makes nothing of noise
    # may show black instead, so what it gives out counts by what is in it.
    assert all((each.revealed, each.unsealed) == (0, 0) for each in found.values()), found
    assert all(each.decoded <= 0.02 * each.seen for each in found.values()), found


def _held(demo: Demo, heard: Path) -> Bag:
    """Everything that the server has: what was said to it and by it, its database, its keys."""
    bag = Bag()
    for line in heard.read_text().splitlines():
        bag.add(json.loads(line))
    for path in demo.data.rglob("*"):
        if path.suffix in {".db", ".sqlite", ".sqlite3"}:
            bag.add_database(path)
        elif path.is_file() and path.stat().st_size < LONGEST:
            bag.add(path.read_bytes())
    bag.add(demo.links)
    return bag


async def test_no_key_and_no_message_that_it_ever_held_opens_a_frame(
    demo: Demo, tap: Tap, tmp_path: Path, in_chromium: MakeChromiumPerson
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
    await client.media.load()
    for kind in ("audio", "video"):
        await client.media.publish(kind)
    await sees_and_hears(manager, demo.client)
    await manager.click("button", "Chat")
    await manager.fill("Write a message", "Something to keep")
    await manager.press("Enter")
    await client.member.until(lambda: client.member.messages)
    # The only host's worker begins anew, and with it the group: all keys change.
    frames = client.member.frames
    before = frames.base_key()
    await manager.evaluate(f"{ENCRYPTION}.stay.value.crypto.close()")
    await client.member.until(lambda: frames.sending is not None and frames.base_key() != before)
    await sees_and_hears(manager, demo.client)
    mark = tap.now()
    await _flows(tap, 2, mark)

    heard = tmp_path / "heard.jsonl"
    for event in ("mls.key_package", "mls.commit", "mls.welcome", "mls.message", "mls.forwarded"):
        assert event in heard.read_text()
    bag = _held(demo, heard)
    assert len(bag.pieces(32)) > 20_000
    for since in (0, mark):
        wanted = samples(tap.streams(since))
        assert len({peer for peer, _ in wanted}) == 2
        assert opens(bag, wanted) == {}
    assert private_halves(bag) == set()

    # The same search finds what a participant knows, and with it at least 95 % of the frames open.
    newest = samples(tap.streams(mark))
    secret = frames.base_key()
    bag.add(os.urandom(7) + secret + os.urandom(7))
    assert opens(bag, newest) == dict.fromkeys(newest, secret)
    shares = [opened(stream, secret) / stream.seen for stream in tap.streams(mark) if stream.seen >= VIDEO]
    assert len(shares) >= 4
    assert all(share >= 0.95 for share in shares), shares
    await client.leave()
    await process.close()


async def _person(browser: str, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson) -> Page:
    return await (in_chromium if browser == "chromium" else in_firefox)("client", viewport=PHONE)


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
async def test_where_a_transform_comes_too_late_no_packet_leaves(
    demo: Demo, tap: Tap, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson, browser: str
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await _person(browser, in_chromium, in_firefox)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    # The device check has had its proof; what goes wrong goes wrong afterwards.
    await client.run(f"{LATE}(false)")
    await let_in(manager, demo.client)
    await client.see("Stopped, because sound or picture would have left this device unlocked")
    assert await client.evaluate("late.asked") == 1
    assert await client.evaluate("late.packets()") == 0
    # The other one's packets come, so the tap is open; and they alone do.
    assert len(await _flows(tap, 1)) == 1
    assert len({stream.peer for stream in tap.streams()}) == 1


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
async def test_even_a_browser_that_lies_about_its_transforms_sends_nothing_of_the_person(
    demo: Demo, tap: Tap, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson, browser: str
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await _person(browser, in_chromium, in_firefox)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await client.run(f"{LATE}(true)")
    await let_in(manager, demo.client)
    await client.wait_for("late.attached >= 2")
    await client.wait_for(f"await late.packets() > {AUDIO} || document.body.innerText.includes('Stopped, because')")
    assert len(await _flows(tap, 1)) >= 1
    found = findings(tap.streams())
    assert all(each.revealed == 0 for each in found.values()), found
    # In Chromium nothing has left in the clear; in Firefox some black and silence, until the call stops itself.
    if browser == "chromium":
        assert all(each.unsealed <= PHRASE for each in found.values()), found
