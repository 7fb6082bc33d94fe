"""What others learn of the rooms: news for connections, and numbers for lists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rooms.view import View


@dataclass(frozen=True)
class Outlet:
    """Where the rooms' news go; none of these may wait for a room."""

    state: Callable[[str, View], Awaitable[None]]
    closed: Callable[[str, str], Awaitable[None]]
    transport_closed: Callable[[str, str], Awaitable[None]]
    consumer_held: Callable[[str, str, bool], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Summary:
    """How many people are at the door and inside."""

    waiting: int
    present: int
