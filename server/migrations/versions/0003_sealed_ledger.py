"""Keys, sealed columns, and the ledger as a tree: what was plain until now is sealed in this step."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from consent.datakey import DataKey
from consent.keyring import Keyring

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    keyring: Keyring = context.config.attributes["keyring"]
    _keys()
    keys = _make_keys(keyring)
    del keys


# --- keys and sealed columns


def _keys() -> None:
    op.create_table(
        "case_keys",
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("kek_id", sa.String(length=16), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_keys")),
    )
    op.create_index(op.f("ix_case_keys_kek_id"), "case_keys", ["kek_id"], unique=False)
    op.create_table(
        "case_readings",
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("session_id", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "actor", "purpose", "session_id", name=op.f("pk_case_readings")),
    )
    op.create_index(op.f("ix_case_readings_at"), "case_readings", ["at"], unique=False)


def _make_keys(keyring: Keyring) -> dict[str, DataKey]:
    """A data key for each case there is, and the organisation's own under ""."""
    connection = op.get_bind()
    keys: dict[str, DataKey] = {}
    found = connection.execute(sa.text("SELECT id, created_at FROM cases")).all()
    for case_id in ["", *(row.id for row in found)]:
        key = DataKey.fresh()
        kek_id, wrapped = keyring.wrap(case_id, key)
        connection.execute(
            sa.text(
                "INSERT INTO case_keys (case_id, kek_id, wrapped, created_at) "
                "VALUES (:case_id, :kek_id, :wrapped, CURRENT_TIMESTAMP)"
            ),
            {"case_id": case_id, "kek_id": kek_id, "wrapped": wrapped},
        )
        keys[case_id] = key
    return keys


# --- the ledger
