"""Call pages on other hosts: which of their questions are answered across origins (CORS), and to whom."""

from __future__ import annotations

import re

from aiohttp import web

from server.http.context import SETTINGS
from server.http.errors import Handler

ASKED = re.compile(r"/api/(seat|consent|consent/withdraw|consent/way|trust|devices|appointments/[0-9a-f]+/vault)")
"""What a call page asks for; everything else stays with our own pages."""
WITH_SIGN_IN = re.compile(r"/api/(devices|appointments/[0-9a-f]+/vault)")
"""What members of a team ask for by their sign-in, besides its token in a header."""
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Content-Type, X-Csrf-Token",
    "Access-Control-Max-Age": "600",
}


def from_call_host(request: web.Request) -> bool:
    """Whether a call page on one of the hosts that the settings name asks for what is a call page's to ask."""
    named = request.headers.get("Origin") in request.app[SETTINGS].call_hosts
    return named and ASKED.fullmatch(request.path) is not None


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer the browser's question before the question, and say on every answer who may read it."""
    if not from_call_host(request):
        response = await handler(request)
    elif request.method == "OPTIONS":
        response = web.Response(status=204, headers=PREFLIGHT | _allowed(request))
    else:
        response = await handler(request)
        response.headers.update(_allowed(request))
    if ASKED.fullmatch(request.path) is not None:
        response.headers["Vary"] = "Origin"  # a shared cache must not give one host's answer to another
    return response


def _allowed(request: web.Request) -> dict[str, str]:
    headers = {"Access-Control-Allow-Origin": request.headers["Origin"]}
    if WITH_SIGN_IN.fullmatch(request.path) is not None:
        headers["Access-Control-Allow-Credentials"] = "true"
    return headers
