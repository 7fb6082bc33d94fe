"""The way into a case for whoever may read it: team, supervisor, named inspector, or over broken glass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.keys import CaseKey, Purpose
from consent.policy import Action, Grant, allows
from server.cases.service import reader_of
from server.http.context import TEAM_ROLE, SignedIn
from server.http.errors import Forbidden
from server.http.guard import account
from server.supervision import grants


@dataclass(frozen=True)
class Entrance:
    """A case that is open, and on what ground."""

    signed_in: SignedIn
    key: CaseKey
    on_team: bool
    grant: Grant | None

    def may(self, action: Action) -> bool:
        """Whether this person may also do that, on this case."""
        return allows(self.signed_in.role, action, on_team=self.on_team, grant=self.grant)


async def enter(
    request: web.Request,
    session: AsyncSession,
    action: Action,
    case_id: str,
    purpose: Purpose,
    *,
    session_id: str | None = None,
) -> Entrance:
    """Open a case for the signed-in person, in a writing session; the entry says for what.

    Raises Forbidden, which is recorded, and CaseErased.
    """
    signed_in, now = account(request), datetime.now(UTC)
    on_team = await request.app[TEAM_ROLE](session, signed_in.id, case_id) is not None
    grant = None if on_team else await grants.of(session, signed_in.id, case_id, now)
    if not allows(signed_in.role, action, on_team=on_team, grant=grant):
        raise Forbidden(action, case_id=case_id)
    if grant is not None and not allows(signed_in.role, action, on_team=False):
        purpose = grants.PURPOSES[grant]
    elif purpose is Purpose.RECORD and not on_team:
        purpose = Purpose.SUPERVISE
    key = await keys.open_case(session, reader_of(signed_in), case_id, purpose, session_id=session_id, now=now)
    return Entrance(signed_in, key, on_team, grant)
