"""Pages about suitability: a supervisor's decision, the danger flag, and the way to a meeting in person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent.policy import Action
from server.cases import service as cases
from server.cases.tables import Case
from server.cases.views import done
from server.consents import other_ways, overview, suitability
from server.consents.forms import read_decision, read_reason
from server.consents.views import DONE, case_for
from server.consents.words import WHY_NOT
from server.http.context import database, rooms
from server.http.forms import Form
from server.http.guard import allowed
from server.http.render import render
from server.i18n import translator
from server.person import service as person

USUAL = timedelta(days=180)


def routes() -> list[web.RouteDef]:
    """The pages of suitability."""
    return [
        web.get("/cases/{case_id}/suitability", show),
        web.post("/cases/{case_id}/suitability", decide),
        web.post("/cases/{case_id}/suitability/danger", flag),
    ]


async def show(request: web.Request) -> web.Response:
    """GET /cases/{case_id}/suitability: how it stands, who decided what, and the form of whoever may decide."""
    now = datetime.now(UTC)
    async with database(request).write() as session:
        case, signed_in, _ = await case_for(request, session, Action.READ_CONSENT)
        local = now.astimezone(signed_in.zone).date()
        form = Form.with_values({"expires": (local + USUAL).isoformat(), "review": (local + USUAL / 2).isoformat()})
        return await _page(request, session, case, form, now)


async def decide(request: web.Request) -> web.Response:
    """POST /cases/{case_id}/suitability: a supervisor's new decision; the meetings of the case follow at once."""
    now, form = datetime.now(UTC), await Form.read(request)
    async with database(request).write() as session:
        case, signed_in, key = await case_for(request, session, Action.DECIDE_SUITABILITY)
        new = read_decision(form, translator(request), signed_in, now)
        if new is None:
            return await _page(request, session, case, form, now)
        await suitability.decide(session, signed_in, case.id, new, now)
        if new.danger:
            await person.close_all(session, signed_in, case.id, now)
            await other_ways.in_danger(session, key, now)
        elif not new.suitable:
            await other_ways.open_for(session, key, None, "unsuitable", now, way="in_person")
    await rooms(request).case_changed(case.id)
    raise web.HTTPSeeOther(f"/cases/{case.id}/suitability?done=decided")


async def flag(request: web.Request) -> web.Response:
    """POST /cases/{case_id}/suitability/danger: anybody of the team who has learned of violence."""
    now, form = datetime.now(UTC), await Form.read(request)
    async with database(request).write() as session:
        case, signed_in, key = await case_for(request, session, Action.ENTER_CONTACT)
        reason = read_reason(form, translator(request))
        if not form.ok:
            return await _page(request, session, case, form, now)
        await suitability.flag_danger(session, signed_in, case.id, reason, now)
        await person.close_all(session, signed_in, case.id, now)
        await other_ways.in_danger(session, key, now)
    await rooms(request).case_changed(case.id)
    raise web.HTTPSeeOther(f"/cases/{case.id}/suitability?done=flagged")


async def _page(request: web.Request, session: AsyncSession, case: Case, form: Form, now: datetime) -> web.Response:
    decisions = await suitability.history(session, case.id)
    reason = await suitability.why_not(session, case.id, now)
    way = await other_ways.open_of(session, case.id, None)
    deciders = [row.decided_by for row in decisions] + ([way.owner_id] if way else [])
    return render(
        request,
        "consents/suitability.html",
        status=200 if form.ok else 422,
        nav="cases",
        case=case,
        form=form,
        reason=WHY_NOT[reason] if reason else None,
        decisions=decisions,
        way=way,
        names=await overview.names(session, deciders),
        team=await cases.team(session, case.id),
        may_decide=await allowed(request, session, Action.DECIDE_SUITABILITY, case.id),
        may_flag=await allowed(request, session, Action.ENTER_CONTACT, case.id),
        may_plan=await allowed(request, session, Action.ENTER_CONSENT, case.id),
        done=done(request, DONE),
    )
