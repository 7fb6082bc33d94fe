"""Representation: who acts for a client by which document, until when, and who is warned before it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.events import Tag
from consent.keys import CaseKey
from consent.ledger import account_actor, append
from consent.notices import Purpose
from consent.policy import MANAGERS, Role
from server.appointments.tables import Appointment, Seat, Status
from server.cases.service import Doer
from server.cases.tables import Case, TeamMember
from server.consents import other_ways
from server.consents.tables import RepresentationRow, RepresentativeSeat

WARN_BEFORE = (timedelta(days=30), timedelta(days=7))
"""How long before its end a document is spoken of on the case manager's page of the day; the second time urgently."""
MAX_DOCUMENT_BYTES = 5 * 1024 * 1024
DOCUMENTS = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png"}


@dataclass(frozen=True)
class NewRepresentation:
    """A document as a worker wrote it down."""

    client_id: str
    kind: str
    name: str
    document: str
    valid_from: datetime
    valid_until: datetime
    purposes: Sequence[Purpose] = ()
    file: bytes | None = None


@dataclass(frozen=True)
class Warned:
    """A document that ends soon, or has ended without anybody having said so."""

    row: RepresentationRow
    expired: bool
    urgent: bool


class DocumentError(Exception):
    """What is no document: ``code`` is ``too_large``, ``wrong_type`` or ``no_time``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


async def add(
    session: AsyncSession, key: CaseKey, doer: Doer, new: NewRepresentation, now: datetime
) -> RepresentationRow:
    """Keep a document. Raises DocumentError."""
    if new.valid_until <= new.valid_from or new.valid_until <= now:
        raise DocumentError("no_time")
    row = RepresentationRow(
        case_id=key.case_id,
        client_id=new.client_id,
        kind=new.kind,
        name=new.name,
        purposes={"purposes": [each.value for each in new.purposes]},
        document=new.document,
        document_type=_type(new.file) if new.file else None,
        document_file=new.file,
        valid_from=new.valid_from,
        valid_until=new.valid_until,
        added_by=doer.id,
        added_at=now,
    )
    session.add(row)
    await session.flush()
    _note(session, doer, row, Tag.REPRESENTATION_ADDED, now)
    return row


async def end(session: AsyncSession, key: CaseKey, doer: Doer, row: RepresentationRow, now: datetime) -> None:
    """Nobody acts by it from now on; ending it twice changes nothing."""
    if row.ended_at is not None:
        return
    key.unlock(row)
    row.ended_at = now
    _note(session, doer, row, Tag.REPRESENTATION_ENDED, now)


async def link_seat(
    session: AsyncSession, key: CaseKey, doer: Doer, row: RepresentationRow, seat: Seat, *, now: datetime
) -> None:
    """What this representative's invitation answers is, from now on, said by this document; twice is as once."""
    known = await session.get(RepresentativeSeat, seat.id)
    if known is not None and known.representation_id == row.id:
        return
    key.unlock(row)
    _note(session, doer, row, Tag.REPRESENTATION_LINKED, now, session_id=seat.appointment_id, seat=seat.id)
    if known is None:
        session.add(RepresentativeSeat(seat_id=seat.id, representation_id=row.id))
    else:
        known.representation_id = row.id
    await session.flush()


async def of_case(session: AsyncSession, case_id: str) -> Sequence[RepresentationRow]:
    """All documents of a case, those that end last first."""
    chosen = select(RepresentationRow).where(RepresentationRow.case_id == case_id)
    return (await session.scalars(chosen.order_by(RepresentationRow.valid_until.desc()))).all()


async def open_seats(session: AsyncSession, case_id: str, now: datetime) -> list[tuple[Seat, Appointment, str | None]]:
    """Invitations of representatives to what is not over yet, each with the document that it speaks for."""
    found = await session.execute(
        select(Seat, Appointment, RepresentativeSeat.representation_id)
        .join(Appointment, Appointment.id == Seat.appointment_id)
        .outerjoin(RepresentativeSeat, RepresentativeSeat.seat_id == Seat.id)
        .where(
            Appointment.case_id == case_id,
            Appointment.status == Status.PLANNED.value,
            Seat.role == Role.REPRESENTATIVE.value,
            Seat.revoked_at.is_(None),
        )
        .order_by(Appointment.starts_at)
    )
    return [(seat, appointment, linked) for seat, appointment, linked in found if not appointment.is_over(now)]


async def ending(session: AsyncSession, account_id: str, now: datetime) -> list[Warned]:
    """Documents of this case manager's cases that end within 30 days, or have run out; those of old ends first."""
    mine = select(TeamMember.case_id).where(
        TeamMember.account_id == account_id,
        TeamMember.until.is_(None),
        TeamMember.role.in_([role.value for role in MANAGERS]),
    )
    rows = await session.scalars(
        select(RepresentationRow)
        .join(Case, Case.id == RepresentationRow.case_id)
        .where(
            Case.closed_at.is_(None),
            RepresentationRow.case_id.in_(mine),
            RepresentationRow.ended_at.is_(None),
            RepresentationRow.valid_until <= now + WARN_BEFORE[0],
        )
        .order_by(RepresentationRow.valid_until)
    )
    return [Warned(row, expired=row.valid_until <= now, urgent=row.valid_until <= now + WARN_BEFORE[1]) for row in rows]


async def offer_ways(session: AsyncSession, key: CaseKey, now: datetime) -> None:
    """Whoever has nobody left to act for them is phoned or visited instead."""
    for row in await of_case(session, key.case_id):
        if row.ended_at is None and row.kind == "guardian" and row.valid_until <= now:
            await other_ways.open_for(session, key, row.client_id, "representation_expired", now)


def _type(data: bytes) -> str:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise DocumentError("too_large")
    found = next((kind for magic, kind in DOCUMENTS.items() if data.startswith(magic)), None)
    if found is None:
        raise DocumentError("wrong_type")
    return found


def _note(
    session: AsyncSession,
    doer: Doer,
    row: RepresentationRow,
    tag: Tag,
    now: datetime,
    *,
    session_id: str | None = None,
    **more: str,
) -> None:
    append(
        session,
        tag,
        actor=account_actor(doer.id),
        at=now,
        case_id=row.case_id,
        session_id=session_id,
        details={
            "representation": row.id,
            "client": row.client_id,
            "kind": row.kind,
            "name": row.name,
            "valid_until": row.valid_until.isoformat(),
            "by": doer.name,
            **more,
        },
    )
