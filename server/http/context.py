"""What handlers find on the application and on a request, by typed keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import jinja2
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent.database import Database
from consent.policy import Role
from server.secrets import Secrets
from server.settings import Settings

if TYPE_CHECKING:
    from media.pool import MediaPool
    from rooms.service import Rooms
    from server.i18n import Catalogs

TeamRole = Callable[[AsyncSession, str, str], Awaitable[Role | None]]
"""(session, account_id, case_id) -> the role this account has on that case's team now, or None."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person behind a request."""

    id: str
    name: str
    email: str
    role: Role
    language: str
    time_zone: str
    session_hash: str
    """Names the sign-in, not the person: forms are bound to it."""

    @property
    def zone(self) -> ZoneInfo:
        """The person's time zone."""
        return ZoneInfo(self.time_zone)


DATABASE = web.AppKey("database", Database)
SETTINGS = web.AppKey("settings", Settings)
SECRETS = web.AppKey("secrets", Secrets)
JINJA = web.AppKey("jinja", jinja2.Environment)
CATALOGS: web.AppKey[Catalogs] = web.AppKey("catalogs")
ROOMS: web.AppKey[Rooms] = web.AppKey("rooms")
MEDIA: web.AppKey[MediaPool] = web.AppKey("media")
TEAM_ROLE: web.AppKey[TeamRole] = web.AppKey("team_role")

SIGNED_IN: web.RequestKey[SignedIn] = web.RequestKey("signed_in")


@dataclass(frozen=True)
class AtTheDoor:
    """Who waits to be let in by this person; which meeting and its start, where it is one only."""

    knocks: tuple[str, ...]
    appointment_id: str | None = None
    starts_at: datetime | None = None


DOOR = web.RequestKey("door", AtTheDoor)
"""Set for whoever may let people in, on every page."""
WAITING = web.RequestKey("waiting", int)
"""How many things wait for this person to look at them; shown on every page."""
REQUEST_ID = web.RequestKey("request_id", str)


def database(request: web.Request) -> Database:
    """Our database: open ``.read()`` or ``.write()`` as an asynchronous context."""
    return request.app[DATABASE]


def settings(request: web.Request) -> Settings:
    """The settings."""
    return request.app[SETTINGS]


def secrets(request: web.Request) -> Secrets:
    """Keys by purpose."""
    return request.app[SECRETS]


def rooms(request: web.Request) -> Rooms:
    """The live meetings."""
    return request.app[ROOMS]
