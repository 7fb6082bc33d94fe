"""Pictures go on while others come, go and return, keys change, and packets are lost.

Two things are looked at, and neither by the clock on the wall, which goes on while a busy machine stands. **Lost**:
what a sender has sent, and what has come out of the other's decoder, are counted; not a second of it may be missing.
**Late**: the same camera goes to the same page a second time, without any encryption (`tests.support.beside`), and for
as long as that shows one second of its media time, the picture of the call must have moved.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import WebSocketRoute

from tests.browser.conftest import MakeChromiumPerson
from tests.support.beside import A_SECOND, Beside
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.encrypted import EncryptedPerson
from tests.support.keys_process import KeysProcess
from tests.support.media_seen import sees
from tests.support.page import Page
from tests.support.socket_person import SocketPerson
from tests.support.walk import DESK, Meeting, all_meet, join, let_in, picture, plan, sign_in

ENCRYPTION = "poruch.encryption()"
IN_A_SECOND = 20
"""So many pictures a camera makes."""
# What has gone out, and what has come in, of pictures; one that a tired machine has dropped for being late has come.
# A camera sends each picture in several sizes, of which a receiver gets one.
SENT = """(async () => {
  let sent = 0;
  for (const connection of witness.connections.filter(one => one.connectionState === 'connected')) {
    const lines = [...(await connection.getStats()).values()];
    const sizes = lines.filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
    sent += Math.max(0, ...sizes.map(({ framesSent }) => framesSent ?? 0));
  }
  return sent;
})()"""
COME = """(async () => {
  const found = {pictures: 0, asked: 0};
  for (const connection of witness.connections.filter(one => one.connectionState === 'connected'))
    for (const line of (await connection.getStats()).values())
      if (line.type === 'inbound-rtp' && line.kind === 'video') {
        found.pictures += (line.framesDecoded ?? 0) + (line.framesDropped ?? 0);
        found.asked += line.nackCount ?? 0;
      }
  return found;
})()"""


class Wire:
    """One page's connection to the server, from which a test can hold back everything that the delivery service says.

    All of it: a page that knew of somebody's wish to be added would add them itself when the other host is slow, and
    one that knew of an epoch whose commit does not come would ask for a fresh leaf.
    """

    def __init__(self) -> None:
        self.holds = False
        self.held: list[tuple[WebSocketRoute, str | bytes]] = []

    def carry(self, socket: WebSocketRoute) -> None:
        """Pass on everything else, both ways."""
        server = socket.connect_to_server()

        def passed_on(message: str | bytes) -> None:
            if self.holds and isinstance(message, str) and '["mls.' in message:
                self.held.append((socket, message))
            else:
                socket.send(message)

        server.on_message(passed_on)

    def let_go(self) -> None:
        """What was held comes now, and nothing is held any more."""
        self.holds = False
        for socket, message in self.held:
            socket.send(message)


class Way:
    """From one person's camera to another's screen; `missing` are the pictures lost on it since the last look."""

    def __init__(self, sender: Page, receiver: Page) -> None:
        self._sender, self._receiver = sender, receiver
        self._before = 0

    @classmethod
    async def begin(cls, sender: Page, receiver: Page) -> Way:
        """Count from now on."""
        way = cls(sender, receiver)
        way._before = await way.missing()
        return way

    async def missing(self) -> int:
        """How many of those that were sent have not come. What is under way at this moment counts as missing."""
        sent: int = await self._sender.evaluate(SENT)
        come: int = (await self._receiver.evaluate(COME))["pictures"]
        return sent - come - self._before

    async def goes_on(self) -> None:
        """Wait for two seconds' pictures more, and see that no second of them was left out since the last look."""
        come = (await self._receiver.evaluate(COME))["pictures"]
        await self._receiver.wait_for(f"(await {COME}).pictures >= {come + 2 * IN_A_SECOND}")
        missing = await self.missing()
        assert missing <= IN_A_SECOND
        self._before += missing


@pytest_asyncio.fixture(loop_scope="session")
async def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    """A demo organisation; its line may be a bad one."""
    module = getattr(request, "param", "server")
    server = await Demo.start(tmp_path_factory.mktemp("demo") / "data", module=module)
    yield server
    assert await server.stop() == 0, server.log.read_text()


async def _two_meet(
    demo: Demo, in_chromium: MakeChromiumPerson, wire: Wire | None = None
) -> tuple[ChromiumPage, ChromiumPage, Meeting]:
    manager = await in_chromium("case manager", viewport=DESK)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    if wire is not None:
        await psychologist.raw.route_web_socket(re.compile("/socket"), wire.carry)
    await sign_in(manager, demo, "case_manager")
    await sign_in(psychologist, demo, "psychologist")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), join(psychologist, meeting.url))
    await all_meet({demo.name("case_manager"): manager, demo.name("psychologist"): psychologist})
    return manager, psychologist, meeting


async def test_nobodys_picture_stops_but_the_one_concerned(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager, psychologist, meeting = await _two_meet(demo, in_chromium)
    ways = [await Way.begin(manager, psychologist), await Way.begin(psychologist, manager)]
    controls = [
        await Beside.begin(manager, psychologist, picture(demo.name("case_manager"))),
        await Beside.begin(psychologist, manager, picture(demo.name("psychologist"))),
    ]
    epochs = [await manager.evaluate(f"{ENCRYPTION}.view.value.epoch")]

    async def rekeyed() -> None:
        for page in (manager, psychologist):
            await page.wait_for(f"{ENCRYPTION}.view.value?.epoch > {epochs[-1]}")
        epochs.append(await manager.evaluate(f"{ENCRYPTION}.view.value.epoch"))
        for way in ways:
            await way.goes_on()
        for control in controls:
            await control.goes_on()
            assert await control.stood() <= A_SECOND

    # Somebody joins.
    process = await KeysProcess.start()
    person = await SocketPerson.come(meeting.invitation)
    await let_in(manager, demo.client)
    await person.until(lambda state: state["you"]["phase"] == "in")
    client = await EncryptedPerson.start(person, meeting.invitation, process)
    await client.has_keys()
    await rekeyed()
    # Their page is loaded again: a fresh leaf in the place of the old one.
    await client.member.close()
    again = await EncryptedPerson.start(person, meeting.invitation, process)
    await again.has_keys()
    await rekeyed()
    # They leave.
    await person.request("room.leave", {})
    await rekeyed()
    await again.leave()
    await process.close()


async def test_keys_that_come_late_are_noticed_by_that_measure(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    wire = Wire()
    manager, psychologist, meeting = await _two_meet(demo, in_chromium, wire)
    name = demo.name("case_manager")
    control = await Beside.begin(manager, psychologist, picture(name))
    await control.goes_on()
    assert await control.stood() <= A_SECOND

    # The psychologist's page does not hear of the keys with which the case manager sends half a second later.
    wire.holds = True
    process = await KeysProcess.start()
    person = await SocketPerson.come(meeting.invitation)
    await let_in(manager, demo.client)
    await person.until(lambda state: state["you"]["phase"] == "in")
    client = await EncryptedPerson.start(person, meeting.invitation, process)
    await control.stands()
    assert any('"mls.committed"' in str(message) for _, message in wire.held)

    wire.let_go()
    await sees(psychologist, picture(name))
    await control.forget()
    await control.goes_on()
    assert await control.stood() <= A_SECOND
    await client.leave()
    await process.close()


@pytest.mark.parametrize("demo", ["tests.support.lossy_server"], indirect=True)
async def test_a_line_that_loses_three_packets_of_a_hundred_freezes_nobody(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager, psychologist, _ = await _two_meet(demo, in_chromium)
    for sender, receiver in ((manager, psychologist), (psychologist, manager)):
        way = await Way.begin(sender, receiver)
        for _ in range(3):
            await way.goes_on()
        # The line has lost what it should, and was asked to send it again.
        assert (await receiver.evaluate(COME))["asked"] > 0
