"""What a page says of its encryption, for tests: the words, the members of the group, and what was sent."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.support.page import Page

VERIFIED, UNVERIFIED = "Encrypted and verified", "Encrypted, not verified yet"
ENCRYPTION = "poruch.encryption()"
SENT = """(async () => {
  let packets = 0;
  for (const connection of witness.connections)
    for (const line of (await connection.getStats()).values())
      if (line.type === 'outbound-rtp') packets += line.packetsSent;
  return packets;
})()"""


async def members(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await page.evaluate(f"{ENCRYPTION}.view.value?.members ?? []")
    return found


async def agree(*pages: Page) -> tuple[str, int]:
    """Wait until all these pages are in the same epoch of the same group, with as many members; return both."""
    place = f"JSON.stringify([{ENCRYPTION}.view.value?.group, {ENCRYPTION}.view.value?.epoch])"
    whole = f"{ENCRYPTION}.view.value?.members.length === {len(pages)} && {place}"
    wanted = await pages[0].wait_for(whole)
    await asyncio.gather(*(page.wait_for(f"({whole}) === {json.dumps(wanted)}") for page in pages[1:]))
    group, epoch = json.loads(wanted)
    return group, epoch
