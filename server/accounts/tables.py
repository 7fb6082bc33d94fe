"""Tables of accounts, their sign-ins and their one-time links."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from consent.tables import ID_LENGTH, Base, new_id

HASH_LENGTH = 64


class Account(Base):
    """One member of staff."""

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    """In lower case."""
    name: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(32))
    password_hash: Mapped[str | None] = mapped_column(Text)
    """Argon2id; None until the invitation was accepted."""
    language: Mapped[str] = mapped_column(String(8))
    time_zone: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    reset_asked_at: Mapped[datetime | None]
    """Since when the person waits for a new password link."""


class AccountSession(Base):
    """One sign-in on one browser; the database knows only the hash of its cookie."""

    __tablename__ = "account_sessions"

    token_hash: Mapped[str] = mapped_column(String(HASH_LENGTH), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AccountLink(Base):
    """One link that sets a password once; the database knows only the hash of its token."""

    __tablename__ = "account_links"

    token_hash: Mapped[str] = mapped_column(String(HASH_LENGTH), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(8))
    """``invite`` or ``reset``."""
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
