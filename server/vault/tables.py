"""Table of the vault: one row for each secret of an appointment and each device that sealed it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from consent.tables import ID_LENGTH, Base, new_id


class VaultEntry(Base):
    """A secret as ciphertext for several devices, and who signed that it is this one. All of it came from a browser."""

    __tablename__ = "vault_entries"
    __table_args__ = (UniqueConstraint("appointment_id", "secret", "signer_device", name="uq_vault_entries_signer"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    appointment_id: Mapped[str] = mapped_column(ForeignKey("appointments.id"))
    secret: Mapped[str] = mapped_column(String(32))
    """``appointment`` or ``seat:ID``."""
    signer_device: Mapped[str] = mapped_column(String(43))
    body: Mapped[str] = mapped_column(Text)
    signer_body: Mapped[str] = mapped_column(Text)
    signer_signature: Mapped[str] = mapped_column(String(100))
    signature: Mapped[str] = mapped_column(String(100))
    sealed_at: Mapped[datetime]
