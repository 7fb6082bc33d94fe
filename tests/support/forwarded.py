"""A router's packets as bytes: one laid into memory as the wire does it, and a spread one taken apart again."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable

from media.batch import Names, Single
from media.fanout import Fanout, Patch
from media.forward import Outgoing
from media.memory import Memory
from media.router import Router


class Apart:
    """A room's router whose spread packets are taken apart, each as its receiver gets it."""

    def __init__(self, on_hold: Callable[[str, str, bool], None] = lambda _peer, _consumer, _held: None) -> None:
        self.counters: Counter[str] = Counter()
        self.router = Router(self.counters, self._spread, lambda _router: None, on_hold)
        self._memory = Single(Names(socket.AF_INET))
        self._spread_out: list[Outgoing] = []

    def give(self, transport: str, packet: bytes, now: float, arrived: float | None = None) -> list[Outgoing]:
        """Lay a decrypted RTP packet into memory as the wire does; return all that is sent.

        ``arrived`` is when it came, if that was before ``now``.
        """
        self._spread_out = []
        came = now if arrived is None else arrived
        self.router.taker(transport)(self._memory, self._memory.put(packet), len(packet), now, came)
        return self._spread_out + self.router.take()

    def _spread(
        self, memory: Memory, start: int, size: int, fanout: Fanout, number: tuple[int, int], patches: tuple[Patch, ...]
    ) -> None:
        heads = fanout.lanes.heads([number])
        canonical = memory.buffer[start : start + size]
        for place, consumer in enumerate(fanout.direct):
            packet = bytearray(canonical)
            packet[0:4] = heads[place : place + 1].tobytes()
            if fanout.ssrcs is not None:
                packet[8:12] = fanout.ssrcs[place : place + 1].tobytes()
            for at, width, values in patches:
                packet[at : at + width] = values.tobytes()[place * width : (place + 1) * width]
            self._spread_out.append(Outgoing(consumer.transport, False, bytes(packet)))
