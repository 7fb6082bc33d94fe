"""The worker process: ``python -m media.worker FD`` serves one server over an inherited socket until it closes."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from contextlib import suppress

from .control import Json, MediaError, MediaEvent, Start, Unframer, event_message, frame, parse_request
from .engine import Engine

_CHUNK = 1 << 16

_log = logging.getLogger(__name__)


class Worker:
    """Answers requests in order; its engine exists from the first ``Start`` on."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._engine: Engine | None = None

    def answer(self, message: Json) -> None:
        """Carry out one request and write its reply."""
        number = message.get("id")
        try:
            number, request = parse_request(message)
            if isinstance(request, Start) and self._engine is None:
                self._engine = Engine(request, self._report)
                gc.freeze()  # what start-up made stays; the collector need not walk it again
                data: Json = {"port": self._engine.port}
            elif self._engine is None:
                raise MediaError("wrong_state", "this worker is not started")
            else:
                data = self._engine.handle(request)
            reply: Json = {"id": number, "data": data}
        except MediaError as error:
            reply = {"id": number, "code": error.code, "text": error.text}
        except OSError as error:
            reply = {"id": number, "code": "no_socket", "text": str(error)}
        except Exception:
            # One request that we handle wrongly must not end the calls of everybody else on this worker.
            _log.exception("a request failed")
            reply = {"id": number, "code": "internal", "text": "the media worker could not do this"}
        self._writer.write(frame(reply))

    async def close(self) -> None:
        """Tell every peer that it is over."""
        if self._engine is not None:
            await self._engine.close()

    def _report(self, room: str, event: MediaEvent) -> None:
        self._writer.write(frame(event_message(room, event)))


async def serve(descriptor: int) -> None:
    """Serve the socket until the server closes it or dies."""
    reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=descriptor))
    worker, unframer = Worker(writer), Unframer()
    # A server that was killed resets the socket instead of closing it: that too is only the end of the work.
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            for message in unframer.feed(data):
                worker.answer(message)
            await writer.drain()
    await worker.close()


def main() -> None:
    """Run until the server's end of the socket closes."""
    logging.basicConfig(level=logging.WARNING, format="media worker: %(levelname)s %(name)s: %(message)s")
    # Ctrl-C goes to the whole terminal group; the server drains first and then closes our socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
