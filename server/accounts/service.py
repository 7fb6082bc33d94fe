"""Accounts: invite, change, disable, set passwords by link. Every fact is written with its entry."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consent import ledger
from consent.events import Tag
from consent.policy import Role
from server.accounts.tables import Account, AccountLink, AccountSession

Purpose = Literal["invite", "reset"]


class AccountError(Exception):
    """What cannot be done with an account; ``code`` is ``email_taken``, ``last_administrator`` or ``link_invalid``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def digest(token: str) -> str:
    """What the database keeps of a token; tokens are random and long, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


async def everybody(session: AsyncSession) -> Sequence[Account]:
    """All accounts by name."""
    return (await session.scalars(select(Account).order_by(Account.name, Account.id))).all()


async def by_email(session: AsyncSession, email: str) -> Account | None:
    """The account of an e-mail address."""
    return (await session.scalars(select(Account).where(Account.email == email.strip().lower()))).one_or_none()


async def create(
    session: AsyncSession,
    *,
    email: str,
    name: str,
    role: Role,
    language: str,
    time_zone: str,
    actor: str,
    now: datetime,
) -> Account:
    """A new account without a password. Raises AccountError ``email_taken``."""
    email = email.strip().lower()
    if await by_email(session, email) is not None:
        raise AccountError("email_taken")
    account = Account(email=email, name=name, role=role.value, language=language, time_zone=time_zone, created_at=now)
    session.add(account)
    await session.flush()
    ledger.append(
        session, Tag.ACCOUNT_CREATED, actor=actor, at=now, details={"account": account.id, "role": role.value}
    )
    return account


async def new_link(
    session: AsyncSession, account: Account, purpose: Purpose, *, actor: str, now: datetime, hours: int
) -> str:
    """The token of a fresh link that sets the password once; earlier links of the account stop working."""
    await session.execute(
        update(AccountLink)
        .where(AccountLink.account_id == account.id, AccountLink.used_at.is_(None))
        .values(used_at=now)
    )
    token = secrets.token_urlsafe(24)
    session.add(
        AccountLink(
            token_hash=digest(token), account_id=account.id, purpose=purpose, expires_at=now + timedelta(hours=hours)
        )
    )
    account.reset_asked_at = None
    ledger.append(
        session, Tag.ACCOUNT_INVITED, actor=actor, at=now, details={"account": account.id, "purpose": purpose}
    )
    return token


async def link_account(session: AsyncSession, token: str, now: datetime) -> Account:
    """Whose link it is; looking changes nothing. Raises AccountError ``link_invalid``."""
    link = await session.get(AccountLink, digest(token))
    if link is None or link.used_at is not None or link.expires_at <= now:
        raise AccountError("link_invalid")
    account = await session.get(Account, link.account_id)
    if account is None or account.disabled_at is not None:
        raise AccountError("link_invalid")
    return account


async def set_password(session: AsyncSession, token: str, password_hash: str, now: datetime) -> Account:
    """Use up the link: the new password counts, and every sign-in of the account ends."""
    account = await link_account(session, token, now)
    link = await session.get_one(AccountLink, digest(token))
    link.used_at = now
    account.password_hash = password_hash
    account.reset_asked_at = None
    await end_sessions(session, account.id)
    ledger.append(session, Tag.PASSWORD_CHANGED, actor=ledger.account_actor(account.id), at=now)
    return account


async def ask_reset(session: AsyncSession, email: str, now: datetime) -> None:
    """Note for the administrator that somebody needs a new password; unknown addresses leave no trace."""
    account = await by_email(session, email)
    if account is None or account.disabled_at is not None or account.reset_asked_at is not None:
        return
    account.reset_asked_at = now
    ledger.append(session, Tag.PASSWORD_RESET_ASKED, actor=ledger.account_actor(account.id), at=now)


async def disable(session: AsyncSession, account: Account, *, actor: str, now: datetime) -> None:
    """The person can no longer sign in, from this moment. Raises AccountError ``last_administrator``."""
    if account.disabled_at is not None:
        return
    await _keep_an_administrator(session, account)
    account.disabled_at = now
    await end_sessions(session, account.id)
    ledger.append(session, Tag.ACCOUNT_DISABLED, actor=actor, at=now, details={"account": account.id})


async def enable(session: AsyncSession, account: Account, *, actor: str, now: datetime) -> None:
    """The person may sign in again with the old password."""
    if account.disabled_at is None:
        return
    account.disabled_at = None
    ledger.append(session, Tag.ACCOUNT_ENABLED, actor=actor, at=now, details={"account": account.id})


async def change_role(session: AsyncSession, account: Account, role: Role, *, actor: str, now: datetime) -> None:
    """Another role, at once. Raises AccountError ``last_administrator``."""
    if account.role == role.value:
        return
    await _keep_an_administrator(session, account)
    before, account.role = account.role, role.value
    details = {"account": account.id, "before": before, "after": role.value}
    ledger.append(session, Tag.ACCOUNT_CHANGED, actor=actor, at=now, details=details)


async def end_sessions(session: AsyncSession, account_id: str, *, but: str | None = None) -> None:
    """Sign the account out everywhere; ``but`` is the hash of the one sign-in that stays."""
    ending = delete(AccountSession).where(AccountSession.account_id == account_id)
    await session.execute(ending if but is None else ending.where(AccountSession.token_hash != but))


async def _keep_an_administrator(session: AsyncSession, account: Account) -> None:
    if account.role != Role.ADMINISTRATOR or account.disabled_at is not None:
        return
    others = select(func.count()).where(
        Account.role == Role.ADMINISTRATOR.value, Account.disabled_at.is_(None), Account.id != account.id
    )
    if not await session.scalar(others):
        raise AccountError("last_administrator")
