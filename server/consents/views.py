"""Pages of consent: what the clients of a case agreed to, and the doors to everything about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent.keys import CaseKey, Purpose
from consent.policy import Action
from server.cases import service as cases
from server.cases.tables import Case, CaseClient
from server.cases.views import done
from server.consents import other_ways, overview, representation, suitability, texts
from server.http.context import DATABASE, SETTINGS, SignedIn, database
from server.http.errors import NotFound
from server.http.guard import account
from server.http.render import render
from server.i18n import N_
from server.supervision.access import Entrance, enter

OPENED_FOR: Mapping[Action, Purpose] = {
    Action.READ_CONSENT: Purpose.READ,
    Action.ENTER_CONSENT: Purpose.CHANGE,
    Action.ENTER_CONTACT: Purpose.READ,
    Action.DECIDE_SUITABILITY: Purpose.SUPERVISE,
    Action.EXPORT_RECORD: Purpose.EXPORT,
}
"""What a page of consent opens a case for, by what it lets people do."""

DONE: Mapping[str, str] = {
    "decided": N_("The decision is written down."),
    "flagged": N_("From this moment there is no video on this case. A supervisor decides how it goes on."),
    "entered": N_("The answer is written down. Ask the person to confirm it at the next conversation or visit."),
    "withdrawn": N_("It is taken back, and holds from this moment."),
    "represented": N_("The document is kept."),
    "ended": N_("Nobody acts by this document any more."),
    "planned": N_("It is planned."),
    "finished": N_("Done. It is written down."),
    "linked": N_("From now on this invitation speaks for the document."),
}


def routes() -> list[web.RouteDef]:
    """The page about all consents of a case; the others stand in modules of their own."""
    return [web.get("/cases/{case_id}/consents", show)]


def install(app: web.Application) -> None:
    """Tell what the program brings, for every purpose about which the organisation has told nothing yet."""

    async def tell(_app: web.Application) -> None:
        named = app[SETTINGS]
        async with app[DATABASE].read() as session:
            if await texts.is_told(session):
                return
        async with app[DATABASE].write() as session:
            await texts.ensure_defaults(
                session, named.organisation, named.help_phone, named.languages, datetime.now(UTC)
            )

    app.on_startup.append(tell)


async def case_for(request: web.Request, session: AsyncSession, action: Action) -> tuple[Case, SignedIn, CaseKey]:
    """The case of the address, open, and who may do this with it. Raises NotFound or Forbidden."""
    case, entrance = await enter_case(request, session, action)
    return case, entrance.signed_in, entrance.key


async def enter_case(request: web.Request, session: AsyncSession, action: Action) -> tuple[Case, Entrance]:
    """The case of the address, and on what ground it is open: also to an inspector, or in an emergency, for reading.

    Raises NotFound or Forbidden.
    """
    account(request)
    case = await cases.find(session, request.match_info["case_id"])
    if case is None:
        raise NotFound
    return case, await enter(request, session, action, case.id, OPENED_FOR[action])


async def client_of(request: web.Request, session: AsyncSession, case: Case) -> CaseClient:
    """The client of the address. Raises NotFound for another case's."""
    client = await session.get(CaseClient, request.match_info["client_id"])
    if client is None or client.case_id != case.id:
        raise NotFound
    return client


def end_of_day(day: date, signed_in: SignedIn) -> datetime:
    """The last moment of a day where the reader is."""
    return datetime.combine(day, time(23, 59, 59), signed_in.zone).astimezone(UTC)


async def show(request: web.Request) -> web.Response:
    """GET /cases/{case_id}/consents: by client what stands, who acts for them, and how else they are reached."""
    now = datetime.now(UTC)
    async with database(request).write() as session:
        case, entrance = await enter_case(request, session, Action.READ_CONSENT)
        key = entrance.key
        clients = await cases.clients(session, case.id)
        people = [await overview.of_client(session, key, client, now) for client in clients]
        ways = await other_ways.of_case(session, case.id)
        names = await overview.names(session, [way.owner_id for way in ways])
        papers = await representation.of_case(session, case.id)
        seats = await representation.open_seats(session, case.id, now)
        may = {action.value: entrance.may(action) for action in (Action.ENTER_CONSENT, Action.KNOW_REFUSALS)}
        why_not = await suitability.why_not(session, case.id, now)
    return render(
        request,
        "consents/case.html",
        nav="cases",
        case=case,
        entrance=entrance,
        people=people,
        ways=ways,
        names=names,
        papers=papers,
        seats=seats,
        may=may,
        why_not=why_not,
        now=now,
        aliases={client.id: client.alias for client in clients},
        done=done(request, DONE),
    )
