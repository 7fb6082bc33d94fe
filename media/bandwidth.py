"""What a subscriber gets when it cannot get everything: streams in the order of its need, and probes for more.

Pure: an estimate and a list of wishes go in, a layer or nothing for each comes out. Resolution falls before frame rate,
because a smaller layer has all its frames; what does not fit at its smallest is held, in the reverse order of need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

MARGIN = 0.9
"""Of the estimate that may be used: the rest is for reports, retransmissions and rates that are not constant."""
HEADROOM = 1.15
"""How much more than a larger layer needs there must be before anybody is moved up to it."""
KEEP = 0.6
"""Of its smallest layer's rate that must fit for a picture to stay: browsers that are short of time, not of bandwidth,
estimate a seventh less than what reaches them, and nobody's face is taken away for that."""
KEEP_LOSING = 0.8
"""The same on a line that loses, which is no lack of time: what does not fit would stand before the sound. Who signs or
reads lips keeps the picture as before."""
SOUND_RESERVE_BPS = 40_000
"""What a stream of sound is counted for at least, silent or not: speech may begin at any time."""
TOP_HEIGHT = 720
"""Lines of the largest layer, where its publisher does not say; each smaller one has half of the next."""

_ENOUGH = 1.25  # a picture may be stretched by so much before a larger one is worth its bits


Grant = Callable[["Wish", int, float], bool]


class Rank(IntEnum):
    """How much a receiver needs a picture, most first."""

    PINNED = 0
    SPEAKER = 1
    GRID = 2
    HIDDEN = 3


RANKS = {rank.name.lower(): rank for rank in Rank}
"""By the names that clients use."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One stream that a receiver would have.

    ``rates_bps`` are those of the layers that are being sent, by their place, the smallest first. ``most`` is the
    largest place that is of any use to this receiver.
    """

    id: str
    video: bool
    rank: Rank
    rates_bps: dict[int, float]
    most: int
    now: int | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """What everybody of a link gets: a layer's place by wish, None = held; and what would be needed for one step more.

    ``missing_bps`` is None when nobody lacks anything.
    """

    places: dict[str, int | None]
    missing_bps: float | None


def useful_layers(height: int, layers: int, top: int) -> int:
    """Return the place of the smallest layer that fills a tile of so many lines; ``top`` are those of the largest."""
    for place in range(layers):
        if height <= _ENOUGH * top / (1 << (layers - 1 - place)):
            return place
    return layers - 1


def allocate(estimate_bps: float, wishes: Sequence[Wish], *, sight: bool, losing: bool = False) -> Share:
    """Divide an estimate among wishes.

    Sound comes first and is never held; with ``sight`` the receiver signs or reads lips, and the pinned picture and the
    speaker's precede all sound. ``losing`` says that packets are being lost.
    """
    left = estimate_bps * MARGIN
    places: dict[str, int | None] = {}
    missing: list[float] = []
    pictures = sorted((wish for wish in wishes if wish.video), key=lambda wish: wish.rank)
    shown = [wish for wish in pictures if wish.rank is not Rank.HIDDEN and wish.rates_bps]
    first = [wish for wish in shown if sight and wish.rank <= Rank.SPEAKER]

    def grant(wish: Wish, place: int, before: float) -> bool:
        nonlocal left
        more = wish.rates_bps[place] - before
        # Who is at a layer keeps it as long as it fits; who is not must fit with room to spare.
        steady = wish.now is not None and place <= wish.now
        keep = KEEP_LOSING if losing and wish not in first else KEEP
        settled, newcome = (1.0, HEADROOM) if before else (keep, 1.0)
        factor = settled if steady else newcome
        if more * factor > left:
            missing.append(estimate_bps + (more * HEADROOM - left) / MARGIN)
            return False
        left -= more
        places[wish.id] = place
        return True

    for wish in first:
        _begin(wish, places, grant)
    for wish in wishes:
        if not wish.video:
            rate = max(SOUND_RESERVE_BPS, wish.rates_bps.get(0, 0.0))
            held = sight and rate > left
            places[wish.id] = None if held else 0
            left -= 0.0 if held else rate
    for wish in shown:
        if wish not in first:
            _begin(wish, places, grant)
    for wish in shown:
        _rise(wish, places, grant)
    for wish in wishes:
        places.setdefault(wish.id, None)
    return Share(places, min(missing, default=None))


def _begin(wish: Wish, places: dict[str, int | None], grant: Grant) -> None:
    smallest = min(wish.rates_bps)
    if not grant(wish, smallest, 0.0):
        places[wish.id] = None


def _rise(wish: Wish, places: dict[str, int | None], grant: Grant) -> None:
    """Let one picture grow as far as it is useful and fits, before the next one in rank may."""
    place = places.get(wish.id)
    if place is None:
        return
    for larger in sorted(each for each in wish.rates_bps if place < each <= wish.most):
        if not grant(wish, larger, wish.rates_bps[place]):
            return
        place = larger
