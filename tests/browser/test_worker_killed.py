"""A media worker that dies takes nobody's call with it."""

from __future__ import annotations

import asyncio
import os
import signal

from tests.browser.conftest import MakeChromiumPerson
from tests.support.demo import Demo
from tests.support.walk import DESK, PHONE, all_meet, arrive, is_in, join, let_in, plan, sign_in


async def test_everybody_comes_back_by_themselves_when_the_media_worker_is_killed(
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

    epoch = await client.evaluate("poruch.state().room.media_epoch")
    workers = demo.media_workers()
    assert workers
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    for page in everybody.values():
        await page.wait_for(f"poruch.state().room.media_epoch > {epoch}")
    await all_meet(everybody)
    assert set(demo.media_workers()).isdisjoint(workers)
