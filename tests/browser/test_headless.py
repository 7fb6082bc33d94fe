"""A participant without a browser is one more person in the room, through the same door."""

from __future__ import annotations

from tests.browser.conftest import MakeChromiumPerson
from tests.support.demo import Demo
from tests.support.headless import Headless
from tests.support.socket_person import SocketPerson
from tests.support.walk import DESK, join, let_in, plan, sees_and_hears, sign_in


async def test_a_pymediasoup_participant_publishes_and_receives_in_the_same_room(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
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
    await sees_and_hears(manager, demo.client)

    own = person.state["you"]["seat"]
    streams = await person.until(
        lambda state: len(others := [one["id"] for one in state["producers"] if one["seat"] != own]) == 2 and others
    )
    for producer in streams:
        await headless.consume(producer)
    for producer in streams:
        await headless.wait_for(producer, changes=10)
    await headless.close()
    await person.leave()
