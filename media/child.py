"""One worker process as the server sees it: start it, ask it, notice its death."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from .control import Json, MediaError, MediaEvent, Request, Start, Unframer, frame, parse_event, request_message

ANSWER_TIMEOUT = 10.0
"""Seconds; a worker that does not answer in this time is as good as dead."""

START_TIMEOUT = 30.0
"""Seconds for a process to load its libraries and bind its port, on a busy machine too."""

WORKER = "media.worker"
"""The module that a worker process runs."""

_CHUNK = 1 << 16
_ROOT = Path(__file__).resolve().parent.parent

OnEvent = Callable[[str, MediaEvent], None]


class Child:
    """A running worker. Make one with :meth:`spawn`; :meth:`ended` returns when it is gone."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_event: OnEvent,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._on_event = on_event
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._number = 0
        self._listening = asyncio.create_task(self._listen())
        self.port = 0

    @classmethod
    async def spawn(cls, start: Start, on_event: OnEvent) -> Child:
        """Start a process and its socket. Raises :class:`MediaError` ``no_socket`` or ``worker_lost``."""
        ours, theirs = socket.socketpair()
        with theirs:
            # The process must find this package wherever the server was started from.
            path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                WORKER,
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "PYTHONPATH": path},
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        child = cls(process, reader, writer, on_event)
        try:
            child.port = (await child.ask(start, START_TIMEOUT))["port"]
        except BaseException:
            await child.close()
            raise
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ask(self, request: Request, timeout: float = ANSWER_TIMEOUT) -> Json:  # noqa: ASYNC109 - a stuck worker is killed, which a caller's timeout would not do
        """Send a request and return its reply. Raises :class:`MediaError`."""
        if self._listening.done():
            raise MediaError("worker_lost", "the media worker is gone")
        self._number += 1
        number = self._number
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(frame(request_message(number, request)))
            return await asyncio.wait_for(answer, timeout)
        except TimeoutError:
            self._process.kill()  # its loop is stuck: its rooms are better off elsewhere
            raise MediaError("worker_lost", "the media worker does not answer") from None
        finally:
            del self._waiting[number]

    async def ended(self) -> None:
        """Wait until the worker is gone and its process is reaped."""
        await asyncio.wait([self._listening])
        await self._process.wait()

    async def close(self) -> None:
        """Close the worker's socket, which ends it, and wait."""
        self._writer.close()
        try:
            await asyncio.wait_for(self._process.wait(), ANSWER_TIMEOUT)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening

    async def _listen(self) -> None:
        unframer = Unframer()
        try:
            while data := await self._reader.read(_CHUNK):
                for message in unframer.feed(data):
                    self._take(message)
        except (ConnectionError, MediaError):
            self._process.kill()  # half a worker is none
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(MediaError("worker_lost", "the media worker is gone"))

    def _take(self, message: Json) -> None:
        if "event" in message:
            self._on_event(*parse_event(message))
            return
        answer = self._waiting.get(message["id"])
        if answer is None or answer.done():
            return  # its asker was cancelled
        if "code" in message:
            answer.set_exception(MediaError(message["code"], message["text"]))
        else:
            answer.set_result(message["data"])
