"""Serial-number arithmetic on the 16-bit sequence numbers of RTP (RFC 3550, RFC 1982)."""

from __future__ import annotations

MODULUS = 1 << 16
_HALF = 1 << 15


def advance(sequence: int, steps: int) -> int:
    """Return the sequence number ``steps`` after ``sequence`` (before it, when negative)."""
    return (sequence + steps) % MODULUS


def distance(newer: int, older: int) -> int:
    """Return how many packets ``newer`` lies after ``older``: from -32768 to 32767."""
    return (newer - older + _HALF) % MODULUS - _HALF
