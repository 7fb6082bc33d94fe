"""A media worker on a bad line: three of a hundred packets are lost on the way in, and three on the way out."""

from __future__ import annotations

import random

from media import engine, worker
from media.router import Outgoing, Router

LOSS = 0.03
chance = random.Random(3)


class LossyRouter(Router):
    """Our router, and the line before and behind it. What is sent again comes through as often as anything else."""

    def on_rtp(self, transport: str, data: bytes, now: float) -> list[Outgoing]:
        """Forward the packet, if it came and arrives."""
        if chance.random() < LOSS:
            return []
        return [each for each in super().on_rtp(transport, data, now) if chance.random() >= LOSS]


if __name__ == "__main__":
    engine.Router = LossyRouter  # type: ignore[attr-defined] # the line is part of the test
    worker.main()
