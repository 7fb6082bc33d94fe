"""A supervisor's day: decide, read, draw and review; a copy that proves itself, and an alarm that comes by itself."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from server.supervision.draw import Month
from tests.browser.conftest import MakeChromiumPerson, own_demo
from tests.browser.test_pages_accessible import Inspector
from tests.support.chromium import ChromiumPage
from tests.support.demo import ROOT, Demo
from tests.support.walk import DESK, PHONE, sign_in

READING = "[...document.querySelectorAll('[data-table=readers] tbody tr')].map(row => row.innerText)"


demo = own_demo  # alarms and draws of one would be seen in the other


async def last_week(page: ChromiumPage, demo: Demo) -> str:
    """Open the record of the demo's session of last week, from its case, and return its address."""
    await page.goto(demo.links["case_url"])
    await page.click("link", "Session record")
    await page.find("heading", "Session record")
    return await page.url()


async def poruch_verify(file: Path) -> tuple[int, str]:
    """Check a file as anybody can: in a directory with nothing else in it, without the server's data."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", "verify", str(file)),
        cwd=file.parent,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, told.decode()


async def test_a_supervisor_decides_reads_reviews_and_takes_a_copy_that_proves_itself(
    demo: Demo, in_chromium: MakeChromiumPerson, tmp_path: Path
) -> None:
    manager = await in_chromium("case manager", viewport=PHONE)
    supervisor = await in_chromium("supervisor", viewport=DESK)
    inspector = Inspector()
    await sign_in(manager, demo, "case_manager")
    await sign_in(supervisor, demo, "supervisor")

    await supervisor.find("heading", "Desk")
    await inspector.look(supervisor, "the desk")
    await _decide(supervisor, demo)

    record = await last_week(manager, demo)
    await manager.click("button", "Write the notes")
    await manager.fill("Outcome", "We have met and agreed on a first plan.")
    await manager.fill("Next steps", "Ірина calls on Monday.")
    await inspector.look(manager, "the notes")
    await manager.click("button", "Save")
    await manager.see("not signed yet")
    await manager.click("button", "Sign the notes")
    await manager.see("The notes are signed.")
    await inspector.look(manager, "the record of a case manager")

    await supervisor.goto(record)
    await supervisor.find("img", "Timeline of the session")
    await supervisor.see("We have met and agreed on a first plan.")
    await inspector.look(supervisor, "the record of a supervisor")
    copy = await _copy_with_proof(supervisor, tmp_path / "copy")
    code, told = await poruch_verify(copy)
    assert (code, told.startswith("INTACT")) == (0, True), told
    changed = _with_one_byte_changed(copy)
    code, told = await poruch_verify(changed)
    assert code not in {0, 2}
    assert f"entry {_sequence(copy)}" in told, told

    await _review(supervisor, demo)
    await manager.goto(f"{demo.url}/feedback")
    await manager.see("Say who calls, and when.")
    await inspector.look(manager, "feedback")

    await supervisor.goto(f"{demo.links['case_url']}/readers")
    lines = await supervisor.evaluate(READING)
    for name, deed in (
        (demo.name("supervisor"), "read it as supervisor"),
        (demo.name("supervisor"), "took a copy"),
        (demo.name("case_manager"), "read a session record"),
        (demo.name("case_manager"), "read the case"),
    ):
        assert any(name in line and deed in line for line in lines), (name, deed, lines)
    await inspector.look(supervisor, "who has opened the case")
    assert not inspector.faults, str(inspector)


async def _decide(supervisor: ChromiumPage, demo: Demo) -> None:
    """On the page of the case's suitability, from the case."""
    await supervisor.goto(demo.links["case_url"])
    await supervisor.click("link", "Whether video is suitable")
    await supervisor.raw.get_by_label("Yes, video is suitable").check()
    await supervisor.raw.get_by_label("Reason").last.fill("Own phone, lives alone, can stop at any time.")
    today = datetime.now(UTC)
    await supervisor.fill("The decision ends on", f"{today + timedelta(days=200):%Y-%m-%d}")
    await supervisor.fill("I look at it again on", f"{today + timedelta(days=100):%Y-%m-%d}")
    await supervisor.click("button", "Write down the decision")
    await supervisor.see("The decision is written down.")


async def _copy_with_proof(page: ChromiumPage, folder: Path) -> Path:
    """Press the link, and keep what comes in a directory of its own."""
    folder.mkdir()
    async with page.raw.expect_download() as coming:
        await page.click("link", "Record with proof")
    download = await coming.value
    file = folder / download.suggested_filename
    await download.save_as(file)
    return file


def _written(lines: list[str]) -> int:
    return next(number for number, line in enumerate(lines) if "first plan" in line)


def _with_one_byte_changed(copy: Path) -> Path:
    """One byte of what the team wrote."""
    lines = copy.read_text("utf-8").splitlines(keepends=True)
    number = _written(lines)
    lines[number] = lines[number].replace("first plan", "firsk plan")
    changed = copy.parent / "changed.jsonl"
    changed.write_text("".join(lines), "utf-8")
    different = [a != b for a, b in zip(copy.read_bytes(), changed.read_bytes(), strict=True)]
    assert sum(different) == 1
    return changed


def _sequence(copy: Path) -> int:
    """The place in the log of the entry that says what the team wrote."""
    lines = copy.read_text("utf-8").splitlines()
    leaf = json.loads(lines[_written(lines)])["leaf"]
    found = json.loads(leaf) if isinstance(leaf, str) else leaf
    return int(found["sequence"])


async def _review(supervisor: ChromiumPage, demo: Demo) -> None:
    """Draw the month of last week's session, and review the case manager's session."""
    month = Month.of(datetime.now(UTC) - timedelta(days=7))
    page = f"{demo.url}/supervision/samples?month={month}"
    await supervisor.goto(page)
    if month == Month.of(datetime.now(UTC)):
        await supervisor.click("button", "Draw for this month so far")
        await supervisor.see("The draw is asked for.")
    else:  # it is drawn by itself, with the next checkpoint
        while not await supervisor.count("link", "Session 1"):
            await supervisor.goto(page)
    row = supervisor.raw.get_by_role("row", name=demo.name("case_manager"))
    await row.get_by_role("link", name="Session 1").click()
    await supervisor.find("heading", "Review of a session")
    for group in await supervisor.raw.get_by_role("group").all():
        await group.get_by_role("radio").nth(1).check()
    await supervisor.fill("Feedback to the worker", "Say who calls, and when.")
    await supervisor.click("button", "Keep the review")
    await supervisor.see("The review is kept")
    await supervisor.see("should be better")


async def test_broken_glass_is_seen_by_a_supervisor_who_only_looks_at_an_open_page(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    supervisor = await in_chromium("supervisor", viewport=DESK)
    stranger = await in_chromium("psychologist of another case", viewport=PHONE)
    inspector = Inspector()
    await sign_in(supervisor, demo, "supervisor")
    await supervisor.goto(f"{demo.url}/sessions")  # a page that does not renew itself
    await sign_in(stranger, demo, "psychologist", 1)
    await stranger.goto(demo.links["case_url"])
    await stranger.click("link", "Open this case in an emergency")
    await stranger.fill("Why you need it", "The client phoned, has fallen, and nobody of the team answers.")
    await inspector.look(stranger, "an emergency")
    await stranger.click("button", "Open the case")
    await stranger.see(demo.client)
    await inspector.look(stranger, "a case for reading")

    await supervisor.wait_for(
        "document.querySelector('[data-waiting]:not([hidden]) [data-waiting-count]')?.textContent === '1'",
        timeout_s=60,
    )
    await supervisor.click("link", "Desk")
    await supervisor.see("The client phoned, has fallen")
    await inspector.look(supervisor, "the desk with an alarm")
    await supervisor.click("button", "Close this access")
    await supervisor.see("This access is closed.")
    await stranger.reload()
    await stranger.find("heading", "You cannot open this")
    assert re.search(r"/cases/[0-9a-f]{16}/reading$", await stranger.url())
    assert not inspector.faults, str(inspector)
