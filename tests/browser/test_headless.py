"""A participant without a browser and without keys is in the room, and is neither seen nor heard."""

from __future__ import annotations

from tests.browser.conftest import MakeChromiumPerson
from tests.support.demo import Demo
from tests.support.headless import Headless
from tests.support.socket_person import SocketPerson
from tests.support.walk import DESK, join, let_in, plan, sign_in


async def test_media_without_keys_is_not_even_asked_for(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await join(manager, meeting.url)

    person = await SocketPerson.come(meeting.invitation)
    await let_in(manager, demo.client)
    await person.until(lambda state: state["you"]["phase"] == "in")
    headless = Headless(person.request)
    await headless.load()
    for kind in ("audio", "video"):
        await headless.publish(kind)
    await manager.wait_for("poruch.state().producers.length === 4")
    # Nobody's key speaks for it: there is no name, no picture and no voice.
    await manager.see("Not recognised yet")
    await manager.see("Sound and picture come in a moment")
    assert await manager.evaluate("poruch.stats().then(streams => streams.length)") == 0
    assert await manager.evaluate("document.querySelectorAll('audio').length") == 0
    await headless.close()
    await person.leave()
