"""What the encryption costs: ``python -m bench.encryption [--repeats N]`` writes bench/results/encryption.json.

Compared are two builds of the same client on the same machine in the same run: the one that people get, and the tests'
own, which differs from it by a single module (tests/browser/plain_pipeline.ts), in which frames are neither sealed nor
opened. Keys, transforms, counts and the worker are the same in both, so what differs is the price of the cryptography.
Every run's figure is kept beside the median.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from bench import other_client
from bench.machine import machine, says
from tests.support import network
from tests.support.browsers import Browsers
from tests.support.demo import ROOT, Demo
from tests.support.page import Page
from tests.support.walk import DESK, PHONE, arrive, join, let_in, plan, sign_in

RESULTS = ROOT / "bench" / "results" / "encryption.json"
PLAIN = "tests/browser/plain_pipeline.ts"
BROWSERS = ("chromium", "firefox")
FRAMES: Sequence[tuple[str, str, int, int]] = (
    ("sound", "audio", 120, 2000),
    ("picture", "video", 3_000, 2000),
    ("key frame", "video", 30_000, 500),
)
"""What it is, its kind, bytes a frame, frames a run."""
NOW = "performance.timeOrigin + performance.now()"
EPOCH = "poruch.encryption()?.view.value?.epoch"
ORDER = """new Promise((done, failed) => {
  const worker = new Worker("/%s.js");
  worker.onmessage = ({data}) => { worker.terminate(); data.failed ? failed(new Error(data.failed)) : done(data); };
  worker.postMessage(%s);
})"""
NOTE_CLICKS = f"""void document.addEventListener("click", () => {{ window.clicked = {NOW}; }}, {{capture: true}})"""
NOTE_EPOCHS = f"""(() => {{
  window.epochs = {{}};
  poruch.encryption().view.subscribe((view) => {{ if (view) window.epochs[view.epoch] ??= {NOW}; }});
}})()"""
NOTE_FIRST = f"""void (async () => {{
  window.first = null;
  while (window.first === null) {{
    await new Promise((done) => setTimeout(done, 10));
    for (const connection of witness.connections.filter((one) => one.connectionState === "connected"))
      for (const line of (await connection.getStats()).values())
        if (line.type === "inbound-rtp" && line.kind === "video" && line.framesDecoded > 0) window.first ??= {NOW};
  }}
}})()"""
Figures = dict[str, Any]
Keep = Callable[[Figures], None]
"""Writes down what is known so far."""


def _summary(values: Sequence[float]) -> Figures:
    rounded = [round(value, 2) for value in values]
    return {
        "median": round(statistics.median(values), 2),
        "min": min(rounded),
        "max": max(rounded),
        "runs": rounded,
    }


async def _node(*arguments: str) -> None:
    node = shutil.which("node")
    if node is None:
        raise SystemExit("Node is missing; run it by: make bench-encryption")
    process = await asyncio.create_subprocess_exec(node, *arguments, cwd=ROOT / "web")
    if await process.wait() != 0:
        raise SystemExit(f"node {arguments[0]} has failed")


async def _open(browsers: Browsers, browser: str, label: str) -> Page:
    if browser == "chromium":
        return await (await browsers.chromium()).person(label, viewport=DESK)
    return await (await browsers.firefox()).person(label, viewport=PHONE)


async def frames(browsers: Browsers, folder: Path, repeats: int, keep: Keep) -> None:
    """Microseconds a frame in a worker, by browser, build and size."""
    await _node("../bench/frames_worker.mjs", str(folder / "encrypted.js"))
    await _node("../bench/frames_worker.mjs", str(folder / "plain.js"), PLAIN)

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>Frames</title>", content_type="text/html")

    application = web.Application()
    application.router.add_get("/", page)
    application.router.add_static("/", folder)
    found: Figures = {}
    async with TestServer(application) as server:
        for browser in BROWSERS:
            tab = await _open(browsers, browser, "bench")
            await tab.goto(f"http://localhost:{server.port}/")
            for name, kind, size, count in FRAMES:
                order = json.dumps({"kind": kind, "bytes": size, "frames": count})
                runs: dict[str, list[dict[str, float]]] = {"encrypted": [], "plain": []}
                for turn in range(repeats + 1):
                    for build, kept in runs.items():
                        measured = await tab.evaluate(ORDER % (build, order))
                        if turn:  # the first warms up
                            kept.append(measured)
                for build, kept in runs.items():
                    for work in ("seal", "open"):
                        place = (
                            found.setdefault(browser, {}).setdefault(f"{name}, {size} bytes", {}).setdefault(work, {})
                        )
                        place[build] = _summary([one[work] for one in kept])
            await tab.close()
            keep(found)


async def calls(browsers: Browsers, folder: Path, repeats: int, keep: Keep) -> None:
    """Milliseconds until keys have changed and until the first picture, by browser of the client and build."""
    demos: dict[str, Demo] = {}
    try:
        for build in ("encrypted", "plain"):
            out = folder / f"client-{build}"
            instead = [f"--instead=client/e2ee/pipeline=../{PLAIN}"] if build == "plain" else []
            await _node("build.mjs", f"--out={out}", *instead)
            chosen = {other_client.DIST: str(out)}
            demos[build] = await Demo.start(folder / build, environment=chosen, module="bench.other_client")
        found: Figures = {}
        for browser in BROWSERS:
            for build, demo in demos.items():
                for what, values in (await _call(browsers, browser, demo, repeats)).items():
                    found.setdefault(browser, {}).setdefault(what, {})[build] = _summary(values)
                keep(found)
    finally:
        for demo in demos.values():
            await demo.stop()


async def _call(browsers: Browsers, browser: str, demo: Demo, repeats: int) -> Mapping[str, list[float]]:
    manager = await (await browsers.chromium()).person("case manager", viewport=DESK)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await join(manager, meeting.url)
    await manager.wait_for(EPOCH + " === 0")
    await manager.evaluate(NOTE_EPOCHS)
    figures: dict[str, list[float]] = {"first picture": [], "keys after joining": [], "keys after leaving": []}
    for turn in range(repeats):
        client = await _open(browsers, browser, "client")
        await arrive(client, meeting.invitation)
        epoch = await manager.evaluate(EPOCH)
        await manager.evaluate(NOTE_CLICKS)
        await client.evaluate(NOTE_FIRST)
        await let_in(manager, demo.client)
        if turn:  # another browser with the same link, which the page asks about
            await manager.click_css("dialog[open] .dialog__buttons button:first-child")
        first = await client.wait_for("window.first")
        admitted = await manager.evaluate("window.clicked")
        figures["first picture"].append(first - admitted)
        figures["keys after joining"].append(await _has(manager, epoch + 1) - admitted)
        await client.evaluate(NOTE_CLICKS)
        await client.click("button", "Leave", exact=True)
        figures["keys after leaving"].append(await _has(manager, epoch + 2) - await client.evaluate("window.clicked"))
        await client.close()
    await manager.close()
    return figures


async def _has(page: Page, epoch: int) -> float:
    """When this page had installed the keys of this epoch."""
    return float(await page.wait_for(f"window.epochs[{epoch}]"))


def machine_of_browsers() -> Figures:
    """Where and with which browsers it was measured."""
    return machine(chromium=says("chromium", "--version"), firefox=says("firefox-esr", "--version"))


async def _measure(repeats: int, parts: Sequence[str]) -> None:
    about = machine_of_browsers()
    browsers = Browsers()
    try:
        with tempfile.TemporaryDirectory() as folder:
            for part, measure in (("microseconds_per_frame", frames), ("milliseconds_in_a_call", calls)):
                if part in parts:
                    await measure(browsers, Path(folder), repeats, partial(_keep, part, {"machine": about}))
    finally:
        await browsers.close()


def _keep(part: str, about: Figures, found: Figures) -> None:
    result: Figures = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({**result, part: about | found}, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    """Measure, and write the results down."""
    parser = argparse.ArgumentParser(description="What the encryption costs.")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", choices=("microseconds_per_frame", "milliseconds_in_a_call"))
    wish = parser.parse_args()
    network.enter()
    both = ("microseconds_per_frame", "milliseconds_in_a_call")
    asyncio.run(_measure(wish.repeats, [wish.only] if wish.only else both))


if __name__ == "__main__":
    main()
