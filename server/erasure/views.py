"""Pages of retention and erasure: asking, the second person's decision, and what was erased."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time

from aiohttp import web
from babel.dates import format_date
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.policy import Action, allows
from server.cases.tables import Case, Retention
from server.cases.views import case_of, done
from server.erasure import service, words
from server.erasure.rules import Reason, Refusal, Years, kept_until
from server.http.context import SignedIn, database, settings
from server.http.errors import NotFound, Problem
from server.http.forms import Form
from server.http.guard import reader, require
from server.http.render import render
from server.i18n import N_, language, translator

DONE: Mapping[str, str] = {
    "asked": N_("The erasure is asked for. A second person has to confirm it."),
    "stays": N_("The case stays. The request is taken back."),
    "erased": N_("The case is erased. Nobody can read it any more."),
    "retention": N_("How long the case is kept is changed."),
}
REFUSED: Mapping[str, str] = {
    "asked_already": N_("Somebody has asked for this already."),
    "not_open": N_("This request has been decided already."),
    "same_person": N_("You asked for it yourself. Another supervisor has to confirm it."),
}


def routes() -> list[web.RouteDef]:
    """The pages of this feature."""
    return [
        web.get("/cases/{case_id}/erase", show_ask),
        web.post("/cases/{case_id}/erase", ask),
        web.post("/cases/{case_id}/retention", set_retention),
        web.get("/erasures", show_all),
        web.get("/erasures/{erasure_id}", show_one),
        web.post("/erasures/{erasure_id}/confirm", confirm),
        web.post("/erasures/{erasure_id}/take-back", take_back),
    ]


async def show_ask(request: web.Request) -> web.Response:
    """GET /cases/{case_id}/erase: how long it is kept, and the question why it should go."""
    async with database(request).write() as session:
        case, signed_in = await case_of(request, session, Action.ASK_ERASURE)
        return await _ask_page(request, session, case, signed_in, Form())


async def ask(request: web.Request) -> web.Response:
    """POST /cases/{case_id}/erase with ``reason``."""
    form, _ = await Form.read(request), translator(request)
    chosen = form.choice("reason", Reason, _("Choose why the case should be erased."))
    async with database(request).write() as session:
        case, signed_in = await case_of(request, session, Action.ASK_ERASURE)
        if chosen is None:
            return await _ask_page(request, session, case, signed_in, form)
        now = datetime.now(UTC)
        try:
            await service.ask(session, signed_in, case, chosen, years=years(request), now=now)
        except service.ErasureError as error:
            if error.refused is None:
                raise Problem(error.code, REFUSED[error.code], status=409) from error
            form.fail("reason", why_not(request, error.refused))
            return await _ask_page(request, session, case, signed_in, form)
    raise web.HTTPSeeOther(f"/cases/{case.id}/erase?done=asked")


async def set_retention(request: web.Request) -> web.Response:
    """POST /cases/{case_id}/retention with ``retention``."""
    form, _ = await Form.read(request), translator(request)
    chosen = form.choice("retention", Retention, _("Choose how long the case is kept."))
    async with database(request).write() as session:
        case, signed_in = await case_of(request, session, Action.SET_RETENTION)
        if case.erased_at is not None:
            raise NotFound
        if chosen is None:
            return await _ask_page(request, session, case, signed_in, form)
        service.set_retention(session, signed_in, case, chosen, datetime.now(UTC))
    raise web.HTTPSeeOther(f"/cases/{case.id}/erase?done=retention")


async def show_all(request: web.Request) -> web.Response:
    """GET /erasures: what waits for a second person, whose time is over, and what was erased."""
    async with database(request).write() as session:
        signed_in = await require(request, session, Action.CONFIRM_ERASURE)
        waiting = await service.waiting(session)
        overdue = await service.overdue(session, years(request), datetime.now(UTC))
        listed = [*(each.case.id for each in waiting), *(case.id for case in overdue)]
        await keys.open_cases(session, reader(signed_in), listed)
        erased = await service.erased(session)
    return render(
        request,
        "erasure/list.html",
        nav="cases",
        waiting=waiting,
        overdue=overdue,
        erased=erased,
        reasons=words.REASONS,
        reason_of=Reason,
        done=done(request, DONE),
    )


async def show_one(request: web.Request) -> web.Response:
    """GET /erasures/{erasure_id}: what it means, before the second person decides."""
    async with database(request).write() as session:
        found, signed_in = await _asked(request, session)
    return render(
        request,
        "erasure/confirm.html",
        nav="cases",
        found=found,
        case=found.case,
        reason=words.REASONS[Reason(found.erasure.reason)],
        retention=words.RETENTIONS[Retention(found.case.retention)],
        own=found.erasure.asked_by == signed_in.id,
    )


async def confirm(request: web.Request) -> web.Response:
    """POST /erasures/{erasure_id}/confirm: the key is destroyed."""
    async with database(request).write() as session:
        found, signed_in = await _asked(request, session)
        try:
            await service.confirm(session, signed_in, found.erasure, years(request), datetime.now(UTC))
        except service.ErasureError as error:
            text = why_not(request, error.refused) if error.refused else REFUSED[error.code]
            raise Problem(error.code, text, status=409) from error
    await database(request).forget_traces()
    raise web.HTTPSeeOther("/erasures?done=erased")


async def take_back(request: web.Request) -> web.Response:
    """POST /erasures/{erasure_id}/take-back: the case stays."""
    async with database(request).write() as session:
        found, signed_in = await _asked(request, session)
        try:
            await service.take_back(session, signed_in, found.erasure, datetime.now(UTC))
        except service.ErasureError as error:
            raise Problem(error.code, REFUSED[error.code], status=409) from error
    raise web.HTTPSeeOther("/erasures?done=stays")


def years(request: web.Request) -> Years:
    """How long each class is kept, by the settings."""
    chosen = settings(request)
    return {Retention.ORDINARY: chosen.retention_ordinary_years, Retention.LONG: chosen.retention_long_years}


def why_not(request: web.Request, refused: Refusal) -> str:
    """A refusal in words of the reader's language."""
    text = translator(request)(words.REFUSED[refused.code])
    if refused.until is None:
        return text
    return text % {"day": format_date(refused.until, "long", locale=language(request))}


async def _asked(request: web.Request, session: AsyncSession) -> tuple[service.Asked, SignedIn]:
    signed_in = await require(request, session, Action.CONFIRM_ERASURE)
    found = await service.find(session, request.match_info["erasure_id"])
    if found is None or found.erasure.ended_at is not None:
        raise NotFound
    await keys.open_case(session, reader(signed_in), found.case.id, keys.Purpose.SUPERVISE)
    return found, signed_in


async def _ask_page(
    request: web.Request, session: AsyncSession, case: Case, signed_in: SignedIn, form: Form
) -> web.Response:
    retention, closed_at = Retention(case.retention), case.closed_at
    until = None
    if closed_at is not None and retention in years(request):
        until = datetime.combine(kept_until(closed_at, years(request)[retention]), time(12), UTC)
    return render(
        request,
        "erasure/ask.html",
        status=200 if form.ok else 422,
        nav="cases",
        form=form,
        case=case,
        asked=await service.open_of(session, case.id),
        may_confirm=allows(signed_in.role, Action.CONFIRM_ERASURE, on_team=False),
        may_set=allows(signed_in.role, Action.SET_RETENTION, on_team=False),
        retention=retention,
        retentions=words.RETENTIONS,
        reasons=words.REASONS,
        until=until,
        done=done(request, DONE),
    )
