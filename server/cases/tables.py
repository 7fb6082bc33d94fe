"""Tables of cases: the case, its team, its clients."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from consent.sealed import SealedRow, sealed_text, sealed_text_or_none
from consent.tables import ID_LENGTH, Base, new_id

ALIAS_LENGTH = 80
PHONE_LENGTH = 32
LANGUAGE_LENGTH = 8
ROLE_LENGTH = 32


class Retention(StrEnum):
    """How long a case is kept after it was closed; the years are a setting."""

    ON_REQUEST = "on_request"  # no law asks for it: may be erased as soon as it is closed
    ORDINARY = "ordinary"
    LONG = "long"
    HOLD = "hold"  # a court or an inquiry needs it: never while this stands


class Case(SealedRow, Base):
    """The work with one household or person, known by an alias."""

    __tablename__ = "cases"
    __case__ = "id"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    alias = sealed_text()
    language: Mapped[str] = mapped_column(String(LANGUAGE_LENGTH))
    help_phone = sealed_text_or_none()
    """Whom this case's clients phone; None means the organisation's number."""
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    retention: Mapped[str] = mapped_column(String(16), default=Retention.ORDINARY.value)
    erased_at: Mapped[datetime | None]

    @property
    def is_erased(self) -> bool:
        """Whether nothing of it can be read any more."""
        return self.erased_at is not None


class TeamMember(Base):
    """One stay of an account in a case's team; leaving ends the stay and keeps the row."""

    __tablename__ = "case_team"
    __table_args__ = (
        Index(
            "uq_case_team_now",
            "case_id",
            "account_id",
            unique=True,
            sqlite_where=text("until IS NULL"),
            postgresql_where=text("until IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    role: Mapped[str] = mapped_column(String(ROLE_LENGTH))
    since: Mapped[datetime]
    until: Mapped[datetime | None]


class CaseClient(SealedRow, Base):
    """A client of a case; only the alias is needed."""

    __tablename__ = "case_clients"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), index=True)
    alias = sealed_text()
    language: Mapped[str] = mapped_column(String(LANGUAGE_LENGTH))
    phone = sealed_text_or_none()
