"""Uploads: the few addresses where a signed-in person may send more than a form, and how much."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiohttp import web

from server.http.context import SIGNED_IN
from server.http.errors import Handler
from server.http.limits import spend

MEGABYTE = 1024 * 1024
FORM = 64 * 1024
"""What the rest of such a form may take."""
LIMITS_BYTES: Mapping[re.Pattern[str], int] = {
    re.compile(r"/notices/[a-z]+/edit"): (8 + 24) * MEGABYTE + FORM,
    re.compile(r"/cases/[0-9a-f]+/clients/[0-9a-f]+/representations/new"): 5 * MEGABYTE + FORM,
}


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lift the limit of the body where files are expected; strangers keep the usual one."""
    if request.method == "POST" and SIGNED_IN in request:
        limit = next((most for path, most in LIMITS_BYTES.items() if path.fullmatch(request.path)), None)
        if limit is not None:
            spend(request, "upload", request[SIGNED_IN].id)
            return await handler(request.clone(client_max_size=limit))
    return await handler(request)
