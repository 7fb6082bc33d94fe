"""What the team writes about a session: outcome, decisions, next steps; versions are kept, a case manager signs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.canonical import canonical
from consent.events import Tag
from consent.ledger import account_actor, append
from server.cases.service import Doer
from server.sessions.tables import TEXT_LENGTH, SessionNote

NoteCode = Literal["nothing_written", "too_long", "changed_meanwhile", "already_signed", "nothing_to_sign"]


class NoteError(Exception):
    """Something that cannot be written or signed; ``code`` is stable and says why."""

    def __init__(self, code: NoteCode) -> None:
        super().__init__(code)
        self.code: NoteCode = code


@dataclass(frozen=True)
class Texts:
    """The three things that a note says."""

    outcome: str
    decisions: str
    next_steps: str

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal: names in the ledger what was written, without saying it."""
        return hashlib.sha256(canonical(asdict(self))).hexdigest()


def texts_of(note: SessionNote) -> Texts:
    """The texts of one version; its case must be open."""
    return Texts(note.outcome, note.decisions, note.next_steps)


async def versions(session: AsyncSession, session_id: str) -> Sequence[SessionNote]:
    """All versions, the newest first."""
    return (
        await session.scalars(
            select(SessionNote).where(SessionNote.session_id == session_id).order_by(SessionNote.version.desc())
        )
    ).all()


async def write(
    session: AsyncSession, doer: Doer, *, case_id: str, session_id: str, texts: Texts, after: int, now: datetime
) -> SessionNote:
    """A new version after version ``after`` (0: the first), in a session in which the case is open. Raises NoteError.

    ``changed_meanwhile`` means that somebody else has written since; nothing of either is lost.
    """
    if not any((texts.outcome, texts.decisions, texts.next_steps)):
        raise NoteError("nothing_written")
    if max(map(len, (texts.outcome, texts.decisions, texts.next_steps))) > TEXT_LENGTH:
        raise NoteError("too_long")
    newest = await _newest(session, session_id)
    if (newest.version if newest else 0) != after:
        raise NoteError("changed_meanwhile")
    note = SessionNote(
        case_id=case_id,
        session_id=session_id,
        version=after + 1,
        outcome=texts.outcome,
        decisions=texts.decisions,
        next_steps=texts.next_steps,
        written_by=doer.id,
        written_at=now,
    )
    session.add(note)
    await session.flush()
    _note(session, Tag.NOTES_WRITTEN, doer, note, texts, now=now)
    return note


async def sign(session: AsyncSession, doer: Doer, session_id: str, version: int, now: datetime) -> None:
    """Sign the newest version, whose case is open; ``version`` is the one that was read. Raises NoteError."""
    newest = await _newest(session, session_id)
    if newest is None:
        raise NoteError("nothing_to_sign")
    if newest.version != version:
        raise NoteError("changed_meanwhile")
    if newest.signed_at is not None:
        raise NoteError("already_signed")
    newest.signed_at, newest.signed_by = now, doer.id
    _note(session, Tag.NOTES_SIGNED, doer, newest, texts_of(newest), now=now)


async def _newest(session: AsyncSession, session_id: str) -> SessionNote | None:
    return await session.scalar(
        select(SessionNote).where(SessionNote.session_id == session_id).order_by(SessionNote.version.desc()).limit(1)
    )


def _note(session: AsyncSession, tag: Tag, doer: Doer, note: SessionNote, texts: Texts, *, now: datetime) -> None:
    """The entry holds the texts, too: sealed with it, proven by it, and gone with the case's key."""
    content = asdict(texts) if tag is Tag.NOTES_WRITTEN else {}
    append(
        session,
        tag,
        actor=account_actor(doer.id),
        at=now,
        case_id=note.case_id,
        session_id=note.session_id,
        details={"note": note.id, "version": note.version, "sha256": texts.digest, "by": doer.name, **content},
    )
