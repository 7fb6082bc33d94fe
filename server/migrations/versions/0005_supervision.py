"""Session records and supervision: notes, contacts, summaries, ways into a case for a time, draws and reviews."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sample_draws",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("after_size", sa.BigInteger(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checkpoint", sa.Text(), nullable=True),
        sa.Column("sessions", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sample_draws")),
        sa.UniqueConstraint("month", "number", name=op.f("uq_sample_draws_month_number")),
    )
    op.create_table(
        "session_facets",
        sa.Column("facet", sa.String(length=48), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_id", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("facet", "starts_at", "session_id", name=op.f("pk_session_facets")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_session_facets_session_id_facet", "session_facets", ["session_id", "facet"], unique=False)
    op.create_table(
        "session_summaries",
        sa.Column("session_id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clients", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_session_summaries")),
    )
    op.create_index(op.f("ix_session_summaries_due_at"), "session_summaries", ["due_at"], unique=False)
    op.create_index(
        "ix_session_summaries_case_id_starts_at", "session_summaries", ["case_id", "starts_at"], unique=False
    )
    op.create_index(
        "ix_session_summaries_starts_at_session_id", "session_summaries", ["starts_at", "session_id"], unique=False
    )
    op.create_table(
        "summary_progress",
        sa.Column("id", sa.SmallInteger(), nullable=False),
        sa.Column("next_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_summary_progress")),
    )
    op.create_table(
        "access_grants",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("given_by", sa.String(length=16), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_by", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_access_grants_account_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_access_grants_case_id")),
        sa.ForeignKeyConstraint(["given_by"], ["accounts.id"], name=op.f("fk_access_grants_given_by")),
        sa.ForeignKeyConstraint(["seen_by"], ["accounts.id"], name=op.f("fk_access_grants_seen_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_grants")),
    )
    op.create_index("ix_access_grants_account_id_case_id", "access_grants", ["account_id", "case_id"], unique=False)
    op.create_index(op.f("ix_access_grants_case_id"), "access_grants", ["case_id"], unique=False)
    op.create_index(op.f("ix_access_grants_seen_at"), "access_grants", ["seen_at"], unique=False)
    op.create_table(
        "contacts",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_min", sa.SmallInteger(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("entered_by", sa.String(length=16), nullable=False),
        sa.Column("with_whom", sa.LargeBinary(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_contacts_case_id")),
        sa.ForeignKeyConstraint(["entered_by"], ["accounts.id"], name=op.f("fk_contacts_entered_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    op.create_index(op.f("ix_contacts_case_id"), "contacts", ["case_id"], unique=False)
    op.create_table(
        "samples",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("draw_id", sa.String(length=16), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("worker_id", sa.String(length=16), nullable=False),
        sa.Column("session_id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("reviewer_id", sa.String(length=16), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=True),
        sa.Column("answers", sa.LargeBinary(), nullable=True),
        sa.Column("feedback", sa.LargeBinary(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_samples_case_id")),
        sa.ForeignKeyConstraint(["draw_id"], ["sample_draws.id"], name=op.f("fk_samples_draw_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["accounts.id"], name=op.f("fk_samples_reviewer_id")),
        sa.ForeignKeyConstraint(["worker_id"], ["accounts.id"], name=op.f("fk_samples_worker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_samples")),
        sa.UniqueConstraint("worker_id", "session_id", name=op.f("uq_samples_worker_id_session_id")),
    )
    op.create_index(op.f("ix_samples_draw_id"), "samples", ["draw_id"], unique=False)
    op.create_index(op.f("ix_samples_month"), "samples", ["month"], unique=False)
    op.create_table(
        "session_notes",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("session_id", sa.String(length=16), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("written_by", sa.String(length=16), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_by", sa.String(length=16), nullable=True),
        sa.Column("outcome", sa.LargeBinary(), nullable=False),
        sa.Column("decisions", sa.LargeBinary(), nullable=False),
        sa.Column("next_steps", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_session_notes_case_id")),
        sa.ForeignKeyConstraint(["signed_by"], ["accounts.id"], name=op.f("fk_session_notes_signed_by")),
        sa.ForeignKeyConstraint(["written_by"], ["accounts.id"], name=op.f("fk_session_notes_written_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_notes")),
        sa.UniqueConstraint("session_id", "version", name=op.f("uq_session_notes_session_id_version")),
    )
    op.create_index(op.f("ix_session_notes_case_id"), "session_notes", ["case_id"], unique=False)
