"""Writing one decision: the record after ISO/IEC TS 27560:2023, its row and its ledger entry, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import records
from consent.events import Tag
from consent.gate import PERSON, Answer
from consent.keys import CaseKey
from consent.ledger import append
from consent.needs import About
from consent.notices import Purpose, Text
from consent.records import Method, TappedBy
from consent.tables import new_id
from server.consents import texts
from server.consents.tables import NEWEST_FIRST, ConsentRow

if TYPE_CHECKING:
    from server.consents.service import Proof

TAGS = {
    Answer.GIVEN: Tag.CONSENT_GIVEN,
    Answer.REFUSED: Tag.CONSENT_REFUSED,
    Answer.WITHDRAWN: Tag.CONSENT_WITHDRAWN,
}


@dataclass(frozen=True)
class Said:
    """One decision with everything that its record says."""

    client_id: str
    purpose: Purpose
    about: About | None
    answer: Answer
    version: int
    text: Text
    notice_hash: str
    until: datetime | None
    by: str
    method: Method
    tapped_by: TappedBy
    actor: str
    """As the ledger has it: ``seat:ID``, ``client:ID`` or ``account:ID``."""
    appointment_id: str | None = None
    entered_by: str | None = None
    witness: str | None = None


async def last_row(
    session: AsyncSession, client_id: str, purpose: Purpose, about_key: str | None, by: str
) -> ConsentRow | None:
    """The last decision of this person (or of whoever acts by this document) about this, or None."""
    return await session.scalar(_decisions(client_id, purpose, about_key).where(ConsentRow.by == by).limit(1))


async def stoppable_row(
    session: AsyncSession, client_id: str, purpose: Purpose, about_key: str | None
) -> ConsentRow | None:
    """What a person's own "no" takes back: their last decision or, where they have made none, a representative's yes.

    None where nobody has agreed to anything for them.
    """
    own = await last_row(session, client_id, purpose, about_key, PERSON)
    if own is not None:
        return own
    found = await session.scalars(_decisions(client_id, purpose, about_key).where(ConsentRow.by != PERSON))
    last: dict[str, ConsentRow] = {}
    for row in found:
        last.setdefault(row.by, row)
    return next((row for row in last.values() if row.answer == Answer.GIVEN.value), None)


def _decisions(client_id: str, purpose: Purpose, about_key: str | None) -> Select[ConsentRow]:
    same_about = ConsentRow.about_key.is_(None) if about_key is None else ConsentRow.about_key == about_key
    return (
        select(ConsentRow)
        .where(ConsentRow.client_id == client_id, ConsentRow.purpose == purpose.value, same_about)
        .order_by(*NEWEST_FIRST)
    )


async def write(
    session: AsyncSession, key: CaseKey, said: Said, now: datetime, *, proof: tuple[Proof, str] | None = None
) -> ConsentRow:
    """Write it, unless it says what stands already: then the standing row is returned."""
    about_key = said.about.key if said.about else None
    before = await last_row(session, said.client_id, said.purpose, about_key, said.by)
    if before is not None and _stands(before, said, now):
        key.unlock(before)
        return before
    record_id = new_id()
    body = records.record(
        records.Fact(
            record_id=record_id,
            principal_id=key.data.pseudonym("client", said.client_id),
            purpose=said.purpose,
            answer=said.answer,
            at=now,
            until=said.until,
            notice_version=said.version,
            notice_hash=said.notice_hash,
            text=said.text,
            about=said.about.name if said.about else None,
            by=said.by,
            method=said.method,
            tapped_by=said.tapped_by,
            witness=said.witness,
        ),
        await texts.party(session, said.notice_hash),
    )
    row = ConsentRow(
        id=record_id,
        case_id=key.case_id,
        client_id=said.client_id,
        appointment_id=said.appointment_id,
        purpose=said.purpose.value,
        about_key=about_key,
        about=_named(said.about),
        answer=said.answer.value,
        notice_version=said.version,
        notice_hash=said.notice_hash,
        at=now,
        until=said.until,
        by=said.by,
        method=said.method,
        tapped_by=said.tapped_by,
        entered_by=said.entered_by,
        witness=said.witness,
        record=body,
        digest=records.digest(body),
    )
    if proof is not None:
        row.sign_key, row.signature, row.signed = proof[0].key, proof[0].signature, proof[1]
        row.signature_mark = signature_mark(key, proof[0].signature)
    session.add(row)
    await session.flush()
    _note(session, key, row, said, now)
    return row


async def take_back(
    session: AsyncSession,
    key: CaseKey,
    row: ConsentRow,
    now: datetime,
    *,
    by: str,
    tapped_by: TappedBy,
    method: Method,
    actor: str,
    entered_by: str | None = None,
    witness: str | None = None,
    proof: tuple[Proof, str] | None = None,
) -> ConsentRow:
    """Withdraw one decision, under the text that it was given to; one that ``by`` has withdrawn already stays.

    ``by`` is who says no now: of what a representative has agreed to, the person's own "no" is a decision of their own,
    which no representative can change.
    """
    if row.answer == Answer.WITHDRAWN.value and row.by == by:
        return row
    key.unlock(row)
    text = await texts.with_hash(session, row.notice_hash)
    said = Said(
        client_id=row.client_id,
        purpose=Purpose(row.purpose),
        about=about_of(row),
        answer=Answer.WITHDRAWN,
        version=row.notice_version,
        text=text,
        notice_hash=row.notice_hash,
        until=None,
        by=by,
        method=method,
        tapped_by=tapped_by,
        actor=actor,
        appointment_id=row.appointment_id,
        entered_by=entered_by,
        witness=witness,
    )
    return await write(session, key, said, now, proof=proof)


def about_of(row: ConsentRow) -> About | None:
    """Whom an unlocked decision is about."""
    if row.about_key is None or row.about is None:
        return None
    return About(row.about_key, row.about.get("seat"), row.about["name"], row.about["role"])


def signature_mark(key: CaseKey, signature: str) -> str:
    """Stands for a signature in its column: the same for the same one, and nobody's without the case's key."""
    return key.data.pseudonym("signature", signature)


def _stands(row: ConsentRow, said: Said, now: datetime) -> bool:
    same = row.answer == said.answer.value and row.notice_version == said.version
    if said.purpose is Purpose.EXPLAIN:
        same = same and row.appointment_id == said.appointment_id
    return same and (row.until is None or now < row.until)


def _named(about: About | None) -> dict[str, str | None] | None:
    return {"name": about.name, "role": about.role, "seat": about.seat_id} if about else None


def _note(session: AsyncSession, key: CaseKey, row: ConsentRow, said: Said, now: datetime) -> None:
    details: dict[str, Any] = {
        "record": row.id,
        "client": said.client_id,
        "purpose": said.purpose.value,
        "version": said.version,
        "notice": said.notice_hash,
        "digest": row.digest,
        "by": said.by,
        "method": said.method,
        "tapped_by": said.tapped_by,
        "signed": row.signature_mark is not None,
    }
    if said.about is not None:
        details["about"] = _named(said.about)
    append(
        session,
        TAGS[said.answer],
        actor=said.actor,
        at=now,
        case_id=key.case_id,
        session_id=said.appointment_id,
        details=details,
    )
