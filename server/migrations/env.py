"""Alembic's entry: runs the steps on the connection that ``server.schema`` hands over."""

from __future__ import annotations

from alembic import context

from server.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite changes a table by copying it
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
