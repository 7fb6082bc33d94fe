"""Pages of the supervisor: the desk, inspectors of a case, and the table of who may see what."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.database import DatabaseBusy
from consent.keys import Purpose
from consent.policy import TABLE, Action, Grant, Role, reach
from server.accounts.tables import Account
from server.cases.tables import Case
from server.http.context import database
from server.http.errors import NotFound
from server.http.forms import Form
from server.http.guard import account, require
from server.http.render import render
from server.i18n import translator
from server.sessions import summaries
from server.sessions import words as session_words
from server.supervision import desk, emergency, grants, inspection, notices, reviewing, words
from server.supervision.access import enter
from server.supervision.grants import GrantError
from server.supervision.tables import AccessGrant


def routes() -> list[web.RouteDef]:
    """The pages of supervision."""
    return [
        web.get("/supervision", show_desk),
        web.post("/supervision/grants/{grant_id}/seen", acknowledge),
        web.post("/supervision/grants/{grant_id}/end", end_grant),
        web.get("/cases/{case_id}/inspectors", show_inspectors),
        web.post("/cases/{case_id}/inspectors", admit_inspector),
        web.get("/sight", show_sight),
        *notices.routes(),
        *emergency.routes(),
        *inspection.routes(),
        *reviewing.routes(),
    ]


async def show_desk(request: web.Request) -> web.Response:
    """GET /supervision: alarms, what is unusual, what is due and what is owed."""
    now, _ = datetime.now(UTC), translator(request)
    account(request)
    with suppress(DatabaseBusy):
        await summaries.catch_up(database(request), now)
    async with database(request).write() as session:
        signed_in = await require(request, session, Action.SUPERVISE)
        found = await desk.of(session, signed_in, now)
        return render(
            request,
            "supervision/desk.html",
            nav="desk",
            desk=found,
            marks=session_words.UNUSUAL,
            kinds=words.GRANTS,
            ways=session_words.WAYS,
            since=(now - desk.LOOK_BACK).astimezone(signed_in.zone).date().isoformat(),
            now=now,
            done=_(words.DONE.get(request.query.get("done", ""), "")) if request.query.get("done") else "",
        )


async def acknowledge(request: web.Request) -> web.Response:
    """POST /supervision/grants/{grant_id}/seen: the supervisor knows of broken glass."""
    async with database(request).write() as session:
        signed_in = await require(request, session, Action.SUPERVISE)
        grants.acknowledge(session, signed_in, await _grant(request, session), datetime.now(UTC))
    raise web.HTTPSeeOther("/supervision?done=seen")


async def end_grant(request: web.Request) -> web.Response:
    """POST /supervision/grants/{grant_id}/end: close a way in before its time."""
    now = datetime.now(UTC)
    async with database(request).write() as session:
        signed_in = await require(request, session, Action.ADMIT_INSPECTOR)
        grant = await _grant(request, session)
        grants.acknowledge(session, signed_in, grant, now)
        grants.end(session, signed_in, grant, now)
    raise web.HTTPSeeOther("/supervision?done=ended")


async def show_inspectors(request: web.Request) -> web.Response:
    """GET /cases/{case_id}/inspectors: who inspects this case, and a form to name it to one more."""
    return await _inspectors(request, Form())


async def admit_inspector(request: web.Request) -> web.Response:
    """POST /cases/{case_id}/inspectors."""
    form, _, now = await Form.read(request), translator(request), datetime.now(UTC)
    inspector = form.text("inspector", _("Choose an inspector from the list"), max_length=16)
    until = form.date("until", _("Enter the last day"))
    reason = form.value("reason")
    if form.ok and until is not None:
        async with database(request).write() as session:
            signed_in = await require(request, session, Action.ADMIT_INSPECTOR)
            last = datetime.combine(until + timedelta(days=1), time(), signed_in.zone).astimezone(UTC)
            try:
                await grants.admit_inspector(
                    session,
                    signed_in,
                    request.match_info["case_id"],
                    inspector=inspector,
                    reason=reason,
                    until=last,
                    now=now,
                )
            except GrantError as error:
                form.fail(_FIELDS[error.code], _(words.GRANT_REFUSED[error.code]))
    if not form.ok:
        return await _inspectors(request, form, status=400)
    raise web.HTTPSeeOther("/supervision?done=admitted")


async def show_sight(request: web.Request) -> web.Response:
    """GET /sight: who may see and do what, as the policy has it."""
    account(request)
    return render(
        request,
        "supervision/sight.html",
        roles=list(TABLE),
        rows=[(words.ACTIONS[action], [words.REACHES[reach(role, action)] for role in TABLE]) for action in Action],
    )


_FIELDS = {
    "reason_too_short": "reason",
    "reason_too_long": "reason",
    "too_long": "until",
    "not_an_inspector": "inspector",
    "case_unknown": "inspector",
}


async def _inspectors(request: web.Request, form: Form, status: int = 200) -> web.Response:
    now = datetime.now(UTC)
    account(request)
    async with database(request).write() as session:
        case = await session.get(Case, request.match_info["case_id"])
        if case is None:
            raise NotFound
        await require(request, session, Action.ADMIT_INSPECTOR, case.id)
        await enter(request, session, Action.READ_CASE, case.id, Purpose.SUPERVISE)
        people = (
            await session.scalars(
                select(Account)
                .where(Account.role == Role.INSPECTOR.value, Account.disabled_at.is_(None))
                .order_by(Account.name)
            )
        ).all()
        names = {person.id: person.name for person in people}
        running = [grant for grant in await _running(session, case.id, now) if grant.account_id in names]
        return render(
            request,
            "supervision/inspectors.html",
            nav="cases",
            status=status,
            case=case,
            form=form,
            people=people,
            names=names,
            running=running,
        )


async def _running(session: AsyncSession, case_id: str, now: datetime) -> list[AccessGrant]:
    return [grant for grant in await grants.running(session, Grant.INSPECTION, now) if grant.case_id == case_id]


async def _grant(request: web.Request, session: AsyncSession) -> AccessGrant:
    found = await session.get(AccessGrant, request.match_info["grant_id"])
    if found is None:
        raise NotFound
    return found
