"""A media worker of an operator who cannot be trusted: it serves as ours does, and keeps every decrypted packet."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from media import engine, worker
from media.control import Json
from media.memory import Memory
from media.router import Router, Take

TAP = "CURIOUS_TAP"
"""Names the environment's variable with the file to write."""


class Tap:
    """A file of JSON lines; every line is written at once, as this process may be killed."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, line: Json) -> None:
        """Append one line."""
        os.write(self._file, json.dumps(line).encode() + b"\n")


class CuriousRouter(Router):
    """Our router, and everything that comes to it."""

    def create_producer(self, peer: str, transport: str, kind: str, *words: Any, **more: Any) -> str:
        """Note how the stream can be told apart."""
        created = super().create_producer(peer, transport, kind, *words, **more)
        incoming = self._producers[created].incoming
        for encoding in incoming.encodings:
            tap.write(
                {
                    "peer": peer,
                    "transport": transport,
                    "kind": kind,
                    "codec": incoming.codec,
                    "payload_type": incoming.payload_type,
                    "rtx_payload_type": incoming.rtx_payload_type,
                    "ssrc": encoding.ssrc,
                    "rtx_ssrc": encoding.rtx_ssrc,
                }
            )
        return created

    def taker(self, transport: str) -> Take:
        """Note each packet, whether or not it would be forwarded."""
        take = super().taker(transport)

        def note(memory: Memory, at: int, size: int, now: float, arrived: float) -> None:
            packet = memory.buffer[at : at + size]
            tap.write({"transport": transport, "packet": base64.b64encode(packet).decode()})
            take(memory, at, size, now, arrived)

        return note


if __name__ == "__main__":
    tap = Tap(os.environ[TAP])
    engine.Router = CuriousRouter  # type: ignore[attr-defined] # who runs a server runs what they like
    worker.main()
