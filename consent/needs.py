"""Needs ◇: what a client has to be asked for one appointment, and no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from consent.notices import Purpose
from consent.policy import HOSTS, MANAGERS, Role

EXPLAINERS = MANAGERS | {Role.INTERPRETER}
"""Who may talk with a client that has agreed only to have the rest explained; an interpreter not alone."""

FOR_ROLE: Mapping[Role, Purpose] = {
    Role.INTERPRETER: Purpose.INTERPRETER,
    Role.HELPER: Purpose.HELPER,
    Role.REPRESENTATIVE: Purpose.REPRESENTATIVE,
    Role.AGENCY_GUEST: Purpose.SHARING,
    Role.SUPERVISOR: Purpose.SUPERVISION,
}
"""Roles whose presence is agreed to person by person; the team of the case is what "video" is about."""

JOINERS = HOSTS | {Role.CLIENT}
"""Roles about which a client is asked only where somebody joins while the conversation runs, or was refused once."""

PAGES: Mapping[Purpose, str] = {
    Purpose.VIDEO: "video",
    Purpose.INTERPRETER: "people",
    Purpose.HELPER: "people",
    Purpose.REPRESENTATIVE: "people",
    Purpose.JOINING: "people",
    Purpose.SHARING: "sharing",
    Purpose.SUPERVISION: "sharing",
}
PAGE_ORDER = ("video", "people", "sharing")
"""At most three pages, whoever comes."""


@dataclass(frozen=True)
class Person:
    """Somebody who is invited to the appointment, or stands beside a client.

    ``key`` says who it is across appointments: ``account:ID`` for staff, ``seat:ID`` for a guest by link (the same name
    on another invitation may be somebody else), ``representation:ID`` for a representative with a document on the case.
    """

    seat_id: str
    role: Role
    name: str
    key: str
    client_id: str | None = None
    """For clients: who they are across appointments."""
    mid_call: bool = False
    """Invited after the first client had come in."""


@dataclass(frozen=True)
class About:
    """The person, agency or channel that a purpose is about."""

    key: str
    seat_id: str | None
    name: str
    role: str


@dataclass(frozen=True)
class Need:
    """One thing to agree to."""

    purpose: Purpose
    about: About | None
    page: str
    beside: bool = False
    """Whether it keeps out only the person it is about while it is open: the conversation goes on, or begins, without.

    So it is with whoever arrives while the conversation runs, and with whomever the client has once refused.
    """


@dataclass(frozen=True)
class Needs:
    """What one client is asked for one appointment, in the order of the pages, and the others who are invited."""

    client_id: str
    seat_id: str
    items: tuple[Need, ...]
    others: tuple[Person, ...]


def needed(people: Sequence[Person], seat_id: str, once_refused: Collection[str] = frozenset()) -> Needs:
    """What the client on this seat is asked. Raises LookupError when no client sits there.

    ``once_refused`` are the keys of people to whose joining this client has ever said no, as ``consent.gate`` has them:
    they need a yes at every later appointment, too.
    """
    client = next((each for each in people if each.seat_id == seat_id and each.role is Role.CLIENT), None)
    if client is None or client.client_id is None:
        raise LookupError(f"no client on seat {seat_id}")
    others = tuple(each for each in people if each.seat_id != seat_id)
    items = [Need(Purpose.VIDEO, None, PAGES[Purpose.VIDEO])]
    items += [need for each in others if (need := _for(each, each.key in once_refused)) is not None]
    items.sort(key=lambda need: PAGE_ORDER.index(need.page))
    return Needs(client.client_id, seat_id, tuple(items), others)


def pages(items: Sequence[Need]) -> list[tuple[str, list[Need]]]:
    """The needs grouped into the pages on which they are asked."""
    return [(page, on) for page in PAGE_ORDER if (on := [need for need in items if need.page == page])]


def _for(person: Person, once_refused: bool) -> Need | None:
    purpose = FOR_ROLE.get(person.role)
    beside = person.mid_call
    if purpose is None and (person.mid_call or once_refused) and person.role in JOINERS:
        purpose, beside = Purpose.JOINING, True
    if purpose is None:
        return None
    about = About(person.key, person.seat_id, person.name, person.role.value)
    return Need(purpose, about, PAGES[purpose], beside)
