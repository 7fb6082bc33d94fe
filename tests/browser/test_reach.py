"""Networks that make it hard: no UDP at all, and an address that changes in the middle of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.support import network
from tests.support.demo import Demo
from tests.support.page import Page
from tests.support.walk import DESK, PHONE, all_meet, arrive, is_in, join, let_in, plan, sees_and_hears, sign_in

# The pair that each open connection uses: its protocol and the port on the browser's side.
PATHS = """(async () => {
  const found = [];
  for (const connection of witness.connections) {
    if (connection.connectionState === 'closed') continue;
    const lines = [...(await connection.getStats()).values()];
    const id = lines.find(line => line.type === 'transport')?.selectedCandidatePairId;
    const pair = lines.find(line => id ? line.id === id : line.type === 'candidate-pair' && line.selected);
    const local = lines.find(line => line.id === pair?.localCandidateId);
    if (local) found.push({protocol: local.protocol, port: local.port});
  }
  return found.length === 2 ? found : null;
})()"""


async def paths(page: Page) -> list[dict[str, Any]]:
    """Wait until both connections of a person have a path, and return them."""
    found: list[dict[str, Any]] = await page.wait_for(PATHS)
    return found


def udp_ports(processes: Iterable[int]) -> set[int]:
    """Return the UDP ports that these processes have bound."""
    sockets = {str(link.readlink()) for process in processes for link in Path(f"/proc/{process}/fd").iterdir()}
    lines = [
        line.split() for table in ("udp", "udp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    found = {int(line[1].rpartition(":")[2], 16) for line in lines if f"socket:[{line[9]}]" in sockets}
    assert found
    return found


async def test_two_browsers_meet_over_tcp_where_no_udp_passes(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    with ExitStack() as blocked:
        # Only what would leave a real machine: the device check talks from one end of the browser to another.
        for port in udp_ports(demo.media_workers()):
            blocked.enter_context(network.without("ipproto", "udp", "dport", str(port)))
        manager = await in_chromium("case manager", viewport=DESK)
        client = await in_firefox("client", viewport=PHONE)
        await sign_in(manager, demo, "case_manager")
        meeting = await plan(manager, demo)
        await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
        await let_in(manager, demo.client)
        await is_in(client)
        await all_meet({demo.name("case_manager"): manager, demo.client: client})
        for page in (manager, client):
            assert [path["protocol"] for path in await paths(page)] == ["tcp", "tcp"], page.label


async def test_a_phone_that_changes_networks_in_a_call_keeps_its_seat_and_its_streams(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await is_in(client)
    everybody = {demo.name("case_manager"): manager, demo.client: client}
    await all_meet(everybody)

    streams = "poruch.state().producers.map(one => one.id).sort().join()"
    before = await paths(client), await client.evaluate(streams)
    ports = {path["port"] for path in before[0]}
    with ExitStack() as gone:
        for port in ports:
            # What the phone used until now leads nowhere any more, in both directions.
            gone.enter_context(network.without("ipproto", "udp", "sport", str(port)))
            gone.enter_context(network.without("ipproto", "udp", "dport", str(port)))
        async with asyncio.timeout(60):
            while ports & {path["port"] for path in await paths(client)}:
                await asyncio.sleep(0.2)
        await sees_and_hears(client, demo.name("case_manager"))
        await sees_and_hears(manager, demo.client)
    assert await client.evaluate(streams) == before[1]
    assert await client.evaluate("poruch.state().you.phase") == "in"
