"""JSON that arrives: of one described shape and not too long, or a problem."""

from __future__ import annotations

from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from server.http.errors import Problem
from server.i18n import N_

T = TypeVar("T", bound=BaseModel)


async def read(request: web.Request, model: type[T], *, max_bytes: int) -> T:
    """The body as ``model``. Raises Problem ``too_large`` (413) or ``bad_message`` (400)."""
    body = bytearray()
    async for chunk in request.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > max_bytes:
            raise Problem("too_large", N_("What you sent is too large."), status=413)
    try:
        return model.model_validate_json(bytes(body))
    except (ValidationError, RecursionError) as error:
        raise Problem("bad_message") from error
