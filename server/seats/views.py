"""``POST /api/seat``: the one question of the call page, answered in the person's language."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from aiohttp import web
from pydantic import ValidationError

from server.appointments import links
from server.http.context import CATALOGS, database, secrets, settings
from server.http.errors import Problem
from server.http.limits import spend
from server.i18n import COOKIE
from server.seats import consents, service
from signaling import tickets
from signaling.errors import SEAT_TEXTS
from signaling.exchange import SeatRequest
from signaling.messages import dump

MAX_BYTES = 4096
STATUS = {
    "too_large": 413,
    "link_unknown": 404,
    "link_revoked": 410,
    "code_used": 410,
    "ticket_expired": 410,
}
"""HTTP status of a code, where it is not 400."""


def routes() -> list[web.RouteDef]:
    """The exchange."""
    used = service.UsedCodes()

    async def exchange(request: web.Request) -> web.Response:
        return await _exchange(request, used)

    return [web.post("/api/seat", exchange), *consents.routes(_keys, STATUS)]


async def _exchange(request: web.Request, used: service.UsedCodes) -> web.Response:
    """POST /api/seat: a ticket for whoever may come in now, and what the page needs to say."""
    spend(request, "seat")
    wish = request.cookies.get(COOKIE)
    try:
        asked = _read(await request.content.read(MAX_BYTES + 1))
        wish = asked.language or wish
        language = _chosen(request, wish)
        async with database(request).read() as session:
            reply = await service.exchange(
                session, _desk(request, used), asked, language=language, now=datetime.now(UTC)
            )
    except service.SeatError as error:
        text = SEAT_TEXTS[error.code]
        language = _chosen(request, wish) or request.app[CATALOGS].from_header(request.headers.get("Accept-Language"))
        raise Problem(error.code, text, status=STATUS.get(error.code, 400), language=language) from error
    return web.json_response(dump(reply))


def _read(body: bytes) -> SeatRequest:
    if len(body) > MAX_BYTES:
        raise service.SeatError("too_large")
    try:
        return SeatRequest.model_validate(json.loads(body))
    except (ValidationError, ValueError, RecursionError) as error:
        raise service.SeatError("bad_message") from error


def _chosen(request: web.Request, wish: str | None) -> str | None:
    """The language that this device asked for, if it is on offer."""
    return wish if wish in request.app[CATALOGS].languages else None


def _keys(request: web.Request) -> service.Keys:
    derive = secrets(request).derive
    return service.Keys(link=derive(links.KEY_PURPOSE), ticket=derive(tickets.KEY_PURPOSE))


def _desk(request: web.Request, used: service.UsedCodes) -> service.Desk:
    return service.Desk(
        keys=_keys(request),
        used=used,
        organisation=settings(request).organisation,
        help_phone=settings(request).help_phone,
    )
