"""How problems are told: a page in the person's language, or JSON under /api."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from sqlalchemy.exc import OperationalError

from consent.database import DatabaseBusy
from consent.keys import NEEDS, CaseErased, CaseRefused, KeyringError
from consent.policy import EMERGENCY_ACTIONS, Action, allows
from server.http.context import REQUEST_ID, SIGNED_IN
from server.http.errors import Broken, Busy, Erased, Forbidden, Handler, Locked, NotFound, Problem, wants_json
from server.http.render import render
from server.i18n import N_

log = logging.getLogger("poruch.http")

PAGES = {403, 404, 429, 500, 503}
"""Statuses with a page of their own; all others share ``errors/other.html``."""


def answer(request: web.Request, problem: Problem) -> web.Response:
    """The page or the JSON that tells this problem."""
    if wants_json(request):
        body = {"error": {"code": problem.code, "text": problem.plain(request)}}
        return web.json_response(body, status=problem.status, headers=problem.headers)
    page = f"errors/{problem.status}.html" if problem.status in PAGES else "errors/other.html"
    refused = isinstance(problem, Forbidden) and problem.action is not None
    context = {
        "text": problem.plain(request),
        "request_id": request.get(REQUEST_ID, ""),
        "refused": refused,
        "emergency": _emergency(request, problem),
    }
    response = render(request, page, status=problem.status, **context)
    response.headers.update(problem.headers)
    return response


def _emergency(request: web.Request, problem: Problem) -> str | None:
    """The case that this person may still open in an emergency, when that is what they were refused."""
    signed_in = request.get(SIGNED_IN)
    if signed_in is None or not isinstance(problem, Forbidden) or problem.action not in EMERGENCY_ACTIONS:
        return None
    return problem.case_id if allows(signed_in.role, Action.BREAK_GLASS, on_team=False) else None


def middleware(record_refusal: Callable[[web.Request, Forbidden], Awaitable[None]]) -> Any:
    """The middleware that turns whatever escapes a handler into an answer."""

    @web.middleware
    async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if "\0" in request.path or "%00" in request.query_string:
                raise NotFound  # PostgreSQL keeps no such text, so nothing can be named by it
            return await handler(request)
        except web.HTTPException as error:
            problem = _from_aiohttp(error)
            if problem is None:
                raise
        except Problem as error:
            problem = error
        except DatabaseBusy:
            problem = Busy()
        except OperationalError:  # full, or away
            log.error("the database cannot be used", extra={"request_id": request.get(REQUEST_ID, "")})
            problem = Busy()
        except CaseErased:
            problem = Erased()
        except CaseRefused as error:
            problem = Forbidden(NEEDS[error.purpose], case_id=error.case_id)
        except KeyringError as error:
            log.error("a key cannot be used", extra={"reason": str(error)})
            problem = Locked()
        except Exception:
            log.exception("unhandled error", extra={"request_id": request.get(REQUEST_ID, "")})
            problem = Broken()
        if isinstance(problem, Forbidden):
            try:
                await record_refusal(request, problem)
            except (DatabaseBusy, OperationalError):
                problem = Busy()  # no refusal without its entry: whoever tries again is refused then
        return answer(request, problem)

    return errors


def _from_aiohttp(error: web.HTTPException) -> Problem | None:
    """Our words for the framework's own refusals; redirects and the like stay as they are."""
    if error.status < 400:
        return None
    if error.status == 404:
        return NotFound()
    if error.status == 405:
        return Problem("method_not_allowed", status=405, headers={"Allow": error.headers.get("Allow", "GET")})
    if error.status == 413:
        return Problem("too_large", N_("What you sent is too large."), status=413)
    return Problem(status=error.status) if error.status < 500 else Broken()
