"""Pages about single invitations: invite one more, new link, take back, print."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent.policy import Action
from server.appointments import links, qr, seats
from server.appointments.forms import read_people
from server.appointments.tables import Appointment, Seat
from server.appointments.views import REFUSED, appointment_of
from server.cases import service as cases
from server.cases.tables import Case
from server.consents import suitability
from server.http.context import SignedIn, database, rooms, secrets, settings
from server.http.errors import NotFound, Problem
from server.http.forms import Form
from server.http.render import render
from server.i18n import N_, translator
from server.vault import service as vault

OVER = N_("This appointment is over. Plan a new one instead.")
TOO_MANY = N_("This person has had too many links. Take the invitation back and invite them as a guest.")


def routes() -> list[web.RouteDef]:
    """The pages of invitations."""
    return [
        web.get("/appointments/{appointment_id}/people/new", show_invite),
        web.post("/appointments/{appointment_id}/people/new", invite),
        web.post("/appointments/{appointment_id}/people/{seat_id}/link", renew_link),
        web.post("/appointments/{appointment_id}/people/{seat_id}/revoke", revoke),
        web.get("/appointments/{appointment_id}/people/{seat_id}/print", print_page),
    ]


async def show_invite(request: web.Request) -> web.Response:
    """GET …/people/new: those of the case who are not invited yet, and one guest."""
    async with database(request).write() as session:
        appointment, case, _ = await _open_appointment(request, session)
        return await _invite_page(request, session, appointment, case, Form())


async def invite(request: web.Request) -> web.Response:
    """POST …/people/new."""
    form, _ = await Form.read(request), translator(request)
    async with database(request).write() as session:
        appointment, case, signed_in = await _open_appointment(request, session)
        await _require_suitable(session, case)
        people = read_people(
            form,
            _,
            case,
            team=await cases.team(session, case.id),
            clients=await cases.clients(session, case.id),
            guest_language=signed_in.language,
        )
        if not people:
            form.fail("guest_name1", _("Choose a person, or write a guest's name."))
        if not form.ok:
            return await _invite_page(request, session, appointment, case, form)
        await seats.invite(session, signed_in, appointment, people, datetime.now(UTC))
    await rooms(request).appointment_changed(appointment.id)
    raise web.HTTPSeeOther(f"/appointments/{appointment.id}?done=invited")


async def renew_link(request: web.Request) -> web.Response:
    """POST …/people/{seat_id}/link: the old link stops working, whoever came by it is sent away."""
    async with database(request).write() as session:
        appointment, case, signed_in = await _open_appointment(request, session)
        await _require_suitable(session, case)
        seat = await _seat(request, session, appointment)
        try:
            seats.renew_link(session, signed_in, appointment, seat, datetime.now(UTC))
        except seats.TooManyLinks as error:
            raise Problem("too_many_links", TOO_MANY, status=409) from error
        await vault.forget_seat(session, appointment.id, seat.id)
    await rooms(request).close_seat(seat.id, "revoked")
    await rooms(request).appointment_changed(appointment.id)
    raise web.HTTPSeeOther(f"/appointments/{appointment.id}?done=link#seat-{seat.id}")


async def revoke(request: web.Request) -> web.Response:
    """POST …/people/{seat_id}/revoke: also for team members, who then cannot join."""
    async with database(request).write() as session:
        appointment, _, signed_in = await _open_appointment(request, session)
        seat = await _seat(request, session, appointment)
        seats.revoke(session, signed_in, appointment, seat, datetime.now(UTC))
        await vault.forget_seat(session, appointment.id, seat.id)
    await rooms(request).close_seat(seat.id, "revoked")
    await rooms(request).appointment_changed(appointment.id)
    raise web.HTTPSeeOther(f"/appointments/{appointment.id}?done=revoked#seat-{seat.id}")


async def print_page(request: web.Request) -> web.Response:
    """GET …/people/{seat_id}/print: a sheet to take home, in the language of whoever gets it, naming no case."""
    async with database(request).write() as session:
        appointment, case, _ = await _open_appointment(request, session)
        await _require_suitable(session, case)
        seat = await _seat(request, session, appointment)
    if not seat.by_link or seat.revoked_at is not None:
        raise NotFound
    link = links.url(
        settings(request).call_page, secrets(request).derive(links.KEY_PURPOSE), seat.id, seat.link_version
    )
    return render(
        request,
        "appointments/print.html",
        language=seat.language,
        neutral=True,
        help_phone=appointment.help_phone,
        appointment=appointment,
        case=case,
        seat=seat,
        link=link,
        picture=qr.svg(link),
    )


async def _open_appointment(request: web.Request, session: AsyncSession) -> tuple[Appointment, Case, SignedIn]:
    found = await appointment_of(request, session, Action.INVITE)
    if found[0].is_over(datetime.now(UTC)):
        raise Problem("over", OVER, status=409)
    return found


async def _require_suitable(session: AsyncSession, case: Case) -> None:
    if await suitability.why_not(session, case.id, datetime.now(UTC)) is not None:
        raise Problem("not_suitable", REFUSED["not_suitable"], status=409)


async def _seat(request: web.Request, session: AsyncSession, appointment: Appointment) -> Seat:
    seat = await session.get(Seat, request.match_info["seat_id"])
    if seat is None or seat.appointment_id != appointment.id:
        raise NotFound
    return seat


async def _invite_page(
    request: web.Request, session: AsyncSession, appointment: Appointment, case: Case, form: Form
) -> web.Response:
    invited = await seats.of_appointment(session, appointment.id, revoked=False)
    there = {seat.account_id for seat in invited} | {seat.client_id for seat in invited}
    return render(
        request,
        "appointments/invite.html",
        status=200 if form.ok else 422,
        nav="today",
        form=form,
        appointment=appointment,
        case=case,
        team=[member for member in await cases.team(session, case.id) if member.account_id not in there],
        clients=[client for client in await cases.clients(session, case.id) if client.id not in there],
        guest_rows=range(1, 2),
        guest_roles=seats.GUEST_ROLES,
    )
