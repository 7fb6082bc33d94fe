"""Pages about other ways: plan a call, a visit or a meeting in person, and say that it has been done."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent.keys import CaseKey
from consent.policy import Action
from server.cases import service as cases
from server.cases.tables import Case
from server.consents import other_ways
from server.consents.forms import read_way
from server.consents.tables import OtherWay
from server.consents.views import case_for, client_of
from server.http.context import SIGNED_IN, SignedIn, database
from server.http.errors import NotFound
from server.http.forms import Form
from server.http.render import render
from server.i18n import translator


def routes() -> list[web.RouteDef]:
    """The pages of other ways."""
    return [
        web.post("/cases/{case_id}/clients/{client_id}/ways/new", open_way),
        web.get("/cases/{case_id}/ways/{way_id}", show),
        web.post("/cases/{case_id}/ways/{way_id}", plan),
        web.post("/cases/{case_id}/ways/{way_id}/done", finish),
    ]


async def open_way(request: web.Request) -> web.Response:
    """POST …/ways/new: the team arranges one for a client, without anybody having said no."""
    now = datetime.now(UTC)
    async with database(request).write() as session:
        case, _, key = await case_for(request, session, Action.ENTER_CONSENT)
        client = await client_of(request, session, case)
        way = await other_ways.open_for(session, key, client.id, "entered", now)
    raise web.HTTPSeeOther(f"/cases/{case.id}/ways/{way.id}")


async def show(request: web.Request) -> web.Response:
    """GET …/ways/{way_id}: the form with what is known."""
    async with database(request).write() as session:
        case, signed_in, key = await case_for(request, session, Action.ENTER_CONSENT)
        way = await _way(request, session, case, key)
        due = way.due_on.astimezone(signed_in.zone).date().isoformat() if way.due_on else ""
        form = Form.with_values(
            {"way": way.way, "owner": way.owner_id or signed_in.id, "due": due, "note": way.note or ""}
        )
        return await _page(request, session, case, way, form)


async def plan(request: web.Request) -> web.Response:
    """POST …/ways/{way_id}: who, how, by when."""
    now, form = datetime.now(UTC), await Form.read(request)
    async with database(request).write() as session:
        case, signed_in, key = await case_for(request, session, Action.ENTER_CONSENT)
        way = await _way(request, session, case, key)
        ways = await other_ways.possible(session, case.id, now)
        fields = read_way(form, translator(request), signed_in, await cases.team(session, case.id), ways, now)
        if fields is None:
            return await _page(request, session, case, way, form)
        await other_ways.plan(
            session,
            key,
            signed_in,
            way,
            way=fields.way,
            owner_id=fields.owner_id,
            due_on=fields.due_on,
            note=fields.note,
            now=now,
        )
    raise web.HTTPSeeOther(f"/cases/{case.id}/consents?done=planned")


async def finish(request: web.Request) -> web.Response:
    """POST …/ways/{way_id}/done: the owner, or whoever manages the case, says that it has been done."""
    async with database(request).write() as session:
        case, signed_in, key = await _owner_or_manager(request, session)
        way = await _way(request, session, case, key)
        await other_ways.finish(session, key, signed_in, way, datetime.now(UTC))
    raise web.HTTPSeeOther(f"/cases/{case.id}/consents?done=finished")


async def _owner_or_manager(request: web.Request, session: AsyncSession) -> tuple[Case, SignedIn, CaseKey]:
    way = await session.get(OtherWay, request.match_info["way_id"])
    own = request.get(SIGNED_IN)
    if way is not None and own is not None and way.owner_id == own.id:
        return await case_for(request, session, Action.ENTER_CONTACT)
    return await case_for(request, session, Action.ENTER_CONSENT)


async def _way(request: web.Request, session: AsyncSession, case: Case, key: CaseKey) -> OtherWay:
    way = await session.get(OtherWay, request.match_info["way_id"])
    if way is None or way.case_id != case.id:
        raise NotFound
    key.unlock(way)
    return way


async def _page(request: web.Request, session: AsyncSession, case: Case, way: OtherWay, form: Form) -> web.Response:
    clients = {client.id: client.alias for client in await cases.clients(session, case.id)}
    ways = await other_ways.possible(session, case.id, datetime.now(UTC))
    return render(
        request,
        "consents/way.html",
        status=200 if form.ok else 422,
        nav="cases",
        case=case,
        way=way,
        client=clients.get(way.client_id or ""),
        team=await cases.team(session, case.id),
        ways=ways,
        in_danger=ways == other_ways.SAFE,
        form=form,
    )
