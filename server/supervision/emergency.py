"""Breaking the glass: a case of another team is opened for reading, with a reason, for hours, for all to see."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.keys import Purpose
from consent.policy import Action
from server.cases.tables import Case
from server.http.context import database
from server.http.forms import Form
from server.http.guard import account, require
from server.http.limits import spend
from server.http.render import render
from server.i18n import translator
from server.supervision import grants, words
from server.supervision.grants import EMERGENCY_HOURS, GrantError


def routes() -> list[web.RouteDef]:
    """The form for an emergency."""
    return [web.get("/emergency", show), web.post("/emergency", break_glass)]


async def show(request: web.Request) -> web.Response:
    """GET /emergency?case=: the form; a number in the address fills it in."""
    async with database(request).read() as session:
        await require(request, session, Action.BREAK_GLASS)
    return _form(request, Form.with_values({"case": request.query.get("case", "")[:80], "hours": "1"}))


async def break_glass(request: web.Request) -> web.Response:
    """POST /emergency: open the case for reading, write it down, and tell the supervisors."""
    form, _, now = await Form.read(request), translator(request), datetime.now(UTC)
    signed_in = account(request)
    spend(request, "emergency", signed_in.id)
    hours = form.choice("hours", EMERGENCY_HOURS, _("Choose for how long"))
    wanted = form.text("case", _("Enter the name of the case, or its number"), max_length=80)
    if form.ok:
        async with database(request).read() as session:
            await require(request, session, Action.BREAK_GLASS)
            case_id = await _find(session, wanted)
        async with database(request).write() as session:
            await require(request, session, Action.BREAK_GLASS)
            try:
                await grants.break_glass(
                    session, signed_in, case_id, reason=form.value("reason"), hours=hours or 1, now=now
                )
            except GrantError as error:
                field = "case" if error.code == "case_unknown" else "reason"
                form.fail(field, _(words.GRANT_REFUSED[error.code]))
    if not form.ok:
        return _form(request, form, status=400)
    raise web.HTTPSeeOther(f"/cases/{case_id}/reading")


async def _find(session: AsyncSession, wanted: str) -> str:
    """The id of the one open case with this number or name; empty when there is none, or more than one.

    The server itself compares the names, in a session of its own: nothing of them is handed on.
    """
    found = await session.scalars(select(Case).where(Case.closed_at.is_(None), Case.erased_at.is_(None)))
    cases = {case.id: case for case in found}
    if wanted in cases:
        return wanted
    opened = await keys.open_cases(session, keys.SYSTEM, list(cases), Purpose.SYSTEM)
    name = wanted.casefold()
    named = [case_id for case_id in opened if cases[case_id].alias.strip().casefold() == name]
    return named[0] if len(named) == 1 else ""


def _form(request: web.Request, form: Form, status: int = 200) -> web.Response:
    return render(request, "supervision/emergency.html", nav="cases", status=status, form=form, hours=EMERGENCY_HOURS)
