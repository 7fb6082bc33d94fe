"""Sequence numbers towards one subscriber: a fixed offset on its layer's, chosen anew after every pause and switch.

Without it a subscriber who returns after 2^15 packets or more can no longer decrypt, and one who returns after exactly
2^16 is sent a second packet under the same AEAD nonce. So an outgoing number only ever grows, for as long as the SRTP
session and the SSRC live, and a re-opened subscription gets another SSRC.

Numbers here are not wrapped: a layer counts its packets by a growing *index*, a lane adds its offset to it, and the 16
bits of the wire are cut off last.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from .serial import MODULUS, advance

if TYPE_CHECKING:
    from .layers import Layer

_RUNS = 8
"""Runs remembered: a subscriber asks for what it lost a second ago, seldom from before two switches."""


class Shifts(NamedTuple):
    """What else a run adds to its layer's packets: timestamp, picture id, TL0PICIDX."""

    time: int = 0
    picture: int = 0
    level: int = 0


UNMOVED = Shifts()


class Run(NamedTuple):
    """A stretch of outgoing numbers that came from one layer with one offset; it ends where the next one begins."""

    first: int
    offset: int
    layer: Layer
    shifts: Shifts


class Lane:
    """The outgoing sequence numbers of one consumer's SSRC, for as long as it lives."""

    __slots__ = ("_last", "_rtx_sequence", "_runs", "offset")

    def __init__(self, first: int) -> None:
        """Begin at ``first``, below 2^15 so that no receiver guesses a roll-over that did not happen."""
        if not 0 <= first < MODULUS // 2:
            raise ValueError(f"first sequence {first}: expected below {MODULUS // 2}")
        self._last = first - 1
        self._rtx_sequence = first
        self._runs: deque[Run] = deque(maxlen=_RUNS)
        self.offset = 0

    def begin(self, index: int, layer: Layer, shifts: Shifts = UNMOVED) -> None:
        """Let the layer's packet ``index`` follow the last one that was sent."""
        self.offset = self._last + 1 - index
        self._runs.append(Run(self._last + 1, self.offset, layer, shifts))

    def end(self, newest: int) -> None:
        """End the run with the layer's packet ``newest``; nothing after it was sent."""
        self._last = max(self._last, newest + self.offset)

    def covers(self, index: int) -> bool:
        """Tell whether the layer's packet ``index`` belongs to the current run: it may have come late."""
        return bool(self._runs) and index + self.offset >= self._runs[-1].first

    def find(self, outgoing: int, newest: int | None) -> tuple[Run, int] | None:
        """Return (run, index) of the packet that the subscriber knows by 16 bits; None for one that was never sent.

        ``newest`` is the newest index of the current run, None while there is none.
        """
        last = self._last if newest is None else newest + self.offset
        sent = last - (last - outgoing) % MODULUS
        for run in reversed(self._runs):
            if sent >= run.first:
                return run, sent - run.offset
        return None

    def next_retransmission(self) -> int:
        """Return the next sequence number of the RTX stream."""
        sequence = self._rtx_sequence
        self._rtx_sequence = advance(sequence, 1)
        return sequence
