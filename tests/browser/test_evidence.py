"""A supervisor takes a record with proof away and checks it: in the browser without a network, and elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.conftest import MakeChromiumPerson
from tests.support.accessible import AXE_RUN
from tests.support.chromium import ChromiumPage
from tests.support.demo import ROOT, Demo
from tests.support.firefox import AXE
from tests.support.walk import PHONE, sign_in

VERDICT = "document.querySelector('[data-verdict]')?.dataset.verdict"
PAST_RECORD = "[...document.querySelectorAll('main a[href^=\"/sessions/\"]')].at(-1)?.href"


async def choose(page: ChromiumPage, file: Path) -> str:
    """What the page says about a file."""
    await page.raw.get_by_label("File", exact=True).set_input_files(file)
    await page.evaluate("document.getElementById('result').replaceChildren()")
    await page.click("button", "Check")
    found: str = await page.wait_for(VERDICT)
    return found


def on_another_computer(file: Path, folder: Path) -> tuple[int, str]:
    """``poruch verify`` in a fresh directory."""
    done = subprocess.run(
        [sys.executable, "-m", "server", "verify", file.name],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    folder = tmp_path / "another computer"
    folder.mkdir()
    return folder


async def test_a_record_is_taken_away_and_checked_without_the_server(
    demo: Demo, in_chromium: MakeChromiumPerson, fresh: Path
) -> None:
    supervisor = await in_chromium("supervisor", viewport=PHONE)
    await sign_in(supervisor, demo, "supervisor")
    await supervisor.click("link", "Session records")
    await supervisor.goto(await supervisor.wait_for(PAST_RECORD))
    async with supervisor.raw.expect_download() as download:
        await supervisor.click("link", "Record with proof")
    file = fresh / "session.jsonl"
    await (await download.value).save_as(file)

    await supervisor.click("link", "Proof", exact=True)
    await supervisor.see("Everything that happens here is written into one record that only grows.")
    await supervisor.see("No other organisation signs this record yet.")
    await complain_of_nothing(supervisor)
    await supervisor.click("link", "Check a file")
    await supervisor.see("the file is not sent anywhere")
    await complain_of_nothing(supervisor)
    await supervisor.raw.context.set_offline(True)  # from here on nobody can be asked
    assert await choose(supervisor, file) == "intact"
    await supervisor.see("Intact: nothing was changed.")
    await supervisor.see("No witness was asked for.")
    assert on_another_computer(file, fresh)[0] == 0

    lines = file.read_bytes().splitlines(keepends=True)
    lines[5] = lines[5].replace(b'"role":"', b'"role":"x', 1)
    file.write_bytes(b"".join(lines))
    assert await choose(supervisor, file) == "edited"
    await supervisor.see("An entry was edited.")
    await supervisor.see("line 6 of the file")
    code, told = on_another_computer(file, fresh)
    assert code == 10
    assert "(line 6)" in told

    file.write_bytes(b"".join(lines[:5] + lines[6:]))
    assert await choose(supervisor, file) == "missing"
    await supervisor.fill("Key of the witness", "not a key")
    await supervisor.click("button", "Check")
    await supervisor.see("This key is not complete.")
    await supervisor.raw.context.set_offline(False)


async def complain_of_nothing(page: ChromiumPage) -> None:
    """No rule of WCAG that a machine can check is broken."""
    await page.run(AXE.read_text())
    assert await page.evaluate(AXE_RUN) == []


async def test_the_whole_record_can_be_checked_in_the_browser(
    demo: Demo, in_chromium: MakeChromiumPerson, fresh: Path
) -> None:
    supervisor = await in_chromium("supervisor")
    await sign_in(supervisor, demo, "supervisor")
    await supervisor.click("link", "Proof", exact=True)
    async with supervisor.raw.expect_download() as download:
        await supervisor.click("link", "Download the whole record")
    file = fresh / "ledger.jsonl"
    await (await download.value).save_as(file)
    await supervisor.click("link", "Check a file")
    assert await choose(supervisor, file) == "intact"
    assert on_another_computer(file, fresh)[0] == 0
    assert "Іванівна" not in file.read_text()
