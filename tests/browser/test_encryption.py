"""An encrypted call in real browsers: who sees whom, by which keys, and what nobody gets to see."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import re
import shutil
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Route, WebSocketRoute

from tests.browser.conftest import MakeChromiumPerson, MakeFirefoxPerson
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.encryption_seen import ENCRYPTION, SENT, UNVERIFIED, VERIFIED, agree, members
from tests.support.media_seen import hears, sees
from tests.support.page import Page
from tests.support.walk import (
    DESK,
    PHONE,
    Meeting,
    all_meet,
    arrive,
    is_in,
    join,
    let_in,
    open_people,
    picture,
    plan,
    says_of,
    sees_and_hears,
    sign_in,
    tile,
    voice,
)

WEB = Path(__file__).parents[2] / "web"
COUNTS = f"Object.values({ENCRYPTION}.stay.value?.crypto.counts.value ?? {{}})"
FRAMES = f"{COUNTS}.reduce((sum, one) => sum + one.done, 0)"


async def _in_a_call(demo: Demo, in_chromium: MakeChromiumPerson) -> tuple[ChromiumPage, ChromiumPage, Meeting]:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await is_in(client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    return manager, client, meeting


async def test_three_browsers_see_and_hear_one_another_through_their_keys(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    client = await in_firefox("client", viewport=PHONE)
    names = {"case_manager": demo.name("case_manager"), "psychologist": demo.name("psychologist")}
    await sign_in(manager, demo, "case_manager")
    await sign_in(psychologist, demo, "psychologist")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    assert "&s=" in meeting.invitation
    # Once this browser has proved that it encrypts, the secrets are no longer in the address.
    assert "s=" not in (await client.url()).partition("#")[2]
    await let_in(manager, demo.client)
    await all_meet({names["case_manager"]: manager, demo.client: client})

    # A late joiner: everybody goes over to new keys, and nobody loses anybody.
    group, epoch = await agree(manager, client)
    await join(psychologist, meeting.url)
    await all_meet({names["case_manager"]: manager, demo.client: client, names["psychologist"]: psychologist})
    assert await agree(manager, client, psychologist) == (group, epoch + 1)
    await client.see(f"{names['psychologist']} has joined.")
    for page in (manager, client, psychologist):
        assert await page.evaluate(FRAMES) > 0
    for page in (manager, psychologist, client):
        await page.see(VERIFIED)
    by_role = {member["role"]: member for member in await members(manager)}
    assert {role: member["standing"] for role, member in by_role.items()} == {
        "case_manager": "certified",
        "psychologist": "certified",
        "client": "invited",
    }


async def test_two_hosts_at_the_same_moment_raise_one_group_and_firefox_lets_somebody_in(
    demo: Demo, in_chromium: MakeChromiumPerson, in_firefox: MakeFirefoxPerson
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    psychologist = await in_firefox("psychologist", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    await sign_in(psychologist, demo, "psychologist")
    meeting = await plan(manager, demo)
    await asyncio.gather(
        join(manager, meeting.url), join(psychologist, meeting.url), arrive(client, meeting.invitation)
    )
    await agree(manager, psychologist)
    await let_in(psychologist, demo.client)
    people: dict[str, Page] = {
        demo.name("case_manager"): manager,
        demo.name("psychologist"): psychologist,
        demo.client: client,
    }
    await all_meet(people)
    group, _ = await agree(*people.values())

    # The first host goes; the one in Firefox goes on with the same group, and takes the first one's leaf out.
    await manager.click("button", "Leave", exact=True)
    await manager.find("heading", "You have left the conversation")
    assert (await agree(psychologist, client))[0] == group
    await sees_and_hears(client, demo.name("psychologist"))
    await client.reload()
    await is_in(client)
    await all_meet({demo.name("psychologist"): psychologist, demo.client: client})
    await asyncio.gather(*(page.see(VERIFIED) for page in (psychologist, client)))


async def test_names_come_from_keys_and_not_from_the_server(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    name = demo.name("case_manager")
    spellings = re.compile("|".join(re.escape(one) for one in (name, json.dumps(name)[1:-1])))

    def lie(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def passed_on(message: str | bytes) -> None:
            socket.send(spellings.sub("Somebody Else", message) if isinstance(message, str) else message)

        server.on_message(passed_on)

    await client.raw.route_web_socket(re.compile("/socket"), lie)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await client.see("Somebody Else")
    await let_in(manager, demo.client)
    await sees_and_hears(client, name)
    assert await client.evaluate(f"!({tile('Somebody Else')})")
    assert "Somebody Else" in json.dumps(await client.evaluate("poruch.state().people"))


async def test_a_reload_brings_a_fresh_leaf_of_the_same_device(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager, client, _ = await _in_a_call(demo, in_chromium)
    group, _ = await agree(manager, client)
    devices = {member["device"] for member in await members(manager)}
    people: dict[str, Page] = {demo.name("case_manager"): manager, demo.client: client}
    await client.reload()
    await is_in(client)
    await all_meet(people)
    anew = asyncio.create_task(client.see("The keys of this conversation were made anew"))
    await manager.reload()
    await is_in(manager)
    await all_meet(people)
    await anew
    # The manager was the only one who could add anybody: the group began anew.
    assert (await agree(manager, client))[0] != group
    assert {member["device"] for member in await members(manager)} == devices
    await manager.see(VERIFIED)


async def test_a_worker_that_dies_takes_its_keys_along_and_another_one_comes(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager, client, _ = await _in_a_call(demo, in_chromium)
    for page in (client, manager):
        await page.evaluate(f"{ENCRYPTION}.stay.value.crypto.close()")
        await page.wait_for(f"{ENCRYPTION}.stay.value && {ENCRYPTION}.stage.value.name === 'in'")
        await all_meet({demo.name("case_manager"): manager, demo.client: client})
    await agree(manager, client)


async def test_whoever_is_removed_is_outside_the_next_keys(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager, client, meeting = await _in_a_call(demo, in_chromium)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    await sign_in(psychologist, demo, "psychologist")
    await join(psychologist, meeting.url)
    names = {demo.name("case_manager"): manager, demo.client: client, demo.name("psychologist"): psychologist}
    await all_meet(names)
    group, epoch = await agree(*names.values())
    await open_people(manager)
    await manager.click("button", f"Remove: {demo.client}")
    await manager.click_css("dialog[open] .button--danger")
    await client.find("heading", "You are no longer in this conversation")
    assert await agree(manager, psychologist) == (group, epoch + 1)
    for page in (manager, psychologist):
        assert await page.evaluate(f"!({picture(demo.client)})")
    assert await client.evaluate(f"{ENCRYPTION}.stay.value === null")
    await sees(manager, picture(demo.name("psychologist")))
    await hears(manager, voice(0))


async def test_without_a_key_no_packet_leaves(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    await sign_in(psychologist, demo, "psychologist")
    # This browser has lost what the organisation said of it: nobody here can raise a group.
    await psychologist.evaluate(
        "new Promise(done => { indexedDB.deleteDatabase('poruch-device').onsuccess = () => done(true); })"
    )
    await join(psychologist, meeting.url)
    await psychologist.see("Stopped, because no certified device of the team has let this one in yet")
    assert await psychologist.evaluate(SENT) == 0
    # A certified device comes and raises the group; whether the other one may come in is for a person to decide.
    await join(manager, meeting.url)
    await manager.see("the keys of this device do not prove it")
    assert await psychologist.evaluate(SENT) == 0
    await manager.click("button", "Let them in unverified")
    await all_meet({demo.name("case_manager"): manager, demo.name("psychologist"): psychologist})
    await manager.see(UNVERIFIED)


async def test_a_link_without_secrets_is_shown_as_not_verified(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation.partition("&s=")[0]))
    await let_in(manager, demo.client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    await asyncio.gather(manager.see(UNVERIFIED), client.see(UNVERIFIED))


async def test_a_damaged_link_is_not_followed(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    client = await in_chromium("client", viewport=PHONE)
    await client.goto(demo.invitation[:-4])
    await client.find("heading", "This link does not work")


async def test_written_words_reach_everybody_and_say_who_wrote_them(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager, client, _ = await _in_a_call(demo, in_chromium)
    await manager.click("button", "Chat")
    await manager.fill("Write a message", "Доброго дня <b>")
    await manager.press("Enter")
    await client.find("button", "More 1 new")
    await client.click("button", "More")
    await client.click("button", "Chat 1 new")
    await client.see("Доброго дня <b>")
    log = await client.evaluate("document.querySelector('[role=log]').innerText")
    assert demo.name("case_manager") in log
    await client.fill("Write a message", "Добрий день")
    await client.click("button", "Send")
    await manager.see("Добрий день")
    assert await manager.evaluate("poruch.encryption() && !document.querySelector('.control--alert')")


async def test_somebody_lost_stays_named_by_their_key(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager, client, _ = await _in_a_call(demo, in_chromium)
    await client.lose_power()
    await says_of(manager, demo.client, "Lost since")
    assert any(member["name"] == demo.client for member in await members(manager))


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client as it is built for tests: it can be told to use an older browser's way to encoded frames."""
    out = tmp_path_factory.mktemp("build")
    node = shutil.which("node")
    assert node is not None
    process = await asyncio.create_subprocess_exec(node, "build.mjs", "--for-tests", f"--out={out}", cwd=WEB)
    assert await process.wait() == 0
    return out


async def _gets(page: ChromiumPage, built: Path) -> None:
    """From now on this page gets the call from that build."""

    async def answer(route: Route) -> None:
        name = route.request.url.partition("/static/")[2].partition("?")[0] or "call.html"
        if (built / name).is_file():
            kind = mimetypes.guess_type(name)[0]
            await route.fulfill(body=(built / name).read_bytes(), content_type=kind)
        else:
            await route.continue_()

    # To Chromium a page that comes from the test is from somewhere else than the server at its side.
    await page.raw.context.grant_permissions(["local-network-access", "microphone", "camera"])
    await page.raw.route(re.compile(r"/call$|/static/"), answer)


async def test_the_older_way_to_encoded_frames_carries_a_call(
    demo: Demo, in_chromium: MakeChromiumPerson, built: Path
) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await client.raw.add_init_script(
        "window.poruchForceEncodedStreams = true; window.transforms = 0;"
        "for (const {prototype} of [RTCRtpSender, RTCRtpReceiver])"
        " Object.defineProperty(prototype, 'transform', {set() { window.transforms++; }});"
    )
    await _gets(client, built)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    assert await client.evaluate("transforms") == 0
    assert await client.evaluate(FRAMES) > 0


async def test_media_that_goes_past_the_encryption_is_cut(demo: Demo, in_chromium: MakeChromiumPerson) -> None:
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    # This browser has passed the check, and afterwards ignores transforms without a word.
    await client.raw.add_init_script(
        "sessionStorage.setItem('poruch.proof', JSON.stringify({agent: navigator.userAgent, curves: 'native'}));"
        "for (const {prototype} of [RTCRtpSender, RTCRtpReceiver])"
        " Object.defineProperty(prototype, 'transform', {set() {}});"
        "const Real = window.RTCPeerConnection;"
        "window.RTCPeerConnection = class extends Real { constructor() { super({}); } };"
    )
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await client.see("Stopped, because sound or picture would have left this device unlocked")
    assert await client.evaluate("document.querySelectorAll('audio').length") == 0
    await client.wait_for("witness.connections.every(one => one.connectionState === 'closed')")
    # What came out in the clear is not played by anybody who encrypts.
    assert await manager.evaluate(f"{COUNTS}.length === 0 || !({picture(demo.client)})?.srcObject")
