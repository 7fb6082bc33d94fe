"""Built files of the web client: ``/static/…`` by hashed name, and the static call page."""

from __future__ import annotations

from html import escape
from pathlib import Path

from aiohttp import web

from server.http.context import settings
from server.http.errors import NotFound, Problem
from server.i18n import N_

PLACES_OF_PHONE = (('<meta name="poruch-phone" content="', '">'), ("<strong data-phone>", "</strong>"))
"""What stands before and after the telephone number in ``web/call.html``."""
FOR_GOOD = "public, max-age=31536000, immutable"
DIST = web.AppKey("dist", Path)


class NotBuilt(Problem):
    """Somebody started the server from a checkout without building the client."""

    status = 503
    code = "not_built"
    text = N_("The call page has not been built on this server yet.")


def routes() -> list[web.RouteDef]:
    """What this module answers to."""
    return [web.get("/static/{name:.+}", static), web.get("/call", call)]


async def static(request: web.Request) -> web.StreamResponse:
    """One built file. Its name holds its hash, so browsers keep it for good."""
    dist = request.app[DIST].resolve()
    path = (dist / request.match_info["name"]).resolve()
    if not path.is_relative_to(dist) or not path.is_file():
        raise NotFound
    return web.FileResponse(path, headers={"Cache-Control": FOR_GOOD})


async def call(request: web.Request) -> web.StreamResponse:
    """The call page: the same bytes for everybody; who someone is comes later, over the seat's link."""
    page = request.app[DIST] / "call.html"
    if not page.is_file():
        raise NotBuilt
    text = with_phone(page.read_text(), settings(request).help_phone)
    return web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-cache"})


def with_phone(page: str, phone: str) -> str:
    """The page as ``build.mjs --phone=…`` makes it: whoever compares the two finds the same bytes.

    A link that opens no seat, and a page that reaches no server, still say whom to phone.
    """
    for before, after in PLACES_OF_PHONE:
        page = page.replace(before + after, before + escape(phone) + after)
    return page
