"""Consent over HTTP, from the pages of a seat: what a person answers, takes back, and would rather have."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from aiohttp import web
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys as case_keys
from consent.keys import CaseKey, Purpose
from consent.ledger import seat_actor
from consent.policy import Role
from consent.records import Method
from server import withdrawals
from server.appointments.service import SeatContext
from server.consents import other_ways
from server.consents import service as consents
from server.consents.scene import scene
from server.consents.service import ConsentError, Given, Proof
from server.http.context import CATALOGS, database, rooms
from server.http.errors import Problem
from server.http.limits import spend
from server.i18n import COOKIE
from server.seats import asking, service, spooled
from server.seats.service import Keys, SeatError
from signaling.errors import CONSENT_TEXTS, TEXTS
from signaling.exchange import (
    ConsentRequest,
    SeatConsents,
    SeatRequest,
    TappedBy,
    WayRequest,
    WithdrawReply,
    WithdrawRequest,
)
from signaling.messages import dump
from signaling.wire import Sent

MAX_BYTES = 16 * 1024
STATUS = dict.fromkeys(CONSENT_TEXTS, 409)
"""HTTP status of the codes that only consent knows."""
CODES = {
    "not_asked": "not_asked_for",
    "notice_old": "notice_unknown",
    "over": "room_ended",
    "impossible": "other_way",
}
"""What the service's refusals are called on the wire, where it differs."""


class Claim(Protocol):
    """What every question of these pages carries."""

    @property
    def tapped_by(self) -> TappedBy:
        """Whose hand it was."""

    @property
    def in_call(self) -> bool:
        """Whether it was answered from inside the call."""

    def claim(self) -> SeatRequest:
        """The claim to the seat."""


Asked = TypeVar("Asked", ConsentRequest, WithdrawRequest, WayRequest)


def routes(keys: Callable[[web.Request], Keys], statuses: dict[str, int]) -> list[web.RouteDef]:
    """The three questions; ``keys`` verify claims, ``statuses`` are those of refused claims."""

    def view(model: type[Asked], answer: Callable[[web.Request, Keys, Asked], Awaitable[Sent]]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            spend(request, "consent")
            language = request.cookies.get(COOKIE)
            try:
                asked = await _read(request, model)
                language = asked.language or language
                return web.json_response(dump(await answer(request, keys(request), asked)))
            except ConsentError as error:
                code = CODES.get(error.code, error.code)
            except SeatError as error:
                code = error.code
            status = STATUS.get(code) or statuses.get(code, 400)
            raise Problem(code, TEXTS[code], status=status, language=_language(request, language))

        return handle

    return [
        web.post("/api/consent", view(ConsentRequest, _answer)),
        web.post("/api/consent/withdraw", view(WithdrawRequest, _withdraw)),
        web.post("/api/consent/way", view(WayRequest, _wish)),
    ]


Handler = Callable[[web.Request], Awaitable[web.Response]]


async def _answer(request: web.Request, keys: Keys, asked: ConsentRequest) -> SeatConsents:
    now = datetime.now(UTC)
    signed = asked.signature
    proof = Proof(signed.key, signed.value, signed.at) if signed is not None else None
    said = [Given(each.purpose, each.notice_hash, each.decision, each.about_seat) for each in asked.answers]
    async with database(request).write() as session:
        context, key = await _open(session, keys, asked, now)
        await consents.answer(
            session,
            key,
            seat_id=context.seat_id,
            answers=said,
            tapped_by=asked.tapped_by,
            now=now,
            method=_method(asked),
            proof=proof,
        )
    await rooms(request).case_changed(context.case_id)
    return await _standing(request, keys, asked, now)


async def _withdraw(request: web.Request, keys: Keys, asked: WithdrawRequest) -> WithdrawReply:
    now = datetime.now(UTC)
    async with database(request).read() as session:
        context, key = await _open(session, keys, asked, now)
        ended = await _ended(session, key, context, asked, now)

    item = spooled.item(context, asked, _method(asked), now)
    try:
        if not await withdrawals.in_meeting(request, context.appointment_id, ended, spooled.KIND, item):
            return WithdrawReply(written=False, consent=None)
    except ConsentError as error:
        raise SeatError("nothing_given" if error.code == "not_asked" else error.code) from error
    await rooms(request).case_changed(context.case_id)
    return WithdrawReply(written=True, consent=await _standing(request, keys, asked, now))


async def _wish(request: web.Request, keys: Keys, asked: WayRequest) -> SeatConsents:
    now = datetime.now(UTC)
    async with database(request).write() as session:
        context, key = await _open(session, keys, asked, now)
        seen = await scene(session, key, context.appointment_id, now)
        client = next((each for each in seen.client_seats() if each.id == context.seat_id), None)
        if client is None or client.client_id is None:
            raise ConsentError("not_yours")
        await other_ways.wish(session, key, client.client_id, asked.way, actor=seat_actor(context.seat_id), now=now)
    return await _standing(request, keys, asked, now)


async def _open(session: AsyncSession, keys: Keys, asked: Claim, now: datetime) -> tuple[SeatContext, CaseKey]:
    """Whose seat it is, and the case it belongs to. Raises SeatError."""
    context = await service.whose(session, keys, asked.claim(), now)
    return context, await case_keys.open_case(session, case_keys.SYSTEM, context.case_id, Purpose.SYSTEM)


async def _ended(
    session: AsyncSession, key: CaseKey, context: SeatContext, asked: WithdrawRequest, now: datetime
) -> set[str]:
    """Whose media ends before anything is written: only what this very person has given can be stopped by a tap.

    Raises ConsentError for a seat that answers for nobody.
    """
    language = context.language
    found = await asking.of_seat(session, key, context.appointment_id, context.seat_id, language=language, now=now)
    if found is None:
        raise ConsentError("not_yours")
    about = {each.about.seat if each.about else None for each in found.given if each.purpose == asked.purpose}
    own = context.role is Role.CLIENT and asked.about_seat in about
    return {asked.about_seat or context.seat_id} if own else set()


async def _standing(request: web.Request, keys: Keys, asked: Asked, now: datetime) -> SeatConsents:
    """What this seat is asked now."""
    async with database(request).read() as session:
        context, key = await _open(session, keys, asked, now)
        language = _language(request, asked.language or request.cookies.get(COOKIE)) or context.language
        found = await asking.of_seat(
            session, key, context.appointment_id, context.seat_id, language=language, now=datetime.now(UTC)
        )
    if found is None:
        raise ConsentError("not_yours")
    return found


def _method(asked: Claim) -> Method:
    return "call" if asked.in_call else "page"


def _language(request: web.Request, wish: str | None) -> str | None:
    return wish if wish in request.app[CATALOGS].languages else None


async def _read(request: web.Request, model: type[Asked]) -> Asked:
    body = await request.content.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise SeatError("too_large")
    try:
        return model.model_validate(json.loads(body))
    except (ValidationError, ValueError, RecursionError) as error:
        raise SeatError("bad_message") from error
