"""Tables of appointments: the meeting that is planned, and one seat for each invited person."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import ForeignKey, Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from consent.sealed import SealedRow, sealed_text
from consent.tables import ID_LENGTH, Base, new_id
from server.cases.tables import LANGUAGE_LENGTH, ROLE_LENGTH

ZONE_LENGTH = 64

LINGER = timedelta(hours=12)
"""How long after its planned end a meeting may still go on, or be returned to, before its links are over."""


class Status(StrEnum):
    """What an appointment is; whether it is early, open or over is a matter of the clock."""

    PLANNED = "planned"
    CANCELLED = "cancelled"
    ENDED = "ended"


class Appointment(SealedRow, Base):
    """A planned meeting of one case."""

    __tablename__ = "appointments"
    __table_args__ = (Index("ix_appointments_case_id_starts_at", "case_id", "starts_at"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"))
    starts_at: Mapped[datetime] = mapped_column(index=True)
    duration_min: Mapped[int] = mapped_column(SmallInteger)
    time_zone: Mapped[str] = mapped_column(String(ZONE_LENGTH))
    """IANA name of the zone in which it was planned and is spoken of."""
    help_phone = sealed_text()
    purpose = sealed_text()
    status: Mapped[str] = mapped_column(String(16), default=Status.PLANNED.value)
    moved_from: Mapped[datetime | None]
    """The start that people were told before, when it was moved."""
    ended_at: Mapped[datetime | None]
    secrets_anew_at: Mapped[datetime | None]
    """When its secrets had to be made a second time: links that were handed out before do not fit any more."""
    created_by: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    created_at: Mapped[datetime]

    @property
    def ends_at(self) -> datetime:
        """The planned end."""
        return self.starts_at + timedelta(minutes=self.duration_min)

    @property
    def open_to_team_from(self) -> datetime:
        """The beginning of its day where it is, or an hour before it when that is earlier."""
        local = self.starts_at.astimezone(ZoneInfo(self.time_zone))
        return min(self.starts_at - timedelta(hours=1), local.replace(hour=0, minute=0, second=0, microsecond=0))

    def is_over(self, now: datetime) -> bool:
        """Whether nobody can come in any more: it was ended, or long past its time."""
        return self.status == Status.ENDED.value or now >= self.ends_at + LINGER

    def is_ahead(self, now: datetime) -> bool:
        """Whether people still count on it: planned, and its time has not passed."""
        return self.status == Status.PLANNED.value and now < self.ends_at


class Seat(SealedRow, Base):
    """One invited person of one appointment; its id is the seat id in the room."""

    __tablename__ = "appointment_seats"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    appointment_id: Mapped[str] = mapped_column(ForeignKey("appointments.id"), index=True)
    case_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    """The appointment's: names the key."""
    role: Mapped[str] = mapped_column(String(ROLE_LENGTH))
    name = sealed_text()
    language: Mapped[str] = mapped_column(String(LANGUAGE_LENGTH))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    client_id: Mapped[str | None] = mapped_column(ForeignKey("case_clients.id"))
    link_version: Mapped[int] = mapped_column(SmallInteger, default=1)
    invited_at: Mapped[datetime | None]
    """Who is invited after the conversation has begun is asked about by name; None for those of earlier versions."""
    revoked_at: Mapped[datetime | None]

    @property
    def by_link(self) -> bool:
        """Whether this person comes by an invitation link; everybody else signs in."""
        return self.account_id is None
