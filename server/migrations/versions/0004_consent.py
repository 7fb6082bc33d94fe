"""Consents: notices, records, suitability, representations, other ways, and the person's own page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "case_suitability",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("suitable", sa.Boolean(), nullable=False),
        sa.Column("danger", sa.Boolean(), nullable=False),
        sa.Column("decided_by", sa.String(length=16), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("review_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_suitability_case_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["accounts.id"], name=op.f("fk_case_suitability_decided_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_suitability")),
    )
    op.create_index(
        "ix_case_suitability_case_id_decided_at", "case_suitability", ["case_id", "decided_at"], unique=False
    )
    op.create_index(op.f("ix_case_suitability_review_at"), "case_suitability", ["review_at"], unique=False)
    op.create_table(
        "consent_media",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded_by", sa.String(length=16), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["uploaded_by"], ["accounts.id"], name=op.f("fk_consent_media_uploaded_by")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_consent_media")),
    )
    op.create_table(
        "consent_notices",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.String(length=24), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_by", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["published_by"], ["accounts.id"], name=op.f("fk_consent_notices_published_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_notices")),
        sa.UniqueConstraint("purpose", "version", name="uq_consent_notices_version"),
    )
    op.create_table(
        "case_other_ways",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=16), nullable=True),
        sa.Column("way", sa.String(length=24), nullable=False),
        sa.Column("because", sa.String(length=24), nullable=False),
        sa.Column("owner_id", sa.String(length=16), nullable=True),
        sa.Column("due_on", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.String(length=16), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_other_ways_case_id")),
        sa.ForeignKeyConstraint(["client_id"], ["case_clients.id"], name=op.f("fk_case_other_ways_client_id")),
        sa.ForeignKeyConstraint(["done_by"], ["accounts.id"], name=op.f("fk_case_other_ways_done_by")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f("fk_case_other_ways_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_other_ways")),
    )
    op.create_index(op.f("ix_case_other_ways_case_id"), "case_other_ways", ["case_id"], unique=False)
    op.create_index(op.f("ix_case_other_ways_due_on"), "case_other_ways", ["due_on"], unique=False)
    op.create_index(op.f("ix_case_other_ways_owner_id"), "case_other_ways", ["owner_id"], unique=False)
    op.create_table(
        "case_representations",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("purposes", sa.JSON(), nullable=False),
        sa.Column("document_type", sa.String(length=40), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.String(length=16), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("document_file", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["added_by"], ["accounts.id"], name=op.f("fk_case_representations_added_by")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_representations_case_id")),
        sa.ForeignKeyConstraint(["client_id"], ["case_clients.id"], name=op.f("fk_case_representations_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_representations")),
    )
    op.create_index(op.f("ix_case_representations_case_id"), "case_representations", ["case_id"], unique=False)
    op.create_index(op.f("ix_case_representations_valid_until"), "case_representations", ["valid_until"], unique=False)
    op.create_table(
        "consent_notice_texts",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("notice_id", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["notice_id"], ["consent_notices.id"], name=op.f("fk_consent_notice_texts_notice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_notice_texts")),
        sa.UniqueConstraint("notice_id", "language", name="uq_consent_notice_texts_language"),
    )
    op.create_index(op.f("ix_consent_notice_texts_hash"), "consent_notice_texts", ["hash"], unique=False)
    op.create_index(op.f("ix_consent_notice_texts_notice_id"), "consent_notice_texts", ["notice_id"], unique=False)
    op.create_table(
        "consent_records",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=16), nullable=False),
        sa.Column("appointment_id", sa.String(length=16), nullable=True),
        sa.Column("purpose", sa.String(length=24), nullable=False),
        sa.Column("about_key", sa.String(length=40), nullable=True),
        sa.Column("answer", sa.String(length=24), nullable=False),
        sa.Column("notice_version", sa.SmallInteger(), nullable=False),
        sa.Column("notice_hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("method", sa.String(length=24), nullable=False),
        sa.Column("tapped_by", sa.String(length=24), nullable=False),
        sa.Column("entered_by", sa.String(length=16), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("signature_mark", sa.String(length=32), nullable=True),
        sa.Column("sign_key", sa.LargeBinary(), nullable=True),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.Column("about", sa.LargeBinary(), nullable=True),
        sa.Column("witness", sa.LargeBinary(), nullable=True),
        sa.Column("record", sa.LargeBinary(), nullable=True),
        sa.Column("signed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointments.id"], name=op.f("fk_consent_records_appointment_id")
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_consent_records_case_id")),
        sa.ForeignKeyConstraint(["client_id"], ["case_clients.id"], name=op.f("fk_consent_records_client_id")),
        sa.ForeignKeyConstraint(["entered_by"], ["accounts.id"], name=op.f("fk_consent_records_entered_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_records")),
        sa.UniqueConstraint("signature_mark", name=op.f("uq_consent_records_signature_mark")),
    )
    op.create_index(op.f("ix_consent_records_case_id"), "consent_records", ["case_id"], unique=False)
    op.create_index("ix_consent_records_client_id_purpose", "consent_records", ["client_id", "purpose"], unique=False)
    op.create_table(
        "person_pages",
        sa.Column("client_id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("link_version", sa.SmallInteger(), nullable=False),
        sa.Column("off", sa.Boolean(), nullable=False),
        sa.Column("pin_hash", sa.String(length=200), nullable=True),
        sa.Column("pin_failures", sa.SmallInteger(), nullable=False),
        sa.Column("pin_locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_person_pages_case_id")),
        sa.ForeignKeyConstraint(["client_id"], ["case_clients.id"], name=op.f("fk_person_pages_client_id")),
        sa.ForeignKeyConstraint(["made_by"], ["accounts.id"], name=op.f("fk_person_pages_made_by")),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_person_pages")),
    )
    op.create_index(op.f("ix_person_pages_case_id"), "person_pages", ["case_id"], unique=False)
    op.create_table(
        "consent_representative_seats",
        sa.Column("seat_id", sa.String(length=16), nullable=False),
        sa.Column("representation_id", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["representation_id"],
            ["case_representations.id"],
            name=op.f("fk_consent_representative_seats_representation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["seat_id"], ["appointment_seats.id"], name=op.f("fk_consent_representative_seats_seat_id")
        ),
        sa.PrimaryKeyConstraint("seat_id", name=op.f("pk_consent_representative_seats")),
    )
    with op.batch_alter_table("appointment_seats", schema=None) as batch_op:
        batch_op.add_column(sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True))
