"""The call page under another origin, from a server that knows nothing but files: a whole encrypted call through it."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from server.demo_encryption import KEY_FILE, PASSPHRASE
from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.support.demo import ROOT, Demo
from tests.support.page import Page
from tests.support.process import die_with_parent
from tests.support.walk import (
    DESK,
    PHONE,
    all_meet,
    arrive,
    in_english,
    is_in,
    join,
    leave,
    let_in,
    plan,
    press_join,
    sign_in,
)

VERIFIED = "Encrypted and verified"
HOST = """
import functools, http.server, sys

class Files(http.server.SimpleHTTPRequestHandler):
    def end_headers(self):
        self.send_header("Content-Security-Policy", open("policy").read())
        super().end_headers()

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory="files"))
print(server.server_port, flush=True)
server.serve_forever()
"""


@dataclass
class Host:
    """Where the call page is, and the server that it belongs to."""

    origin: str
    demo: Demo


def _policy(server: str) -> str:
    """The header that docs/static-hosting.md gives, for this server."""
    text = (ROOT / "docs" / "static-hosting.md").read_text()
    policy = text.partition('Content-Security-Policy "')[2].partition('"')[0]
    secure = server.replace("http", "ws", 1)
    return policy.replace("wss://poruch.example.org", secure).replace("https://poruch.example.org", server)


@pytest_asyncio.fixture(loop_scope="session")
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    """A plain file server with the page, and a demo server whose call page it is."""
    (tmp_path / "files").mkdir()
    files = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOST),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )
    assert files.stdout
    origin = f"http://localhost:{int(await files.stdout.readline())}"
    demo = await Demo.start(tmp_path / "data", environment={"PORUCH_CALL_URL": f"{origin}/call.html"})
    (tmp_path / "policy").write_text(_policy(demo.url))
    node = shutil.which("node")
    assert node is not None
    release = (node, "release.mjs", f"--server={demo.url}", f"--to={tmp_path / 'files'}")
    build = await asyncio.create_subprocess_exec(*release, cwd=ROOT / "web", stdout=asyncio.subprocess.DEVNULL)
    assert await build.wait() == 0
    yield Host(origin, demo)
    files.kill()
    await files.wait()
    assert await demo.stop() == 0, demo.log.read_text()


async def _certify(administrator: Page, demo: Demo, name: str) -> None:
    await administrator.goto(f"{demo.url}/admin/devices")
    await administrator.see(name)
    await administrator.raw.get_by_label("Key file").set_input_files(demo.data / KEY_FILE)  # type: ignore[attr-defined]
    await administrator.fill("Passphrase", PASSPHRASE)
    await administrator.click("button", "Open the key")
    await administrator.see("The key is open until you leave this page.")
    await administrator.click("button", "Certify")
    await administrator.see("The device is certified.")


async def _return(page: Page) -> None:
    """From the appointment's page into a call where this tab has been before, which asks nothing again."""
    await press_join(page)
    await page.wait_for("location.pathname.startsWith('/call')")
    await is_in(page)


@pytest.mark.parametrize("client_in", ["chromium", "firefox"])
async def test_a_client_and_the_team_meet_through_a_page_from_elsewhere(
    host: Host, client_in: str, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    demo = host.demo
    manager = await in_chromium("case manager", viewport=DESK)
    client: Page = await (in_chromium if client_in == "chromium" else in_firefox)("client", viewport=PHONE)
    administrator = await in_chromium("administrator", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    assert meeting.invitation.startswith(f"{host.origin}/call.html#i=")

    # To the browser the page at its new home is another device, which asks to be certified by itself.
    await join(manager, meeting.url)
    assert (await manager.url()).startswith(f"{host.origin}/call.html#a=")
    await manager.see("Stopped, because no certified device of the team has let this one in yet")
    await leave(manager)
    await sign_in(administrator, demo, "administrator")
    await _certify(administrator, demo, demo.name("case_manager"))
    # A certified browser of the team seals the secrets for the new one when it opens the appointment.
    await manager.goto(meeting.url)
    await manager.wait_for("[...document.querySelectorAll('[data-link-of]')].every(one => 'complete' in one.dataset)")

    await asyncio.gather(_return(manager), arrive(client, meeting.invitation))
    assert "s=" not in (await client.url()).partition("#")[2]
    await let_in(manager, demo.client)
    people: dict[str, Page] = {demo.name("case_manager"): manager, demo.client: client}
    await all_meet(people)
    for page in people.values():
        await page.see(VERIFIED)
        loaded = "performance.getEntriesByType('resource').map(one => new URL(one.name))"
        scripts = f"{loaded}.filter(one => /\\.(js|css|json|woff2)$/.test(one.pathname)).map(one => one.origin)"
        assert set(await page.evaluate(scripts)) == {host.origin}

    await client.reload()
    await is_in(client)
    await all_meet(people)


async def test_a_page_of_a_host_that_nobody_named_gets_nothing(host: Host, in_chromium: MakeChromiumPerson) -> None:
    page = await in_chromium("somebody")
    elsewhere = host.demo.invitation.replace("localhost", "127.0.0.1", 1)
    await page.goto(elsewhere)
    await in_english(page)
    await page.find("heading", "No connection")
