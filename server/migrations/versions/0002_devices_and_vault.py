"""Devices, the organisation's public key, and the team's vault."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "organisation_keys",
        sa.Column("fingerprint", sa.String(length=43), nullable=False),
        sa.Column("public_key", sa.String(length=200), nullable=False),
        sa.Column("trusted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_organisation_keys")),
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=16), nullable=False),
        sa.Column("fingerprint", sa.String(length=43), nullable=False),
        sa.Column("sign_key", sa.String(length=200), nullable=False),
        sa.Column("seal_key", sa.String(length=200), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("certificate_body", sa.Text(), nullable=True),
        sa.Column("certificate_signature", sa.String(length=100), nullable=True),
        sa.Column("certified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_devices_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_devices_fingerprint")),
    )
    with op.batch_alter_table("devices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_devices_account_id"), ["account_id"], unique=False)

    op.create_table(
        "vault_entries",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("appointment_id", sa.String(length=16), nullable=False),
        sa.Column("secret", sa.String(length=32), nullable=False),
        sa.Column("signer_device", sa.String(length=43), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("signer_body", sa.Text(), nullable=False),
        sa.Column("signer_signature", sa.String(length=100), nullable=False),
        sa.Column("signature", sa.String(length=100), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["appointment_id"], ["appointments.id"], name=op.f("fk_vault_entries_appointment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vault_entries")),
        sa.UniqueConstraint("appointment_id", "secret", "signer_device", name="uq_vault_entries_signer"),
    )
