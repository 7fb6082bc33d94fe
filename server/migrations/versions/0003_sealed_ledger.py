"""Keys, sealed columns, and the ledger as a tree: what was plain until now is sealed in this step."""

from __future__ import annotations

from collections import Counter
from datetime import UTC

import sqlalchemy as sa
from alembic import context, op

from consent.datakey import DataKey
from consent.events import Tag
from consent.keyring import Keyring
from consent.ledger import Draft, new_log_id, row_of

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


PERSONAL = (
    ("cases", "id", {"alias": True, "help_phone": False}),
    ("case_clients", "case_id", {"alias": True, "phone": False}),
    ("appointments", "case_id", {"help_phone": True, "purpose": True}),
    ("appointment_seats", "case_id", {"name": True}),
)
"""Table, the column that names the case, and its personal columns with whether they are always filled."""


def upgrade() -> None:
    keyring: Keyring = context.config.attributes["keyring"]
    _keys()
    keys = _make_keys(keyring)
    _seal_columns(keys)
    _ledger(keys)


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
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.String(length=16), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["asked_by"], ["accounts.id"], name=op.f("fk_erasures_asked_by")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_erasures_case_id")),
        sa.ForeignKeyConstraint(["ended_by"], ["accounts.id"], name=op.f("fk_erasures_ended_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_index(
        "uq_erasures_open",
        "erasures",
        ["case_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


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


def _seal_columns(keys: dict[str, DataKey]) -> None:
    op.add_column("cases", sa.Column("retention", sa.String(length=16), nullable=False, server_default="ordinary"))
    op.add_column("cases", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("appointment_seats", sa.Column("case_id", sa.String(length=16), nullable=False, server_default=""))
    op.execute(
        "UPDATE appointment_seats SET case_id = "
        "(SELECT case_id FROM appointments WHERE appointments.id = appointment_seats.appointment_id)"
    )
    for table, case_column, columns in PERSONAL:
        for column, needed in columns.items():
            _seal_column(table, case_column, column, keys, needed=needed)
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("cases", "retention", server_default=None)
        op.alter_column("appointment_seats", "case_id", server_default=None)


def _seal_column(table: str, case_column: str, column: str, keys: dict[str, DataKey], *, needed: bool) -> None:
    """Replace a plain column by a sealed one.

    SQLite adds no NOT NULL column without a default, so there the default stays; nothing ever stores it.
    """
    connection, new = op.get_bind(), f"{column}_sealed"
    if needed:
        op.add_column(table, sa.Column(new, sa.LargeBinary(), nullable=False, server_default=sa.text("''")))
    else:
        op.add_column(table, sa.Column(new, sa.LargeBinary(), nullable=True))
    rows = sa.table(table, *(sa.column(name) for name in {"id", case_column, column}), sa.column(new, sa.LargeBinary()))
    plain = sa.select(rows.c.id, rows.c[case_column].label("of_case"), rows.c[column].label("plain"))
    for row in connection.execute(plain).all():
        if row.plain is not None:
            sealed = keys[row.of_case].seal((table, row.id, column), row.plain.encode())
            connection.execute(sa.update(rows).where(rows.c.id == row.id).values({new: sealed}))
    op.drop_column(table, column)
    op.execute(f"ALTER TABLE {table} RENAME COLUMN {new} TO {column}")
    if needed and connection.dialect.name == "postgresql":
        op.alter_column(table, column, server_default=None)


# --- the ledger


def _ledger(keys: dict[str, DataKey]) -> None:
    connection = op.get_bind()
    old = connection.execute(sa.select(OLD_ENTRIES).order_by(OLD_ENTRIES.c.sequence)).all()
    op.drop_table("ledger_entries")
    _ledger_tables()
    log_id, counts, rows = new_log_id(), Counter[str](), []
    for sequence, row in enumerate(old):
        at = row.at.replace(tzinfo=UTC) if row.at.tzinfo is None else row.at
        draft = Draft(Tag(row.tag), row.actor, at, row.case_id, row.session_id, row.details)
        named = [f"{kind}:{name}" if name else None for kind, name in (("c", row.case_id), ("s", row.session_id))]
        counts.update(name for name in named if name)
        rows.append(
            row_of(
                log_id,
                sequence,
                draft,
                key=keys[row.case_id or ""],
                organisation=keys[""],
                nth=(counts[named[0]] if named[0] else None, counts[named[1]] if named[1] else None),
            )
        )
    # Plain SQL of this step's own columns, so that later steps may change the class.
    entries = sa.Table("ledger_entries", sa.MetaData(), autoload_with=connection)
    if rows:
        connection.execute(entries.insert(), rows)
    head = sa.Table("ledger_head", sa.MetaData(), autoload_with=connection)
    connection.execute(head.insert().values(id=1, log_id=log_id, size=len(rows)))


OLD_ENTRIES = sa.table(
    "ledger_entries",
    sa.column("sequence", sa.Integer()),
    sa.column("at", sa.DateTime(timezone=True)),
    sa.column("tag", sa.String()),
    sa.column("actor", sa.String()),
    sa.column("case_id", sa.String()),
    sa.column("session_id", sa.String()),
    sa.column("details", sa.JSON()),
)


def _ledger_tables() -> None:
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("log_id", sa.String(length=32), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_head")),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("log_id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("case_ref", sa.String(length=32), nullable=True),
        sa.Column("case_nth", sa.Integer(), nullable=True),
        sa.Column("session_id", sa.String(length=16), nullable=True),
        sa.Column("session_nth", sa.Integer(), nullable=True),
        sa.Column("commitment", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_ledger_entries")),
    )
    op.create_index("ix_ledger_entries_case_id_sequence", "ledger_entries", ["case_id", "sequence"], unique=False)
    op.create_index("ix_ledger_entries_session_id_sequence", "ledger_entries", ["session_id", "sequence"], unique=False)
    op.create_table(
        "ledger_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "index", name=op.f("pk_ledger_nodes")),
    )
    op.create_table(
        "ledger_checkpoints",
        sa.Column("size", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("cosigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_ledger_checkpoints")),
    )
    op.create_index(op.f("ix_ledger_checkpoints_cosigned_at"), "ledger_checkpoints", ["cosigned_at"], unique=False)
    op.create_table(
        "ledger_job",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_job")),
    )
    op.create_table(
        "spooled_facts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spooled_facts")),
    )
