"""Entry: what a person answered orally, on paper, by telephone or at a visit, written down by staff with a witness."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy.ext.asyncio import AsyncSession

from consent.events import Tag
from consent.gate import PERSON, Answer
from consent.keys import CaseKey
from consent.ledger import account_actor, append
from consent.needs import About
from consent.notices import ABOUT_SOMEBODY, Purpose, current
from consent.records import ENTERED, Method
from server.cases.service import Doer
from server.consents import naming, other_ways, texts
from server.consents.service import CONVERSATION, VALID_FOR, own_no
from server.consents.tables import ConsentRow
from server.consents.writing import Said, stoppable_row, write

__all__ = ["ENTERED", "Entry", "EntryError", "confirm", "enter", "withdraw"]


class EntryError(Exception):
    """What cannot be written down; ``field`` is the form's field, ``code`` is stable."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(code)
        self.field, self.code = field, code


@dataclass(frozen=True)
class Entry:
    """An answer that a person gave elsewhere, as a worker wrote it down."""

    purpose: Purpose
    answer: Answer
    method: Method
    witness: str
    language: str
    about: str | None
    said_at: datetime
    """The day on which the person said it; it holds from when it is written down."""


async def enter(session: AsyncSession, key: CaseKey, doer: Doer, *, client_id: str, said: Entry, now: datetime) -> None:
    """Write down an answer that was given elsewhere; it holds from now, under the text that is current.

    Raises EntryError, and then nothing is written. The person is asked to confirm it later; until then the record says
    that it was entered.
    """
    if said.answer is Answer.WITHDRAWN:
        given = await to_take_back(session, key, client_id, said, now)
        for row in given:
            await withdraw(session, key, doer.id, row, method=said.method, witness=said.witness, now=now)
        return
    people = await _about(session, key, client_id, said, now)
    notice = current(await texts.published(session), said.purpose, now)
    text = notice.texts.get(said.language) if notice else None
    if notice is None or text is None:
        raise EntryError("notice_language", "no_notice")
    for about in people:
        await write(
            session,
            key,
            Said(
                client_id=client_id,
                purpose=said.purpose,
                about=about,
                answer=said.answer,
                version=notice.version,
                text=text,
                notice_hash=notice.hash_of(said.language),
                until=now + VALID_FOR if said.answer is Answer.GIVEN else None,
                by=PERSON,
                method=said.method,
                tapped_by="worker",
                actor=account_actor(doer.id),
                entered_by=doer.id,
                witness=f"{said.witness}, {said.said_at.date().isoformat()}",
            ),
            now,
        )
    if said.purpose.value in CONVERSATION and said.answer is Answer.REFUSED:
        await other_ways.open_for(session, key, client_id, "refused", now)


async def to_take_back(
    session: AsyncSession, key: CaseKey, client_id: str, said: Entry, now: datetime
) -> list[ConsentRow]:
    """The decisions that are taken back with these words. Raises EntryError when nothing was agreed to."""
    found = [
        await stoppable_row(session, client_id, said.purpose, about.key if about else None)
        for about in await _about(session, key, client_id, said, now)
    ]
    rows = [row for row in found if row is not None and row.answer != Answer.REFUSED.value]
    if not rows:
        raise EntryError("answer", "nothing_given")
    return rows


async def withdraw(
    session: AsyncSession, key: CaseKey, account_id: str, row: ConsentRow, *, method: str, witness: str, now: datetime
) -> ConsentRow:
    """Take back for a person what they took back by telephone, at a visit or on paper; no reason is asked.

    ``account_id`` is who writes it down. It is the person's own "no", also to what a representative had agreed to; one
    that stands already stays.
    """
    return await own_no(
        session,
        key,
        row,
        now,
        tapped_by="worker",
        method=cast("Method", method),
        actor=account_actor(account_id),
        entered_by=account_id,
        witness=witness,
    )


def confirm(session: AsyncSession, key: CaseKey, row: ConsentRow, now: datetime, *, actor: str, by: str) -> None:
    """The person says later that what staff wrote down is so; confirming it twice changes nothing."""
    if row.entered_by is None or row.confirmed_at is not None:
        return
    key.unlock(row)
    row.confirmed_at = now
    append(
        session,
        Tag.CONSENT_CONFIRMED,
        actor=actor,
        at=now,
        case_id=row.case_id,
        session_id=row.appointment_id,
        details={"record": row.id, "client": row.client_id, "purpose": row.purpose, "by": by},
    )


async def _about(session: AsyncSession, key: CaseKey, client_id: str, said: Entry, now: datetime) -> list[About | None]:
    """Whom it is about, as the gate knows them. Raises EntryError when nobody is called so.

    An agreement is to one person: to the first of this name. A "no" is to everybody of this name, as long as nobody can
    tell which of them was meant, also to whoever was answered about before.
    """
    if said.purpose not in ABOUT_SOMEBODY:
        return [None]
    if not said.about:
        raise EntryError("about", "about_missing")
    if said.purpose is Purpose.CONTACT:
        return [naming.channel(key, said.about)]
    found: list[About | None] = [*await naming.people(session, key, said.purpose, said.about, now)]
    if said.answer is Answer.GIVEN:
        found = found[:1]
    else:
        known = {each.key for each in found if each is not None}
        before = await naming.answered(session, key, client_id, said.purpose, said.about)
        found += [each for each in before if each.key not in known]
    if not found:
        raise EntryError("about", "nobody_called_so")
    return found
