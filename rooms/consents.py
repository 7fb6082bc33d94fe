"""What the clients' consents mean in a live room: who has media, who may be with whom, and who waits for an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from consent.policy import MANAGERS, Role
from rooms.plan import Gate
from rooms.seat import Phase, Seat

OPEN = frozenset({Gate.ALLOW, Gate.EXPLAIN})
"""Gates through which there is any media."""

Seats = Mapping[str, Seat]


def gate(seat: Seat) -> Gate:
    """The gate of a seat; only clients have one that can be shut."""
    return seat.plan.consent.gate if seat.plan.role is Role.CLIENT else Gate.ALLOW


def has_media(seat: Seat, seats: Seats) -> bool:
    """Whether this person may have sound and picture at all."""
    allowed = gate(seat)
    return allowed is Gate.ALLOW or (allowed is Gate.EXPLAIN and _can_explain(seats.values()))


def may_meet(one: Seat, other: Seat, seats: Seats) -> bool:
    """Whether these two may see and hear one another."""
    return all(
        has_media(seat, seats) and not (seat.plan.role is Role.CLIENT and with_seat.id in seat.plan.consent.apart)
        for seat, with_seat in ((one, other), (other, one))
    )


def unasked_by(seat: Seat, seats: Seats) -> list[str]:
    """The clients who are there and have yet to say whether this person may be there too."""
    return [each.id for each in _clients_beside(seat, seats) if seat.id in each.plan.consent.asked]


def refused_by(seat: Seat, seats: Seats) -> list[str]:
    """The clients who are there and do not want this person there."""
    beside = _clients_beside(seat, seats)
    return [each.id for each in beside if seat.id in each.plan.consent.apart - each.plan.consent.asked]


def sent_away_by(client: Seat, seats: Seats) -> list[Seat]:
    """Who is there and would have to go, or wait outside, if this client came in."""
    if client.plan.role is not Role.CLIENT or gate(client) is not Gate.ALLOW:
        return []
    here = [each for each in seats.values() if each.id != client.id and each.phase in {Phase.IN, Phase.LOST}]
    return [each for each in here if each.id in client.plan.consent.apart]


def asked_now(client: Seat, seats: Seats) -> list[str]:
    """The people at the door about whom this client is to be asked now."""
    if client.plan.role is not Role.CLIENT or gate(client) is not Gate.ALLOW:
        return []
    return [seat.id for seat in seats.values() if seat.knock and seat.id in client.plan.consent.asked]


def _can_explain(seats: Iterable[Seat]) -> bool:
    """Whether somebody is in the room who can explain: whoever leads a case; an interpreter alone cannot."""
    return any(seat.phase is Phase.IN and seat.plan.role in MANAGERS for seat in seats)


def _clients_beside(seat: Seat, seats: Seats) -> list[Seat]:
    # Whoever only listens to an explanation is connected with nobody else, so that nobody has to wait for them.
    return [
        each
        for each in seats.values()
        if each.id != seat.id
        and each.plan.role is Role.CLIENT
        and each.phase in {Phase.IN, Phase.LOST}
        and gate(each) is Gate.ALLOW
    ]
