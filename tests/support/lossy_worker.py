"""A media worker on a bad line: three of a hundred packets are lost on the way in, and three on the way out."""

from __future__ import annotations

import random

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

        def lossy(memory: Memory, at: int, size: int, now: float) -> None:
            if chance.random() >= LOSS:
                take(memory, at, size, now)

        return lossy


class LossyOutbox(Outbox):
    """Our outbox, and the line behind it. What is sent again is lost as often as anything else."""

    def flush(self) -> None:
        """Send what the line lets through."""
        self._used = self._without([chance.random() < LOSS for _ in range(self._used)], 0)
        super().flush()


if __name__ == "__main__":
    engine.Router = LossyRouter  # type: ignore[attr-defined] # the line is part of the test
    wire.Outbox = LossyOutbox  # type: ignore[attr-defined] # and so is its other half
    worker.main()
