"""Alembic's entry: runs the steps on the connection that ``server.schema`` hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from consent.tables import UtcDateTime
from server.schema import METADATA


def plain(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """How a new step spells our own types: by what the database has, so that old steps outlive our code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite changes a table by copying it
    compare_type=True,
    render_item=plain,
)
with context.begin_transaction():
    context.run_migrations()
