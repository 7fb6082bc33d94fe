"""What a worker is about to send: packets replicated, renumbered and encrypted side by side for all their receivers."""

from __future__ import annotations

import socket
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pylibsrtp._binding import lib  # type: ignore[import-not-found]  # a compiled module without types

from .batch import SEND_SLOTS, SLOT, Names, Sending, Way, repeated, trains
from .fanout import Fanout, Lanes, Patch
from .memory import Memory

_protect = lib.srtp_protect
_WORDS = SLOT // 4
_HALVES = SLOT // 2
_SMALL, _FEW = 400, 4
"""Bytes and receivers up to which copying one by one is cheaper than copying whole slots, most of them empty."""
REFUSALS = 100
"""Trains that may be refused before none is coupled any more: by then it is the system and not one peer's path."""


class WayOut(NamedTuple):
    """A libsrtp sending session, the place of a destination in memory, and whose memory both are."""

    context: Any
    place: int
    owner: object


Copied = tuple[bytes, int, tuple[int, int], tuple[Patch, ...]]
"""A packet that waits to be encrypted: a slot's bytes, how many of them count, its head and index, its patches."""


@dataclass(slots=True, eq=False)
class Receivers:
    """Who gets a packet, as tables that are laid into the slots; ``ssrcs`` is None where all have the packet's own.

    ``owners`` keep sessions and destinations from being freed while packets wait. ``run`` are the packets that they are
    to get with the next flush, in order.
    """

    contexts: Sequence[Any]
    places: memoryview
    lanes: Lanes
    ssrcs: memoryview | None
    owners: Sequence[object] = ()
    run: list[Copied] = field(default_factory=list)


class Outbox:
    """Send slots that fill up during one batch of input and leave together.

    The packets that the same receivers get are laid out together, all of the first receiver's, then all of the
    second's: the more of them there are, the less each costs, and each receiver's lie as a train needs them.
    """

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
        self._waiting: list[Receivers] = []
        self._used = 0

    def add(self, datagram: bytes, place: int) -> None:
        """Let a whole datagram leave with the next flush."""
        if self._used == SEND_SLOTS:
            self._send()
        slot = self._used
        self._slots.bytes[slot * SLOT : slot * SLOT + len(datagram)] = datagram
        self._slots.lengths[slot] = len(datagram)
        self._slots.alone(slot, slot + 1, memoryview(array("Q", (place,))))
        self._used = slot + 1

    def spread(  # noqa: PLR0917 - the hot path: keywords would cost as much as a look-up
        self, source: Memory, start: int, size: int, fanout: Fanout, number: tuple[int, int], patches: tuple[Patch, ...]
    ) -> None:
        """Let the plain packet at ``start`` leave with the next flush, for every direct consumer under its own numbers.

        It is copied now; its receivers are those of this moment.
        """
        receivers: Receivers = fanout.plan or self._plan(fanout)
        run = receivers.run
        if not run:
            self._waiting.append(receivers)
        run.append((source.buffer[start : start + SLOT], size, number, patches))

    def _plan(self, fanout: Fanout) -> Receivers:
        found = [way for way in (self._find(consumer.transport) for consumer in fanout.direct) if way is not None]
        made = Receivers(
            [each.context for each in found],
            memoryview(array("Q", [each.place for each in found])),
            fanout.lanes,
            fanout.ssrcs,
            [each.owner for each in found],
        )
        fanout.plan = made
        return made

    def flush(self) -> None:
        """Encrypt and send what waits, each packet at once or not at all."""
        waiting, self._waiting = self._waiting, []
        for receivers in waiting:
            run, receivers.run = receivers.run, []
            count, at = len(receivers.contexts), 0
            while count and at < len(run):
                room = (SEND_SLOTS - self._used) // count
                if not room:
                    self._send()
                    continue
                self._lay(receivers, run[at : at + room])
                at += room
        if self._used:
            self._send()

    def _lay(self, receivers: Receivers, run: list[Copied]) -> None:
        """Replicate packets into the next slots, renumber, encrypt and couple them there."""
        each, places, contexts = len(run), receivers.places, receivers.contexts
        begin = self._used
        end = begin + each * len(places)
        sizes = self._replicate(receivers, run, begin, end)
        if each > 1:
            contexts = [context for context in contexts for _ in run]
        failed = self._encrypt(contexts, begin, end)
        self._used = end
        if any(failed):
            self._without(failed, begin, receivers, each)
            return
        self._counters["rtp_out"] += end - begin
        if each > 1 and self.way is Way.TRAINS:
            for train in trains(sizes):
                self._slots.coupled(begin, end, places, each, train)
        else:
            self._slots.alone(begin, end, places, each)

    def _replicate(self, receivers: Receivers, run: list[Copied], begin: int, end: int) -> Sequence[int]:
        """Fill the slots with plain packets as each receiver gets them; return the packets' sizes."""
        slots, each, count = self._slots, len(run), end - begin
        blocks, sizes, numbers, patched = zip(*run, strict=True)
        if each > 1:
            slots.bytes[begin * SLOT : end * SLOT] = b"".join(blocks) * (count // each)
            slots.lengths[begin:end] = memoryview(array("Q", sizes) * (count // each))
        else:
            size = sizes[0]
            slots.lengths[begin:end] = repeated(size, count)
            if size <= _SMALL and count <= _FEW:
                memory, packet = slots.bytes, blocks[0][:size]
                for at in range(begin * SLOT, end * SLOT, SLOT):
                    memory[at : at + size] = packet
            else:
                slots.bytes[begin * SLOT : end * SLOT] = blocks[0] * count
        slots.words[begin * _WORDS : end * _WORDS : _WORDS] = receivers.lanes.heads(numbers)
        ssrcs = receivers.ssrcs
        for step in range(each) if ssrcs is not None or any(patched) else ():
            if ssrcs is not None:
                slots.words[(begin + step) * _WORDS + 2 : end * _WORDS : each * _WORDS] = ssrcs
            self._patch(begin + step, end, each, patched[step])
        return sizes

    def _encrypt(self, contexts: Sequence[Any], begin: int, end: int) -> list[int]:
        """Encrypt slots in place; return libsrtp's word on each, 0 for success."""
        slots = self._slots
        return list(map(_protect, contexts, slots.packets[begin:end], slots.length_pointers[begin:end]))

    def _patch(self, at: int, end: int, each: int, patches: tuple[Patch, ...]) -> None:
        slots = self._slots
        for place, width, values in patches:
            if width == 4:
                slots.words[at * _WORDS + place // 4 : end * _WORDS : each * _WORDS] = values.cast("I")
            elif width == 2:
                slots.halves[at * _HALVES + place // 2 : end * _HALVES : each * _HALVES] = values.cast("H")
            else:
                slots.bytes[at * SLOT + place : end * SLOT : each * SLOT] = values

    def _without(self, failed: list[int], begin: int, receivers: Receivers, each: int) -> None:
        """Let those leave one by one that were not refused."""
        for step, refused in enumerate(failed):
            if refused:
                self._counters["protect_refused"] += 1
                continue
            self._counters["rtp_out"] += 1
            receiver = step // each
            self._slots.alone(begin + step, begin + step + 1, receivers.places[receiver : receiver + 1])

    def _send(self) -> None:
        self._used = 0
        left, full, failed = self._slots.flush(self._port, way=self.way)
        self._counters["datagrams_out"] += left
        if self._slots.refused > REFUSALS:
            self.way = Way.MESSAGES  # this system's trains cost more than they save
        if full:
            self._counters["send_buffer_full"] += full
        if failed:
            self._counters["send_failed"] += failed
