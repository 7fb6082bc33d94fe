"""Protection against forms and scripts of other sites: origin, Sec-Fetch-Site, and a token bound to the sign-in."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from aiohttp import web

from server.http import cors
from server.http.context import SECRETS, SETTINGS, SIGNED_IN
from server.http.errors import Handler, Problem
from server.i18n import N_

FIELD = "csrf_token"
HEADER = "X-Csrf-Token"
COOKIE = "visit"
SAFE = {"GET", "HEAD", "OPTIONS"}

_VISIT: web.RequestKey[str] = web.RequestKey("visit", str)


class WrongOrigin(Problem):
    """A browser says that another site asked."""

    status = 403
    code = "wrong_origin"
    text = N_("This page may not connect to the conversation.")


class ForeignRequest(Problem):
    """It did not come from one of our own pages."""

    status = 403
    code = "foreign_request"
    text = N_("This form was open for too long, or came from another page. Go back, load the page again and try again.")


def token(request: web.Request) -> str:
    """The token for this person's forms; a visitor without a sign-in gets a cookie that it is bound to."""
    signed_in = request.get(SIGNED_IN)
    binding = f"session:{signed_in.session_hash}" if signed_in else f"visit:{_visit(request)}"
    return hmac.new(request.app[SECRETS].derive("csrf"), binding.encode(), hashlib.sha256).hexdigest()


def from_us(request: web.Request) -> bool:
    """Whether the browser, as far as it says, sends this from one of our own pages."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("Origin")
    return origin is None or origin in request.app[SETTINGS].origins


def form_from_us(request: web.Request) -> bool:
    """As `from_us`, for forms, whose token is checked too.

    Our pages say `Referrer-Policy: no-referrer`, and browsers then call even our own origin "null" when they send a
    form (Fetch, "append a request Origin header").
    """
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    return from_us(request) or (request.headers.get("Origin") == "null" and site == "same-origin")


def require_header(request: web.Request) -> None:
    """For JSON that a signed-in person sends: the token in a header, beside what the middleware checks."""
    if not hmac.compare_digest(request.headers.get(HEADER, "").encode(), token(request).encode()):
        raise ForeignRequest


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Check every request that may change something; no view can forget it."""
    if request.method not in SAFE:
        if request.path.startswith("/api/"):
            if not from_us(request) and not cors.from_call_host(request):
                raise WrongOrigin
            # JSON cannot be sent across sites without asking first, and only hosts of the call page are told yes.
            if request.content_type != "application/json":
                raise Problem("json_only", status=415)
        else:
            if not form_from_us(request):
                raise ForeignRequest
            given = (await request.post()).get(FIELD, "")
            if not isinstance(given, str) or not hmac.compare_digest(given.encode(), token(request).encode()):
                raise ForeignRequest
    response = await handler(request)
    fresh = request.get(_VISIT)
    if fresh is not None and not response.prepared:
        response.set_cookie(
            _cookie_name(request), fresh, httponly=True, secure=request.app[SETTINGS].secure, samesite="Lax", path="/"
        )
    return response


def _visit(request: web.Request) -> str:
    known = request.cookies.get(_cookie_name(request)) or request.get(_VISIT)
    if not known:
        known = request[_VISIT] = secrets.token_urlsafe(16)
    return known


def _cookie_name(request: web.Request) -> str:
    return f"__Host-{COOKIE}" if request.app[SETTINGS].secure else COOKIE
