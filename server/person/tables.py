"""Table of the person's own page: one for each client, found by a link whose token is not stored."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from consent.tables import Base


class PersonPage(Base):
    """One client's page; a higher link version revokes every earlier link."""

    __tablename__ = "person_pages"

    client_id: Mapped[str] = mapped_column(ForeignKey("case_clients.id"), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), index=True)
    link_version: Mapped[int] = mapped_column(SmallInteger)
    off: Mapped[bool] = mapped_column(Boolean)
    """Closed where the person's phone is not safe; the link then opens nothing."""
    pin_hash: Mapped[str | None] = mapped_column(String(200))
    """Of the PIN that was given in person; without it the page does not say who opened the case."""
    pin_failures: Mapped[int] = mapped_column(SmallInteger)
    pin_locked_until: Mapped[datetime | None]
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
