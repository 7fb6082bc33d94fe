"""Members of encrypted groups without browsers: the client's own modules in a Node process, driven from here."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.support.page import PATIENCE_S
from tests.support.process import die_with_parent
from tests.support.sframe import FrameKeys

RUN = Path(__file__).parent / "keys" / "run.mjs"
LINE = 1 << 22

Ask = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


class KeysError(Exception):
    """The Node process did not do it; `code` says why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class Denied(Exception):
    """What a member's request to the server comes back with when it is refused."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Member:
    """One device's place in the group: what it tells, and the keys of its frames."""

    def __init__(self, process: KeysProcess, name: str, ask: Ask) -> None:
        self._process = process
        self.name = name
        self.ask = ask
        self.view: dict[str, Any] | None = None
        self.stages: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.doubtful: list[dict[str, Any]] = []
        self.frames = FrameKeys()

    def __str__(self) -> str:
        return f"{self.name}: {self.at} with {sorted(self.seats)}, sends with {self.frames.sending}, {self.stages}"

    @property
    def stage(self) -> str:
        """Its group's stage."""
        return str(self.stages[-1]["name"]) if self.stages else "asking"

    @property
    def seats(self) -> set[str]:
        """Who is in its group."""
        return {each["seat"] for each in self.view["members"]} if self.view else set()

    @property
    def at(self) -> tuple[str, int, str] | None:
        """Group, epoch and authenticator: the same on every device that has the same keys."""
        return (self.view["group"], self.view["epoch"], self.view["authenticator"]) if self.view else None

    def standing(self, seat: str) -> str:
        """What the member of that seat has proven to this device."""
        assert self.view
        return str(next(each["standing"] for each in self.view["members"] if each["seat"] == seat))

    def hear(self, event: str, data: dict[str, Any]) -> None:
        """An event of the server."""
        self._process.write({"id": 0, "order": "hear", "data": {"member": self.name, "event": event, "data": data}})

    async def say(self, payload: str) -> None:
        """A message to everybody in the group."""
        await self._process.order("say", member=self.name, payload=payload)

    async def trust(self, trust: dict[str, Any]) -> None:
        """What the page has learnt since, of revocations and secrets."""
        await self._process.order("trust", member=self.name, trust=trust)

    async def approve(self, who: dict[str, Any]) -> None:
        """A person there lets in one of the doubtful, who proves nothing."""
        await self._process.order("approve", member=self.name, who=who)

    async def close(self) -> None:
        """The page is gone, and every key with it."""
        await self._process.order("close", member=self.name)
        self.frames.clear()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until something holds of this member, or of others of its process."""
        await self._process.until(condition)

    def told(self, what: str, data: Any) -> None:
        """News of the Node process."""
        if what == "keys":
            self._keys(data)
        elif what == "group":
            self.view = data
        elif what == "doubtful":
            self.doubtful = data
        else:
            {"stage": self.stages, "message": self.messages}[what].append(data)

    def _keys(self, told: dict[str, Any]) -> None:
        seats = {int(leaf): seat for leaf, seat in told.get("seats", {}).items()}
        if told["what"] == "installed":
            self.frames.install(told["epoch"], base64.urlsafe_b64decode(told["key"] + "=="), seats, told["own"])
        elif told["what"] == "reseated":
            self.frames.reseat(seats)
        elif told["what"] == "sending":
            self.frames.send_with(told["epoch"])
        else:
            self.frames.clear()


class KeysProcess:
    """The Node process: orders to it, and what its members ask and tell."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._orders = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._members: dict[str, Member] = {}
        self._asks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Condition()
        self._failures: list[BaseException] = []
        self._reader = asyncio.create_task(self._guard(self._read()))

    @classmethod
    async def start(cls) -> KeysProcess:
        """Bundle it and start it."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            "node", "--enable-source-maps", str(RUN), stdin=pipe, stdout=pipe, limit=LINE, preexec_fn=die_with_parent
        )
        return cls(process)

    async def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), PATIENCE_S)
        for task in (self._reader, *self._asks):
            task.cancel()
        await asyncio.gather(self._reader, *self._asks, return_exceptions=True)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for what the members tell."""
        try:
            async with asyncio.timeout(PATIENCE_S), self._news:
                await self._news.wait_for(lambda: self._failures or condition())
        except TimeoutError:
            raise AssertionError("\n".join(map(str, self._members.values()))) from None
        if self._failures:
            raise self._failures[0]

    async def order(self, order: str, /, **data: Any) -> Any:
        """One order and its reply. Raises KeysError."""
        number = next(self._orders)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        self.write({"id": number, "order": order, "data": data})
        return await asyncio.wait_for(self._waiting[number], PATIENCE_S)

    async def open(self, ask: Ask, *, label: str, device: str, **opening: Any) -> Member:
        """A device comes into a call; what it asks of the server goes through `ask`, which raises Denied."""
        member = self._members[label] = Member(self, label, ask)
        given = {"certificate": None, "invitation": None, "mayRaise": False}
        await self.order("open", member=label, device=device, **(given | opening))
        return member

    def write(self, line: dict[str, Any]) -> None:
        """One line to the process."""
        assert self._process.stdin
        if not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(line).encode() + b"\n")

    async def _guard(self, work: Awaitable[None]) -> None:
        """Nobody awaits what runs beside the test: its faults are raised where the test waits."""
        try:
            await work
        except Exception as error:
            self._failures.append(error)
            async with self._news:
                self._news.notify_all()

    async def _read(self) -> None:
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            if "ask" in said:
                task = asyncio.create_task(self._guard(self._answer(said)))
                self._asks.add(task)
                task.add_done_callback(self._asks.discard)
            elif "what" in said:
                self._members[said["member"]].told(said["what"], said["data"])
                async with self._news:
                    self._news.notify_all()
            elif (waiting := self._waiting.pop(said["id"], None)) is not None and not waiting.done():
                if said["ok"]:
                    waiting.set_result(said["data"])
                else:
                    waiting.set_exception(KeysError(said["code"], said["text"]))

    async def _answer(self, said: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"to": said["ask"], "ok": True}
        try:
            answer["data"] = await self._members[said["member"]].ask(said["event"], said["data"])
        except Denied as denied:
            answer |= {"ok": False, "error": {"code": denied.code, "text": denied.text}}
        self.write(answer)
