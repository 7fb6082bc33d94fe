"""The rooms that are live in this process, and which connection belongs to which."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from rooms.effects import Effect
from rooms.placement import Placement
from rooms.room import Room

Change = Callable[[Room], list[Effect]]
"""Something that happens to a room; raises RoomError and leaves it alone, or returns what follows."""


@dataclass
class Live:
    """One room with what surrounds it. Whoever changes it holds ``lock``."""

    room: Room
    placement: Placement
    read_at: datetime
    """When its plan was read last."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from reading a plan until the room follows it: an older one never takes the place of a newer one."""
    overdue: deque[Change] = field(default_factory=deque)
    """What has happened already and could not be written yet, oldest first."""
    kept: dict[int, str] = field(default_factory=dict)
    """Which of them are in the spool: by ``id()`` of the change, the spool's own id."""
    revision: int = 0
    refused: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """When a refusal of (seat, action) was last recorded."""
    halted: set[str] = field(default_factory=set)
    """Seats whose media has ended because a client took something back, until the plan says so."""


class Registry:
    """Finds rooms by appointment and by connection."""

    def __init__(self) -> None:
        self._rooms: dict[str, Live] = {}
        self._conns: dict[str, Live] = {}

    def get(self, appointment_id: str) -> Live | None:
        """The live room of an appointment."""
        return self._rooms.get(appointment_id)

    def of(self, conn: str) -> Live | None:
        """The room to which a connection belongs."""
        return self._conns.get(conn)

    def add(self, live: Live) -> None:
        """A room comes to life."""
        self._rooms[live.room.plan.appointment_id] = live

    def join(self, conn: str, live: Live) -> None:
        """A connection belongs to this room from now on."""
        self._conns[conn] = live

    def part(self, conn: str) -> None:
        """A connection belongs to no room any more."""
        self._conns.pop(conn, None)

    def conns(self, live: Live) -> list[str]:
        """The connections of a room."""
        return [conn for conn, each in self._conns.items() if each is live]

    def discard(self, live: Live) -> None:
        """Forget a room that nobody is connected to."""
        self._rooms.pop(live.room.plan.appointment_id, None)

    def __iter__(self) -> Iterator[Live]:
        return iter(list(self._rooms.values()))
