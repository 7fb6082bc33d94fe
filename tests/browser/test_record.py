"""The session record: what happened, when and to whom; who may read it, and who has tried."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta

from consent.events import Tag
from tests.browser.conftest import MakeChromiumPerson
from tests.support.demo import Demo
from tests.support.socket_person import SocketPerson
from tests.support.walk import (
    DESK,
    PHONE,
    arrive,
    invite,
    is_in,
    join,
    leave,
    let_in,
    open_people,
    plan,
    says_of,
    sign_in,
)

GRACE = timedelta(seconds=2)
MOMENTS = """[...document.querySelectorAll('[data-table=moments] tbody tr')].map(row =>
  ({tag: row.dataset.tag, at: row.querySelector('time').dateTime, text: row.innerText}))"""


class Walk:
    """When each step of the walk began and was seen to be done."""

    def __init__(self) -> None:
        self.steps: list[tuple[Tag, str, datetime, datetime]] = []

    @asynccontextmanager
    async def step(self, name: str, *tags: Tag) -> AsyncIterator[None]:
        began = datetime.now(UTC)
        yield
        done = datetime.now(UTC)
        self.steps += [(tag, name, began, done) for tag in tags]

    def unlike(self, moments: list[dict[str, str]]) -> list[str]:
        """Steps that the record does not tell, or not at their time."""
        missed = []
        for tag, name, began, done in self.steps:
            at = [
                datetime.fromisoformat(each["at"])
                for each in moments
                if each["tag"] == tag.value and name in each["text"]
            ]
            if not any(began - GRACE <= each <= done + GRACE for each in at):
                missed.append(f"{tag.value} of {name!r} between {began} and {done}: the record says {at}")
        return missed


async def test_the_record_tells_the_walk_within_two_seconds(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await asyncio.gather(sign_in(manager, demo, "case_manager"), sign_in(psychologist, demo, "psychologist"))
    manager_name, psychologist_name = demo.name("case_manager"), demo.name("psychologist")
    walk = Walk()
    async with walk.step("", Tag.PLANNED), walk.step(demo.client, Tag.INVITED):
        meeting = await plan(manager, demo)
    helper_link = await invite(manager, meeting.url, "Тарас", "helper")

    async with walk.step(manager_name, Tag.JOINED):
        await join(manager, meeting.url)
    async with walk.step(demo.client, Tag.WAITED):
        await arrive(client, meeting.invitation)
    async with walk.step(demo.client, Tag.ADMITTED, Tag.JOINED):
        await let_in(manager, demo.client)
        await is_in(client)
    async with walk.step(psychologist_name, Tag.JOINED):
        await join(psychologist, meeting.url)
    async with walk.step("Тарас", Tag.WAITED):
        guest = await SocketPerson.come(helper_link)
        await guest.until(lambda state: state["you"]["phase"] == "waiting")
    async with walk.step(demo.client, Tag.DROPPED, Tag.NETWORK):
        await client.lose_power()
        await says_of(manager, demo.client, "Lost since")
    async with walk.step(demo.client, Tag.RETURNED):
        await client.goto(meeting.invitation)
        await is_in(client)
    async with walk.step(psychologist_name, Tag.LEFT, Tag.NETWORK):
        await leave(psychologist)
    async with walk.step("", Tag.ENDED):
        await open_people(manager)
        await manager.click("button", "End for everybody")
        await manager.click_css("dialog[open] .button--danger")
        await client.find("heading", "The conversation is over")
    await guest.leave()

    await manager.goto(meeting.url.replace("/appointments/", "/sessions/"))
    moments = await manager.evaluate(MOMENTS)
    assert walk.unlike(moments) == [], json.dumps(moments, ensure_ascii=False, indent=1)
    attended = await manager.evaluate("document.querySelector('[data-table=attended]').innerText")
    for name in (manager_name, psychologist_name, demo.client):
        assert name in attended
    assert "Тарас" not in attended
    assert "Тарас" in await manager.evaluate("document.querySelector('[data-list=waited]').innerText")
    assert demo.name("interpreter") in await manager.evaluate("document.querySelector('[data-list=missing]').innerText")
    await manager.goto(demo.links["case_url"])
    await manager.find("link", "Session record")


async def test_after_the_call_it_is_offered_to_those_who_may_read_it(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    interpreter = await in_chromium("interpreter", viewport=DESK)
    await asyncio.gather(sign_in(manager, demo, "case_manager"), sign_in(interpreter, demo, "interpreter"))
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), join(interpreter, meeting.url))
    await leave(interpreter)
    await interpreter.find("link", "To my appointments")
    assert await interpreter.count("link", "Session record") == 0
    await leave(manager)
    await manager.click("link", "Session record")
    await manager.find("heading", "Session record")


async def test_the_supervisor_reads_it_and_the_reading_is_recorded(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    supervisor = await in_chromium("supervisor", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await sign_in(supervisor, demo, "supervisor")
    await supervisor.find("heading", "Desk")
    before = _entries(demo, Tag.CASE_READ)
    await supervisor.goto(meeting.url.replace("/appointments/", "/sessions/"))
    await supervisor.find("heading", "Session record")
    assert _entries(demo, Tag.CASE_READ) == before + 1


async def test_the_psychologist_of_another_case_is_refused_and_that_is_recorded(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    stranger = await in_chromium("psychologist of another case", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await sign_in(stranger, demo, "psychologist", 1)
    before = _entries(demo, Tag.ACCESS_REFUSED)
    for address in (demo.links["case_url"], meeting.url, meeting.url.replace("/appointments/", "/sessions/")):
        answer = await stranger.raw.goto(address)
        assert answer is not None
        assert answer.status == 403
        assert demo.client not in await stranger.text()
    assert _entries(demo, Tag.ACCESS_REFUSED) > before


async def test_a_preview_robot_changes_nothing_and_sees_no_names(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    robot = await in_chromium("preview robot", java_script_enabled=False)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    before = _entries(demo)
    await robot.goto(meeting.invitation)
    seen = await robot.raw.content()
    for name in (demo.client, demo.name("case_manager"), demo.name("psychologist")):
        assert name not in seen
    assert _entries(demo) == before


def _entries(demo: Demo, tag: Tag | None = None) -> int:
    """How many entries the ledger holds, of one kind or altogether."""
    with closing(sqlite3.connect(f"file:{demo.data / 'poruch.sqlite3'}?mode=ro", uri=True)) as database:
        where, values = ("WHERE tag = ?", (tag.value,)) if tag else ("", ())
        (count,) = database.execute(f"SELECT count(*) FROM ledger_entries {where}", values).fetchone()
        return int(count)
