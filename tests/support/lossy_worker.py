"""A media worker on a bad line: three of a hundred packets are lost on the way in, and three on the way out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from media import engine, wire, worker
from media.memory import Memory
from media.outbox import Outbox
from media.router import Router, Take

LOSS = 0.03
chance = random.Random(3)


class LossyRouter(Router):
    """Our router, and the line before it."""

    def taker(self, transport: str) -> Take:
        """Take the packets that come through."""
        take = super().taker(transport)

        def lossy(memory: Memory, at: int, size: int, now: float, arrived: float) -> None:
            if chance.random() >= LOSS:
                take(memory, at, size, now, arrived)

        return lossy


class LossyOutbox(Outbox):
    """Our outbox, and the line behind it. What is sent again is lost as often as anything else."""

    def add(self, datagram: bytes, place: int) -> None:
        """Let a datagram leave that the line lets through."""
        if chance.random() >= LOSS:
            super().add(datagram, place)

    def _encrypt(self, contexts: Sequence[Any], begin: int, end: int) -> list[int]:
        return [failed or chance.random() < LOSS for failed in super()._encrypt(contexts, begin, end)]


if __name__ == "__main__":
    engine.Router = LossyRouter  # type: ignore[attr-defined] # the line is part of the test
    wire.Outbox = LossyOutbox  # type: ignore[attr-defined] # and so is its other half
    worker.main()
