"""The demo organisation as a real child process, as `make serve` starts it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.process import die_with_parent

ROOT = Path(__file__).parents[2]
START_S = 60


@dataclass
class Demo:
    """A running demo server and the links it printed."""

    process: asyncio.subprocess.Process
    links: dict[str, Any]
    data: Path
    log: Path

    @classmethod
    async def start(
        cls,
        data: Path,
        *,
        environment: dict[str, str] | None = None,
        arguments: Sequence[str] = (),
        module: str = "server",
    ) -> Demo:
        """Start it on a free port with its data in `data`, and read its links. Raises AssertionError with its log."""
        data.mkdir(parents=True, exist_ok=True)
        log = data.with_suffix(".log")
        command = ["-m", module, "demo", "--links-json", "--port", "0", "--data", str(data), *arguments]
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(environment or {})},
                preexec_fn=die_with_parent,
            )
        try:
            links = await asyncio.wait_for(_links(process), START_S)
        except (TimeoutError, EOFError):
            process.kill()
            await process.wait()
            raise AssertionError(f"the demo printed no links\n{log.read_text()}") from None
        return cls(process, links, data, log)

    @property
    def url(self) -> str:
        """Where its pages are."""
        return str(self.links["base_url"])

    def sign_in_url(self, role: str, number: int = 0) -> str:
        """The one-click sign-in of the staff member with this role (the first of them, unless `number` says)."""
        return str([each["sign_in_url"] for each in self.links["staff"] if each["role"] == role][number])

    def name(self, role: str, number: int = 0) -> str:
        """What the staff member with this role is called."""
        return str([each["name"] for each in self.links["staff"] if each["role"] == role][number])

    @property
    def client(self) -> str:
        """The alias of the client of today's appointment."""
        return str(self.links["client"][0]["alias"])

    @property
    def invitation(self) -> str:
        """The client's invitation link to the appointment that starts now."""
        return str(self.links["client"][0]["invitation_url"])

    def media_workers(self) -> list[int]:
        """Process ids of its media workers."""
        return [pid for pid in _children(self.process.pid) if b"_worker" in _command(pid).replace(b".", b"_")]

    async def stop(self) -> int:
        """End it as a service manager would, and return its exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self.process.wait(), 30)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError(f"the demo did not end within 30 s of SIGTERM\n{self.log.read_text()}") from None


async def _links(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """The first JSON object on standard output, however it is laid out."""
    assert process.stdout
    text = ""
    while line := await process.stdout.readline():
        text += line.decode()
        try:
            links: dict[str, Any] = json.loads(text)
        except json.JSONDecodeError:
            continue
        return links
    raise EOFError


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
