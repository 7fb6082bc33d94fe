"""Tables of devices: the organisation's public key, and each browser of staff that asked to be certified."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from consent.tables import ID_LENGTH, Base, new_id

FINGERPRINT_LENGTH = 43
KEY_LENGTH = 200


class OrganisationKey(Base):
    """A public key under which devices are certified; the private one never comes here. The newest counts."""

    __tablename__ = "organisation_keys"

    fingerprint: Mapped[str] = mapped_column(String(FINGERPRINT_LENGTH), primary_key=True)
    public_key: Mapped[str] = mapped_column(String(KEY_LENGTH))
    trusted_at: Mapped[datetime]
    replaced_at: Mapped[datetime | None]


class Device(Base):
    """One browser of one member of staff, by its two public keys; a fingerprint belongs to one account for good."""

    __tablename__ = "devices"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    fingerprint: Mapped[str] = mapped_column(String(FINGERPRINT_LENGTH), unique=True)
    sign_key: Mapped[str] = mapped_column(String(KEY_LENGTH))
    seal_key: Mapped[str] = mapped_column(String(KEY_LENGTH))
    asked_at: Mapped[datetime]
    certificate_body: Mapped[str | None] = mapped_column(Text)
    certificate_signature: Mapped[str | None] = mapped_column(String(100))
    certified_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
