"""What a worker is about to send: packets replicated, renumbered and encrypted side by side for all their receivers."""

from __future__ import annotations

import socket
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pylibsrtp._binding import lib  # type: ignore[import-not-found]  # a compiled module without types

from .batch import SEND_SLOTS, SLOT, Names, Sending, Way
from .fanout import Fanout, Patch
from .memory import Memory

_protect = lib.srtp_protect
_WORDS = SLOT // 4
_HALVES = SLOT // 2
REFUSALS = 100
"""Trains that may be refused before none is coupled any more: by then it is the system and not one peer's path."""
_REPEATED = 32  # receivers up to which a list of equal lengths is kept for the next packet of that size


WayOut = tuple[Any, int]
"""A libsrtp sending session, and the place of a destination in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Receivers:
    """Who gets a packet, as tables that are laid into the slots; ``ssrcs`` is None where all have the packet's own."""

    count: int
    contexts: Sequence[Any]
    places: memoryview
    ssrcs: memoryview | None


class Outbox:
    """Send slots that fill up during one batch of input and leave together."""

    def __init__(
        self,
        port: socket.socket,
        names: Names,
        counters: Counter[str],
        find: Callable[[str], WayOut | None],
        *,
        way: Way,
    ) -> None:
        """Send through ``port``; ``find(transport)`` names the way out of a transport that is served side by side."""
        self._find = find
        self._port = port
        self._counters = counters
        self.way = way
        self._slots = Sending(names)
        self._lengths: dict[int, memoryview] = {}
        self._used = 0

    def add(self, datagram: bytes, place: int) -> None:
        """Let a whole datagram leave with the next flush."""
        if self._used == SEND_SLOTS:
            self.flush()
        begin, slots = self._used * SLOT, self._slots
        slots.bytes[begin : begin + len(datagram)] = datagram
        slots.lengths[self._used], slots.places[self._used] = len(datagram), place
        self._used += 1

    def spread(  # noqa: PLR0917 - the hot path: keywords would cost as much as a look-up
        self, source: Memory, start: int, size: int, fanout: Fanout, heads: memoryview, patches: tuple[Patch, ...]
    ) -> None:
        """Encrypt the plain packet at ``start`` for every direct consumer under its own numbers."""
        receivers: Receivers = fanout.plan or self._plan(fanout)
        contexts = receivers.contexts
        count = receivers.count
        if self._used + count > SEND_SLOTS:
            self.flush()
        begin = self._used
        end = begin + count
        slots = self._slots
        slots.bytes[begin * SLOT : end * SLOT] = source.buffer[start : start + SLOT] * count
        words = slots.words
        words[begin * _WORDS : end * _WORDS : _WORDS] = heads
        if receivers.ssrcs is not None:
            words[begin * _WORDS + 2 : end * _WORDS : _WORDS] = receivers.ssrcs
        for at, width, values in patches:
            if width == 4:
                words[begin * _WORDS + at // 4 : end * _WORDS : _WORDS] = values.cast("I")
            elif width == 2:
                slots.halves[begin * _HALVES + at // 2 : end * _HALVES : _HALVES] = values.cast("H")
            else:
                slots.bytes[begin * SLOT + at : end * SLOT : SLOT] = values
        slots.lengths[begin:end] = self._repeated(size, count)
        slots.places[begin:end] = receivers.places
        failed = list(map(_protect, contexts, slots.packets[begin:end], slots.length_pointers[begin:end]))
        if any(failed):
            end = self._without(failed, begin)
        self._used = end
        self._counters["rtp_out"] += end - begin

    def _plan(self, fanout: Fanout) -> Receivers:
        found = [way for way in (self._find(consumer.transport) for consumer in fanout.direct) if way is not None]
        made = Receivers(
            len(found), [each[0] for each in found], memoryview(array("Q", [each[1] for each in found])), fanout.ssrcs
        )
        fanout.plan = made
        return made

    def flush(self) -> None:
        """Send what waits, each packet at once or not at all."""
        used = self._used
        if not used:
            return
        self._used = 0
        full, failed = self._slots.flush(self._port, used, way=self.way)
        self._counters["datagrams_out"] += used - full - failed
        if self._slots.trains_refused > REFUSALS:
            self.way = Way.MESSAGES  # this system's trains cost more than they save
        if full:
            self._counters["send_buffer_full"] += full
        if failed:
            self._counters["send_failed"] += failed

    def _repeated(self, size: int, count: int) -> memoryview:
        if count > _REPEATED:
            return memoryview(array("Q", [size]) * count)
        found = self._lengths.get(size)
        if found is None:
            found = self._lengths[size] = memoryview(array("Q", [size]) * _REPEATED)
        return found[:count]

    def _without(self, failed: list[int], begin: int) -> int:
        """Close the gaps that refused packets leave; return the end of what remains."""
        slots, to = self._slots, begin
        for place, refused in enumerate(failed, begin):
            if refused:
                self._counters["protect_refused"] += 1
                continue
            if place != to:
                slots.bytes[to * SLOT : (to + 1) * SLOT] = slots.bytes[place * SLOT : (place + 1) * SLOT]
                slots.lengths[to], slots.places[to] = slots.lengths[place], slots.places[place]
            to += 1
        return to
