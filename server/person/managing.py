"""Pages where staff make a person's own page, close it, and give a PIN."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web

from consent.gate import Reason
from consent.policy import Action
from server.accounts.sessions import PASSWORDS
from server.appointments import qr
from server.cases.tables import Case, CaseClient
from server.cases.views import done
from server.consents import suitability
from server.consents.service import ConsentError
from server.consents.views import case_for, client_of
from server.http.context import database, secrets, settings
from server.http.errors import NotFound, Problem
from server.http.render import render
from server.i18n import N_, translator
from server.person import service
from server.person.tables import PersonPage

DONE: Mapping[str, str] = {
    "made": N_("The page is open. Give the person this link."),
    "closed": N_("The page is closed. The link opens nothing and says nothing."),
}
IN_DANGER = N_(
    "Somebody may be in danger, so the person's own page stays closed: whoever holds the telephone would see it. "
    "Meet the person at the service. When it is safe again, ask a supervisor to decide anew. "
    "Then you can open the page."
)
TOO_MANY = N_("This page has had too many links.")


def routes() -> list[web.RouteDef]:
    """The pages about a person's own page."""
    base = "/cases/{case_id}/clients/{client_id}/page"
    return [
        web.get(base, show),
        web.post(base, make),
        web.post(base + "/close", close),
        web.post(base + "/pin", give_pin),
    ]


async def show(request: web.Request) -> web.Response:
    """GET …/page: whether it is open, its link, and whether there is a PIN."""
    async with database(request).write() as session:
        case, _, _ = await case_for(request, session, Action.ENTER_CONSENT)
        client = await client_of(request, session, case)
        page = await service.of_client(session, client.id)
        why_not = await suitability.why_not(session, case.id, datetime.now(UTC))
    return _page(request, case, client, page, in_danger=why_not is Reason.DANGER)


async def make(request: web.Request) -> web.Response:
    """POST …/page: make it, open it again, or give it a new link."""
    async with database(request).write() as session:
        case, signed_in, _ = await case_for(request, session, Action.ENTER_CONSENT)
        client = await client_of(request, session, case)
        try:
            await service.make(session, signed_in, client, datetime.now(UTC))
        except ConsentError as error:
            raise Problem("too_many_links", TOO_MANY, status=409) from error
        except suitability.NotSuitable as error:
            raise Problem("in_danger", IN_DANGER, status=409) from error
    raise web.HTTPSeeOther(f"/cases/{case.id}/clients/{client.id}/page?done=made")


async def close(request: web.Request) -> web.Response:
    """POST …/page/close: the phone is not safe."""
    async with database(request).write() as session:
        case, signed_in, _ = await case_for(request, session, Action.ENTER_CONSENT)
        client = await client_of(request, session, case)
        page = await service.of_client(session, client.id)
        if page is None:
            raise NotFound
        service.close(session, signed_in, page, datetime.now(UTC))
    raise web.HTTPSeeOther(f"/cases/{case.id}/clients/{client.id}/page?done=closed")


async def give_pin(request: web.Request) -> web.Response:
    """POST …/page/pin: a new PIN, shown on this answer and never again."""
    pin = service.new_pin()
    pin_hash = await request.app[PASSWORDS].hash(pin)
    async with database(request).write() as session:
        case, signed_in, _ = await case_for(request, session, Action.ENTER_CONSENT)
        client = await client_of(request, session, case)
        page = await service.of_client(session, client.id)
        if page is None or page.off:
            raise NotFound
        service.keep_pin(session, signed_in, page, pin_hash, datetime.now(UTC))
    return _page(request, case, client, page, pin=pin)


def _page(
    request: web.Request,
    case: Case,
    client: CaseClient,
    page: PersonPage | None,
    *,
    pin: str | None = None,
    in_danger: bool = False,
) -> web.Response:
    link = None
    if page is not None and not page.off and not in_danger:
        link = service.url(settings(request).base_url, secrets(request).derive(service.LINK_PURPOSE), page)
    return render(
        request,
        "person/manage.html",
        nav="cases",
        case=case,
        client=client,
        page=page,
        link=link,
        in_danger=translator(request)(IN_DANGER) if in_danger else None,
        picture=qr.svg(link) if link else None,
        pin=f"{pin[:3]} {pin[3:]}" if pin else None,
        done=done(request, DONE),
    )
