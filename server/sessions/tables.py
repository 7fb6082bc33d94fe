"""Tables of session records: what the team writes, contacts entered by hand, and summaries for the search."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from consent.sealed import SealedRow, sealed_text
from consent.tables import ID_LENGTH, Base, new_id

FACET_LENGTH = 48
TEXT_LENGTH = 8_000
"""How long each text of a note may be, in characters."""


class SessionNote(SealedRow, Base):
    """One version of what the team wrote about a session or a contact; a change is a new version."""

    __tablename__ = "session_notes"
    __table_args__ = (UniqueConstraint("session_id", "version"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), index=True)
    session_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    """The appointment, or the contact."""
    version: Mapped[int] = mapped_column(SmallInteger)
    outcome = sealed_text()
    decisions = sealed_text()
    next_steps = sealed_text()
    written_by: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    written_at: Mapped[datetime]
    signed_by: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    signed_at: Mapped[datetime | None]


class Contact(SealedRow, Base):
    """A visit or a phone call, as whoever had it reports it; nothing of it was seen by the server."""

    __tablename__ = "contacts"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), index=True)
    way: Mapped[str] = mapped_column(String(16))
    """``visit`` or ``phone``."""
    happened_at: Mapped[datetime]
    duration_min: Mapped[int] = mapped_column(SmallInteger)
    time_zone: Mapped[str] = mapped_column(String(64))
    with_whom = sealed_text()
    entered_by: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    entered_at: Mapped[datetime]


class SessionSummary(Base):
    """One session without its contents, so that a million can be searched; it can be made again from the ledger."""

    __tablename__ = "session_summaries"
    __table_args__ = (
        Index("ix_session_summaries_starts_at_session_id", "starts_at", "session_id"),
        Index("ix_session_summaries_case_id_starts_at", "case_id", "starts_at"),
    )

    session_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    """The appointment, or the contact."""
    case_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    way: Mapped[str] = mapped_column(String(16))
    """``video``, ``visit`` or ``phone``."""
    phase: Mapped[str] = mapped_column(String(16))
    starts_at: Mapped[datetime]
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    clients: Mapped[int] = mapped_column(SmallInteger)
    """How many clients took part."""
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    """When time alone will change the phase; None once nothing but an entry can."""


class SessionFacet(Base):
    """One thing that a session can be found by: ``worker:ID``, ``held:ID``, ``role:lawyer``, ``unusual:withdrawn``."""

    __tablename__ = "session_facets"
    __table_args__ = (
        Index("ix_session_facets_session_id_facet", "session_id", "facet"),
        {"sqlite_with_rowid": False},  # the primary key is the order in which it is read
    )

    facet: Mapped[str] = mapped_column(String(FACET_LENGTH), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)


class SummaryProgress(Base):
    """Up to which ledger entry the summaries follow; one row."""

    __tablename__ = "summary_progress"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    next_sequence: Mapped[int] = mapped_column(BigInteger)
