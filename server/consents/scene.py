"""The scene: everything that the gate of one appointment looks at, read in a few queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.gate import Answer, Decision, Grant, Representation, Suitability, decide, once_refused
from consent.keys import CaseKey
from consent.needs import Needs, Person, needed
from consent.notices import Notice, Purpose
from consent.policy import Role
from rooms.tables import LiveRoom
from server.appointments.tables import Appointment, Seat
from server.consents import suitability, texts
from server.consents.tables import OLDEST_FIRST, ConsentRow, RepresentationRow, RepresentativeSeat


@dataclass(frozen=True)
class Scene:
    """One appointment as the gate sees it."""

    appointment: Appointment
    seats: Sequence[Seat]
    people: tuple[Person, ...]
    notices: list[Notice]
    grants: list[Grant]
    papers: list[Representation]
    suitability: Suitability | None
    began_at: datetime | None
    """When the first client came in; None as long as only the team may be there."""

    def needs(self, seat_id: str) -> Needs:
        """What the client on this seat is asked. Raises LookupError for any other seat."""
        client = next((each.client_id for each in self.people if each.seat_id == seat_id), None)
        return needed(self.people, seat_id, once_refused(self.grants, client or ""))

    def gate(self, seat_id: str, now: datetime) -> Decision:
        """What the gate says to the client on this seat. Raises LookupError for any other seat."""
        return decide(
            self.needs(seat_id),
            self.notices,
            self.grants,
            self.papers,
            suitability=self.suitability,
            danger=False,  # the flag is the last decision itself
            now=now,
            appointment_id=self.appointment.id,
            began_at=self.began_at,
        )

    def client_seats(self) -> list[Seat]:
        """The seats whose gates count."""
        return [seat for seat in self.seats if seat.role == Role.CLIENT.value and seat.client_id]


async def scene(session: AsyncSession, key: CaseKey, appointment_id: str, now: datetime) -> Scene:
    """The scene of one appointment of this case. Raises LookupError for another case's, or none."""
    appointment = await session.get(Appointment, appointment_id)
    if appointment is None or appointment.case_id != key.case_id:
        raise LookupError(appointment_id)
    seats = (
        await session.scalars(
            select(Seat).where(Seat.appointment_id == appointment_id, Seat.revoked_at.is_(None)).order_by(Seat.id)
        )
    ).all()
    key.unlock(list(seats))
    began_at = await session.scalar(select(LiveRoom.client_came_at).where(LiveRoom.appointment_id == appointment_id))
    clients = [seat.client_id for seat in seats if seat.client_id]
    links = await representations_of(session, [seat.id for seat in seats])
    return Scene(
        appointment=appointment,
        seats=seats,
        people=tuple(person(seat, links.get(seat.id), began_at) for seat in seats),
        notices=await texts.published(session),
        grants=await grants_of(session, clients),
        papers=await papers_of(session, clients),
        suitability=await suitability.latest(session, key.case_id, now),
        began_at=began_at,
    )


def person(seat: Seat, representation_id: str | None, began_at: datetime | None) -> Person:
    """An invited person as the core knows them."""
    if seat.account_id:
        who = f"account:{seat.account_id}"
    elif representation_id:
        who = f"representation:{representation_id}"
    else:
        who = f"client:{seat.client_id}" if seat.client_id else f"seat:{seat.id}"
    late = began_at is not None and seat.invited_at is not None and seat.invited_at > began_at
    return Person(seat.id, Role(seat.role), seat.name, who, seat.client_id, mid_call=late)


async def grants_of(session: AsyncSession, client_ids: Sequence[str]) -> list[Grant]:
    """All decisions of these clients, oldest first; nothing of them is sealed."""
    found = await session.scalars(
        select(ConsentRow).where(ConsentRow.client_id.in_(client_ids)).order_by(*OLDEST_FIRST)
    )
    return [as_grant(row) for row in found]


def as_grant(row: ConsentRow) -> Grant:
    """A stored decision as the gate knows it."""
    return Grant(
        client_id=row.client_id,
        purpose=Purpose(row.purpose),
        about_key=row.about_key,
        answer=Answer(row.answer),
        version=row.notice_version,
        at=row.at,
        until=row.until,
        by=row.by,
        appointment_id=row.appointment_id,
    )


async def papers_of(session: AsyncSession, client_ids: Sequence[str]) -> list[Representation]:
    """The documents by which somebody acts for these clients."""
    found = await session.scalars(select(RepresentationRow).where(RepresentationRow.client_id.in_(client_ids)))
    return [as_representation(row) for row in found]


def as_representation(row: RepresentationRow) -> Representation:
    """A stored document as the gate knows it."""
    return Representation(
        id=row.id,
        client_id=row.client_id,
        kind="guardian" if row.kind == "guardian" else "representative",
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        purposes=frozenset(Purpose(each) for each in row.purposes["purposes"]),
        ended_at=row.ended_at,
    )


async def representations_of(session: AsyncSession, seat_ids: Sequence[str]) -> dict[str, str]:
    """Which document each of these representatives' seats acts by."""
    found = await session.execute(
        select(RepresentativeSeat.seat_id, RepresentativeSeat.representation_id).where(
            RepresentativeSeat.seat_id.in_(seat_ids)
        )
    )
    return {row.seat_id: row.representation_id for row in found}
