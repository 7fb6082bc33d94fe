"""A router's packets as bytes: one laid into memory as the wire does it, and a spread one taken apart again."""

from __future__ import annotations

import socket

from media.batch import Names, Single
from media.forward import Outgoing, Spread
from media.router import Router

MEMORY = Single(Names(socket.AF_INET))


def taken(router: Router, transport: str, packet: bytes, now: float) -> list[Outgoing]:
    """Give a router a decrypted RTP packet; return all that it sends, what is spread taken apart."""
    spread = router.on_rtp(transport, MEMORY, MEMORY.put(packet), len(packet), now)
    return (apart(spread) if spread is not None else []) + router.take()


def apart(spread: Spread) -> list[Outgoing]:
    """Return a spread packet as each of its receivers gets it, laid together without the engine's slots."""
    canonical = bytes(MEMORY.buffer[spread.start : spread.start + spread.size])
    numbers, found = spread.numbers, []
    for place, consumer in enumerate(spread.fanout.direct):
        packet = bytearray(canonical)
        packet[0:4] = numbers.heads[place : place + 1].tobytes()
        if numbers.ssrcs is not None:
            packet[8:12] = numbers.ssrcs[place : place + 1].tobytes()
        for at, width, values in numbers.patches:
            packet[at : at + width] = values.tobytes()[place * width : (place + 1) * width]
        found.append(Outgoing(consumer.transport, False, bytes(packet)))
    return found
