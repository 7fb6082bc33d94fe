"""Being asked, agreeing, stopping and agreeing again: in the lobby and in the middle of a call."""

from __future__ import annotations

import asyncio

from playwright.async_api import Route

from tests.browser.conftest import MakeChromiumPerson, own_demo
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.media_seen import sees_no_more
from tests.support.walk import (
    DESK,
    PHONE,
    Meeting,
    agree,
    all_meet,
    arrive,
    come_to_the_question,
    invite,
    is_in,
    join,
    let_in,
    picture,
    plan,
    says_of,
    sees_and_hears,
    sign_in,
    waits,
)

OPEN_CONNECTIONS = "witness.connections.filter(one => one.connectionState !== 'closed').length"


demo = own_demo  # what a client has agreed to holds for the next conversation, too


async def _planned(demo: Demo, in_chromium: MakeChromiumPerson) -> tuple[ChromiumPage, ChromiumPage, Meeting]:
    """A case manager with an appointment, and a client who has not been asked anything in it."""
    manager = await in_chromium("case manager", viewport=DESK)
    client = await in_chromium("client", viewport=PHONE)
    await sign_in(manager, demo, "case_manager")
    return manager, client, await plan(manager, demo)


async def test_a_client_is_asked_gives_stops_in_the_call_and_gives_again(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager, client, meeting = await _planned(demo, in_chromium)
    name = demo.name("case_manager")
    await asyncio.gather(join(manager, meeting.url), come_to_the_question(client, meeting.invitation))
    # Before an answer there is no socket and no media, whatever the page has opened on this device.
    assert await client.evaluate("poruch.state()") is None
    assert await client.evaluate(OPEN_CONNECTIONS) == 0
    titles = await agree(client)
    assert 1 <= len(titles) <= 3
    await waits(client)
    await let_in(manager, demo.client)
    await is_in(client)
    await all_meet({name: manager, demo.client: client})

    await client.click("button", "Stop agreeing", exact=True)
    await client.find("heading", "You have stopped the conversation")
    await sees_no_more(manager, picture(demo.client))
    await manager.wait_for("document.querySelectorAll('audio').length === 0")
    await client.wait_for("document.querySelectorAll('audio').length === 0")
    await client.wait_for(f"{OPEN_CONNECTIONS} === 0")
    await manager.see(f"{demo.client} has stopped. Nobody sees or hears {demo.client} now.")
    await manager.see(f"{demo.client} has taken back an agreement: the conversation by video.")
    await says_of(manager, demo.client, "Has stopped")
    # The engine gives nothing either, whoever asks.
    assert await _refused(client) == "consent_missing"

    await client.click("button", "I agree again")
    await all_meet({name: manager, demo.client: client})
    await manager.wait_for("!document.querySelector('[data-banner^=consent-]')")


MINE = (
    "witness.connections.flatMap(one => one.getSenders().map(sender => sender.track))"
    ".filter(track => track?.readyState === 'live')"
)


async def test_at_the_tap_camera_and_microphone_end_before_the_server_has_heard_of_it(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager, client, meeting = await _planned(demo, in_chromium)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await is_in(client)
    await all_meet({demo.name("case_manager"): manager, demo.client: client})
    await client.evaluate(f"void (window.mine = {MINE})")
    assert sorted(await client.evaluate("mine.map(one => one.kind + ' ' + one.readyState)")) == [
        "audio live",
        "video live",
    ]
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await go_on.wait()
        await route.continue_()

    await client.raw.route("**/api/consent/withdraw", hold)
    await client.click("button", "Stop agreeing", exact=True)
    await asked.wait()
    # The server has not been reached, and nothing is waited for: this device has ended everything already.
    assert await client.evaluate("mine.filter(one => one.readyState !== 'ended').length") == 0
    assert await client.evaluate(OPEN_CONNECTIONS) == 0
    await client.find("heading", "You have stopped the conversation")
    await sees_no_more(manager, picture(demo.client))
    assert f"{demo.client} has stopped" not in await manager.text()
    go_on.set()
    await manager.see(f"{demo.client} has stopped. Nobody sees or hears {demo.client} now.")


async def _refused(page: ChromiumPage) -> str:
    """The code with which the server refuses a transport to this very seat on a socket of its own."""
    code: str = await page.evaluate(
        """(async () => {
          const device = localStorage.getItem('poruch.device');
          const link = new URLSearchParams(location.hash.slice(1)).get('i');
          const seat = await fetch('/api/seat', {method: 'POST', body: JSON.stringify({link, device, language: 'en'}),
            headers: {'Content-Type': 'application/json'}}).then(answer => answer.json());
          const socket = new WebSocket(location.origin.replace('http', 'ws') + '/socket/?EIO=4&transport=websocket');
          return await new Promise(resolve => {
            const enter = {device, with_helper: false, abilities: {audio: true, video: true}};
            socket.onmessage = ({data}) => {
              if (data.startsWith('0')) socket.send('40' + JSON.stringify({ticket: seat.ticket}));
              else if (data.startsWith('40')) socket.send('421' + JSON.stringify(['room.enter', enter]));
              else if (data.startsWith('431')) {
                socket.close();
                resolve(JSON.parse(data.slice(3))[0].error?.code ?? '');
              }
            };
          });
        })()"""
    )
    return code


async def test_after_a_no_help_goes_on_in_another_way_and_the_person_may_think_again(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    _, client, meeting = await _planned(demo, in_chromium)
    await come_to_the_question(client, meeting.invitation)
    await client.click("button", "No, I do not agree")
    await client.find("heading", "You have said no. That is all right.")
    await client.see(f"{demo.name('case_manager')} will phone you")
    await client.click("button", "Visit me")
    await client.see(f"{demo.name('case_manager')} will visit you")
    assert await client.evaluate(OPEN_CONNECTIONS) == 0
    # The same on the next day, and on another device: the link asks again, and takes yes for an answer.
    await come_to_the_question(client, meeting.invitation)
    await agree(client)
    await waits(client)


async def test_whoever_wants_it_explained_meets_the_case_manager_and_agrees_in_the_call(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager, client, meeting = await _planned(demo, in_chromium)
    psychologist = await in_chromium("psychologist", viewport=DESK)
    await sign_in(psychologist, demo, "psychologist")
    await asyncio.gather(join(manager, meeting.url), come_to_the_question(client, meeting.invitation))
    await join(psychologist, meeting.url)
    await client.click("button", "Talk with me first, so that I understand")
    await client.find("heading", "A short talk, so that we can explain")
    await client.click("button", "Yes, talk with me")
    await waits(client)
    await let_in(manager, demo.client)
    await is_in(client)
    manager_name, other = demo.name("case_manager"), demo.name("psychologist")
    await sees_and_hears(client, manager_name)
    await client.find("heading", "We explain it to you first")
    await psychologist.see("You do not see and hear one another yet.")
    assert await psychologist.evaluate("poruch.state().producers.every(one => one.seat !== " + _seat(demo.client) + ")")
    assert await client.evaluate(f"poruch.state().producers.every(one => one.seat !== {_seat(other)})")

    # The question can be put off by a button, on a tablet without an Escape key too: nothing is answered then.
    await client.click("button", "Read and answer now")
    await client.find("button", "Leave quickly")
    await client.click("button", "Not now")
    await client.wait_for("document.querySelector('dialog') === null")
    await client.find("heading", "We explain it to you first")
    assert await client.evaluate("poruch.state().you.consent") == "explain"
    await client.click("button", "Read and answer now")
    await client.click_css("dialog[open] .consent__yes")
    await client.wait_for("document.querySelector('dialog[open] h2')?.innerText.includes('nterpreter')")
    # From a later page, too: what was touched before it is not an answer yet.
    await client.click("button", "Not now")
    await client.wait_for("document.querySelector('dialog') === null")
    assert await client.evaluate("poruch.state().you.consent") == "explain"

    await client.click("button", "Read and answer now")
    await client.click_css("dialog[open] .consent__yes")
    await client.wait_for("document.querySelector('dialog[open] h2')?.innerText.includes('nterpreter')")
    await client.click_css("dialog[open] .consent__yes")
    await all_meet({manager_name: manager, demo.client: client, other: psychologist})


def _seat(name: str) -> str:
    """A JavaScript expression for the seat of somebody with this name, as the room tells it."""
    return f"poruch.state().people.find(one => one.name === {name!r})?.seat"


async def test_somebody_invited_during_the_call_waits_for_the_clients_yes_and_goes_after_a_no(
    demo: Demo, in_chromium: MakeChromiumPerson
) -> None:
    manager, client, meeting = await _planned(demo, in_chromium)
    await asyncio.gather(join(manager, meeting.url), arrive(client, meeting.invitation))
    await let_in(manager, demo.client)
    await is_in(client)
    name = demo.name("case_manager")
    await all_meet({name: manager, demo.client: client})

    desk = await in_chromium("case manager's second window", viewport=DESK)
    await sign_in(desk, demo, "case_manager")
    link = await invite(desk, meeting.url, "Тарас", "agency_guest")
    guest = await in_chromium("guest from another service", viewport=PHONE)
    await arrive(guest, link)
    await manager.see(f"Waits for the agreement of {demo.client}")
    assert await manager.count("button", "Let in") == 0
    await client.find("heading", "Тарас would like to join")
    await client.click("button", "Yes, I agree")
    await let_in(manager, "Тарас")
    await is_in(guest)
    await all_meet({name: manager, demo.client: client, "Тарас": guest})

    await client.click("button", "Stop agreeing: Тарас")
    await guest.find("heading", "You cannot be in this conversation now")
    await guest.wait_for(f"{OPEN_CONNECTIONS} === 0")
    await all_meet({name: manager, demo.client: client})
