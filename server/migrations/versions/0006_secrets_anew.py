"""Appointments whose secrets were made a second time: since when the links that were handed out before do not fit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("appointments", sa.Column("secrets_anew_at", sa.DateTime(timezone=True), nullable=True))
