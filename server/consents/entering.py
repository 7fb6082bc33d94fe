"""Pages where staff write down what a person answered elsewhere, took back, and confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.gate import Answer
from consent.ledger import account_actor
from consent.notices import Purpose
from consent.policy import Action
from server import withdrawals
from server.cases import service as cases
from server.cases.tables import Case, CaseClient
from server.consents import ending, entry, spooled
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
    "nobody_called_so": N_(
        "Nobody of this name is in the team, or invited to a coming appointment, as what you chose above. "
        "Write the name exactly as it stands there."
    ),
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
    return await _page(request, None)


async def enter(request: web.Request) -> web.Response:
    """POST …/consents/new."""
    now, form, _ = datetime.now(UTC), await Form.read(request), translator(request)
    fields = read_entry(form, _, account(request), settings(request).languages, now)
    async with database(request).read() as session:
        case = await _case(request, session)
        client = await client_of(request, session, case)
    if fields is None:
        return await _page(request, form)
    try:
        if fields.answer is Answer.WITHDRAWN:
            return await _take_back_what_it_names(request, case, client, fields, now)
        await _enter(request, case, client, fields, now)
    except entry.EntryError as error:
        form.fail(error.field, _(REFUSED[error.code]))
        return await _page(request, form)
    raise web.HTTPSeeOther(f"/cases/{case.id}/consents?done=entered")


async def _enter(request: web.Request, case: Case, client: CaseClient, fields: entry.Entry, now: datetime) -> None:
    """A yes or a no. What a no is about ends first, if it is the conversation; other people go a moment after it."""

    async def record() -> None:
        async with database(request).write() as session:
            _, signed_in, key = await case_for(request, session, Action.ENTER_CONSENT)
            await entry.enter(session, key, signed_in, client_id=client.id, said=fields, now=now)

    no = fields.purpose is Purpose.VIDEO and fields.answer is not Answer.GIVEN
    async with database(request).read() as session:
        seats = await ending.seats_about(session, case.id, client.id) if no else set()
    await rooms(request).withdraw_in_case(case.id, seats, record)


async def _take_back_what_it_names(
    request: web.Request, case: Case, client: CaseClient, fields: entry.Entry, now: datetime
) -> web.Response:
    async with database(request).read() as session:
        key = await keys.open_case(session, keys.SYSTEM, case.id, keys.Purpose.SYSTEM)
        rows = await entry.to_take_back(session, key, client.id, fields, now)
    return await _take_back(request, case, rows, method=fields.method, witness=fields.witness, now=now)


async def withdraw(request: web.Request) -> web.Response:
    """POST …/consents/{record_id}/withdraw: the person said so on the telephone, at a visit or on paper."""
    now, form = datetime.now(UTC), await Form.read(request)
    method = form.value("method")
    async with database(request).read() as session:
        case = await _case(request, session)
        row = await record_of(request, session, case)
    if method not in entry.ENTERED:
        raise Problem("method_unknown", N_("Choose how the person answered."), status=422)
    witness = form.value("witness").strip()[:NAME_LENGTH] or account(request).name
    return await _take_back(request, case, [row], method=method, witness=witness, now=now)


async def _take_back(
    request: web.Request, case: Case, rows: Sequence[ConsentRow], *, method: str, witness: str, now: datetime
) -> web.Response:
    """Media ends first; then it is written, or kept until the database takes it, which the page says."""
    async with database(request).read() as session:
        seats_of = [await ending.seats_of(session, row) for row in rows]
    written = []
    for row, seats in zip(rows, seats_of, strict=True):
        item = spooled.item(row, account(request).id, method, witness, now)
        written.append(await withdrawals.in_case(request, case.id, seats, spooled.KIND, item))
    if all(written):
        raise web.HTTPSeeOther(f"/cases/{case.id}/consents?done=withdrawn")
    return render(request, "consents/kept.html", status=202, nav="cases", case_id=case.id)


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


async def _page(request: web.Request, form: Form | None) -> web.Response:
    """The form as it was sent, or an empty one."""
    async with database(request).write() as session:
        case, signed_in, _ = await case_for(request, session, Action.ENTER_CONSENT)
        client = await client_of(request, session, case)
    today = datetime.now(UTC).astimezone(signed_in.zone).date().isoformat()
    empty = {"purpose": "video", "notice_language": client.language, "said": today}
    form = form or Form.with_values(empty)
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
