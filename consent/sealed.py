"""Sealed columns: personal data that lies encrypted in its row, and is read only after its case was opened.

    class Note(SealedRow, Base):
        case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"))
        text = sealed_text()                 # str, NOT NULL
        phone = sealed_text_or_none()        # str | None

The database column has the attribute's name and is a LargeBinary. Setting keeps the plain value on the instance, and
the flush seals it under the key of the row's case (AAD: table, row id, column). Reading needs
the case to have been opened in this session (``consent.keys.open_case``), before or after the row was loaded; whoever
has written a value may go on reading it. ``CaseKey.unlock(row)`` lends the key to rows of another session.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar, overload

from sqlalchemy import LargeBinary, event
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session, UOWTransaction, mapped_column
from sqlalchemy.types import TypeDecorator

from consent.datakey import DataKey
from consent.tables import ORGANISATION, new_id

T = TypeVar("T")
_PENDING = b""
_SUFFIX = "_sealed"
_LENT = "lent_keys"


class Locked(Exception):
    """A sealed column was read although nobody opened its case: a mistake in our own code."""


class SealedBytes(TypeDecorator[bytes]):
    """Ciphertext; refuses to store what no flush has sealed."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002  # the base's
        """Raise ValueError for a value that was never sealed."""
        if value == _PENDING:
            raise ValueError("a sealed column was not sealed before it was stored")
        return value


class Sealed(Generic[T]):
    """One sealed attribute of a mapped class."""

    def __init__(self, pack: Callable[[T], bytes], unpack: Callable[[bytes], T], *, nullable: bool) -> None:
        self._pack, self._unpack, self._nullable = pack, unpack, nullable
        self.column = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.column = name
        setattr(owner, name + _SUFFIX, mapped_column(name, SealedBytes, nullable=self._nullable))

    @overload
    def __get__(self, row: None, owner: type) -> Sealed[T]: ...

    @overload
    def __get__(self, row: SealedRow, owner: type) -> T: ...

    def __get__(self, row: SealedRow | None, owner: type) -> Sealed[T] | T:
        """The plain value. Raises Locked, SealBroken."""
        if row is None:
            return self
        plain = row._plain
        if self.column in plain:
            value: T = plain[self.column]
            return value
        key = row._data_key
        if key is None:
            raise Locked(f"{type(row).__tablename__}.{self.column} was read before its case was opened")  # type: ignore[attr-defined]  # every mapped class has it
        sealed: bytes | None = getattr(row, self.column + _SUFFIX)
        if sealed is None:
            return None  # type: ignore[return-value]  # T allows None where the column does
        return self._unpack(key.open(self._place(row), sealed))

    def __set__(self, row: SealedRow, value: T) -> None:
        """Keep the plain value; the next flush seals it."""
        row._plain = {**row._plain, self.column: value}
        row._pending = row._pending | {self.column}
        setattr(row, self.column + _SUFFIX, None if value is None else _PENDING)

    def seal(self, row: SealedRow, key: DataKey) -> None:
        """Put the ciphertext of the pending value into the column."""
        value = row._plain[self.column]
        if value is not None:
            setattr(row, self.column + _SUFFIX, key.seal(self._place(row), self._pack(value)))

    def _place(self, row: SealedRow) -> tuple[str, str, str]:
        return (type(row).__tablename__, row.id, self.column)  # type: ignore[attr-defined]  # every mapped class has it


class SealedRow:
    """A mapped class with sealed columns; the key is its case's, named by ``case_id`` (or by ``__case__``)."""

    __case__: ClassVar[str] = "case_id"
    """The attribute that names the case; empty when such rows belong to the organisation."""
    id: Any
    _plain: dict[str, Any] = {}  # noqa: RUF012  # replaced, never changed in place
    _pending: frozenset[str] = frozenset()
    _data_key: DataKey | None = None

    def _sealed_case(self) -> str:
        return getattr(self, self.__case__) or ORGANISATION if self.__case__ else ORGANISATION


def sealed_text() -> Sealed[str]:
    """A text that is always there."""
    return Sealed(str.encode, bytes.decode, nullable=False)


def sealed_text_or_none() -> Sealed[str | None]:
    """A text that may be missing; whether it is there can be seen without the key."""
    return Sealed(lambda value: (value or "").encode(), bytes.decode, nullable=True)


def sealed_json() -> Sealed[Any]:
    """Plain JSON: None is kept as NULL."""
    return Sealed(lambda value: json.dumps(value, ensure_ascii=False).encode(), json.loads, nullable=True)


def sealed_bytes_or_none() -> Sealed[bytes | None]:
    """A document or a recording."""
    return Sealed(lambda value: value or b"", bytes, nullable=True)


def is_open(row: SealedRow, column: str) -> bool:
    """Whether this sealed column can be read now."""
    return row._data_key is not None or column in row._plain


def lend(session: Session, keys: Mapping[str, DataKey]) -> None:
    """For ``consent.keys`` alone: from now on this session reads the rows of these cases."""
    session.info.setdefault(_LENT, {}).update(keys)
    for row in session.identity_map.values():
        if isinstance(row, SealedRow) and (key := keys.get(row._sealed_case())) is not None:
            row._data_key = key


def take_back(session: Session, case_id: str) -> None:
    """For ``consent.keys`` alone: this session reads the rows of this case no more."""
    session.info.get(_LENT, {}).pop(case_id, None)
    for row in session.identity_map.values():
        if isinstance(row, SealedRow) and row._sealed_case() == case_id:
            row._data_key, row._plain = None, {}


def unlock(row: SealedRow, case_id: str, key: DataKey) -> None:
    """For ``CaseKey`` alone: lend the row its key. Raises Locked when it is another case's row."""
    if row._sealed_case() != case_id:
        raise Locked(f"a row of {type(row).__tablename__} belongs to another case")  # type: ignore[attr-defined]  # every mapped class has it
    row._data_key = key


def install(session_class: type[Session], key_of: Callable[[Session, str], DataKey]) -> None:
    """Seal what is pending before each flush of these sessions, and open what they load of an open case."""

    def seal(session: Session, _flush: UOWTransaction, _instances: object) -> None:
        for row in list(session.new) + list(session.dirty):
            if isinstance(row, SealedRow) and row._pending:
                _seal_row(session, row, key_of)

    def lend_again(session: Session, row: object) -> None:
        if isinstance(row, SealedRow):
            row._data_key = session.info.get(_LENT, {}).get(row._sealed_case())

    event.listen(session_class, "before_flush", seal)
    event.listen(session_class, "loaded_as_persistent", lend_again)
    event.listen(session_class, "pending_to_persistent", lend_again)


def _seal_row(session: Session, row: SealedRow, key_of: Callable[[Session, str], DataKey]) -> None:
    if row.id is None:
        row.id = new_id()
    key = key_of(session, row._sealed_case())
    for column in row._pending:
        descriptor: Sealed[Any] = getattr(type(row), column)
        descriptor.seal(row, key)
    row._pending = frozenset()
