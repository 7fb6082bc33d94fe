"""What can be done with a person's own page: make, close, give a PIN; look, take back, agree again, see who read."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys, ledger
from consent.events import Tag
from consent.gate import PERSON, Answer, Reason
from consent.keys import CaseErased, CaseKey, Purpose, Reader
from consent.ledger import account_actor, append
from consent.notices import Notice, current
from consent.notices import Purpose as Agreed
from consent.policy import Role
from server.appointments import links
from server.cases.service import Doer
from server.cases.tables import Case, CaseClient
from server.consents import ending, entry, other_ways, overview, suitability, texts
from server.consents.overview import Overview
from server.consents.service import VALID_FOR, ConsentError, Given, Proof, checked_signature, own_no
from server.consents.tables import ConsentRow
from server.consents.writing import Said, about_of, last_row, write
from server.person.tables import PersonPage

LINK_PURPOSE = "person-page"
"""What ``Secrets.derive`` is asked for; the token is made like that of an invitation, with this other key."""
PIN_DIGITS = 6
MAX_FAILURES = 5
MOST_READINGS = 2_000
LOCKED = timedelta(minutes=30)

Code = Literal[
    "link_unknown", "record_unknown", "notice_old", "no_pin", "pin_wrong", "pin_locked", "not_now", "signature_invalid"
]


class PersonError(Exception):
    """What a person's page cannot do; ``code`` is stable."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code: Code = code


@dataclass(frozen=True)
class Opened:
    """A person's page, open for them."""

    page: PersonPage
    client: CaseClient
    case: Case
    key: CaseKey

    @property
    def actor(self) -> str:
        """As the ledger names the person."""
        return client_actor(self.client.id)


@dataclass(frozen=True)
class Reading:
    """Somebody opened the case."""

    at: datetime
    name: str
    role: str | None
    purpose: str


def client_actor(client_id: str) -> str:
    """The actor of what a client does on their own page."""
    return f"client:{client_id}"


def url(base_url: str, link_key: bytes, page: PersonPage) -> str:
    """The link; its token stays after the ``#``, which no server sees and no log keeps."""
    return f"{base_url}/mine#p={links.make(link_key, page.client_id, page.link_version)}"


# --- what the person does


async def enter(session: AsyncSession, link_key: bytes, token: str, now: datetime) -> Opened:
    """Open the page by its link, in a writing session. Raises PersonError ``link_unknown`` for anything else."""
    page = await _page(session, link_key, token)
    if await suitability.why_not(session, page.case_id, now) is Reason.DANGER:  # however the page came to be open
        raise PersonError("link_unknown")
    client = await session.get_one(CaseClient, page.client_id)
    case = await session.get_one(Case, page.case_id)
    reader = Reader(client_actor(client.id), Role.CLIENT, "")
    try:
        key = await keys.open_case(session, reader, case.id, Purpose.PERSON, now=now)
    except (CaseErased, keys.CaseRefused) as error:
        raise PersonError("link_unknown") from error
    return Opened(page, client, case, key)


async def ends(
    session: AsyncSession, link_key: bytes, token: str, record_id: str, proof: Proof | None = None
) -> tuple[str, set[str]]:
    """The case, and whose media ends in it when this is taken back; writes nothing, and shows nothing of the case.

    Raises PersonError as ``enter`` and ``withdraw`` do, so that what is kept for later can be written then.
    """
    page = await _page(session, link_key, token)
    row = await session.get(ConsentRow, record_id)
    if row is None or row.client_id != page.client_id:
        raise PersonError("record_unknown")
    try:
        key = await keys.open_case(session, keys.SYSTEM, page.case_id, Purpose.SYSTEM)
    except CaseErased as error:
        raise PersonError("link_unknown") from error
    opened = await opened_again(session, key, record_id)
    last = await _last(session, opened, record_id)
    await _signed(session, opened, last, (last.notice_hash, Answer.WITHDRAWN.value), proof)
    return page.case_id, await ending.seats_of(session, row)


async def opened_again(session: AsyncSession, key: CaseKey, record_id: str) -> Opened:
    """The page of whoever this record is about, for what they did on it before; it may have been closed since.

    Raises PersonError ``record_unknown``.
    """
    row = await session.get(ConsentRow, record_id)
    page = await session.get(PersonPage, row.client_id) if row else None
    if page is None or page.case_id != key.case_id:
        raise PersonError("record_unknown")
    client, case = await session.get_one(CaseClient, page.client_id), await session.get_one(Case, page.case_id)
    return Opened(page, client, case, key)


async def look(session: AsyncSession, opened: Opened, now: datetime) -> tuple[Overview, list[Notice]]:
    """What the person has answered, and the texts."""
    return await overview.of_client(session, opened.key, opened.client, now), await texts.published(session)


async def withdraw(
    session: AsyncSession, opened: Opened, record_id: str, now: datetime, *, proof: Proof | None = None
) -> ConsentRow:
    """Stop agreeing, in one tap; no reason is asked. Raises PersonError ``signature_invalid`` for a forged one.

    Whoever had agreed: from now on it is the person's own "no", which only they can change.
    """
    row = await _last(session, opened, record_id)
    signed = await _signed(session, opened, row, (row.notice_hash, "withdrawn"), proof)
    return await own_no(
        session, opened.key, row, now, tapped_by="person", method="own_page", actor=opened.actor, proof=signed
    )


async def give_again(
    session: AsyncSession,
    opened: Opened,
    record_id: str,
    notice_hash: str,
    now: datetime,
    *,
    proof: Proof | None = None,
) -> ConsentRow:
    """Agree again, in one tap, to the text that the page shows now.

    Raises PersonError ``notice_old``, or ``signature_invalid`` for a forged signature.
    """
    row = await _last(session, opened, record_id)
    if row.by != PERSON or row.purpose == Agreed.EXPLAIN.value:
        raise PersonError("not_now")
    purpose = Agreed(row.purpose)
    newest = current(await texts.published(session), purpose, now)
    text = newest.shown_as(notice_hash) if newest else None
    if newest is None or text is None:
        raise PersonError("notice_old")
    opened.key.unlock(row)
    signed = await _signed(session, opened, row, (notice_hash, "given"), proof)
    said = Said(
        client_id=opened.client.id,
        purpose=purpose,
        about=about_of(row),
        answer=Answer.GIVEN,
        version=newest.version,
        text=text,
        notice_hash=notice_hash,
        until=now + VALID_FOR,
        by=row.by,
        method="own_page",
        tapped_by="person",
        actor=opened.actor,
        appointment_id=row.appointment_id,
    )
    made = await write(session, opened.key, said, now, proof=signed)
    if purpose is Agreed.VIDEO:
        await other_ways.not_needed(session, opened.key, opened.client.id, now)
    return made


async def confirm(session: AsyncSession, opened: Opened, record_id: str, now: datetime) -> ConsentRow:
    """Say that what staff wrote down is so."""
    row = await _own(session, opened, record_id)
    entry.confirm(session, opened.key, row, now, actor=opened.actor, by="person")
    return row


async def one(session: AsyncSession, opened: Opened, record_id: str) -> ConsentRow:
    """One record of this person, unlocked. Raises PersonError ``record_unknown`` for another person's."""
    row = await _own(session, opened, record_id)
    opened.key.unlock(row)
    return row


def pin_hash_of(opened: Opened, now: datetime) -> str:
    """What a PIN is compared with, outside of the transaction. Raises PersonError ``no_pin`` or ``pin_locked``."""
    page = opened.page
    if page.pin_hash is None:
        raise PersonError("no_pin")
    if page.pin_locked_until is not None and now < page.pin_locked_until:
        raise PersonError("pin_locked")
    return page.pin_hash


def count_wrong_pin(session: AsyncSession, opened: Opened, now: datetime) -> None:
    """Note a wrong PIN; after the fifth in a row none is taken for half an hour."""
    page = opened.page
    page.pin_failures += 1
    if page.pin_failures >= MAX_FAILURES:
        page.pin_failures, page.pin_locked_until = 0, now + LOCKED
    append(session, Tag.PERSON_PIN_REFUSED, actor=opened.actor, at=now, case_id=opened.case.id)


async def readers(session: AsyncSession, opened: Opened) -> tuple[list[Reading], bool]:
    """Who has opened the case, newest first, once the PIN was right; without the person's own and the server's.

    The second is whether there may be older ones than the last ``MOST_READINGS`` that were looked through.
    """
    opened.page.pin_failures, opened.page.pin_locked_until = 0, None
    found = await ledger.latest(session, opened.key, tags=[Tag.CASE_READ], most=MOST_READINGS)
    strangers = [each for each in found if each.actor not in {ledger.SYSTEM, opened.actor}]
    return [
        Reading(each.at, each.details.get("by") or "", each.details.get("role"), each.details["purpose"])
        for each in strangers
    ], len(found) == MOST_READINGS


async def _page(session: AsyncSession, link_key: bytes, token: str) -> PersonPage:
    """The page to which a link leads, if it is open. Raises PersonError ``link_unknown``."""
    try:
        link = links.parse(link_key, token)
    except links.LinkError as error:
        raise PersonError("link_unknown") from error
    page = await session.get(PersonPage, link.seat_id)
    if page is None or page.off or page.link_version != link.version:
        raise PersonError("link_unknown")
    return page


async def _signed(
    session: AsyncSession, opened: Opened, row: ConsentRow, said: tuple[str, str], proof: Proof | None
) -> tuple[Proof, str] | None:
    """The device's word for one answer on this page; in the place of a seat stands the record that was tapped on."""
    answer = Given(row.purpose, said[0], said[1])
    try:
        return await checked_signature(session, opened.key, row.id, [answer], proof)
    except ConsentError as error:
        raise PersonError("signature_invalid") from error


async def _own(session: AsyncSession, opened: Opened, record_id: str) -> ConsentRow:
    row = await session.get(ConsentRow, record_id)
    if row is None or row.client_id != opened.client.id:
        raise PersonError("record_unknown")
    return row


async def _last(session: AsyncSession, opened: Opened, record_id: str) -> ConsentRow:
    """The newest answer about the same thing as this record; an old page in another tab changes nothing else."""
    row = await _own(session, opened, record_id)
    return await last_row(session, row.client_id, Agreed(row.purpose), row.about_key, row.by) or row


# --- what staff do


async def of_client(session: AsyncSession, client_id: str) -> PersonPage | None:
    """The page of a client, if there is one."""
    return await session.get(PersonPage, client_id)


async def make(session: AsyncSession, doer: Doer, client: CaseClient, now: datetime) -> PersonPage:
    """A page with a new link; every earlier link stops working. Opens a closed page again.

    Raises ConsentError, and NotSuitable while somebody may be in danger: then only a supervisor's decision opens it.
    """
    if await suitability.why_not(session, client.case_id, now) is Reason.DANGER:
        raise suitability.NotSuitable(Reason.DANGER)
    page = await of_client(session, client.id)
    if page is None:
        page = PersonPage(
            client_id=client.id,
            case_id=client.case_id,
            link_version=0,
            off=False,
            pin_failures=0,
            made_at=now,
            made_by=doer.id,
        )
        session.add(page)
    if page.link_version >= links.LAST_VERSION:
        raise ConsentError("not_yours")
    page.link_version, page.off, page.made_at, page.made_by = page.link_version + 1, False, now, doer.id
    await session.flush()
    _note(session, doer, page, Tag.PERSON_PAGE_MADE, now)
    return page


def close(session: AsyncSession, doer: Doer, page: PersonPage, now: datetime) -> None:
    """The phone is not safe: the link opens nothing, and says nothing, until somebody opens the page again."""
    if page.off:
        return
    page.off = True
    _note(session, doer, page, Tag.PERSON_PAGE_OFF, now)


async def close_all(session: AsyncSession, doer: Doer, case_id: str, now: datetime) -> None:
    """Somebody may be in danger: no page of this case opens any more."""
    for page in await session.scalars(select(PersonPage).where(PersonPage.case_id == case_id)):
        close(session, doer, page, now)


def new_pin() -> str:
    """Six random digits, to be told in person and written nowhere by us."""
    return f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}d}"


def keep_pin(session: AsyncSession, doer: Doer, page: PersonPage, pin_hash: str, now: datetime) -> None:
    """From now on this PIN opens the list of readers; the one before does not."""
    page.pin_hash, page.pin_failures, page.pin_locked_until = pin_hash, 0, None
    _note(session, doer, page, Tag.PERSON_PIN_SET, now)


def _note(session: AsyncSession, doer: Doer, page: PersonPage, tag: Tag, now: datetime) -> None:
    details = {"client": page.client_id, "link": page.link_version, "by": doer.name}
    append(session, tag, actor=account_actor(doer.id), at=now, case_id=page.case_id, details=details)
