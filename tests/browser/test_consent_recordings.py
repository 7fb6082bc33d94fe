"""Hearing and seeing what is asked: the organisation's recording and its film in sign language really play."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from consent.notices import PARTS, Purpose, Text, text_hash
from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.support import recordings
from tests.support.accessible import axe_finds
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.page import Page
from tests.support.walk import DESK, PHONE, agree, come_to_the_question, plan, sign_in, waits

# The recording's player is no part of the page: its button is. So whatever is told to play is kept.
NOTE_PLAYERS = """(() => {
  window.players = [];
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    if (!window.players.includes(this)) window.players.push(this);
    return play.call(this);
  };
})()"""
RECORDING = "window.players.find(one => one.localName === 'audio')"
FILM = "document.querySelector('.consent__sign video')"
FRAMES = f"{FILM}.getVideoPlaybackQuality().totalVideoFrames"


async def publish(page: ChromiumPage, demo: Demo, folder: Path) -> dict[str, bytes]:
    """A supervisor adds both recordings to the English text about video, looks at it and publishes it."""
    files = {"audio": recordings.voice(), "sign_video": recordings.film()}
    (folder / "read aloud.ogg").write_bytes(files["audio"])
    (folder / "signed.webm").write_bytes(files["sign_video"])
    await sign_in(page, demo, "supervisor")
    await page.goto(f"{demo.url}/notices/video/edit?language=en")
    await page.raw.get_by_label("Recording of somebody reading it").set_input_files(folder / "read aloud.ogg")
    await page.raw.get_by_label("Video in sign language").set_input_files(folder / "signed.webm")
    await page.click("button", "Save and preview")
    await page.find("button", "Publish: everybody is asked again")
    assert await axe_finds(page) == []
    await page.click("button", "Publish: everybody is asked again")
    await page.see("The new text is published.")
    return files


async def shown_notice(page: Page) -> dict[str, Any]:
    """The text that this browser's seat is asked to agree to, as the server tells it."""
    found: dict[str, Any] = await page.evaluate(
        """(async () => {
          const link = new URLSearchParams(location.hash.slice(1)).get('i');
          const words = {link, device: localStorage.getItem('poruch.device'), language: 'en'};
          const reply = await fetch('/api/seat', {method: 'POST', body: JSON.stringify(words),
            headers: {'Content-Type': 'application/json'}});
          return (await reply.json()).consent.pages[0].items[0].notice;
        })()"""
    )
    return found


async def fetched(page: Page, path: str, part: str = "") -> tuple[int, str, int]:
    """Status, SHA-256 and number of bytes of what this browser gets, whole or in part."""
    headers = f"{{Range: {part!r}}}" if part else "{}"
    status, digest, size = await page.evaluate(
        f"""(async () => {{
          const reply = await fetch({path!r}, {{cache: 'no-store', headers: {headers}}});
          const body = await reply.arrayBuffer();
          const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', body));
          return [reply.status, [...digest].map(one => one.toString(16).padStart(2, '0')).join(''), body.byteLength];
        }})()"""
    )
    return status, digest, size


@pytest.mark.parametrize("client_in", ["chromium", "firefox"])
async def test_a_recording_and_a_film_play_and_belong_to_the_text_that_is_agreed_to(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson, client_in: str, tmp_path: Path
) -> None:
    supervisor = await in_chromium("supervisor", viewport=DESK)
    files = await publish(supervisor, demo, tmp_path)
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    client: Page = await (in_chromium if client_in == "chromium" else in_firefox)("client", viewport=PHONE)
    await come_to_the_question(client, meeting.invitation)
    await client.run(NOTE_PLAYERS)

    if client_in == "chromium":
        await hears_the_recording(client)
    else:
        # Where there is no sound card Firefox fetches and decodes a recording, and then refuses to play sound alone.
        await client.click("button", "Listen", exact=True)
        await client.wait_for(f"{RECORDING}?.duration > 3.5 && {RECORDING}.duration < 4.5")
    await watches_the_film(client)
    notice = await shown_notice(client)
    digests = {slot: hashlib.sha256(body).hexdigest() for slot, body in files.items()}
    for slot, body in files.items():
        assert await fetched(client, notice[slot]) == (200, digests[slot], len(body))
        some = hashlib.sha256(body[100:200]).hexdigest()
        assert await fetched(client, notice[slot], "bytes=100-199") == (206, some, 100)
    parts = {part: notice[part] for part in ("language", "picture", *PARTS)}
    text = Text(**parts, media={"audio": digests["audio"], "sign_video": digests["sign_video"]})
    assert notice["hash"] == text_hash(Purpose.VIDEO, notice["version"], text)
    # The very hash stands in what the supervisor published, and in what the client agrees to.
    await supervisor.see(notice["hash"])
    await agree(client)
    await waits(client)
    await manager.goto(f"{demo.links['case_url']}/consents")
    await manager.click("link", "video conversation", exact=True)
    await manager.see(notice["hash"])


async def hears_the_recording(client: Page) -> None:
    """By its button, which stops it as well; and from the beginning to the end. Nothing is fetched before."""
    recording = (await shown_notice(client))["audio"]
    loaded = await client.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
    assert not [name for name in loaded if name.endswith(recording)]
    await client.click("button", "Listen", exact=True)
    await client.wait_for(f"{RECORDING}?.currentTime > 0.3")
    await client.click("button", "Stop reading")
    await client.wait_for(f"{RECORDING}.paused")
    await client.find("button", "Listen")
    await client.click("button", "Listen", exact=True)
    await client.find("button", "Stop reading")
    await client.wait_for(f"{RECORDING}.ended && {RECORDING}.currentTime > 3.5")
    await client.find("button", "Listen")


async def watches_the_film(client: Page) -> None:
    """By the keyboard: it plays, with new pictures; it pauses; it goes on from elsewhere."""
    assert await client.evaluate(f"[{FILM}.controls, {FILM}.getAttribute('aria-label')]") == [True, "In sign language"]
    await client.wait_for(f"{FILM}.readyState >= 1 && {FILM}.paused && {FILM}.duration > 11")
    while not await client.evaluate(f"document.activeElement === {FILM}"):
        assert not await client.evaluate("document.activeElement.matches('.consent__yes')"), "Tab passes by the film"
        await client.press("Tab")
    await client.press("Space")
    await client.wait_for(f"{FILM}.currentTime > 0.5 && {FRAMES} > 3 && {FILM}.videoWidth === {recordings.WIDTH}")
    await client.press("Space")
    await client.wait_for(f"{FILM}.paused")
    stood = await client.evaluate(f"{FILM}.currentTime")
    await client.evaluate(f"void ({FILM}.currentTime = 8)")
    await client.wait_for(f"!{FILM}.seeking && {FILM}.currentTime >= 8 && {FILM}.readyState >= 2")
    assert stood < 8
    await client.press("Space")
    await client.wait_for(f"{FILM}.currentTime > 8.5")
    await client.wait_for(f"{FILM}.ended")


async def test_a_recording_that_does_not_come_is_said_in_words_and_tried_again(
    demo: Demo, in_chromium: MakeChromiumPerson, tmp_path: Path
) -> None:
    supervisor = await in_chromium("supervisor", viewport=DESK)
    await publish(supervisor, demo, tmp_path)
    await supervisor.see("SHA-256")
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    client = await in_chromium("client", viewport=PHONE)
    await come_to_the_question(client, meeting.invitation)
    await client.run(NOTE_PLAYERS)
    await client.raw.route("**/consents/media/**", lambda route: route.abort())
    await client.click("button", "Listen", exact=True)
    await client.see("It does not play now. Try once more, or read the text.")
    await client.raw.unroute("**/consents/media/**")
    await client.click("button", "Listen", exact=True)
    await client.see_none("It does not play now.")
    await client.wait_for(f"{RECORDING}.currentTime > 0.3")
