"""A media worker of an operator who cannot be trusted: it serves as ours does, and keeps every decrypted packet."""

from __future__ import annotations

import base64
import json
import os

from media import engine, worker
from media.control import Json
from media.router import Outgoing, Router

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

    def create_producer(
        self, peer: str, transport: str, kind: str, source: str, parameters: object, *, paused: bool
    ) -> str:
        """Note how the stream can be told apart."""
        created = super().create_producer(peer, transport, kind, source, parameters, paused=paused)
        incoming = self._producers[created].incoming
        tap.write(
            {
                "peer": peer,
                "transport": transport,
                "kind": kind,
                "payload_type": incoming.payload_type,
                "rtx_payload_type": incoming.rtx_payload_type,
                "ssrc": incoming.ssrc,
                "rtx_ssrc": incoming.rtx_ssrc,
            }
        )
        return created

    def on_rtp(self, transport: str, data: bytes, now: float) -> list[Outgoing]:
        """Note the packet, whether or not it would be forwarded."""
        tap.write({"transport": transport, "packet": base64.b64encode(data).decode()})
        return super().on_rtp(transport, data, now)


if __name__ == "__main__":
    tap = Tap(os.environ[TAP])
    engine.Router = CuriousRouter  # type: ignore[attr-defined] # who runs a server runs what they like
    worker.main()
