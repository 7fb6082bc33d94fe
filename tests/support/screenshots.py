"""Pictures for README and docs, by walking the demo: `python -m tests.support.screenshots DIRECTORY [PART…]`.

The parts are `call`, `asked`, `desk` and `supervisor`; without any of them all are walked, each in a demo of its own.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.support import network
from tests.support.accessible import settled
from tests.support.browsers import Browsers
from tests.support.chromium import ChromiumPage
from tests.support.demo import Demo
from tests.support.page_pictures import Album, walk_asked, walk_desk, walk_supervisor
from tests.support.walk import DESK, PHONE, all_meet, arrive, in_english, is_in, join, let_in, open_people, sign_in

# Drawn people instead of the browser's test picture: a wall, a window or a lamp, and somebody who nods.
PORTRAIT = """(([wall, light, skin, hair, coat, turn]) => {
  const board = Object.assign(document.createElement('canvas'), {width: 1280, height: 720});
  const brush = board.getContext('2d');
  const blob = (colour, x, y, across, down) => {
    brush.fillStyle = colour;
    brush.beginPath();
    brush.ellipse(x, y, across, down, 0, 0, 2 * Math.PI);
    brush.fill();
  };
  const draw = () => {
    const nod = 6 * Math.sin(Date.now() / 700 + turn);
    brush.fillStyle = wall;
    brush.fillRect(0, 0, 1280, 720);
    brush.fillStyle = light;
    brush.fillRect(turn % 2 ? 120 : 900, 70, 260, 330);
    brush.fillStyle = wall;
    brush.fillRect(turn % 2 ? 245 : 1025, 70, 10, 330);
    blob(hair, 640, 300 + nod, 175, 205);
    blob(coat, 640, 760, 330, 270);
    blob(skin, 640, 505, 56, 66);
    blob(skin, 640, 335 + nod, 132, 165);
    brush.fillStyle = hair;
    brush.beginPath();
    brush.ellipse(640, 235 + nod, 150, 85, 0, Math.PI, 2 * Math.PI);
    brush.fill();
    blob('#2b2622', 590, 330 + nod, 10, 12);
    blob('#2b2622', 690, 330 + nod, 10, 12);
    brush.strokeStyle = '#8a4a3c';
    brush.lineWidth = 8;
    brush.beginPath();
    brush.arc(640, 385 + nod, 45, 0.2 * Math.PI, 0.8 * Math.PI);
    brush.stroke();
  };
  draw();
  setInterval(draw, 60);
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async wish => {
    const stream = await real(wish);
    for (const track of stream.getVideoTracks()) {
      stream.removeTrack(track);
      stream.addTrack(board.captureStream(15).getVideoTracks()[0]);
    }
    return stream;
  };
})"""
MANAGER = ["#d9e4df", "#f6efdc", "#e8b998", "#5b3a29", "#1d5e57", 0]
PSYCHOLOGIST = ["#e6ddd2", "#cfe3ee", "#f0c9a8", "#2c2420", "#7a4b6b", 1]
PAGES = {"asked": walk_asked, "desk": walk_desk, "supervisor": walk_supervisor}
CLIENT = ["#e9e2c9", "#dce9f2", "#ecc7ad", "#c9c5c0", "#3f5f8a", 2]


async def walk(directory: Path, part: str) -> None:
    """Walk a demo, and keep what people see on the way."""
    with tempfile.TemporaryDirectory() as data:
        demo = await Demo.start(Path(data) / "data")
        browsers = Browsers()
        try:
            if part == "call":
                await _walk_call(demo, browsers, directory)
            else:
                await PAGES[part](demo, browsers, Album(directory))
        finally:
            await browsers.close()
            await demo.stop()


async def _walk_call(demo: Demo, browsers: Browsers, directory: Path) -> None:
    """As case manager, psychologist and client."""
    chromium = await browsers.chromium()

    async def keep(page: ChromiumPage, name: str) -> None:
        for scheme in ("light", "dark"):
            await page.scheme(scheme)
            await settled(page)
            await page.screenshot(directory / f"{name}-{scheme}.png")
        await page.scheme("light")

    manager = await chromium.person("case manager", viewport=DESK)
    psychologist = await chromium.person("psychologist", viewport=DESK)
    client = await chromium.person("client", viewport=PHONE, device_scale_factor=2)
    for page, looks in ((manager, MANAGER), (psychologist, PSYCHOLOGIST), (client, CLIENT)):
        await page.raw.add_init_script(f"{PORTRAIT}({json.dumps(looks)})")
    await sign_in(manager, demo, "case_manager")
    await keep(manager, "today")
    await manager.goto(demo.links["case_url"])
    await keep(manager, "case")
    await manager.goto(f"{demo.links['case_url']}/appointments/new")
    await keep(manager, "plan")
    await manager.goto(f"{demo.url}/today")
    await manager.click_css("[data-appointment] a")
    await manager.find("button", "Join")
    await keep(manager, "appointment")
    appointment = await manager.url()

    await client.goto(demo.invitation)
    await in_english(client)
    await keep(client, "welcome-phone")
    await arrive(client, demo.invitation)
    await keep(client, "waiting-room-phone")
    await join(manager, appointment)
    await keep(manager, "somebody-waits")
    await let_in(manager, demo.client)
    await is_in(client)
    await sign_in(psychologist, demo, "psychologist")
    await join(psychologist, appointment)
    names = {demo.name("case_manager"): manager, demo.client: client, demo.name("psychologist"): psychologist}
    await all_meet(names)
    await keep(manager, "call")
    await keep(client, "call-phone")
    await open_people(manager)
    await keep(manager, "people")
    await open_people(client)
    await keep(client, "people-phone")

    await manager.click("button", "End for everybody")
    await manager.click_css("dialog[open] .button--danger")
    await client.find("heading", "The conversation is over")
    await keep(client, "over-phone")
    await manager.goto(appointment.replace("/appointments/", "/sessions/"))
    await keep(manager, "record")


def main() -> int:
    """Make the pictures; the first argument is the directory that takes them."""
    directory, parts = Path(sys.argv[1]), sys.argv[2:] or ["call", *PAGES]
    directory.mkdir(parents=True, exist_ok=True)
    network.enter()
    for part in parts:
        asyncio.run(walk(directory, part))
    print(f"{len(list(directory.glob('*.png')))} pictures in {directory}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
