"""Sign-ins: the cookie, who it stands for, and when it stops."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from aiohttp import web
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger
from consent.database import DatabaseBusy
from consent.events import Tag
from consent.policy import Role
from server.accounts.passwords import Passwords, outdated
from server.accounts.service import by_email, digest
from server.accounts.tables import Account, AccountSession
from server.http.context import DATABASE, SETTINGS, SIGNED_IN, SignedIn
from server.http.errors import Handler
from server.settings import Settings

SEEN_EVERY = timedelta(minutes=1)
UNATTENDED = "Poruch-Unattended"
"""The header of a page that looks by itself while nobody is there: it must not keep an abandoned desk signed in."""
PASSWORDS = web.AppKey("passwords", Passwords)
WITHOUT_SIGN_IN = ("/static/", "/health/", "/metrics", "/socket", "/api/seat")


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who is asking, before anything else looks."""
    token = request.cookies.get(cookie_name(request.app[SETTINGS]))
    if token and not request.path.startswith(WITHOUT_SIGN_IN):
        signed_in = await _find(request, token, datetime.now(UTC))
        if signed_in is not None:
            request[SIGNED_IN] = signed_in
    return await handler(request)


async def sign_in(request: web.Request, email: str, password: str) -> str | None:
    """The token of a new sign-in, or None: unknown, wrong, disabled and not yet invited look and take the same."""
    database, passwords, now = request.app[DATABASE], request.app[PASSWORDS], datetime.now(UTC)
    async with database.read() as session:
        account = await by_email(session, email)
    usable = account.password_hash if account and account.disabled_at is None else None
    right = await passwords.matches(password, usable)
    fresh_hash = await passwords.hash(password) if right and usable and outdated(usable) else None
    async with database.write() as session:
        now_hash = (
            await session.scalar(select(Account.password_hash).where(Account.id == account.id)) if account else None
        )
        if account is None or not right or now_hash != usable:  # a reset meanwhile wins
            actor = ledger.account_actor(account.id) if account else ledger.SYSTEM
            ledger.append(session, Tag.SIGN_IN_FAILED, actor=actor, at=now, details={"known": account is not None})
            return None
        if fresh_hash:
            await session.execute(update(Account).where(Account.id == account.id).values(password_hash=fresh_hash))
        return await start(session, account.id, request.app[SETTINGS], now)


async def start(session: AsyncSession, account_id: str, settings: Settings, now: datetime) -> str:
    """Begin a sign-in and return its token; what has expired meanwhile is swept out."""
    await session.execute(delete(AccountSession).where(AccountSession.expires_at <= now))
    token = secrets.token_urlsafe(32)
    session.add(
        AccountSession(
            token_hash=digest(token),
            account_id=account_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(hours=settings.session_hours),
        )
    )
    ledger.append(session, Tag.SIGNED_IN, actor=ledger.account_actor(account_id), at=now)
    return token


async def sign_out(session: AsyncSession, signed_in: SignedIn, now: datetime) -> None:
    """End this sign-in, on this browser."""
    await session.execute(delete(AccountSession).where(AccountSession.token_hash == signed_in.session_hash))
    ledger.append(session, Tag.SIGNED_OUT, actor=ledger.account_actor(signed_in.id), at=now)


def cookie_name(settings: Settings) -> str:
    """With HTTPS the name itself makes browsers insist on Secure, Path=/ and no Domain."""
    return "__Host-poruch" if settings.secure else "poruch"


def give_cookie(response: web.StreamResponse, settings: Settings, token: str) -> None:
    """Put the sign-in into the browser; it ends with the browser or with the server's own clock."""
    response.set_cookie(cookie_name(settings), token, httponly=True, secure=settings.secure, samesite="Lax", path="/")


def take_cookie(response: web.StreamResponse, settings: Settings) -> None:
    """Remove the sign-in from the browser."""
    response.del_cookie(cookie_name(settings), path="/", secure=settings.secure, httponly=True, samesite="Lax")


async def _find(request: web.Request, token: str, now: datetime) -> SignedIn | None:
    settings, database, token_hash = request.app[SETTINGS], request.app[DATABASE], digest(token)
    idle_since = now - timedelta(minutes=settings.session_idle_minutes)
    async with database.read() as session:
        query = (
            select(Account, AccountSession)
            .join(AccountSession, AccountSession.account_id == Account.id)
            .where(
                AccountSession.token_hash == token_hash,
                AccountSession.expires_at > now,
                AccountSession.last_seen_at > idle_since,
                Account.disabled_at.is_(None),
            )
        )
        found = (await session.execute(query)).one_or_none()
    if found is None:
        return None
    account, sign_in_row = found
    if now - sign_in_row.last_seen_at >= SEEN_EVERY and UNATTENDED not in request.headers:
        await _seen(request, token_hash, now)
    return SignedIn(
        id=account.id,
        name=account.name,
        email=account.email,
        role=Role(account.role),
        language=account.language,
        time_zone=account.time_zone,
        session_hash=token_hash,
    )


async def _seen(request: web.Request, token_hash: str, now: datetime) -> None:
    try:
        async with request.app[DATABASE].write() as session:
            await session.execute(
                update(AccountSession).where(AccountSession.token_hash == token_hash).values(last_seen_at=now)
            )
    except DatabaseBusy:
        return  # the next request notes it; reading a page must not fail because somebody writes
