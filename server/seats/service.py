"""Who may come to which seat now: links, entry codes and resume tokens become tickets. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys as case_keys
from consent.policy import Action, allows
from rooms.outside import EARLY
from server.appointments import service as appointments
from server.appointments.links import LinkError
from server.appointments.service import SeatContext
from server.appointments.tables import Status
from server.consents import suitability
from server.seats import asking
from signaling import tickets
from signaling.exchange import Expected, SeatAppointment, SeatReply, SeatRequest, SeatYou
from signaling.tickets import Kind, TicketError, device_hash

SOCKET_LIVES = timedelta(seconds=60)
RESUME_LIVES = timedelta(hours=12)
"""After the planned end."""

Door = Literal["open", "early", "moved", "cancelled", "ended", "other_way"]

CLOSED: frozenset[Door] = frozenset({"cancelled", "ended", "other_way"})
"""Doors that open no more."""


class SeatError(Exception):
    """What opens no seat; ``code`` is one of PROTOCOL.md's for ``POST /api/seat``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class UsedCodes:
    """Entry codes that were taken. A code lives a minute, so what is older than that need not be remembered."""

    _used: dict[str, datetime] = field(default_factory=dict)

    def take(self, code: str, now: datetime) -> None:
        """Use a code up. Raises SeatError ``code_used``."""
        self._used = {each: at for each, at in self._used.items() if now - at <= SOCKET_LIVES}
        if code in self._used:
            raise SeatError("code_used")
        self._used[code] = now


@dataclass(frozen=True)
class Keys:
    """What signs links and tickets."""

    link: bytes
    ticket: bytes


@dataclass(frozen=True)
class Desk:
    """What an answer needs beside the question: keys, the codes that were used, and what a page says of the desk."""

    keys: Keys
    used: UsedCodes
    organisation: str
    help_phone: str


async def exchange(
    session: AsyncSession, desk: Desk, asked: SeatRequest, *, language: str | None, now: datetime
) -> SeatReply:
    """Answer; ``language`` is what the person chose on this device, else the invitation's. Raises SeatError."""
    keys = desk.keys
    context = await whose(session, keys, asked, now)
    spoken = language or context.language
    case = await case_keys.open_case(session, case_keys.SYSTEM, context.case_id, case_keys.Purpose.SYSTEM)
    consent = await asking.of_seat(session, case, context.appointment_id, context.seat_id, language=spoken, now=now)
    door, opens_at = _door(context, now)
    if door not in CLOSED and context.kind == "link" and await suitability.why_not(session, context.case_id, now):
        door = "other_way"
    if door not in CLOSED and asking.is_elsewhere(consent):
        door = "other_way"
    if asked.code is not None:
        desk.used.take(asked.code, now)
    return SeatReply(
        ticket=_ticket(keys, context, asked.device, spoken, now) if door == "open" else None,
        resume=_resume(keys, context, asked.device) if door == "open" else None,
        you=SeatYou(
            seat=context.seat_id,
            role=context.role,
            name=context.name,
            kind=context.kind,
            reads_record=context.kind == "staff" and allows(context.role, Action.READ_RECORD, on_team=True),
        ),
        appointment=SeatAppointment(
            id=context.appointment_id,
            status=door,
            starts_at=context.starts_at,
            ends_at=context.ends_at,
            time_zone=context.time_zone,
            opens_at=opens_at,
            help_phone=context.help_phone or desk.help_phone,
            organisation=desk.organisation,
            language=spoken,
            expected=tuple(
                Expected(seat=seat.seat_id, role=seat.role, name=seat.name)
                for seat in context.seats
                if not seat.by_link or seat.seat_id == context.seat_id
            ),
        ),
        consent=consent,
    )


async def whose(session: AsyncSession, keys: Keys, asked: SeatRequest, now: datetime) -> SeatContext:
    """Whose seat this claim opens. Raises SeatError."""
    try:
        return await _context(session, keys, asked, now)
    except (LinkError, TicketError) as error:
        raise SeatError(error.code) from error


async def _context(session: AsyncSession, keys: Keys, asked: SeatRequest, now: datetime) -> SeatContext:
    if asked.link is not None:
        return await appointments.link_context(session, keys.link, asked.link, now)
    if asked.code is not None:
        claims = tickets.verify(keys.ticket, Kind.ENTRY, asked.code, now)
        context = await appointments.seat_context(session, claims["seat"], now)
    else:
        claims = tickets.verify(keys.ticket, Kind.RESUME, asked.resume or "", now)
        if claims["device"] != device_hash(asked.device):
            raise TicketError("ticket_invalid")
        context = await appointments.seat_context(session, claims["seat"], now)
        if context.kind == "link" and claims["version"] != str(context.link_version):
            raise LinkError("link_revoked")
    if context.revoked:
        raise LinkError("link_revoked")
    return context


def _door(context: SeatContext, now: datetime) -> tuple[Door, datetime]:
    """Whether one may come in now, and when the waiting room opens: for the team, as the day begins."""
    opens_at = context.starts_at - EARLY
    if context.kind == "staff":
        local = context.starts_at.astimezone(ZoneInfo(context.time_zone))
        opens_at = min(opens_at, local.replace(hour=0, minute=0, second=0, microsecond=0))
    if context.status is Status.CANCELLED:
        return "cancelled", opens_at
    if context.status is Status.ENDED:
        return "ended", opens_at
    if now < opens_at:
        return ("moved" if context.moved_from is not None else "early"), opens_at
    return "open", opens_at


def _ticket(keys: Keys, context: SeatContext, device: str, language: str, now: datetime) -> str:
    claims = {
        "seat": context.seat_id,
        "appointment": context.appointment_id,
        "device": device_hash(device),
        "language": language,
        "at": now.isoformat(),
    }
    return tickets.issue(keys.ticket, Kind.SOCKET, claims, now + SOCKET_LIVES)


def _resume(keys: Keys, context: SeatContext, device: str) -> str:
    claims = {"seat": context.seat_id, "device": device_hash(device), "version": str(context.link_version)}
    return tickets.issue(keys.ticket, Kind.RESUME, claims, context.ends_at + RESUME_LIVES)
