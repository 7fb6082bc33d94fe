"""Sequence numbers towards one subscriber: one offset on the producer's, re-aligned after every pause.

Without it a subscriber who returns after 2^15 packets or more can no longer decrypt, and one who returns after exactly
2^16 is sent a second packet under the same AEAD nonce. So an outgoing number only ever grows, for as long as the SRTP
session and the SSRC live, and a re-opened subscription gets another SSRC.
"""

from __future__ import annotations

from .serial import MODULUS, advance, distance

_MAX_JUMP = 1 << 13  # a publisher's own gap beyond this is closed like a pause
_REORDERING = 1 << 10  # how far back a late packet may lie


class SequenceLane:
    """The outgoing sequence numbers of one consumer's SSRC, for as long as it lives."""

    __slots__ = ("_floor", "_highest_in", "_last_out", "_offset", "_rtx_sequence")

    def __init__(self, first: int) -> None:
        """Begin at ``first``, below 2^15 so that no receiver guesses a roll-over that did not happen."""
        if not 0 <= first < MODULUS // 2:
            raise ValueError(f"first sequence {first}: expected below {MODULUS // 2}")
        self._last_out = advance(first, -1)
        self._rtx_sequence = first
        self._offset: int | None = None
        self._floor = 0
        self._highest_in = 0

    def realign(self) -> None:
        """Let the next packet follow the last one that was sent, whatever its own number."""
        self._offset = None

    def outgoing(self, sequence: int) -> int | None:
        """Return the number under which to send the producer's ``sequence``; None when it is older than the run."""
        if self._offset is None or distance(sequence, self._highest_in) > _MAX_JUMP:
            self._offset = (self._last_out + 1 - sequence) % MODULUS
            self._floor = self._highest_in = sequence
            self._last_out = advance(sequence, self._offset)
            return self._last_out
        if distance(sequence, self._floor) < 0:
            return None
        if distance(sequence, self._highest_in) > 0:
            self._highest_in = sequence
            self._last_out = advance(sequence, self._offset)
            if distance(sequence, self._floor) > 2 * _REORDERING:
                self._floor = advance(sequence, -_REORDERING)
        return advance(sequence, self._offset)

    def incoming(self, outgoing: int) -> int | None:
        """Return the producer's number of a packet that the subscriber knows as ``outgoing``; None before this run."""
        if self._offset is None:
            return None
        sequence = advance(outgoing, -self._offset)
        if distance(sequence, self._floor) < 0 or distance(sequence, self._highest_in) > 0:
            return None
        return sequence

    def next_retransmission(self) -> int:
        """Return the next sequence number of the RTX stream."""
        sequence = self._rtx_sequence
        self._rtx_sequence = advance(sequence, 1)
        return sequence
