"""Pages about representation: keep a document, end it, and say which invitation speaks for it."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent.policy import Action, Role
from server.appointments.tables import Appointment, Seat
from server.cases.tables import Case, CaseClient
from server.consents import representation
from server.consents.forms import read_representation
from server.consents.tables import RepresentationRow
from server.consents.views import case_for, client_of
from server.consents.words import KINDS, PURPOSES
from server.http.context import database, rooms
from server.http.errors import NotFound
from server.http.forms import Form
from server.http.render import render
from server.i18n import N_, translator

FILE_REFUSED = {
    "too_large": N_("The file is too large. Use at most 5 MB, for example a photo of the first page."),
    "wrong_type": N_("Choose a PDF file or a picture (JPEG or PNG)."),
}


def routes() -> list[web.RouteDef]:
    """The pages of representation."""
    return [
        web.get("/cases/{case_id}/clients/{client_id}/representations/new", show),
        web.post("/cases/{case_id}/clients/{client_id}/representations/new", add),
        web.post("/cases/{case_id}/representations/{representation_id}/end", end),
        web.post("/cases/{case_id}/representations/{representation_id}/seat", link_seat),
        web.get("/cases/{case_id}/representations/{representation_id}/document", document),
    ]


async def show(request: web.Request) -> web.Response:
    """GET …/representations/new: an empty form."""
    async with database(request).write() as session:
        case, _, _ = await case_for(request, session, Action.ENTER_CONSENT)
        client = await client_of(request, session, case)
        return _page(request, case, client, Form())


async def add(request: web.Request) -> web.Response:
    """POST …/representations/new, with the document as a file if there is one."""
    now, form, _ = datetime.now(UTC), await Form.read(request), translator(request)
    file = (await request.post()).get("file")
    data = file.file.read() if isinstance(file, web.FileField) else b""
    async with database(request).write() as session:
        case, signed_in, key = await case_for(request, session, Action.ENTER_CONSENT)
        client = await client_of(request, session, case)
        new = read_representation(form, _, signed_in, client.id, data or None)
        if new is None:
            return _page(request, case, client, form)
        try:
            await representation.add(session, key, signed_in, new, now)
        except representation.DocumentError as error:
            if error.code in FILE_REFUSED:
                form.fail("file", _(FILE_REFUSED[error.code]))
            else:
                form.fail("until", _("This document is over already. Choose a last day from today on."))
            return _page(request, case, client, form)
    await rooms(request).case_changed(case.id)
    raise web.HTTPSeeOther(f"/cases/{case.id}/consents?done=represented")


async def end(request: web.Request) -> web.Response:
    """POST …/end: the court ended it, the person came of age, or a new document takes its place."""
    async with database(request).write() as session:
        case, signed_in, key = await case_for(request, session, Action.ENTER_CONSENT)
        row = await _row(request, session, case)
        await representation.end(session, key, signed_in, row, datetime.now(UTC))
    await rooms(request).case_changed(case.id)
    raise web.HTTPSeeOther(f"/cases/{case.id}/consents?done=ended")


async def link_seat(request: web.Request) -> web.Response:
    """POST …/seat with ``seat``: this invitation of a representative is this document's person."""
    form = await Form.read(request)
    async with database(request).write() as session:
        case, signed_in, key = await case_for(request, session, Action.ENTER_CONSENT)
        row = await _row(request, session, case)
        seat = await session.get(Seat, form.value("seat"))
        appointment = await session.get(Appointment, seat.appointment_id) if seat else None
        if seat is None or appointment is None or appointment.case_id != case.id:
            raise NotFound
        if seat.role != Role.REPRESENTATIVE.value:
            raise NotFound
        await representation.link_seat(session, key, signed_in, row, seat, now=datetime.now(UTC))
    await rooms(request).case_changed(case.id)
    raise web.HTTPSeeOther(f"/cases/{case.id}/consents?done=linked")


async def document(request: web.Request) -> web.Response:
    """GET …/document: the file as it was kept, never shown inside a page."""
    async with database(request).write() as session:
        case, _, key = await case_for(request, session, Action.READ_CONSENT)
        row = await _row(request, session, case)
        key.unlock(row)
        body, kind = row.document_file, row.document_type
    if body is None or kind is None:
        raise NotFound
    ending = kind.rpartition("/")[2]
    headers = {"Content-Disposition": f'attachment; filename="document.{ending}"'}
    return web.Response(body=body, content_type=kind, headers=headers)


async def _row(request: web.Request, session: AsyncSession, case: Case) -> RepresentationRow:
    row = await session.get(RepresentationRow, request.match_info["representation_id"])
    if row is None or row.case_id != case.id:
        raise NotFound
    return row


def _page(request: web.Request, case: Case, client: CaseClient, form: Form) -> web.Response:
    return render(
        request,
        "consents/representation.html",
        status=200 if form.ok else 422,
        nav="cases",
        case=case,
        client=client,
        form=form,
        kinds=KINDS,
        purposes=PURPOSES,
    )
