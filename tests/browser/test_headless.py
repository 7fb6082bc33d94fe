"""Participants without a browser: with keys they are seen and heard, and see and hear; without, they are nobody."""

from __future__ import annotations

from tests.browser.conftest import MakeChromiumPerson
from tests.support.demo import Demo
from tests.support.encrypted import EncryptedPerson
from tests.support.headless import Headless
from tests.support.keys_process import KeysProcess
from tests.support.sframe import Stream
from tests.support.socket_person import SocketPerson
from tests.support.walk import DESK, join, let_in, plan, sees_and_hears, sign_in


async def test_a_browser_and_a_participant_without_one_see_and_hear_each_other(
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
    await client.media.load()
    for kind in ("audio", "video"):
        await client.media.publish(kind)
    await sees_and_hears(manager, demo.client)

    host = person.state["room"]["host"]
    for source in ("microphone", "camera"):
        producer, _ = await client.consume(host, source)
        await client.media.wait_for(producer, changes=20)
    frames = client.member.frames
    assert frames.opened[Stream(host, "video", "camera")] >= 20
    assert frames.sealed > 0
    assert set(frames.refused) <= {"no_key", "unknown_epoch"}
    assert client.member.standing(host) == "certified"
    await client.leave()
    await process.close()


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
