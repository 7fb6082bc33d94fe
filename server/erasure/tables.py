"""Table of erasures: who asked for which, who confirmed it; nothing about the person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from consent.tables import ID_LENGTH, Base, new_id


class Erasure(Base):
    """One request to erase a case; open until it is confirmed by a second person, or taken back."""

    __tablename__ = "erasures"
    __table_args__ = (
        Index(
            "uq_erasures_open",
            "case_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"))
    reason: Mapped[str] = mapped_column(String(16))
    asked_by: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    asked_at: Mapped[datetime]
    ended_by: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    """Who confirmed it or took it back."""
    ended_at: Mapped[datetime | None]
    done: Mapped[bool] = mapped_column(default=False)
    """Whether the case was erased."""
