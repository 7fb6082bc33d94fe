"""Tables of supervision: ways into a case for a time, draws, and the reviews of what was drawn."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from consent.sealed import SealedRow, sealed_json, sealed_text, sealed_text_or_none
from consent.tables import ID_LENGTH, Base, new_id


class AccessGrant(SealedRow, Base):
    """One way into one case for a time, without belonging to its team: broken glass, or an inspection."""

    __tablename__ = "access_grants"
    __table_args__ = (Index("ix_access_grants_account_id_case_id", "account_id", "case_id"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), index=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[str] = mapped_column(String(16))
    """A ``consent.policy.Grant``."""
    reason = sealed_text()
    given_by: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    since: Mapped[datetime]
    until: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """When it was ended before its time."""
    seen_at: Mapped[datetime | None] = mapped_column(index=True)
    """When a supervisor said that they know of it; broken glass alone asks for that."""
    seen_by: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))


class SampleDraw(Base):
    """One draw of sessions: asked for, then made with the next checkpoint, so that nobody can know what it brings."""

    __tablename__ = "sample_draws"
    __table_args__ = (UniqueConstraint("month", "number"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    month: Mapped[str] = mapped_column(String(7))
    number: Mapped[int] = mapped_column(SmallInteger)
    """1 is the draw of the month so far, 2 the one after its end."""
    asked_at: Mapped[datetime]
    """Sessions of the month that began before this moment are in the draw."""
    asked_by: Mapped[str] = mapped_column(String(64))
    """The actor: a supervisor's account, or the system."""
    after_size: Mapped[int] = mapped_column(BigInteger)
    """Entries that the ledger had then: the first checkpoint over more of them makes the draw."""
    drawn_at: Mapped[datetime | None]
    checkpoint: Mapped[str | None] = mapped_column(Text)
    """The signed note."""
    sessions: Mapped[str | None] = mapped_column(Text)
    """What was drawn from, as canonical JSON: session ids by worker id."""


class Sample(SealedRow, Base):
    """One session of one worker that was drawn, and what came of looking through it."""

    __tablename__ = "samples"
    __table_args__ = (UniqueConstraint("worker_id", "session_id"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    draw_id: Mapped[str] = mapped_column(ForeignKey("sample_draws.id"), index=True)
    month: Mapped[str] = mapped_column(String(7), index=True)
    worker_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    session_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"))
    reviewer_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    reviewed_at: Mapped[datetime | None]
    verdict: Mapped[str | None] = mapped_column(String(16))
    answers = sealed_json()
    feedback = sealed_text_or_none()
    read_at: Mapped[datetime | None]
    """When the worker opened the feedback."""
