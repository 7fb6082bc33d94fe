"""Pages of the administrator: who has an account, invite, change, disable, and links to hand over."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web
from babel import Locale
from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger
from consent.policy import ACCOUNTS, Action, Role
from server.accounts import service
from server.accounts.service import AccountError
from server.accounts.tables import Account
from server.appointments import seats
from server.cases.words import role_label
from server.http.context import CATALOGS, database, rooms, settings
from server.http.errors import NotFound, Problem
from server.http.forms import Form
from server.http.guard import require
from server.http.render import render
from server.i18n import N_, translator

ROLES = tuple(role for role in Role if role in ACCOUNTS)

REFUSALS = {
    "email_taken": N_("There is already an account with this e-mail address"),
    "last_administrator": N_("This is the only administrator. Make somebody else administrator first"),
}


def routes() -> list[web.RouteDef]:
    """What this feature answers to."""
    return [
        web.get("/admin/accounts", people),
        web.get("/admin/accounts/invite", invite_page),
        web.post("/admin/accounts/invite", invite),
        web.get("/admin/accounts/{account_id}", person_page),
        web.post("/admin/accounts/{account_id}/role", change_role),
        web.post("/admin/accounts/{account_id}/link", new_link),
        web.post("/admin/accounts/{account_id}/disable", disable),
        web.post("/admin/accounts/{account_id}/enable", enable),
    ]


async def people(request: web.Request) -> web.StreamResponse:
    """Everybody who has an account."""
    async with database(request).read() as session:
        await require(request, session, Action.MANAGE_ACCOUNTS)
        everybody = await service.everybody(session)
    return render(request, "accounts/people.html", nav="accounts", people=everybody)


async def invite_page(request: web.Request) -> web.StreamResponse:
    """The empty form."""
    async with database(request).read() as session:
        await require(request, session, Action.MANAGE_ACCOUNTS)
    values = {"language": settings(request).default_language, "time_zone": settings(request).time_zone}
    return _invite_form(request, Form.with_values(values), 200)


async def invite(request: web.Request) -> web.StreamResponse:
    """Create the account and show the link that the person sets a password with."""
    form, _ = await Form.read(request), translator(request)
    name = form.text("name", _("Enter the person's name"), max_length=120, too_long=_("Use at most 120 characters"))
    email = form.email("email", _("Enter an e-mail address, like name@example.org"))
    role = form.choice("role", ROLES, _("Choose what this person does"))
    language = form.choice("language", request.app[CATALOGS].languages, _("Choose a language"))
    conf, now = settings(request), datetime.now(UTC)
    try:
        async with database(request).write() as session:
            doer = await require(request, session, Action.MANAGE_ACCOUNTS)
            if not form.ok or role is None or language is None:
                return _invite_form(request, form, 400)
            actor = ledger.account_actor(doer.id)
            account = await service.create(
                session,
                email=email,
                name=name,
                role=role,
                language=language,
                time_zone=conf.time_zone,
                actor=actor,
                now=now,
            )
            token = await service.new_link(session, account, "invite", actor=actor, now=now, hours=conf.link_hours)
    except AccountError as error:
        form.fail("email", _(REFUSALS[error.code]))
        return _invite_form(request, form, 400)
    return _show_link(request, account, token)


async def person_page(request: web.Request) -> web.StreamResponse:
    """One account and what can be done with it."""
    async with database(request).read() as session:
        await require(request, session, Action.MANAGE_ACCOUNTS)
        person = await _person(request, session)
    return _person_form(request, person, Form.with_values({"role": person.role}), 200)


async def change_role(request: web.Request) -> web.StreamResponse:
    """Give the person another role, from the next page on."""
    form, _ = await Form.read(request), translator(request)
    role = form.choice("role", ROLES, _("Choose what this person does"))
    now = datetime.now(UTC)
    async with database(request).write() as session:
        doer = await require(request, session, Action.MANAGE_ACCOUNTS)
        person = await _person(request, session)
        if role is not None:
            try:
                await service.change_role(session, person, role, actor=ledger.account_actor(doer.id), now=now)
            except AccountError as error:
                form.fail("role", _(REFUSALS[error.code]))
    if not form.ok:
        return _person_form(request, person, form, 400)
    raise web.HTTPSeeOther(f"/admin/accounts/{person.id}")


async def new_link(request: web.Request) -> web.StreamResponse:
    """A fresh link for somebody who lost the password or the invitation."""
    conf, now = settings(request), datetime.now(UTC)
    async with database(request).write() as session:
        doer = await require(request, session, Action.MANAGE_ACCOUNTS)
        person = await _person(request, session)
        if person.disabled_at is not None:
            raise Problem("account_disabled", N_("This account is disabled. Enable it first."), status=409)
        purpose: service.Purpose = "reset" if person.password_hash else "invite"
        actor = ledger.account_actor(doer.id)
        token = await service.new_link(session, person, purpose, actor=actor, now=now, hours=conf.link_hours)
    return _show_link(request, person, token)


async def disable(request: web.Request) -> web.StreamResponse:
    """Stop the person from signing in, and end their part in calls that are running."""
    form, _, now = Form(), translator(request), datetime.now(UTC)
    async with database(request).write() as session:
        doer = await require(request, session, Action.MANAGE_ACCOUNTS)
        person = await _person(request, session)
        if person.id == doer.id:
            form.fail("disable", _("You cannot disable your own account"))
        else:
            await service.disable(session, person, actor=ledger.account_actor(doer.id), now=now)
        held = await seats.held_by(session, person.id)
    if not form.ok:
        return _person_form(request, person, form, 400)
    for seat_id in held:
        await rooms(request).close_seat(seat_id)
    raise web.HTTPSeeOther(f"/admin/accounts/{person.id}")


async def enable(request: web.Request) -> web.StreamResponse:
    """Let the person sign in again."""
    async with database(request).write() as session:
        doer = await require(request, session, Action.MANAGE_ACCOUNTS)
        person = await _person(request, session)
        await service.enable(session, person, actor=ledger.account_actor(doer.id), now=datetime.now(UTC))
    raise web.HTTPSeeOther(f"/admin/accounts/{person.id}")


async def _person(request: web.Request, session: AsyncSession) -> Account:
    person = await session.get(Account, request.match_info["account_id"])
    if person is None:
        raise NotFound
    return person


def _roles(request: web.Request) -> list[dict[str, str]]:
    _ = translator(request)
    return [{"value": role.value, "text": _(role_label(role.value)).capitalize()} for role in ROLES]


def _invite_form(request: web.Request, form: Form, status: int) -> web.Response:
    codes = settings(request).languages
    languages = [{"value": code, "text": Locale.parse(code).get_display_name(code)} for code in codes]
    context = {"form": form, "roles": _roles(request), "language_items": languages}
    return render(request, "accounts/invite.html", nav="accounts", status=status, **context)


def _person_form(request: web.Request, person: Account, form: Form, status: int) -> web.Response:
    return render(
        request, "accounts/person.html", nav="accounts", person=person, form=form, roles=_roles(request), status=status
    )


def _show_link(request: web.Request, person: Account, token: str) -> web.Response:
    conf = settings(request)
    link = f"{conf.base_url}/password/set/{token}"
    return render(request, "accounts/link.html", nav="accounts", person=person, link=link, hours=conf.link_hours)
