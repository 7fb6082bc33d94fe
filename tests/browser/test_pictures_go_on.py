"""Pictures go on while others come, go and return, keys change, and packets are lost.

Counted are pictures and not seconds: what a sender has sent, and what has come out of the other's decoder. A busy
machine may be late with them; it must not leave out a second of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser.conftest import MakeChromiumPerson
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.encrypted import EncryptedPerson
from tests.support.keys_process import KeysProcess
from tests.support.page import Page
from tests.support.socket_person import SocketPerson
from tests.support.walk import DESK, Meeting, all_meet, join, let_in, plan, sign_in

ENCRYPTION = "poruch.encryption()"
A_SECOND = 20
"""So many pictures a camera makes in one."""
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


class Way:
    """From one person's camera to another's screen; `missing` are the pictures that were lost on it since it began."""

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
        """Wait for two seconds' pictures more, and see that none was left out by a whole second."""
        come = (await self._receiver.evaluate(COME))["pictures"]
        await self._receiver.wait_for(f"(await {COME}).pictures >= {come + 2 * A_SECOND}")
        assert await self.missing() <= A_SECOND


@pytest_asyncio.fixture(loop_scope="session")
async def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    """A demo organisation; its line may be a bad one."""
    module = getattr(request, "param", "server")
    server = await Demo.start(tmp_path_factory.mktemp("demo") / "data", module=module)
    yield server
    assert await server.stop() == 0, server.log.read_text()


async def _two_meet(demo: Demo, in_chromium: MakeChromiumPerson) -> tuple[ChromiumPage, ChromiumPage, Meeting]:
    manager = await in_chromium("case manager", viewport=DESK)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    await sign_in(psychologist, demo, "psychologist")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), join(psychologist, meeting.url))
    await all_meet({demo.name("case_manager"): manager, demo.name("psychologist"): psychologist})
    return manager, psychologist, meeting


async def test_nobodys_picture_stops_but_the_one_concerned(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager, psychologist, meeting = await _two_meet(demo, in_chromium)
    ways = [await Way.begin(manager, psychologist), await Way.begin(psychologist, manager)]
    epochs = [await manager.evaluate(f"{ENCRYPTION}.view.value.epoch")]

    async def rekeyed() -> None:
        for page in (manager, psychologist):
            await page.wait_for(f"{ENCRYPTION}.view.value?.epoch > {epochs[-1]}")
        epochs.append(await manager.evaluate(f"{ENCRYPTION}.view.value.epoch"))
        for way in ways:
            await way.goes_on()

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
