"""The table base that every folder's tables share, and the tables of keys and of the ledger."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, Index, LargeBinary, MetaData, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

# Named constraints, so that migrations can drop them on every database.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

ID_LENGTH = 16


def new_id() -> str:
    """A random 64-bit identifier, 16 hexadecimal characters: says nothing about order or number."""
    return secrets.token_hex(ID_LENGTH // 2)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite keeps no time zone, so it is checked on the way in and restored on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive datetimes with ValueError; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware UTC datetime."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Declarative base of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime, dict[str, Any]: JSON}


ORGANISATION = ""
"""The case id under which the organisation's own data key is kept."""


class DataKeyRow(Base):
    """The data key of one case, under a key-encryption key; destroyed by erasure, and never made again."""

    __tablename__ = "case_keys"

    case_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    kek_id: Mapped[str] = mapped_column(String(16), index=True)
    wrapped: Mapped[bytes | None] = mapped_column(LargeBinary)
    """None once it was destroyed."""
    created_at: Mapped[datetime]
    destroyed_at: Mapped[datetime | None]


class CaseReading(Base):
    """When somebody last had a case opened for one purpose: so that repeats within ten minutes are one ledger entry."""

    __tablename__ = "case_readings"

    case_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    actor: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16), primary_key=True)
    session_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)


class LedgerHead(Base):
    """The one row that says which log this is and how long; whoever seals entries holds it until the commit."""

    __tablename__ = "ledger_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    log_id: Mapped[str] = mapped_column(String(32))
    size: Mapped[int]
    sealed_at: Mapped[datetime | None]
    """By this machine's clock, when the last entries were sealed: whatever those are about."""


class LedgerEntry(Base):
    """One fact of the record: written once, in the transaction of the fact, never changed.

    Everything but ``sealed``, ``leaf_hash`` and ``case_id`` is the leaf of the tree (``consent.leaf``).
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        Index("ix_ledger_entries_case_id_sequence", "case_id", "sequence"),
        Index("ix_ledger_entries_session_id_sequence", "session_id", "sequence"),
    )

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Its place in the log, from 0 and without gaps."""
    log_id: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]
    tag: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(32))
    """``system``, or a pseudonym: of accounts under the organisation's key, of everybody else under the case's."""
    case_ref: Mapped[str | None] = mapped_column(String(32))
    """The case's pseudonym."""
    case_nth: Mapped[int | None]
    session_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    """The appointment whose meeting this is about."""
    session_nth: Mapped[int | None]
    commitment: Mapped[str] = mapped_column(String(64))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """Salt, actor, case and details, under the case's key or the organisation's."""
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    case_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    """Only to find entries by; what is proven is ``case_ref``, and the case that is sealed."""


class LedgerNode(Base):
    """The hash over 256 hashes of the level below (level 0: leaves), so that proofs need not read the whole log."""

    __tablename__ = "ledger_nodes"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class LedgerCheckpoint(Base):
    """A checkpoint that was signed, with the signatures that it has gathered."""

    __tablename__ = "ledger_checkpoints"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    note: Mapped[str] = mapped_column(Text)
    cosigned_at: Mapped[datetime | None] = mapped_column(index=True)


class LedgerJob(Base):
    """Which process makes the checkpoints, and until when (UTC)."""

    __tablename__ = "ledger_job"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    holder: Mapped[str] = mapped_column(String(32))
    until: Mapped[datetime]


class SpooledFact(Base):
    """What came from the spool (``consent.spool``): so that nothing of it is written twice."""

    __tablename__ = "spooled_facts"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime]
