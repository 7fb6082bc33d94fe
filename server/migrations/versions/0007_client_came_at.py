"""When the first client came into a meeting: from then on a conversation runs, and goes on under its texts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("live_rooms", sa.Column("client_came_at", sa.DateTime(timezone=True), nullable=True))
    # What runs while the server is replaced goes on as before: nobody is asked in the middle of a sentence. What is
    # over keeps what it asked, so that it can still be taken back.
    op.execute("UPDATE live_rooms SET client_came_at = started_at")
