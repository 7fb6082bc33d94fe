"""Debian's Firefox ESR, driven by WebDriver BiDi (Playwright cannot drive it)."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.bidi import Bidi, BidiError
from tests.support.page import WITNESS, NavigatedError, Page, PageError, until
from tests.support.process import die_with_parent

EXECUTABLE = "firefox-esr"
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.peerconnection.ice.loopback": True,
    "remote.active-protocols": 1,
    "intl.accept_languages": "en-GB, en",
    "dom.min_background_timeout_value": 50,  # nobody looks at any of its tabs, and that must not slow them
    "accessibility.tabfocus": 7,
    # Nothing of its own on the network.
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "media.gmp-manager.updateEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "toolkit.telemetry.server": "data:,",
}
KEYS = {
    "Tab": "\ue004",
    "Shift": "\ue008",
    "Enter": "\ue007",
    "Space": " ",
    "Escape": "\ue00c",
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
}
# A page that was loaded in between has lost what was brought into it, too; one that is being loaded is empty at first.
GONE = re.compile(
    r"navigat|destroyed|discarded|AbortError|axe is not defined|document\.(documentElement|body) is null", re.IGNORECASE
)
# Roles and names as axe-core computes them, which is as the specification says.
FIND = """((role, name, exact) => {
  axe.setup(document.documentElement);
  try {
    const plain = text => text.replace(/\\s+/g, ' ').trim().toLowerCase();
    return [...document.querySelectorAll('*')].filter(node =>
      axe.commons.aria.getRole(node) === role && axe.commons.dom.isVisibleToScreenReaders(node) &&
      node.checkVisibility() && (name === null || (exact
        ? plain(axe.commons.text.accessibleText(node)) === plain(name)
        : plain(axe.commons.text.accessibleText(node)).includes(plain(name)))));
  } finally { axe.teardown(); }
})"""


class Firefox:
    """A running Firefox with fake camera and microphone."""

    def __init__(self, process: asyncio.subprocess.Process, profile: str, bidi: Bidi) -> None:
        self._process = process
        self._profile = profile
        self.bidi = bidi
        assert process.stderr
        self._draining = asyncio.ensure_future(_drain(process.stderr))

    @classmethod
    async def start(cls) -> Firefox:
        """Start it with a fresh profile."""
        profile = tempfile.mkdtemp(prefix="firefox-")
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        Path(profile, "user.js").write_text("".join(lines))
        command = [EXECUTABLE, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            preexec_fn=die_with_parent,
            env={**os.environ, "HOME": profile},
        )
        assert process.stderr
        async with asyncio.timeout(60):
            while not (found := re.search(rb"WebDriver BiDi listening on (ws://\S+)", await process.stderr.readline())):
                if process.returncode is not None:
                    raise PageError("Firefox ended before it could be driven")
        browser = cls(process, profile, await Bidi.connect(found[1].decode()))
        await browser.bidi.send("script.addPreloadScript", functionDeclaration=f"() => {{ {WITNESS} }}")
        await browser.bidi.send("session.subscribe", events=["log.entryAdded"])
        return browser

    async def person(self, label: str, **traits: Any) -> FirefoxPage:
        """A page in a profile of its own. `traits`: `viewport`."""
        who = (await self.bidi.send("browser.createUserContext"))["userContext"]
        page = await self._tab(label, who)
        if size := traits.get("viewport"):
            await page.viewport(size["width"], size["height"])
        return page

    async def another_tab(self, page: FirefoxPage) -> FirefoxPage:
        """A second tab of the same person."""
        return await self._tab(f"{page.label}, second tab", page.who)

    async def _tab(self, label: str, who: str) -> FirefoxPage:
        made = await self.bidi.send("browsingContext.create", type="tab", userContext=who)
        return FirefoxPage(label, self.bidi, made["context"], who)

    async def close(self) -> None:
        """End the browser and remove its profile."""
        await self.bidi.close()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        await self._draining
        shutil.rmtree(self._profile, ignore_errors=True)


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.readline():
        pass


class FirefoxPage(Page):
    """A tab in Firefox."""

    def __init__(self, label: str, bidi: Bidi, context: str, who: str) -> None:
        super().__init__(f"{label} (Firefox)")
        self._bidi = bidi
        self._context = context
        self._closing = False
        self.who = who
        bidi.listen(self._heard)

    async def before_scripts(self, source: str) -> None:
        """Run `source` in every document of this tab before the document's own scripts."""
        script = f"() => {{ {source} }}"
        await self._bidi.send("script.addPreloadScript", functionDeclaration=script, contexts=[self._context])

    def _heard(self, event: dict[str, Any]) -> None:
        entry = event["params"]
        if event["method"] != "log.entryAdded" or entry["source"].get("context") != self._context:
            return
        text = entry.get("text") or ""
        if "was interrupted while the page was loading" in text:
            return  # what Firefox says of every open socket when a page is loaded again
        if self._closing and "AbortError" in text:
            return  # what was still going on in a page ends with it, and nobody is left to catch it
        if entry["type"] == "javascript" and entry["level"] == "error":
            frames = (entry.get("stackTrace") or {}).get("callFrames", [])
            places = [f"{each['functionName']} {each['url']}:{each['columnNumber']}" for each in frames]
            self.complaints.append(f"uncaught: {text} {places}")
        elif "Content-Security-Policy" in text and entry["level"] == "error":
            self.complaints.append(text)

    async def goto(self, url: str) -> None:
        with suppress(PageError):
            if (await self.url()).partition("#")[0] == url.partition("#")[0]:
                await self._navigate("about:blank")
        await self._navigate(url)

    async def _navigate(self, url: str) -> None:
        await self._bidi.send("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def reload(self) -> None:
        await self._bidi.send("browsingContext.reload", context=self._context, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        value = await self._script(f"(async () => JSON.stringify(await ({expression})))()")
        return json.loads(value["value"]) if value["type"] == "string" else None

    async def run(self, source: str) -> None:
        await self._script(f"{source}\n;undefined")

    async def _script(self, source: str) -> dict[str, Any]:
        try:
            answer = await self._bidi.send(
                "script.evaluate",
                expression=source,
                target={"context": self._context},
                awaitPromise=True,
                userActivation=True,
            )
        except BidiError as error:
            gone = error.code == "no such frame" or GONE.search(str(error))
            raise (NavigatedError if gone else PageError)(str(error)) from None
        if answer["type"] != "success":
            text = answer["exceptionDetails"]["text"]
            raise (NavigatedError if GONE.search(text) else PageError)(text)
        value: dict[str, Any] = answer["result"]
        return value

    async def _elements(self, find: str) -> list[dict[str, Any]]:
        value = await self._script(find)
        return [item for item in value["value"] if item["type"] == "node"]

    def _found(self, role: str, name: str | None, *, exact: bool = False) -> str:
        return f"{FIND}({json.dumps(role)}, {json.dumps(name)}, {json.dumps(exact)})"

    async def _bring_axe(self) -> None:
        if not await self.evaluate("Boolean(window.axe)"):
            await self.run(AXE.read_text())

    async def count(self, role: str, name: str | None = None) -> int:
        await self._bring_axe()
        return len(await self._elements(self._found(role, name)))

    async def click(self, role: str, name: str, *, exact: bool = False) -> None:
        async def found() -> list[dict[str, Any]]:
            try:
                await self._bring_axe()
                return await self._elements(self._found(role, name, exact=exact))
            except NavigatedError:
                return []

        await self._press_on((await until(found, f"{self.label}: {role} {name!r}", page=self))[0])

    async def click_css(self, selector: str) -> None:
        find = f"[...document.querySelectorAll({json.dumps(selector)})].filter(node => node.checkVisibility())"
        await self._press_on((await until(lambda: self._elements(find), f"{self.label}: {selector}", page=self))[0])

    async def _press_on(self, element: dict[str, Any]) -> None:
        shared = {"sharedId": element["sharedId"]}
        await self._bidi.send(
            "script.callFunction",
            functionDeclaration="node => node.scrollIntoView({block: 'center', behavior: 'instant'})",
            arguments=[shared],
            target={"context": self._context},
            awaitPromise=False,
        )
        origin = {"type": "element", "element": shared}
        steps = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        await self._act({"type": "pointer", "id": "mouse", "actions": steps})

    async def _act(self, source: dict[str, Any]) -> None:
        await self._bidi.send("input.performActions", context=self._context, actions=[source])

    async def fill(self, label: str, text: str) -> None:
        field = f"[...document.querySelectorAll('label')].find(l => l.innerText.includes({json.dumps(label)})).control"
        await self.wait_for(f"Boolean({field})")
        await self.evaluate(f"(field => {{ field.focus(); field.select(); }})({field})")
        for letter in text:
            await self.press(letter)

    async def press(self, key: str) -> None:
        held = [KEYS.get(part, part) for part in key.split("+")] if len(key) > 1 else [KEYS.get(key, key)]
        down = [{"type": "keyDown", "value": value} for value in held]
        up = [{"type": "keyUp", "value": value} for value in reversed(held)]
        await self._act({"type": "key", "id": "keyboard", "actions": [*down, *up]})

    async def viewport(self, width: int, height: int) -> None:
        size = {"width": width, "height": height}
        await self._bidi.send("browsingContext.setViewport", context=self._context, viewport=size)

    async def screenshot(self, path: Path) -> None:
        shot = await self._bidi.send("browsingContext.captureScreenshot", context=self._context)
        path.write_bytes(base64.b64decode(shot["data"]))

    async def close(self) -> None:
        self._closing = True
        await self._bidi.send("browsingContext.close", context=self._context)
