"""Pages about appointments: today, planning, one appointment, moving, cancelling, joining."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.keys import CaseKey, Purpose
from consent.policy import Action, Reach, reach
from consent.tables import new_id
from server.appointments import board, links, qr, seats, service, times
from server.appointments.forms import GUEST_ROWS, first_values, read_plan, read_when, when_values
from server.appointments.tables import Appointment, Seat, Status
from server.cases import service as cases
from server.cases.tables import Case
from server.cases.views import PURPOSES, case_of, done
from server.consents import alarms, suitability
from server.consents import service as consents
from server.http.context import SignedIn, database, rooms, secrets, settings
from server.http.errors import Forbidden, NotFound, Problem
from server.http.forms import Form
from server.http.guard import account, allowed, reader, require
from server.http.render import render
from server.i18n import N_, translator
from server.vault import service as vault
from signaling import tickets

ENTRY_CODE_LIVES = timedelta(seconds=60)
LOOK_BACK = timedelta(hours=24)
"""How far back the day's list begins: a meeting past midnight still belongs to it."""

REFUSED: Mapping[service.AppointmentCode, str] = {
    "case_closed": N_("This case is closed. Open it again before you plan an appointment."),
    "cancelled": N_("This appointment is cancelled. Take the cancellation back first."),
    "not_cancelled": N_("This appointment is not cancelled."),
    "over": N_("This appointment is over. Plan a new one instead."),
    "time_past": N_("This time is already over. Choose a time from now on."),
    "no_client": N_("Choose at least one client who takes part."),
    "duration_unknown": N_("Choose how long the appointment will take."),
    "not_suitable": N_(
        "No video is possible on this case now: there is no valid decision of a supervisor that says so. "
        "Ask a supervisor on the page of the case, or arrange a phone call, a visit or a meeting in person."
    ),
}
DONE: Mapping[str, str] = {
    "planned": N_("The appointment is planned. Now give each person their link."),
    "moved": N_("The appointment is moved. The links stay the same and show the new time."),
    "cancelled": N_("The appointment is cancelled. Whoever opens a link is told so."),
    "restored": N_("The appointment takes place again."),
    "invited": N_("The person is invited."),
    "link": N_("There is a new link. The old one does not work any more."),
    "revoked": N_("The invitation is taken back. The link does not work any more."),
}


def routes() -> list[web.RouteDef]:
    """The pages of this feature, without those about single invitations."""
    return [
        web.get("/today", today),
        web.get("/cases/{case_id}/appointments/new", new_appointment),
        web.post("/cases/{case_id}/appointments/new", plan),
        web.get("/appointments/{appointment_id}", show),
        web.post("/appointments/{appointment_id}/join", join),
        web.get("/appointments/{appointment_id}/move", show_move),
        web.post("/appointments/{appointment_id}/move", move),
        web.get("/appointments/{appointment_id}/cancel", confirm_cancel),
        web.post("/appointments/{appointment_id}/cancel", cancel),
        web.post("/appointments/{appointment_id}/restore", restore),
    ]


async def appointment_of(
    request: web.Request, session: AsyncSession, action: Action
) -> tuple[Appointment, Case, SignedIn]:
    """The appointment of the address, its case, open, and the person who may do this. Raises NotFound or Forbidden.

    Opening the case is an entry, so the session must be a writing one. Raises CaseErased.
    """
    account(request)
    appointment = await service.find(session, request.match_info["appointment_id"])
    if appointment is None:
        raise NotFound
    case = await session.get_one(Case, appointment.case_id)
    signed_in = await require(request, session, action, case.id)
    record = appointment.id if action is Action.READ_RECORD else None
    await keys.open_case(session, reader(signed_in), case.id, PURPOSES[action], session_id=record)
    return appointment, case, signed_in


def refusal(error: service.AppointmentError) -> Problem:
    """The page that says why an appointment cannot be changed like this."""
    return Problem(error.code, REFUSED[error.code], status=409)


async def today(request: web.Request) -> web.Response:
    """GET /today: what this person has today, and what comes next."""
    now = datetime.now(UTC)
    async with database(request).write() as session:
        signed_in = await require(request, session, Action.LIST_CASES)
        found = await service.of_person(session, signed_in, now - LOOK_BACK)
        await keys.open_cases(session, reader(signed_in), [case.id for _, case in found])
        lines = await board.lines(session, rooms(request), signed_in, found, now)
        may_read = {case.id: await allowed(request, session, Action.READ_CASE, case.id) for _, case in found}
        to_do = await alarms.of_worker(session, signed_in, now)
    this_day = now.astimezone(signed_in.zone).date()
    days = [(line.appointment.starts_at.astimezone(signed_in.zone).date(), line) for line in lines]
    return render(
        request,
        "appointments/today.html",
        nav="today",
        now=now,
        today=[line for day, line in days if day == this_day or (day < this_day and not line.past)],
        coming=[line for day, line in days if day > this_day][:20],
        may_read=may_read,
        alarms=to_do,
        may_know=reach(signed_in.role, Action.KNOW_REFUSALS) is not Reach.NOWHERE,
    )


async def new_appointment(request: web.Request) -> web.Response:
    """GET /cases/{case_id}/appointments/new: suggests the next half hour, the planner and the only client."""
    now = datetime.now(UTC)
    async with database(request).write() as session:
        case, signed_in = await case_of(request, session, Action.PLAN_APPOINTMENT)
        help_phone = case.help_phone or settings(request).help_phone
        values = first_values(now, signed_in.time_zone, help_phone, team=signed_in.id)
        known = await cases.clients(session, case.id)
        if len(known) == 1:
            values["client"] = known[0].id
        return await _plan_page(request, session, case, Form.with_values(values))


async def plan(request: web.Request) -> web.Response:
    """POST /cases/{case_id}/appointments/new."""
    now, form, _ = datetime.now(UTC), await Form.read(request), translator(request)
    async with database(request).write() as session:
        case, signed_in = await case_of(request, session, Action.PLAN_APPOINTMENT)
        fields = read_plan(
            form,
            _,
            now,
            case,
            team=await cases.team(session, case.id),
            clients=await cases.clients(session, case.id),
            guest_language=signed_in.language,
        )
        if fields is None:
            return await _plan_page(request, session, case, form)
        try:
            appointment = await service.plan(
                session,
                signed_in,
                case,
                when=fields.when,
                help_phone=fields.help_phone,
                purpose=fields.purpose,
                people=fields.people,
                now=now,
            )
        except service.AppointmentError as error:
            raise refusal(error) from error
    raise web.HTTPSeeOther(f"/appointments/{appointment.id}?done=planned")


async def show(request: web.Request) -> web.Response:
    """GET /appointments/{appointment_id}: for whoever is invited, and for whoever may read the case."""
    now = datetime.now(UTC)
    async with database(request).write() as session:
        appointment, case, signed_in, key = await _seen(request, session)
        [line] = await board.lines(session, rooms(request), signed_in, [(appointment, case)], now)
        everybody = await seats.of_appointment(session, appointment.id)
        may = {
            action.value: await allowed(request, session, action, case.id)
            for action in (Action.READ_CASE, Action.PLAN_APPOINTMENT, Action.INVITE, Action.READ_RECORD)
        }
        hosts = [seat.account_id for seat in everybody if seat.account_id is not None and seat.revoked_at is None]
        certified = await vault.certified_among(session, hosts, now)
        unsuitable = await suitability.why_not(session, case.id, now)
        may_know = await allowed(request, session, Action.KNOW_REFUSALS, case.id)
        unwanted = await _unwanted(session, key, appointment, now) if may_know else {}
    standing = line.state is not board.State.CANCELLED and not appointment.is_over(now)
    open_links = unsuitable is None and standing and may[Action.INVITE.value]
    return render(
        request,
        "appointments/appointment.html",
        nav="today",
        line=line,
        appointment=appointment,
        case=case,
        team=[seat for seat in everybody if not seat.by_link],
        guests=[(seat, _invitation(request, seat) if open_links else None) for seat in everybody if seat.by_link],
        may=may,
        can_change=may[Action.PLAN_APPOINTMENT.value] and not appointment.is_over(now),
        can_restore=may[Action.PLAN_APPOINTMENT.value] and now < appointment.ends_at,
        open_links=open_links,
        unsuitable=unsuitable is not None and not line.past,
        unwanted={} if line.past else unwanted,
        uncertified=not certified and not line.past and line.state is not board.State.CANCELLED,
        done=done(request, DONE),
    )


async def join(request: web.Request) -> web.Response:
    """POST /appointments/{appointment_id}/join: to the call, with a code that works once and for a minute."""
    now = datetime.now(UTC)
    async with database(request).write() as session:
        appointment, case, signed_in = await appointment_of(request, session, Action.JOIN_MEETING)
        seat = await seats.of_account(session, appointment.id, signed_in.id)
    if seat is None:
        text = N_("You are not invited to this appointment. Ask the case manager to invite you.")
        raise Forbidden(Action.JOIN_MEETING, case_id=case.id, code="not_invited", text=text)
    if appointment.status == Status.CANCELLED.value:
        raise Problem("cancelled", REFUSED["cancelled"], status=409)
    if appointment.is_over(now):
        raise Problem("over", REFUSED["over"], status=409)
    code = tickets.issue(
        secrets(request).derive(tickets.KEY_PURPOSE),
        tickets.Kind.ENTRY,
        {"seat": seat.id, "nonce": new_id()},
        now + ENTRY_CODE_LIVES,
    )
    raise web.HTTPSeeOther(f"{settings(request).call_url or '/call'}#c={code}")


async def show_move(request: web.Request) -> web.Response:
    """GET /appointments/{appointment_id}/move: the form with the time as it is."""
    async with database(request).write() as session:
        appointment, case, _ = await appointment_of(request, session, Action.PLAN_APPOINTMENT)
    when = service.When(appointment.starts_at, appointment.duration_min, appointment.time_zone)
    return _move_page(request, appointment, case, Form.with_values(when_values(when)))


async def move(request: web.Request) -> web.Response:
    """POST /appointments/{appointment_id}/move."""
    now, form = datetime.now(UTC), await Form.read(request)
    when = read_when(form, translator(request), now)
    async with database(request).write() as session:
        appointment, case, signed_in = await appointment_of(request, session, Action.PLAN_APPOINTMENT)
        if when is None:
            return _move_page(request, appointment, case, form)
        try:
            service.move(session, signed_in, appointment, when, now)
        except service.AppointmentError as error:
            raise refusal(error) from error
    return await _changed(request, appointment.id, "moved")


async def confirm_cancel(request: web.Request) -> web.Response:
    """GET /appointments/{appointment_id}/cancel: ask before it is done."""
    async with database(request).write() as session:
        appointment, case, _ = await appointment_of(request, session, Action.PLAN_APPOINTMENT)
    return render(request, "appointments/cancel.html", nav="today", appointment=appointment, case=case)


async def cancel(request: web.Request) -> web.Response:
    """POST /appointments/{appointment_id}/cancel."""
    async with database(request).write() as session:
        appointment, _, signed_in = await appointment_of(request, session, Action.PLAN_APPOINTMENT)
        try:
            service.cancel(session, signed_in, appointment, datetime.now(UTC))
        except service.AppointmentError as error:
            raise refusal(error) from error
    return await _changed(request, appointment.id, "cancelled")


async def restore(request: web.Request) -> web.Response:
    """POST /appointments/{appointment_id}/restore: take a cancellation back."""
    async with database(request).write() as session:
        appointment, _, signed_in = await appointment_of(request, session, Action.PLAN_APPOINTMENT)
        try:
            service.restore(session, signed_in, appointment, datetime.now(UTC))
        except service.AppointmentError as error:
            raise refusal(error) from error
    return await _changed(request, appointment.id, "restored")


async def _changed(request: web.Request, appointment_id: str, what: str) -> web.Response:
    """After the commit: the live meeting hears of it, and the page says so."""
    await rooms(request).appointment_changed(appointment_id)
    raise web.HTTPSeeOther(f"/appointments/{appointment_id}?done={what}")


async def _seen(request: web.Request, session: AsyncSession) -> tuple[Appointment, Case, SignedIn, CaseKey]:
    signed_in = account(request)
    appointment = await service.find(session, request.match_info["appointment_id"])
    if appointment is None:
        raise NotFound
    case = await session.get_one(Case, appointment.case_id)
    # Interpreters read no case, but the page of an appointment to which they are invited is theirs.
    invited = await seats.of_account(session, appointment.id, signed_in.id) is not None
    if not invited:
        await require(request, session, Action.READ_CASE, case.id)
    key = await keys.open_case(session, reader(signed_in), case.id, Purpose.MEET if invited else Purpose.READ)
    return appointment, case, signed_in, key


async def _unwanted(
    session: AsyncSession, key: CaseKey, appointment: Appointment, now: datetime
) -> dict[str, list[str]]:
    """By seat id: the names of the clients who have said no to this person."""
    names = {seat.id: seat.name for seat in await seats.of_appointment(session, appointment.id, revoked=False)}
    found = await consents.unwanted(session, key, appointment.id, now)
    return {seat_id: [names[client] for client in clients] for seat_id, clients in found.items()}


def _invitation(request: web.Request, seat: Seat) -> Mapping[str, str] | None:
    if seat.revoked_at is not None:
        return None
    key = secrets(request).derive(links.KEY_PURPOSE)
    link = links.url(settings(request).call_page, key, seat.id, seat.link_version)
    return {"link": link, "qr": qr.svg(link)}


async def _plan_page(request: web.Request, session: AsyncSession, case: Case, form: Form) -> web.Response:
    if case.closed_at is not None:
        raise Problem("case_closed", REFUSED["case_closed"], status=409)
    team = await cases.team(session, case.id)
    certified = await vault.certified_among(session, [member.account_id for member in team], datetime.now(UTC))
    return render(
        request,
        "appointments/plan.html",
        status=200 if form.ok else 422,
        nav="cases",
        form=form,
        case=case,
        uncertified=not certified,
        team=team,
        clients=await cases.clients(session, case.id),
        guest_rows=range(1, GUEST_ROWS + 1),
        guest_roles=seats.GUEST_ROLES,
        durations=service.DURATIONS_MIN,
        zones=times.zones(),
    )


def _move_page(request: web.Request, appointment: Appointment, case: Case, form: Form) -> web.Response:
    return render(
        request,
        "appointments/move.html",
        status=200 if form.ok else 422,
        nav="today",
        form=form,
        case=case,
        appointment=appointment,
        durations=service.DURATIONS_MIN,
        zones=times.zones(),
    )
