"""The ledger: the one function through which the record is written, and the one through which it is read."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Select, event, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from consent.canonical import canonical, parse
from consent.datakey import DataKey, SealBroken
from consent.events import Tag
from consent.keyring import WRITING, CaseErased, data_key_now, data_keys_now
from consent.leaf import SALT_LENGTH, Leaf, LeafError, commit, from_base64, to_base64
from consent.tables import ORGANISATION, Base, LedgerEntry

SYSTEM = "system"
CLOCK_TOLERANCE = timedelta(seconds=5)
"""What a clock may be behind the last entry's before that is worth an entry of its own."""
LEDGER, CLOCK = "ledger", "clock"
"""Names in a session's ``info``: what waits to be sealed, and whose clock says when that is."""
_OF_THE_ORGANISATION = frozenset({"account", SYSTEM})


class LedgerBroken(Exception):
    """A row of the ledger is not what was written: edited, moved, or sealed anew. ``sequence`` says which."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"entry {sequence} of the ledger is not what was written")
        self.sequence = sequence


class TooMany(Exception):
    """There are more entries than whoever asked can hold at once; ``most`` is how many that is."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most} entries")
        self.most = most


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that waits for the commit of its transaction."""

    tag: Tag
    actor: str
    at: datetime
    case_id: str | None
    session_id: str | None
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, opened."""

    sequence: int
    at: datetime
    tag: Tag
    actor: str
    """``account:ID``, ``seat:ID``, … as it was written, or ``system``."""
    case_id: str | None
    session_id: str | None
    details: Mapping[str, Any]
    leaf: Leaf
    salt: bytes


class OpenKey(Protocol):
    """A CaseKey or an OrganisationKey of ``consent.keys``."""

    @property
    def data(self) -> DataKey:
        """What opens the entries."""


def account_actor(account_id: str) -> str:
    """The actor of something that a signed-in person did."""
    return f"account:{account_id}"


def seat_actor(seat_id: str) -> str:
    """The actor of something that happened to, or was done by, a seat in a meeting."""
    return f"seat:{seat_id}"


def append(
    session: AsyncSession | Session,
    tag: Tag,
    *,
    actor: str,
    at: datetime | None = None,
    case_id: str | None = None,
    session_id: str | None = None,
    details: dict[str, Any] | None = None,
) -> Draft:
    """Add an entry to the running transaction, so that fact and record are kept together or not at all.

    ``at`` is when the fact happened (UTC), by default now. ``details`` is plain JSON without links, keys or addresses.
    The entry gets its place when the transaction commits. Raises RuntimeError in a session that only reads.
    """
    if not session.info.get(WRITING):
        raise RuntimeError("an entry is appended in a writing session only")
    draft = Draft(tag, actor, at or _clock(session)(), case_id, session_id, details or {})
    session.info.setdefault(LEDGER, []).append(draft)
    return draft


def install(session_class: type[Session]) -> None:
    """Seal what was appended right before each commit of these sessions; a rollback forgets it."""
    event.listen(session_class, "before_commit", seal)
    event.listen(session_class, "after_rollback", _forget)


def seal(session: Session) -> None:
    """Give what was appended its place. The head row is locked last, so that writers never wait in a circle."""
    if not session.info.get(LEDGER) or session.in_nested_transaction():
        return
    session.flush()
    waiting: list[Draft] = session.info.pop(LEDGER)
    data_keys_now(session, {ORGANISATION, *(draft.case_id or ORGANISATION for draft in waiting)})
    drafts = [_told(session, draft) for draft in waiting]
    keys = {draft.case_id: data_key_now(session, draft.case_id) for draft in drafts}
    organisation = keys.setdefault(None, data_key_now(session, None))
    log_id, size, sealed_at = _lock_head(session)
    now = _clock(session)()
    if sealed_at is not None and now < sealed_at - CLOCK_TOLERANCE:
        back = {"from": sealed_at.isoformat(), "to": now.isoformat()}
        drafts.insert(0, Draft(Tag.CLOCK_SET_BACK, SYSTEM, now, None, None, back))
    counted = _counted(session, drafts)
    rows = [
        row_of(log_id, sequence, draft, key=keys[draft.case_id], organisation=organisation, nth=_next(counted, draft))
        for sequence, draft in enumerate(drafts, size)
    ]
    connection = session.connection()
    connection.execute(_ENTRIES.insert(), rows)
    connection.execute(_HEAD.update().values(size=size + len(rows), sealed_at=now))


def row_of(
    log_id: str,
    sequence: int,
    draft: Draft,
    *,
    key: DataKey,
    organisation: DataKey,
    nth: tuple[int | None, int | None],
) -> dict[str, Any]:
    """The columns of one entry at its place; ``nth`` counts within its case and within its session, from 1."""
    content = {"actor": draft.actor, "case": draft.case_id, "details": dict(draft.details)}
    salt = os.urandom(SALT_LENGTH)
    kind = draft.actor.partition(":")[0]
    namer = organisation if kind in _OF_THE_ORGANISATION else key
    leaf = Leaf(
        log=log_id,
        sequence=sequence,
        at=draft.at,
        tag=draft.tag.value,
        actor=SYSTEM if draft.actor == SYSTEM else namer.pseudonym("actor", draft.actor),
        case=key.pseudonym("case", draft.case_id) if draft.case_id else None,
        case_nth=nth[0],
        session=draft.session_id,
        session_nth=nth[1],
        commitment=commit(salt, content),
    )
    return {
        "sequence": sequence,
        "log_id": log_id,
        "at": draft.at,
        "tag": leaf.tag,
        "actor": leaf.actor,
        "case_ref": leaf.case,
        "case_nth": leaf.case_nth,
        "session_id": leaf.session,
        "session_nth": leaf.session_nth,
        "commitment": leaf.commitment,
        "sealed": key.seal(_aad(sequence), canonical({**content, "salt": to_base64(salt)})),
        "leaf_hash": leaf.hash(),
        "case_id": draft.case_id,
    }


async def entries(
    session: AsyncSession,
    key: OpenKey,
    *,
    session_id: str | None = None,
    tags: Collection[Tag] | None = None,
    at_most: int | None = None,
) -> list[Entry]:
    """The entries of an open case (or, with the organisation's key, those of no case), in their order.

    Raises LedgerBroken when one of them is not what was written, and TooMany when there are more than ``at_most``.
    """
    wanted = _of(key, tags).order_by(LedgerEntry.sequence)
    if session_id is not None:
        wanted = wanted.where(LedgerEntry.session_id == session_id)
    if at_most is None:
        return open_rows(await session.scalars(wanted), key.data)
    found = (await session.scalars(wanted.limit(at_most + 1))).all()
    if len(found) > at_most:
        raise TooMany(at_most)
    return open_rows(found, key.data)


async def latest(
    session: AsyncSession, key: OpenKey, *, tags: Collection[Tag], most: int, before: int | None = None
) -> list[Entry]:
    """The last entries of these tags, the newest first; ``before`` is the sequence behind which they stand.

    Raises LedgerBroken.
    """
    wanted = _of(key, tags)
    if before is not None:
        wanted = wanted.where(LedgerEntry.sequence < before)
    return open_rows(await session.scalars(wanted.order_by(LedgerEntry.sequence.desc()).limit(most)), key.data)


def _of(key: OpenKey, tags: Collection[Tag] | None) -> Select[LedgerEntry]:
    wanted = select(LedgerEntry).where(LedgerEntry.case_id == getattr(key, "case_id", None))
    return wanted if tags is None else wanted.where(LedgerEntry.tag.in_([tag.value for tag in tags]))


def open_rows(rows: Iterable[LedgerEntry], key: DataKey) -> list[Entry]:
    """The entries of rows that this key seals. Raises LedgerBroken."""
    return [open_row(row, key) for row in rows]


def open_row(row: LedgerEntry, key: DataKey) -> Entry:
    """One row opened and held against itself: leaf, hash and commitment must fit. Raises LedgerBroken."""
    try:
        leaf = leaf_of(row)
        content = parse(key.open(_aad(row.sequence), row.sealed))
        salt = from_base64(content.pop("salt"))
        sound = leaf.hash() == row.leaf_hash and commit(salt, content) == leaf.commitment
        if not sound or content["case"] != row.case_id:
            raise LedgerBroken(row.sequence)
        return Entry(
            row.sequence,
            leaf.at,
            Tag(leaf.tag),
            content["actor"],
            row.case_id,
            leaf.session,
            content["details"],
            leaf,
            salt,
        )
    except (SealBroken, LeafError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise LedgerBroken(row.sequence) from error


def leaf_of(row: LedgerEntry) -> Leaf:
    """The leaf that the columns of a row spell."""
    return Leaf(
        log=row.log_id,
        sequence=row.sequence,
        at=row.at,
        tag=row.tag,
        actor=row.actor,
        case=row.case_ref,
        case_nth=row.case_nth,
        session=row.session_id,
        session_nth=row.session_nth,
        commitment=row.commitment,
    )


def new_log_id() -> str:
    """A name for a new log: 32 hexadecimal characters, so that no two logs ever share a leaf."""
    return secrets.token_hex(16)


_ENTRIES, _HEAD = Base.metadata.tables["ledger_entries"], Base.metadata.tables["ledger_head"]
_COUNT = """
    SELECT 'case', value, (SELECT case_nth FROM ledger_entries WHERE case_id = value ORDER BY sequence DESC LIMIT 1)
    FROM {cases} UNION ALL
    SELECT 'session', value,
        (SELECT session_nth FROM ledger_entries WHERE session_id = value ORDER BY sequence DESC LIMIT 1)
    FROM {sessions}
"""
_COUNT_LAST = {
    "sqlite": text(_COUNT.format(cases="json_each(:cases)", sessions="json_each(:sessions)")),
    "postgresql": text(
        _COUNT.format(
            cases="json_array_elements_text(CAST(:cases AS json)) AS named (value)",
            sessions="json_array_elements_text(CAST(:sessions AS json)) AS named (value)",
        )
    ),
}
"""The number of the last entry of each case and each session, in one query; the indexes end in ``sequence``."""
Counted = dict[tuple[str, str | None], int]


def _counted(session: Session, drafts: Sequence[Draft]) -> Counted:
    """How many entries there are of each case and session; asked while the head is locked."""
    cases = sorted({draft.case_id for draft in drafts if draft.case_id is not None})
    sessions = sorted({draft.session_id for draft in drafts if draft.session_id is not None})
    if not cases and not sessions:
        return {}
    query = _COUNT_LAST[session.get_bind().dialect.name]
    found = session.connection().execute(query, {"cases": json.dumps(cases), "sessions": json.dumps(sessions)})
    return {(kind, name): last or 0 for kind, name, last in found}


def _next(counted: Counted, draft: Draft) -> tuple[int | None, int | None]:
    names: tuple[tuple[str, str | None], ...] = (("case", draft.case_id), ("session", draft.session_id))
    for name in names:
        if name[1] is not None:
            counted[name] += 1
    return counted.get(names[0]), counted.get(names[1])


def _lock_head(session: Session) -> tuple[str, int, datetime | None]:
    """(log id, size, sealed at); nobody else seals until this transaction is over."""
    connection = session.connection()
    wanted = select(_HEAD.c.log_id, _HEAD.c.size, _HEAD.c.sealed_at).with_for_update()
    head = connection.execute(wanted).one_or_none()
    if head is None:
        make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        connection.execute(make(_HEAD).values(id=1, log_id=new_log_id(), size=0).on_conflict_do_nothing())
        head = connection.execute(wanted).one()
    return head.log_id, head.size, head.sealed_at


def _told(session: Session, draft: Draft) -> Draft:
    """What happens around a case whose key was destroyed is told without the case, and without what happened."""
    try:
        data_key_now(session, draft.case_id)
    except CaseErased:
        return Draft(draft.tag, draft.actor, draft.at, None, None, {})
    return draft


def _clock(session: AsyncSession | Session) -> Callable[[], datetime]:
    clock: Callable[[], datetime] | None = session.info.get(CLOCK)
    return clock or _utc_now


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _forget(session: Session) -> None:
    session.info.pop(LEDGER, None)


def _aad(sequence: int) -> tuple[str, ...]:
    return ("ledger_entries", str(sequence), "sealed")
