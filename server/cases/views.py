"""Pages about cases: list, one case, its clients, its team, closing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.keys import Purpose
from consent.policy import Action, allows
from server.appointments import board
from server.appointments import seats as appointment_seats
from server.appointments import service as appointments
from server.cases import service
from server.cases.forms import FIRST_CLIENTS, read_case, read_client, read_first_clients
from server.cases.tables import Case
from server.http import paging
from server.http.context import SignedIn, database, rooms, settings
from server.http.errors import NotFound, Problem
from server.http.forms import Form
from server.http.guard import account, allowed, reader, require
from server.http.render import render
from server.i18n import N_, translator
from server.sessions import contacts
from server.sessions import words as session_words

PURPOSES: Mapping[Action, Purpose] = {
    Action.LIST_CASES: Purpose.LISTED,
    Action.READ_CASE: Purpose.READ,
    Action.CHANGE_CASE: Purpose.CHANGE,
    Action.MANAGE_TEAM: Purpose.CHANGE,
    Action.PLAN_APPOINTMENT: Purpose.PLAN,
    Action.INVITE: Purpose.PLAN,
    Action.READ_RECORD: Purpose.RECORD,
    Action.JOIN_MEETING: Purpose.MEET,
    Action.ASK_ERASURE: Purpose.READ,
    Action.SET_RETENTION: Purpose.READ,
}
"""What a page opens a case for, by what it lets people do."""
ON_A_PAGE = 50
"""Appointments ahead, sessions that were, and contacts: at most so many of each on the page of a case."""
ON_THE_CASE = (
    *(Action.CHANGE_CASE, Action.MANAGE_TEAM, Action.PLAN_APPOINTMENT),
    *(Action.READ_RECORD, Action.READ_ACCESS_LIST, Action.EXPORT_RECORD, Action.ASK_ERASURE),
    *(Action.ENTER_CONTACT, Action.ADMIT_INSPECTOR),
)
"""What the page of a case may offer."""
REFUSED: Mapping[service.CaseCode, str] = {
    "case_closed": N_("This case is closed. Open it again before you change it."),
    "already_on_team": N_("This person is on the team already."),
    "not_on_team": N_("This person is not on the team any more."),
    "account_unknown": N_("Choose a person from the list."),
    "team_needs_manager": N_(
        "Every case needs a case manager or social worker. Add another one first, then this person can leave."
    ),
    "still_planned": N_("There are still appointments ahead. Cancel or move them first, then close the case."),
}
DONE: Mapping[str, str] = {
    "opened": N_("The case is open."),
    "changed": N_("The case is changed."),
    "client": N_("The client is added."),
    "joined": N_("The team has a new member."),
    "left": N_("This person is not on the team any more. Their invitations are taken back."),
    "closed": N_("The case is closed."),
    "reopened": N_("The case is open again."),
}


def routes() -> list[web.RouteDef]:
    """The pages of this feature."""
    return [
        web.get("/cases", list_cases),
        web.get("/cases/new", new_case),
        web.post("/cases/new", open_case),
        web.get("/cases/{case_id}", show_case),
        web.get("/cases/{case_id}/change", show_change),
        web.post("/cases/{case_id}/change", change_case),
        web.get("/cases/{case_id}/clients/new", new_client),
        web.post("/cases/{case_id}/clients/new", add_client),
        web.get("/cases/{case_id}/team", show_team),
        web.post("/cases/{case_id}/team", join_team),
        web.post("/cases/{case_id}/team/{account_id}/remove", leave_team),
        web.get("/cases/{case_id}/close", confirm_close),
        web.post("/cases/{case_id}/close", close_case),
        web.post("/cases/{case_id}/reopen", reopen_case),
    ]


async def case_of(request: web.Request, session: AsyncSession, action: Action) -> tuple[Case, SignedIn]:
    """The case that the address names, open, and the person who may do this with it. Raises NotFound or Forbidden.

    Opening it is an entry, so the session must be a writing one. Raises CaseErased.
    """
    account(request)
    case = await service.find(session, request.match_info["case_id"])
    if case is None:
        raise NotFound
    signed_in = await require(request, session, action, case.id)
    await keys.open_case(session, reader(signed_in), case.id, PURPOSES[action])
    return case, signed_in


def done(request: web.Request, words: Mapping[str, str]) -> str:
    """What the page before this one has just done, as a sentence; empty for anything we did not write."""
    text = words.get(request.query.get("done", ""))
    return translator(request)(text) if text else ""


def refusal(error: service.CaseError) -> Problem:
    """The page that says why a case cannot be changed like this."""
    return Problem(error.code, REFUSED[error.code], status=409)


async def list_cases(request: web.Request) -> web.Response:
    """GET /cases: the open cases which this person may see, or with ``?closed=1`` the closed ones."""
    closed, after = request.query.get("closed") == "1", paging.wanted(request)
    async with database(request).write() as session:
        signed_in = await require(request, session, Action.LIST_CASES)
        found = await service.reachable(session, signed_in, closed=closed, after=after)
        may_open = await allowed(request, session, Action.OPEN_CASE)
        names = await service.clients_of(session, [case.id for case in found.cases])
    return render(
        request,
        "cases/list.html",
        nav="cases",
        cases=found.cases,
        next={**({"closed": "1"} if closed else {}), "after": found.next.spelt} if found.next else None,
        further=after is not None,
        clients=names,
        may_open=may_open,
        may_break_glass=allows(signed_in.role, Action.BREAK_GLASS, on_team=False),
        # Whatever is listed for somebody is either their team's, or everybody's of their role.
        may_read=allows(signed_in.role, Action.READ_CASE, on_team=True),
        may_erase=allows(signed_in.role, Action.CONFIRM_ERASURE, on_team=False),
        closed=closed,
    )


async def new_case(request: web.Request) -> web.Response:
    """GET /cases/new: an empty form."""
    async with database(request).read() as session:
        await require(request, session, Action.OPEN_CASE)
    language = settings(request).default_language
    languages = {f"client_language{row}": language for row in range(1, FIRST_CLIENTS + 1)}
    return _case_form(request, "cases/new.html", Form.with_values({"language": language} | languages))


async def open_case(request: web.Request) -> web.Response:
    """POST /cases/new."""
    form, _, languages = await Form.read(request), translator(request), settings(request).languages
    fields = read_case(form, _, languages)
    first_clients = read_first_clients(form, _, languages)
    async with database(request).write() as session:
        signed_in = await require(request, session, Action.OPEN_CASE)
        if fields is None or not form.ok:
            return _case_form(request, "cases/new.html", form)
        case = await service.open_case(
            session,
            signed_in,
            alias=fields.alias,
            language=fields.language,
            help_phone=fields.help_phone,
            first_clients=first_clients,
        )
    raise web.HTTPSeeOther(f"/cases/{case.id}?done=opened")


async def show_case(request: web.Request) -> web.Response:
    """GET /cases/{case_id}: everything about one case on one page."""
    now = datetime.now(UTC)
    async with database(request).write() as session:
        case, signed_in = await case_of(request, session, Action.READ_CASE)
        team = await service.team(session, case.id)
        clients = await service.clients(session, case.id)
        of_case, more = await appointments.around(session, case.id, now, ON_A_PAGE)
        lines = await board.lines(session, rooms(request), signed_in, [(each, case) for each in of_case], now)
        may = {action.value: await allowed(request, session, action, case.id) for action in ON_THE_CASE}
        reported, more_reported = await contacts.of_case(session, case.id, ON_A_PAGE)
    return render(
        request,
        "cases/case.html",
        nav="cases",
        case=case,
        team=team,
        clients=clients,
        ahead=[line for line in lines if not line.past],
        past=[line for line in reversed(lines) if line.past],
        contacts=reported,
        more=more or more_reported,
        ways=session_words.WAYS,
        may=may,
        done=done(request, DONE),
    )


async def show_change(request: web.Request) -> web.Response:
    """GET /cases/{case_id}/change: the form with what is known."""
    async with database(request).write() as session:
        case, _ = await case_of(request, session, Action.CHANGE_CASE)
    known = {"alias": case.alias, "language": case.language, "help_phone": case.help_phone or ""}
    return _case_form(request, "cases/change.html", Form.with_values(known), case)


async def change_case(request: web.Request) -> web.Response:
    """POST /cases/{case_id}/change."""
    form = await Form.read(request)
    fields = read_case(form, translator(request), settings(request).languages)
    async with database(request).write() as session:
        case, signed_in = await case_of(request, session, Action.CHANGE_CASE)
        if fields is None:
            return _case_form(request, "cases/change.html", form, case)
        try:
            await service.change(
                session,
                signed_in,
                case,
                alias=fields.alias,
                language=fields.language,
                help_phone=fields.help_phone,
            )
        except service.CaseError as error:
            raise refusal(error) from error
    raise web.HTTPSeeOther(f"/cases/{case.id}?done=changed")


async def new_client(request: web.Request) -> web.Response:
    """GET /cases/{case_id}/clients/new: an empty form."""
    async with database(request).write() as session:
        case, _ = await case_of(request, session, Action.CHANGE_CASE)
    return _case_form(request, "cases/client.html", Form.with_values({"client_language": case.language}), case)


async def add_client(request: web.Request) -> web.Response:
    """POST /cases/{case_id}/clients/new."""
    form = await Form.read(request)
    client = read_client(form, translator(request), settings(request).languages)
    async with database(request).write() as session:
        case, signed_in = await case_of(request, session, Action.CHANGE_CASE)
        if client is None:
            return _case_form(request, "cases/client.html", form, case)
        try:
            await service.add_client(session, signed_in, case, client)
        except service.CaseError as error:
            raise refusal(error) from error
    raise web.HTTPSeeOther(f"/cases/{case.id}?done=client")


async def show_team(request: web.Request) -> web.Response:
    """GET /cases/{case_id}/team: who is on it, and who could join."""
    async with database(request).write() as session:
        case, _ = await case_of(request, session, Action.MANAGE_TEAM)
        return await _team_page(request, session, case, Form())


async def join_team(request: web.Request) -> web.Response:
    """POST /cases/{case_id}/team with ``account``."""
    form = await Form.read(request)
    async with database(request).write() as session:
        case, signed_in = await case_of(request, session, Action.MANAGE_TEAM)
        try:
            await service.join_team(session, signed_in, case, form.value("account"))
        except service.CaseError as error:
            form.fail("account", translator(request)(REFUSED[error.code]))
            return await _team_page(request, session, case, form)
    raise web.HTTPSeeOther(f"/cases/{case.id}/team?done=joined")


async def leave_team(request: web.Request) -> web.Response:
    """POST /cases/{case_id}/team/{account_id}/remove: they lose their invitations ahead as well."""
    account_id = request.match_info["account_id"]
    async with database(request).write() as session:
        case, signed_in = await case_of(request, session, Action.MANAGE_TEAM)
        try:
            await service.leave_team(session, signed_in, case, account_id)
        except service.CaseError as error:
            form = Form()
            form.fail("account", translator(request)(REFUSED[error.code]))
            return await _team_page(request, session, case, form)
        closed = await appointment_seats.revoke_account(session, signed_in, case.id, account_id, datetime.now(UTC))
    for seat_id in closed:
        await rooms(request).close_seat(seat_id, "revoked")
    raise web.HTTPSeeOther(f"/cases/{case.id}/team?done=left")


async def confirm_close(request: web.Request) -> web.Response:
    """GET /cases/{case_id}/close: say what closing means before it is done."""
    async with database(request).write() as session:
        case, _ = await case_of(request, session, Action.CHANGE_CASE)
    return render(request, "cases/close.html", nav="cases", case=case)


async def close_case(request: web.Request) -> web.Response:
    """POST /cases/{case_id}/close: not while appointments lie ahead."""
    now = datetime.now(UTC)
    async with database(request).write() as session:
        case, signed_in = await case_of(request, session, Action.CHANGE_CASE)
        if await appointments.lies_ahead(session, case.id, now):
            raise Problem("still_planned", REFUSED["still_planned"], status=409)
        try:
            await service.close(session, signed_in, case)
        except service.CaseError as error:
            raise refusal(error) from error
    raise web.HTTPSeeOther(f"/cases/{case.id}?done=closed")


async def reopen_case(request: web.Request) -> web.Response:
    """POST /cases/{case_id}/reopen."""
    async with database(request).write() as session:
        case, signed_in = await case_of(request, session, Action.CHANGE_CASE)
        await service.reopen(session, signed_in, case)
    raise web.HTTPSeeOther(f"/cases/{case.id}?done=reopened")


def _case_form(request: web.Request, template: str, form: Form, case: Case | None = None) -> web.Response:
    return render(
        request,
        template,
        status=200 if form.ok else 422,
        nav="cases",
        form=form,
        case=case,
        language_codes=settings(request).languages,
        client_rows=[str(row) for row in range(1, FIRST_CLIENTS + 1)],
    )


async def _team_page(request: web.Request, session: AsyncSession, case: Case, form: Form) -> web.Response:
    return render(
        request,
        "cases/team.html",
        status=200 if form.ok else 422,
        nav="cases",
        case=case,
        team=await service.team(session, case.id),
        candidates=await service.candidates(session, case.id),
        form=form,
        done=done(request, DONE),
    )
