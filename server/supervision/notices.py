"""What waits for the person who is signed in, counted for every page: broken glass, or feedback not read yet."""

from __future__ import annotations

from aiohttp import web

from consent.policy import Action, Reach, Role, reach
from server.http.context import DATABASE, SIGNED_IN, WAITING
from server.http.errors import Handler
from server.http.guard import account
from server.supervision import grants, samples

NOT_PAGES = ("/api/", "/static/", "/socket", "/health", "/metrics")


def routes() -> list[web.RouteDef]:
    """What a page that lies open asks every half minute."""
    return [web.get("/api/waiting", count)]


async def count(request: web.Request) -> web.Response:
    """GET /api/waiting: ``{"count": 2}`` for the signed-in person."""
    signed_in = account(request)
    return web.json_response({"count": await _count(request, signed_in.id, signed_in.role)})


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count before the page is made, so that no page of a supervisor is without the number."""
    signed_in = request.get(SIGNED_IN)
    if signed_in is not None and not request.path.startswith(NOT_PAGES):
        request[WAITING] = await _count(request, signed_in.id, signed_in.role)
    return await handler(request)


async def _count(request: web.Request, account_id: str, role: Role) -> int:
    if reach(role, Action.SUPERVISE) is Reach.EVERYWHERE:
        async with request.app[DATABASE].read() as session:
            return await grants.count_unseen(session)
    if reach(role, Action.READ_FEEDBACK) is Reach.OWN:
        async with request.app[DATABASE].read() as session:
            return await samples.count_unread(session, account_id)
    return 0
