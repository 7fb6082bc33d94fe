"""The person's own page and its questions: JSON by the link's token, which never stands in an address."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from consent.database import DatabaseBusy
from consent.gate import Answer
from consent.notices import PARTS, SLOTS, Notice, Purpose, Text, current
from server import withdrawals
from server.accounts.sessions import PASSWORDS
from server.cases.words import role_label
from server.consents import papers
from server.consents.overview import Line
from server.consents.service import Proof
from server.consents.words import ANSWERS, PURPOSES
from server.http.context import CATALOGS, database, rooms, secrets, settings
from server.http.errors import Problem
from server.http.limits import spend
from server.http.render import iso, render
from server.i18n import Translator, language, translator_for
from server.person import service, spooled
from server.person.service import Opened, PersonError
from server.person.words import REFUSED, WHY
from server.seats.asking import MEDIA

MAX_BYTES = 4096
Handler = Callable[[web.Request], Awaitable[web.Response]]


class Signature(BaseModel):
    """The device's word for the answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    at: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    value: Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Asked(BaseModel):
    """What every question of this page carries."""

    model_config = ConfigDict(extra="forbid", strict=True)

    link: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    language: Annotated[str, StringConstraints(max_length=16)] | None = None
    record: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")] | None = None
    notice_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    pin: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")] | None = None
    signature: Signature | None = None

    @property
    def proof(self) -> Proof | None:
        """The signature as the service checks it."""
        signed = self.signature
        return Proof(signed.key, signed.value, signed.at) if signed else None


def routes() -> list[web.RouteDef]:
    """The page and its questions."""
    return [
        web.get("/mine", page),
        web.post("/api/person", _asked(_look)),
        web.post("/api/person/withdraw", _asked(_withdraw)),
        web.post("/api/person/give", _asked(_give)),
        web.post("/api/person/confirm", _asked(_confirm)),
        web.post("/api/person/receipt", _asked(_receipt)),
        web.post("/api/person/readers", _asked(_readers)),
    ]


async def page(request: web.Request) -> web.Response:
    """GET /mine: the same for everybody; whose it is comes by the link's token."""
    return render(request, "person/page.html", neutral=True)


def _asked(answer: Callable[[web.Request, Asked, datetime], Awaitable[Any]]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        spend(request, "person")
        asked = await _read(request)
        try:
            return web.json_response(await answer(request, asked, datetime.now(UTC)))
        except PersonError as error:
            status, text = REFUSED[error.code]
            raise Problem(error.code, text, status=status, language=_language(request, asked)) from error

    return handle


async def _look(request: web.Request, asked: Asked, now: datetime) -> dict[str, Any]:
    async with database(request).write() as session:
        return await _shown(request, session, await _enter(request, session, asked, now), asked, now)


async def _withdraw(request: web.Request, asked: Asked, now: datetime) -> dict[str, Any]:
    """Media ends first in a running meeting; what was taken back is written second, if need be after the answer.

    Then the answer is ``{"kept": true}`` with the word for how it stands, instead of the page.
    """
    async with database(request).read() as session:
        link_key = secrets(request).derive(service.LINK_PURPOSE)
        case_id, seats = await service.ends(session, link_key, asked.link, _record(asked), asked.proof)
    item = spooled.item(case_id, _record(asked), asked.proof, now)
    if await withdrawals.in_case(request, case_id, seats, spooled.KIND, item):
        with suppress(DatabaseBusy):
            return await _look(request, asked, now)
    _ = translator_for(request.app, _language(request, asked))
    return {"kept": True, "words": _(ANSWERS[Answer.WITHDRAWN.value])}


async def _give(request: web.Request, asked: Asked, now: datetime) -> dict[str, Any]:
    async with database(request).write() as session:
        opened = await _enter(request, session, asked, now)
        await service.give_again(session, opened, _record(asked), asked.notice_hash or "", now, proof=asked.proof)
    await rooms(request).case_changed(opened.case.id)
    return await _look(request, asked, now)


async def _confirm(request: web.Request, asked: Asked, now: datetime) -> dict[str, Any]:
    async with database(request).write() as session:
        opened = await _enter(request, session, asked, now)
        await service.confirm(session, opened, _record(asked), now)
        return await _shown(request, session, opened, asked, now)


async def _receipt(request: web.Request, asked: Asked, now: datetime) -> dict[str, Any]:
    async with database(request).write() as session:
        opened = await _enter(request, session, asked, now)
        return papers.receipt_of(await service.one(session, opened, _record(asked)))


async def _readers(request: web.Request, asked: Asked, now: datetime) -> dict[str, Any]:
    """The PIN is compared between two transactions: hashing takes long, and a wrong one has to be counted."""
    spend(request, "person_pin", asked.link)
    async with database(request).write() as session:
        pin_hash = service.pin_hash_of(await _enter(request, session, asked, now), now)
    right = await request.app[PASSWORDS].matches(asked.pin or "", pin_hash)
    async with database(request).write() as session:
        opened = await _enter(request, session, asked, now)
        service.pin_hash_of(opened, now)
        if right:
            found, more = await service.readers(session, opened)
        else:
            service.count_wrong_pin(session, opened, now)
    if not right:
        raise PersonError("pin_wrong")
    _ = translator_for(request.app, _language(request, asked))
    return {
        "readers": [
            {
                "at": iso(each.at),
                "name": each.name,
                "role": _role(_, each.role),
                "why": _(WHY[each.purpose]) if each.purpose in WHY else each.purpose,
            }
            for each in found
        ],
        "more": more,
    }


async def _enter(request: web.Request, session: AsyncSession, asked: Asked, now: datetime) -> Opened:
    return await service.enter(session, secrets(request).derive(service.LINK_PURPOSE), asked.link, now)


async def _shown(
    request: web.Request, session: AsyncSession, opened: Opened, asked: Asked, now: datetime
) -> dict[str, Any]:
    found, notices = await service.look(session, opened, now)
    spoken = _language(request, asked) or opened.client.language
    _ = translator_for(request.app, spoken)
    return {
        "name": opened.client.alias,
        "organisation": settings(request).organisation,
        "help_phone": opened.case.help_phone or settings(request).help_phone,
        "language": spoken,
        "time_zone": settings(request).time_zone,
        "pin": opened.page.pin_hash is not None,
        "agreements": [_agreement(_, line, notices, spoken, now) for line in found.current],
        "history": [
            {
                "record": line.row.id,
                "at": iso(line.row.at),
                "words": _(ANSWERS[line.row.answer]),
                "purpose": _(PURPOSES[line.row.purpose]),
                "about": line.about,
            }
            for line in found.history
        ],
    }


def _agreement(_: Translator, line: Line, notices: list[Notice], spoken: str, now: datetime) -> dict[str, Any]:
    row = line.row
    purpose = Purpose(row.purpose)
    told = next((each for each in notices if each.purpose is purpose and each.version == row.notice_version), None)
    newest = current(notices, purpose, now)
    own = row.by == "person"
    again = own and not line.stands and purpose is not Purpose.EXPLAIN and newest is not None
    return {
        "record": row.id,
        "purpose": row.purpose,
        "title": _(PURPOSES[row.purpose]),
        "about": line.about,
        "state": line.state,
        "words": _(ANSWERS[row.answer]),
        "at": iso(row.at),
        "until": iso(row.until) if row.until else None,
        "by_representative": not own,
        "entered": row.entered_by is not None,
        "confirmed": row.confirmed_at is not None,
        "signed": papers.signature_holds(row),
        "stop": line.stands,
        "hash": row.notice_hash,
        "told": _text(told.shown_as(row.notice_hash) if told else None),
        "again": {"hash": newest.hash_of(spoken), "text": _text(newest.in_language(spoken))}
        if again and newest is not None
        else None,
    }


def _text(text: Text | None) -> dict[str, str | None] | None:
    if text is None:
        return None
    shown: dict[str, str | None] = {"language": text.language} | {part: getattr(text, part) for part in PARTS}
    return shown | {slot: MEDIA.format(text.media[slot]) if slot in text.media else None for slot in SLOTS}


def _role(_: Translator, role: str | None) -> str:
    return _(role_label(role)) if role else ""


def _record(asked: Asked) -> str:
    if asked.record is None:
        raise PersonError("record_unknown")
    return asked.record


def _language(request: web.Request, asked: Asked) -> str | None:
    wish = asked.language or language(request)
    return wish if wish in request.app[CATALOGS].languages else None


async def _read(request: web.Request) -> Asked:
    body = await request.content.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise Problem("too_large", status=413)
    try:
        return Asked.model_validate(json.loads(body))
    except (ValidationError, ValueError, RecursionError) as error:
        raise Problem("bad_message") from error
