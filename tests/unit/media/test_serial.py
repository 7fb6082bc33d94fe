"""Serial-number arithmetic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.serial import advance, distance

sequences = st.integers(0, 0xFFFF)


@given(sequences, st.integers(-32768, 32767))
def test_it_measures_what_it_advanced(sequence: int, steps: int) -> None:
    assert distance(advance(sequence, steps), sequence) == steps


def test_it_wraps_at_both_ends() -> None:
    assert advance(0xFFFF, 1) == 0
    assert advance(0, -1) == 0xFFFF
    assert distance(2, 0xFFFE) == 4
    assert distance(0xFFFE, 2) == -4
