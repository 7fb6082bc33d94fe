"""Pages of sign-in, sign-out, passwords and language."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from consent.policy import TABLE, Action, Reach, Role
from server.accounts import service, sessions
from server.accounts.passwords import weakness
from server.accounts.service import AccountError
from server.accounts.sessions import PASSWORDS
from server.accounts.tables import Account
from server.http.context import CATALOGS, database, settings
from server.http.errors import NotFound, Problem
from server.http.forms import Form
from server.http.guard import account, account_or_none
from server.http.limits import spend
from server.http.render import render
from server.i18n import COOKIE as LANGUAGE_COOKIE
from server.i18n import N_, translator

ONE_YEAR_S = 31_536_000


class LinkGone(Problem):
    """A password link that was used, replaced, has expired, or never was."""

    status = 410
    code = "link_gone"
    text = N_(
        "This link does not work any more. Links work once and for a limited time. Ask your administrator for one."
    )


def routes() -> list[web.RouteDef]:
    """What this feature answers to."""
    return [
        web.get("/", home),
        web.get("/sign-in", sign_in_page),
        web.post("/sign-in", sign_in),
        web.post("/sign-out", sign_out),
        web.get("/password/forgot", forgot_page),
        web.post("/password/forgot", forgot),
        web.get("/password/set/{token}", set_page),
        web.post("/password/set/{token}", set_password),
        web.get("/language/{code}", choose_language),
    ]


def home_of(role: Role) -> str:
    """The page where a role's work begins."""
    may = TABLE[role]
    if Action.MANAGE_ACCOUNTS in may:
        return "/admin/accounts"
    if Action.SUPERVISE in may:
        return "/supervision"
    return "/inspection" if may.get(Action.READ_RECORD) is Reach.NAMED else "/today"


def inside(address: str) -> str | None:
    """The address if it is a path of this server, so that a link cannot send people elsewhere after signing in."""
    plain = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if plain and "\\" not in address and len(address) <= 500 else None


async def home(request: web.Request) -> web.StreamResponse:
    """Send everybody where their work begins."""
    raise web.HTTPSeeOther(home_of(account(request).role))


async def sign_in_page(request: web.Request) -> web.StreamResponse:
    """The form; whoever is signed in already goes on."""
    signed_in = account_or_none(request)
    if signed_in is not None:
        raise web.HTTPSeeOther(inside(request.query.get("next", "")) or home_of(signed_in.role))
    form = Form.with_values({"next": request.query.get("next", "")})
    return render(request, "accounts/sign_in.html", form=form, changed="changed" in request.query)


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Check e-mail address and password; one message for whatever is wrong."""
    spend(request, "sign_in_address")
    form, _ = await Form.read(request), translator(request)
    email = form.email("email", _("Enter your e-mail address, like name@example.org"))
    if not form.value("password"):
        form.fail("password", _("Enter your password"))
    if form.ok:
        spend(request, "sign_in_account", email)
        token = await sessions.sign_in(request, email, form.value("password")[:1000])
        if token is not None:
            response = web.Response(status=303, headers={"Location": inside(form.value("next")) or "/"})
            sessions.give_cookie(response, settings(request), token)
            return response
        form.fail("email", _("E-mail address or password is not right"))
    return render(request, "accounts/sign_in.html", form=form, changed=False, status=400)


async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the sign-in on this browser."""
    signed_in = account_or_none(request)
    if signed_in is not None:
        async with database(request).write() as session:
            await sessions.sign_out(session, signed_in, datetime.now(UTC))
    response = web.Response(status=303, headers={"Location": "/sign-in"})
    sessions.take_cookie(response, settings(request))
    return response


async def forgot_page(request: web.Request) -> web.StreamResponse:
    """Say plainly how a new password is had: this server sends no mail."""
    return render(request, "accounts/forgot.html", form=Form(), asked=False)


async def forgot(request: web.Request) -> web.StreamResponse:
    """Note the wish for the administrator; the answer is the same whether or not the account exists."""
    spend(request, "password_link")
    form, _ = await Form.read(request), translator(request)
    email = form.email("email", _("Enter your e-mail address, like name@example.org"))
    if not form.ok:
        return render(request, "accounts/forgot.html", form=form, asked=False, status=400)
    async with database(request).write() as session:
        await service.ask_reset(session, email, datetime.now(UTC))
    return render(request, "accounts/forgot.html", form=Form(), asked=True)


async def set_page(request: web.Request) -> web.StreamResponse:
    """Where an invitation or reset link leads; opening it changes nothing, so preview robots do no harm."""
    spend(request, "password_link")
    person = await _linked(request)
    return _set_form(request, person, Form(), 200)


async def set_password(request: web.Request) -> web.StreamResponse:
    """Set the new password and use the link up."""
    spend(request, "password_link")
    person = await _linked(request)
    form, _ = await Form.read(request), translator(request)
    password = form.value("password")
    problem = weakness(password, email=person.email, name=person.name)
    if problem:
        form.fail("password", _(problem))
    elif password != form.value("again"):
        form.fail("again", _("The two passwords are not the same"))
    if not form.ok:
        return _set_form(request, person, form, 400)
    password_hash = await request.app[PASSWORDS].hash(password)
    try:
        async with database(request).write() as session:
            await service.set_password(session, request.match_info["token"], password_hash, datetime.now(UTC))
    except AccountError:
        raise LinkGone from None
    response = web.Response(status=303, headers={"Location": "/sign-in?changed"})
    sessions.take_cookie(response, settings(request))
    return response


async def choose_language(request: web.Request) -> web.StreamResponse:
    """Remember the language on this device and, for staff, in the account; then back to the page."""
    spend(request, "language")
    code = request.match_info["code"]
    if code not in request.app[CATALOGS].languages:
        raise NotFound
    signed_in = account_or_none(request)
    if signed_in is not None and signed_in.language != code:
        async with database(request).write() as session:
            (await session.get_one(Account, signed_in.id)).language = code
    response = web.Response(status=303, headers={"Location": inside(request.query.get("next", "")) or "/"})
    secure = settings(request).secure
    response.set_cookie(LANGUAGE_COOKIE, code, max_age=ONE_YEAR_S, httponly=True, secure=secure, samesite="Lax")
    return response


async def _linked(request: web.Request) -> Account:
    try:
        async with database(request).read() as session:
            return await service.link_account(session, request.match_info["token"], datetime.now(UTC))
    except AccountError:
        raise LinkGone from None


def _set_form(request: web.Request, person: Account, form: Form, status: int) -> web.Response:
    return render(request, "accounts/set_password.html", form=form, person=person, status=status)
