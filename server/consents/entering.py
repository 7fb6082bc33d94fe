"""Pages where staff write down what a person answered elsewhere, took back, and confirmed."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent.gate import Answer
from consent.ledger import account_actor
from consent.notices import Purpose
from consent.policy import Action
from server.cases import service as cases
from server.cases.tables import Case, CaseClient
from server.consents import ending, entry
from server.consents.forms import NAME_LENGTH, read_entry
from server.consents.tables import ConsentRow
from server.consents.views import case_for, client_of
from server.consents.words import PURPOSES
from server.http.context import database, rooms, settings
from server.http.errors import NotFound, Problem
from server.http.forms import Form
from server.http.guard import account, require
from server.http.render import render
from server.i18n import N_, translator

REFUSED = {
    "no_notice": N_("There is no text for this in this language yet. Choose another language."),
    "about_missing": N_("Write the name of the person, the service or the channel that it is about."),
    "nothing_given": N_("There is nothing to take back: the person has not agreed to this."),
}


def routes() -> list[web.RouteDef]:
    """The pages of entry by staff."""
    return [
        web.get("/cases/{case_id}/clients/{client_id}/consents/new", show),
        web.post("/cases/{case_id}/clients/{client_id}/consents/new", enter),
        web.post("/cases/{case_id}/consents/{record_id}/withdraw", withdraw),
        web.post("/cases/{case_id}/consents/{record_id}/confirm", confirm),
    ]


async def show(request: web.Request) -> web.Response:
    """GET …/consents/new: an empty form."""
    now = datetime.now(UTC)
    async with database(request).write() as session:
        case, signed_in, _ = await case_for(request, session, Action.ENTER_CONSENT)
        client = await client_of(request, session, case)
        values = {
            "purpose": "video",
            "notice_language": client.language,
            "said": now.astimezone(signed_in.zone).date().isoformat(),
        }
        return await _page(request, session, case, client, Form.with_values(values))


async def enter(request: web.Request) -> web.Response:
    """POST …/consents/new."""
    now, form, _ = datetime.now(UTC), await Form.read(request), translator(request)
    fields = read_entry(form, _, account(request), settings(request).languages, now)
    async with database(request).read() as session:
        case = await _case(request, session)
        client = await client_of(request, session, case)
        # What is about other people ends when the room follows, a moment after it is written.
        no = fields is not None and fields.purpose is Purpose.VIDEO and fields.answer is not Answer.GIVEN
        seats = await ending.seats_about(session, case.id, client.id) if no else set()
    async with rooms(request).ending(case.id, seats), database(request).write() as session:
        case, signed_in, key = await case_for(request, session, Action.ENTER_CONSENT)
        client = await client_of(request, session, case)
        if fields is None:
            return await _page(request, session, case, client, form)
        try:
            await entry.enter(session, key, signed_in, client_id=client.id, said=fields, now=now)
        except entry.EntryError as error:
            form.fail(error.field, _(REFUSED[error.code]))
            return await _page(request, session, case, client, form)
    raise web.HTTPSeeOther(f"/cases/{case.id}/consents?done=entered")


async def withdraw(request: web.Request) -> web.Response:
    """POST …/consents/{record_id}/withdraw: the person said so on the telephone, at a visit or on paper."""
    now, form = datetime.now(UTC), await Form.read(request)
    method = form.value("method")
    async with database(request).read() as session:
        case = await _case(request, session)
        seats = await ending.seats_of(session, await record_of(request, session, case))
    if method not in entry.ENTERED:
        raise Problem("method_unknown", N_("Choose how the person answered."), status=422)
    async with rooms(request).ending(case.id, seats), database(request).write() as session:
        case, signed_in, key = await case_for(request, session, Action.ENTER_CONSENT)
        row = await record_of(request, session, case)
        witness = form.value("witness").strip()[:NAME_LENGTH] or signed_in.name
        await entry.withdraw(session, key, signed_in, row, method=method, witness=witness, now=now)
    raise web.HTTPSeeOther(f"/cases/{case.id}/consents?done=withdrawn")


async def confirm(request: web.Request) -> web.Response:
    """POST …/consents/{record_id}/confirm: the person has heard it read again and says that it is so."""
    async with database(request).write() as session:
        case, signed_in, key = await case_for(request, session, Action.ENTER_CONSENT)
        row = await record_of(request, session, case)
        entry.confirm(session, key, row, datetime.now(UTC), actor=account_actor(signed_in.id), by=signed_in.name)
    raise web.HTTPSeeOther(f"/cases/{case.id}/consents/{row.id}")


async def _case(request: web.Request, session: AsyncSession) -> Case:
    """The case of the address, not opened, for whoever may enter answers in it. Raises NotFound or Forbidden."""
    account(request)
    case = await cases.find(session, request.match_info["case_id"])
    if case is None:
        raise NotFound
    await require(request, session, Action.ENTER_CONSENT, case.id)
    return case


async def record_of(request: web.Request, session: AsyncSession, case: Case) -> ConsentRow:
    """The record of the address. Raises NotFound for another case's."""
    row = await session.get(ConsentRow, request.match_info["record_id"])
    if row is None or row.case_id != case.id:
        raise NotFound
    return row


async def _page(
    request: web.Request, session: AsyncSession, case: Case, client: CaseClient, form: Form
) -> web.Response:
    del session
    return render(
        request,
        "consents/entry.html",
        status=200 if form.ok else 422,
        nav="cases",
        case=case,
        client=client,
        form=form,
        purposes=list(PURPOSES),
        language_codes=settings(request).languages,
    )
