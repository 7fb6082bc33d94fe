"""A network that lets nothing through but a relay: a call by way of a real coturn, and the page says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.support import network, relay
from tests.support.demo import Demo
from tests.support.page import Page
from tests.support.walk import DESK, all_meet, arrive, is_in, join, let_in, plan, sign_in

pytestmark = pytest.mark.skipif(not relay.installed(), reason="coturn is not on this machine")

# Such a network is one in which no other candidate than the relay's leads anywhere. Connections without any server are
# the device check's own, from one end of the browser to the other.
RELAY_ALONE = """
window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
  construct(target, [configuration = {}, ...rest], self) {
    const alone = configuration.iceServers?.length ? {iceTransportPolicy: 'relay'} : {};
    return Reflect.construct(target, [{...configuration, ...alone}, ...rest], self);
  }
});
"""
SAYS = "your organisation’s relay"
# What kind of address each open connection has at this end.
KINDS = """(async () => {
  const found = [];
  for (const connection of witness.connections.filter(one => one.connectionState === 'connected')) {
    const lines = [...(await connection.getStats()).values()];
    const id = lines.find(line => line.type === 'transport')?.selectedCandidatePairId;
    const pair = lines.find(line => line.id === id);
    found.push(lines.find(line => line.id === pair?.localCandidateId)?.candidateType);
  }
  return found.join();
})()"""


@pytest_asyncio.fixture(loop_scope="session")
async def relayed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    """A demo organisation that has a relay, to be reached by the transport that the test names."""
    directory = tmp_path_factory.mktemp("relay")
    async with relay.running(directory, network.enter()) as made:
        settings = {"PORUCH_TURN_URLS": made.url(request.param), "PORUCH_TURN_SECRET": relay.SECRET}
        server = await Demo.start(directory / "data", environment=settings)
        yield server
        assert await server.stop() == 0, server.log.read_text()


async def line_says(page: Page) -> str:
    """Open the devices' dialog and read what it says of the connection, once the server has been asked."""
    await page.press("Escape")
    if not await page.count("button", "Devices"):
        await page.click("button", "More")
    await page.click("button", "Devices")
    said = await page.wait_for(
        "(text => !text?.includes('being measured') && text)(document.querySelector('.devices__line')?.innerText)"
    )
    await page.click("button", "Done")
    return str(said)


@pytest.mark.parametrize("relayed", ["udp"], indirect=True)
async def test_a_browser_that_reaches_nothing_but_the_relay_is_in_the_call_and_its_page_says_so(
    relayed: Demo, in_chromium: MakeChromiumPerson
) -> None:
    client = await in_chromium("client", viewport=DESK)
    await client.raw.context.add_init_script(RELAY_ALONE)
    manager = await _in_a_call(relayed, in_chromium, client)
    assert await client.evaluate(KINDS) == "relay,relay"
    assert await manager.evaluate(KINDS) == "host,host"
    assert SAYS in await line_says(client)
    assert SAYS not in await line_says(manager)


@pytest.mark.parametrize("relayed", ["tcp"], indirect=True)
async def test_firefox_meets_the_others_by_a_relay_that_it_reaches_over_tcp(
    relayed: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    client = await in_firefox("client", viewport=DESK)
    await client.before_scripts(RELAY_ALONE)
    await _in_a_call(relayed, in_chromium, client)
    assert SAYS in await line_says(client)


async def _in_a_call(demo: Demo, in_chromium: MakeChromiumPerson, client: Page) -> Page:
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await is_in(client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    return manager
