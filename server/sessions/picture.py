"""The timeline as a picture ◇: lanes, bars and marks in the units of an SVG, from the record alone.

A template draws it; the table beside it says the same in words. Every kind of mark has a shape of its own, so that
colour is never the only difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from consent.events import Tag
from server.sessions.record import Moment, Outcome, Person, SessionRecord

WIDTH = 720
LEFT = 190
"""Where the lanes begin: names stand left of it."""
RIGHT = WIDTH - 20
TOP = 34
"""Where the first lane begins: the clock stands above it."""
LANE = 44
BAR = 14
TICKS = 8
"""At most so many times on the clock."""
STEPS_MIN = (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440)


class Shape(StrEnum):
    """What a mark says; each is drawn differently."""

    CONSENT = "consent"
    VERIFIED = "verified"
    INTERRUPTED = "interrupted"
    WITHDRAWN = "withdrawn"


SHAPES = {
    Tag.CONSENT_GIVEN: Shape.CONSENT,
    Tag.CONSENT_CONFIRMED: Shape.CONSENT,
    Tag.CONSENT_REFUSED: Shape.WITHDRAWN,
    Tag.CONSENT_WITHDRAWN: Shape.WITHDRAWN,
    Tag.VERIFIED: Shape.VERIFIED,
    Tag.DROPPED: Shape.INTERRUPTED,
    Tag.MEDIA_PAUSED: Shape.INTERRUPTED,
    Tag.ENCRYPTION_STOPPED: Shape.INTERRUPTED,
    Tag.MISMATCH: Shape.INTERRUPTED,
}


@dataclass(frozen=True)
class Bar:
    """One stretch of a lane; ``open`` when it goes on past the right edge."""

    x: float
    width: float
    open: bool
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Mark:
    """One thing that happened to a person; ``x`` is its middle, ``y`` the middle of its lane."""

    x: float
    y: float
    shape: Shape
    moment: Moment


@dataclass(frozen=True)
class Lane:
    """One person, or (``person`` None) what concerned everybody."""

    y: float
    """The middle of the lane."""
    person: Person | None
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Tick:
    """One time on the clock above the lanes."""

    x: float
    at: datetime


@dataclass(frozen=True)
class Picture:
    """The whole timeline; ``height`` in the same units as everything else."""

    height: float
    ticks: tuple[Tick, ...]
    lanes: tuple[Lane, ...]

    @property
    def shapes(self) -> list[Shape]:
        """The kinds of marks that occur, for the key beneath it."""
        found = {mark.shape for lane in self.lanes for mark in lane.marks}
        return [shape for shape in Shape if shape in found]


def draw(record: SessionRecord, now: datetime) -> Picture | None:
    """The picture of a session in which somebody was; None when there is nothing to draw."""
    people = record.with_outcome(Outcome.ATTENDED, Outcome.ONLY_WAITED, Outcome.DECLINED)
    marked = [moment for moment in record.moments if moment.tag in SHAPES]
    begin, end = _span(record, people, marked, now)
    if begin is None or end is None:
        return None
    scale = _Scale(begin, max(end, begin + timedelta(minutes=1)))
    lanes: list[Lane] = []
    for person in people:
        own = [moment for moment in marked if moment.seat == person.seat]
        lanes.append(_lane(len(lanes), person, own, scale))
    seats = {person.seat for person in people}
    rest = [moment for moment in marked if moment.seat not in seats and moment.at >= begin]
    if rest:
        lanes.append(_lane(len(lanes), None, rest, scale))
    return Picture(TOP + LANE * len(lanes), tuple(scale.ticks()), tuple(lanes))


def _span(
    record: SessionRecord, people: Iterable[Person], marked: Iterable[Moment], now: datetime
) -> tuple[datetime | None, datetime | None]:
    """From the first arrival, or an earlier mark of that day, to the last departure."""
    people = list(people)
    began = [span.since for person in people for span in person.intervals]
    began += [person.waited_since for person in people if person.waited_since]
    if not began:
        return None, None
    first = min(began)
    marks = [moment.at for moment in marked if abs(moment.at - first) < timedelta(hours=12)]
    gone = [span.until or now for person in people for span in person.intervals]
    ends = [*gone, *marks, *began]
    if record.ended_at:
        ends.append(record.ended_at)
    return min([first, *marks]), max(ends)


@dataclass(frozen=True)
class _Scale:
    begin: datetime
    end: datetime

    def x(self, at: datetime) -> float:
        share = (at - self.begin) / (self.end - self.begin)
        return round(LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, share)), 1)

    def ticks(self) -> Iterable[Tick]:
        length_min = (self.end - self.begin) / timedelta(minutes=1)
        step = timedelta(minutes=next((each for each in STEPS_MIN if length_min / each <= TICKS), STEPS_MIN[-1]))
        midnight = self.begin.replace(hour=0, minute=0, second=0, microsecond=0)
        at = midnight + step * -(-(self.begin - midnight) // step)
        while at <= self.end:
            yield Tick(self.x(at), at)
            at += step


def _lane(number: int, person: Person | None, moments: Iterable[Moment], scale: _Scale) -> Lane:
    y = TOP + LANE * (number + 0.5)
    spans = person.intervals if person else ()
    bars = tuple(_bar(span.since, span.until, scale) for span in spans)
    inside = [moment for moment in moments if scale.begin <= moment.at <= scale.end]
    return Lane(y, person, bars, tuple(_mark(moment, y, scale) for moment in inside))


def _bar(since: datetime, until: datetime | None, scale: _Scale) -> Bar:
    x = scale.x(since)
    return Bar(x, max(2.0, round(scale.x(until or scale.end) - x, 1)), until is None, since, until)


def _mark(moment: Moment, y: float, scale: _Scale) -> Mark:
    return Mark(scale.x(moment.at), y, SHAPES[moment.tag], moment)
