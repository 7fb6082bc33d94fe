"""The session record: what the ledger's entries of one appointment say, and nothing else; no database, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from consent.events import Tag


@dataclass(frozen=True)
class Fact:
    """One ledger entry, as far as a record needs it."""

    at: datetime
    tag: Tag
    actor: str
    details: Mapping[str, Any]


class Phase(StrEnum):
    """Where the whole session stands."""

    PLANNED = "planned"
    RUNNING = "running"
    ENDED = "ended"
    NOT_HELD = "not_held"  # its time has passed and nobody was in it
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What a session was for one invited person."""

    ATTENDED = "attended"
    ONLY_WAITED = "only_waited"
    DECLINED = "declined"
    NO_SHOW = "no_show"
    EXPECTED = "expected"
    UNINVITED = "uninvited"  # the invitation was withdrawn, or the appointment cancelled, before they came


@dataclass(frozen=True)
class Interval:
    """One unbroken presence; ``until`` and ``ended_by`` are None while it lasts."""

    since: datetime
    until: datetime | None
    ended_by: Tag | None


@dataclass(frozen=True)
class Person:
    """One invited person: when they waited and when they were there."""

    seat: str
    name: str
    role: str
    outcome: Outcome
    waited_since: datetime | None
    intervals: tuple[Interval, ...]
    total: timedelta
    drops: int


@dataclass(frozen=True)
class Moment:
    """One line of the timeline; ``name`` is whom it is about, ``by`` who did it, where that is somebody else."""

    at: datetime
    tag: Tag
    seat: str | None
    name: str | None
    role: str | None
    by: str | None
    details: Mapping[str, Any]


@dataclass(frozen=True)
class SessionRecord:
    """A whole session, as it can be proven."""

    phase: Phase
    starts_at: datetime | None
    ends_at: datetime | None
    time_zone: str | None
    began_at: datetime | None
    """When the first person came in."""
    ended_at: datetime | None
    people: tuple[Person, ...]
    moments: tuple[Moment, ...]

    def with_outcome(self, *outcomes: Outcome) -> tuple[Person, ...]:
        """The people for whom it came out in one of these ways, in the order of their invitation."""
        return tuple(person for person in self.people if person.outcome in outcomes)


TOLD = frozenset(
    {
        *(Tag.PLANNED, Tag.MOVED, Tag.CANCELLED, Tag.RESTORED, Tag.INVITED, Tag.INVITATION_REVOKED),
        *(Tag.WAITED, Tag.ADMITTED, Tag.DECLINED, Tag.JOINED, Tag.DROPPED, Tag.RETURNED, Tag.MOVED_DEVICE, Tag.LEFT),
        Tag.NETWORK,
        *(Tag.REMOVED, Tag.MUTED, Tag.HELPER_STATED, Tag.HOST_CHANGED, Tag.LOCKED, Tag.UNLOCKED),
        *(Tag.MEDIA_PAUSED, Tag.MEDIA_RESUMED, Tag.ENDED),
        *(Tag.VERIFIED, Tag.MISMATCH, Tag.KEYS_REFUSED, Tag.ENCRYPTION_STOPPED, Tag.REKEYED),
        *(Tag.CONSENT_GIVEN, Tag.CONSENT_REFUSED, Tag.CONSENT_WITHDRAWN, Tag.CONSENT_CONFIRMED),
        Tag.REPRESENTATION_LINKED,
        *(Tag.NOTES_WRITTEN, Tag.NOTES_SIGNED),
    }
)
"""What the timeline tells; who has read the record is told elsewhere."""

_OF_THE_ROOM = frozenset({Tag.LOCKED, Tag.UNLOCKED, Tag.ENDED, Tag.NOTES_WRITTEN, Tag.NOTES_SIGNED})
"""About nobody in particular, so that who did it is said."""

_CAME = frozenset({Tag.JOINED, Tag.RETURNED})
_WENT = frozenset({Tag.DROPPED, Tag.LEFT, Tag.REMOVED})


@dataclass
class _Seat:
    name: str
    role: str
    invited: bool = True
    waited_since: datetime | None = None
    declined: bool = False
    spans: list[Interval] = field(default_factory=list)

    @property
    def present(self) -> bool:
        return bool(self.spans) and self.spans[-1].until is None

    def come(self, at: datetime) -> None:
        if not self.present:
            self.spans.append(Interval(at, None, None))

    def go(self, at: datetime, tag: Tag) -> None:
        if self.present:
            self.spans[-1] = Interval(self.spans[-1].since, at, tag)


@dataclass
class _Session:
    starts_at: datetime | None = None
    duration: timedelta = timedelta()
    time_zone: str | None = None
    cancelled: bool = False
    ended_at: datetime | None = None
    seats: dict[str, _Seat] = field(default_factory=dict)

    def take(self, fact: Fact, seat_id: str | None) -> None:
        """Follow one fact."""
        if fact.tag in {Tag.PLANNED, Tag.MOVED}:
            self.starts_at = datetime.fromisoformat(fact.details["starts_at"])
            self.duration = timedelta(minutes=fact.details["duration_min"])
            self.time_zone = fact.details["time_zone"]
        elif fact.tag in {Tag.CANCELLED, Tag.RESTORED}:
            self.cancelled = fact.tag is Tag.CANCELLED
        elif fact.tag is Tag.ENDED:
            self.ended_at = fact.at
            for seat in self.seats.values():
                seat.go(fact.at, fact.tag)
        elif fact.tag is Tag.INVITED and seat_id is not None:
            seat = self.seats.setdefault(seat_id, _Seat(fact.details["name"], fact.details["role"]))
            seat.invited = True
        elif seat_id in self.seats:
            self._follow(self.seats[seat_id], fact)

    def _follow(self, seat: _Seat, fact: Fact) -> None:
        if fact.tag is Tag.INVITATION_REVOKED:
            seat.invited = fact.details.get("new_link") is True
        elif fact.tag is Tag.WAITED:
            seat.waited_since = seat.waited_since or fact.at
            seat.declined = False
        elif fact.tag is Tag.DECLINED:
            seat.declined = True
        elif fact.details.get("phase") == "waiting":
            return  # going and coming back in the waiting room is no attendance
        elif fact.tag in _CAME:
            seat.come(fact.at)
        elif fact.tag in _WENT:
            seat.go(fact.at, fact.tag)


def build(facts: Iterable[Fact], now: datetime) -> SessionRecord:
    """The record that follows from one appointment's ledger entries, given in their order.

    A person who never got beyond the waiting room has not attended. Who is missing is said once the session is over.
    """
    session = _Session()
    told: list[tuple[Fact, str | None]] = []
    for fact in facts:
        if fact.tag not in TOLD:
            continue
        seat_id = _subject(fact)
        session.take(fact, seat_id)
        told.append((fact, seat_id))
    ends_at = session.starts_at + session.duration if session.starts_at else None
    phase = _phase(session, ends_at, now)
    spans = [span for seat in session.seats.values() for span in seat.spans]
    return SessionRecord(
        phase=phase,
        starts_at=session.starts_at,
        ends_at=ends_at,
        time_zone=session.time_zone,
        began_at=min((span.since for span in spans), default=None),
        ended_at=_ended_at(session, spans, phase),
        people=tuple(_person(seat_id, seat, phase, now) for seat_id, seat in session.seats.items()),
        moments=tuple(_moment(fact, seat_id, session.seats) for fact, seat_id in told),
    )


def _subject(fact: Fact) -> str | None:
    """The seat that an entry is about: the one it names, or the one that did it."""
    named = fact.details.get("seat")
    if isinstance(named, str):
        return named
    return _seat_of(fact.actor)


def _seat_of(actor: str) -> str | None:
    kind, _, seat_id = actor.partition(":")
    return seat_id if kind == "seat" else None


def _phase(session: _Session, ends_at: datetime | None, now: datetime) -> Phase:
    held = any(seat.spans for seat in session.seats.values())
    present = any(seat.present for seat in session.seats.values())
    over = session.ended_at is not None or (ends_at is not None and now >= ends_at)
    if present:
        return Phase.RUNNING
    if session.cancelled and not held:
        return Phase.CANCELLED
    if over:
        return Phase.ENDED if held else Phase.NOT_HELD
    return Phase.RUNNING if held else Phase.PLANNED


def _ended_at(session: _Session, spans: list[Interval], phase: Phase) -> datetime | None:
    """The moment it was ended, or else when the last person went."""
    if phase is not Phase.ENDED:
        return None
    return session.ended_at or max(span.until for span in spans if span.until is not None)


def _person(seat_id: str, seat: _Seat, phase: Phase, now: datetime) -> Person:
    return Person(
        seat=seat_id,
        name=seat.name,
        role=seat.role,
        outcome=_outcome(seat, phase),
        waited_since=seat.waited_since,
        intervals=tuple(seat.spans),
        total=sum(((span.until or max(now, span.since)) - span.since for span in seat.spans), timedelta()),
        drops=sum(span.ended_by is Tag.DROPPED for span in seat.spans),
    )


def _outcome(seat: _Seat, phase: Phase) -> Outcome:
    if seat.spans:
        return Outcome.ATTENDED
    if seat.declined:
        return Outcome.DECLINED
    if seat.waited_since is not None:
        return Outcome.ONLY_WAITED
    if not seat.invited or phase is Phase.CANCELLED:
        return Outcome.UNINVITED
    return Outcome.NO_SHOW if phase in {Phase.ENDED, Phase.NOT_HELD} else Outcome.EXPECTED


def _moment(fact: Fact, seat_id: str | None, seats: Mapping[str, _Seat]) -> Moment:
    seat = seats.get(seat_id) if seat_id else None
    doer = seats.get(_seat_of(fact.actor) or "")
    by = doer.name if doer else fact.details.get("by")
    return Moment(
        at=fact.at,
        tag=fact.tag,
        seat=seat_id if seat else None,
        name=seat.name if seat else None,
        role=seat.role if seat else None,
        by=by if doer is not seat or seat is None or fact.tag in _OF_THE_ROOM else None,
        details=fact.details,
    )
