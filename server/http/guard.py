"""Who is asking, and whether the policy lets them: the only door to anything that is not public."""

from __future__ import annotations

import time
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger
from consent.events import Tag
from consent.keys import Reader
from consent.policy import Action, Grant, allows
from server.http.context import DATABASE, SIGNED_IN, TEAM_ROLE, SignedIn
from server.http.errors import Forbidden, SignInNeeded, wants_json

COALESCE_S = 600
MAX_REMEMBERED = 5_000


def account_or_none(request: web.Request) -> SignedIn | None:
    """The signed-in person, or None."""
    return request.get(SIGNED_IN)


def account(request: web.Request) -> SignedIn:
    """The signed-in person; anybody else is sent to the sign-in page and comes back here afterwards."""
    signed_in = account_or_none(request)
    if signed_in is not None:
        return signed_in
    if wants_json(request):
        raise SignInNeeded
    # A form that was sent with an expired sign-in is not sent again by itself.
    query = urlencode({"next": request.path}) if request.method == "GET" and request.path != "/" else ""
    raise web.HTTPSeeOther("/sign-in" + (f"?{query}" if query else ""))


async def allowed(request: web.Request, session: AsyncSession, action: Action, case_id: str | None = None) -> bool:
    """Whether the signed-in person may do this; for what a page offers. Writes nothing."""
    signed_in = account(request)
    on_team = case_id is not None and await request.app[TEAM_ROLE](session, signed_in.id, case_id) is not None
    grant = None
    if case_id is None:
        # Without a case there is no team to be outside of: lists show only what is the person's own, or named to them.
        on_team = action in {Action.LIST_CASES, Action.READ_RECORD}
        grant = Grant.INSPECTION if action is Action.READ_RECORD else None
    return allows(signed_in.role, action, on_team=on_team, grant=grant)


async def require(request: web.Request, session: AsyncSession, action: Action, case_id: str | None = None) -> SignedIn:
    """The signed-in person, if the policy lets them do this (on that case). Raises Forbidden, which is recorded."""
    if not await allowed(request, session, action, case_id):
        raise Forbidden(action, case_id=case_id)
    return account(request)


def reader(signed_in: SignedIn) -> Reader:
    """A signed-in person as the one who opens a case."""
    return Reader(ledger.account_actor(signed_in.id), signed_in.role, signed_in.name)


class RefusalRecorder:
    """Writes ACCESS_REFUSED, once in ten minutes for the same person, action and case.

    It runs when the handler is over, so that it never waits for a write lock that the handler itself holds.
    """

    def __init__(self) -> None:
        self._written: dict[tuple[str, str, str], float] = {}

    async def __call__(self, request: web.Request, refusal: Forbidden) -> None:
        """Record one refusal of a signed-in person."""
        signed_in = request.get(SIGNED_IN)
        if signed_in is None or refusal.action is None:
            return
        key = (signed_in.id, refusal.action.value, refusal.case_id or "")
        now_s = time.monotonic()
        if now_s - self._written.get(key, -COALESCE_S) < COALESCE_S:
            return
        async with request.app[DATABASE].write() as session:
            ledger.append(
                session,
                Tag.ACCESS_REFUSED,
                actor=ledger.account_actor(signed_in.id),
                case_id=refusal.case_id,
                details={"action": refusal.action.value, "role": signed_in.role.value},
            )
        if len(self._written) >= MAX_REMEMBERED:
            self._written = {each: at for each, at in self._written.items() if now_s - at < COALESCE_S}
        self._written[key] = now_s
