"""What is unusual about a session ◇: marks that a supervisor looks for, from the record alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from consent.events import Tag
from consent.policy import HOSTS, Role
from server.sessions.record import Fact, Outcome, Person, Phase, SessionRecord

ALONE_AFTER = timedelta(minutes=5)
"""A client may stand at the door this long before anybody of the team is there."""

SHORTEST = timedelta(minutes=10)
"""A meeting with a client that lasts this long was a meeting, whatever had been planned."""


class Unusual(StrEnum):
    """One reason to look at a session."""

    NO_CONSENT = "no_consent"  # a client was in the meeting, and no consent to it is on record before
    UNVERIFIED = "unverified"  # a client was in the meeting, and the spoken code was never compared
    CUT_SHORT = "cut_short"  # the client was there for less than a third of the plan, and less than ten minutes
    ALONE = "alone"  # a client stood at the door for five minutes while nobody of the team was there
    WITHDRAWN = "withdrawn"  # somebody withdrew a consent during the session
    STOPPED = "stopped"  # the spoken code did not match, or the encryption could not be relied on


Agreed = Mapping[str, Sequence[tuple[datetime, bool]]]
"""By seat: when something was said about the conversation as such, and whether that was yes."""

_STOPPED = frozenset({Tag.MISMATCH, Tag.ENCRYPTION_STOPPED, Tag.KEYS_REFUSED})
_CLIENT = Role.CLIENT.value
_AT_HAND = frozenset(role.value for role in HOSTS)


def find(record: SessionRecord, facts: Iterable[Fact], agreed: Agreed) -> frozenset[Unusual]:
    """The marks of one session, from its record and the entries that the record was built from.

    ``agreed`` is what each client's consents to the conversation came to and when, by seat.
    """
    if record.phase in {Phase.PLANNED, Phase.CANCELLED}:
        return frozenset()
    facts = list(facts)
    clients = [person for person in record.people if person.role == _CLIENT]
    attended = [person for person in clients if person.outcome is Outcome.ATTENDED]
    found = {
        Unusual.NO_CONSENT: any(not _agreed(agreed, person) for person in attended),
        Unusual.UNVERIFIED: any(not _told_of(facts, {Tag.VERIFIED}, person.seat) for person in attended),
        Unusual.CUT_SHORT: record.phase is Phase.ENDED and any(_cut_short(person, record) for person in attended),
        Unusual.ALONE: any(_alone(waited, record.people) > ALONE_AFTER for waited in _waits(facts, clients, record)),
        Unusual.WITHDRAWN: any(fact.tag is Tag.CONSENT_WITHDRAWN for fact in facts),
        Unusual.STOPPED: any(fact.tag in _STOPPED for fact in facts),
    }
    return frozenset(mark for mark, there in found.items() if there)


def _seat_of(fact: Fact) -> str | None:
    named = fact.details.get("seat")
    return named if isinstance(named, str) else fact.actor.removeprefix("seat:") if ":" in fact.actor else None


def _told_of(facts: Sequence[Fact], tags: Iterable[Tag], seat: str) -> bool:
    return any(fact.tag in tags and _seat_of(fact) == seat for fact in facts)


def _agreed(agreed: Agreed, person: Person) -> bool:
    """Whether the last that was said before they came in was yes."""
    joined = person.intervals[0].since
    said = [(at, not yes) for at, yes in agreed.get(person.seat, ()) if at <= joined]  # as the gate: a "no" counts
    return bool(said) and not max(said)[1]


def _cut_short(person: Person, record: SessionRecord) -> bool:
    if record.starts_at is None or record.ends_at is None:
        return False
    return person.total < min(SHORTEST, (record.ends_at - record.starts_at) / 3)


def _waits(facts: Sequence[Fact], clients: Sequence[Person], record: SessionRecord) -> list[tuple[datetime, datetime]]:
    """When clients stood at the door: from coming until they were let in, sent away, went, or it was over."""
    seats = {person.seat for person in clients}
    since: dict[str, datetime] = {}
    waits: list[tuple[datetime, datetime]] = []
    for fact in facts:
        seat = _seat_of(fact)
        waiting = fact.details.get("phase") == "waiting"
        if seat in seats and (fact.tag is Tag.WAITED or (fact.tag is Tag.RETURNED and waiting)):
            since.setdefault(seat, fact.at)
        elif seat in since and (fact.tag in {Tag.ADMITTED, Tag.DECLINED, Tag.JOINED} or waiting):
            waits.append((since.pop(seat), fact.at))
        elif fact.tag is Tag.ENDED:
            waits += [(began, fact.at) for began in since.values()]
            since.clear()
    over = record.ended_at or record.ends_at
    if over is not None and record.phase is not Phase.RUNNING:
        waits += [(began, over) for began in since.values() if began < over]
    return waits


def _alone(waited: tuple[datetime, datetime], people: Sequence[Person]) -> timedelta:
    """The longest stretch of a wait in which nobody who could have let the person in was there."""
    at, until = waited
    longest = timedelta()
    spans = sorted(
        (span.since, span.until or until) for person in people if person.role in _AT_HAND for span in person.intervals
    )
    for since, gone in spans:
        longest = max(longest, min(since, until) - at)
        at = max(at, gone)
    return max(longest, until - at)
