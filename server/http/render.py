"""Pages: Jinja templates with what every page needs, in the person's language."""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from aiohttp import web
from babel.dates import format_date, format_time

from consent.policy import TABLE, Action, Reach
from server.http import csrf
from server.http.context import CATALOGS, JINJA, SETTINGS, SIGNED_IN, SignedIn
from server.i18n import language
from server.words import role_name


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom the page that is being rendered right now is made."""

    request: web.Request
    language: str
    zone: ZoneInfo


# Macros that are imported without context, and filters, see no page context: this reaches them all.
_READER: ContextVar[Reader] = ContextVar("poruch_reader")


def render(request: web.Request, template: str, /, *, status: int = 200, **context: Any) -> web.Response:
    """Answer with a page. Every template finds, besides ``context``:

    ``_``/``gettext``, ``ngettext``, ``language``, ``languages`` [(code, own name)], ``account`` (SignedIn or None),
    ``nav`` [{text, href, active}], ``csrf_token``, ``path``, ``organisation``, ``help_phone``, ``demo``;
    ``asset("site.css")``; filters ``local_time``, ``local_date``, ``local_datetime`` (each takes a zone, by default the reader's), ``iso``
    and ``role_name``.
    """
    settings, signed_in = request.app[SETTINGS], request.get(SIGNED_IN)
    chosen = language(request)
    reader = Reader(request, chosen, signed_in.zone if signed_in else settings.zone)
    mark = _READER.set(reader)
    try:
        every_page = {
            "language": chosen,
            "languages": request.app[CATALOGS].named(),
            "account": signed_in,
            "nav": _nav(request, signed_in),
            "path": request.path,
        }
        text = request.app[JINJA].get_template(template).render(every_page | context)
    finally:
        _READER.reset(mark)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def environment(web_dir: Path, app: web.Application) -> jinja2.Environment:
    """The template engine: our templates, and the GOV.UK components under ``govuk_frontend_jinja/``."""
    env = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.FileSystemLoader(web_dir / "templates"),
                jinja2.PrefixLoader({"govuk_frontend_jinja": jinja2.PackageLoader("govuk_frontend_jinja")}),
            ]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined] # by the extension
    settings = app[SETTINGS]
    env.globals |= {
        "asset": Assets(web_dir / "dist"),
        "csrf_token": _CsrfToken(),
        "organisation": settings.organisation,
        "help_phone": settings.help_phone,
        "demo": settings.demo,
    }
    env.filters |= {
        "local_time": local_time,
        "local_date": local_date,
        "local_datetime": local_datetime,
        "iso": iso,
        "role_name": lambda role: role_name(role, _gettext),
    }
    return env


class Assets:
    """Names of built files: ``asset("site.css")`` is the address of the newest build, safe to cache for good."""

    def __init__(self, dist: Path) -> None:
        self._manifest = dist / "manifest.json"
        self._read_at: float | None = None
        self._names: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """The address of a built file by its logical name."""
        try:
            changed_at = self._manifest.stat().st_mtime
            if changed_at != self._read_at:
                self._names = json.loads(self._manifest.read_text("utf-8"))
                self._read_at = changed_at
        except FileNotFoundError:
            self._names, self._read_at = {}, None
        return f"/static/{self._names.get(name, name)}"


class _CsrfToken:
    """Made only when a page really has a form, because a visitor then gets a cookie."""

    def __str__(self) -> str:
        return csrf.token(_READER.get().request)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z, as the wire and ``<time datetime>`` have it."""
    return moment.astimezone(ZoneInfo("UTC")).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local_time(moment: datetime, zone: str | ZoneInfo | None = None) -> str:
    """``14:05`` in the zone."""
    return format_time(_local(moment, zone), "HH:mm", locale=_READER.get().language)


def local_date(moment: datetime | date, zone: str | ZoneInfo | None = None) -> str:
    """The full date with its weekday."""
    local = _local(moment, zone) if isinstance(moment, datetime) else moment
    return format_date(local, "full", locale=_READER.get().language)


def local_datetime(moment: datetime, zone: str | ZoneInfo | None = None) -> str:
    """Date and time of day."""
    local, locale = _local(moment, zone), _READER.get().language
    return f"{format_date(local, 'long', locale=locale)}, {format_time(local, 'HH:mm', locale=locale)}"


def _local(moment: datetime, zone: str | ZoneInfo | None) -> datetime:
    chosen = ZoneInfo(zone) if isinstance(zone, str) else zone
    return moment.astimezone(chosen or _READER.get().zone)


def _gettext(text: str) -> str:
    reader = _READER.get()
    return reader.request.app[CATALOGS].of(reader.language).gettext(text)


def _ngettext(one: str, many: str, count: int) -> str:
    reader = _READER.get()
    return reader.request.app[CATALOGS].of(reader.language).ngettext(one, many, count)


def _nav(request: web.Request, signed_in: SignedIn | None) -> list[dict[str, Any]]:
    """The pages that this person's role can use at all."""
    if signed_in is None:
        return []
    may = TABLE[signed_in.role]
    _ = request.app[CATALOGS].of(language(request)).gettext
    entries: list[tuple[str, str]] = []
    if Action.LIST_CASES in may:
        entries += [(_("Today"), "/today"), (_("Cases"), "/cases")]
    if may.get(Action.READ_RECORD) is Reach.EVERYWHERE:
        entries.append((_("Sessions"), "/sessions"))
    if Action.MANAGE_ACCOUNTS in may:
        entries.append((_("Staff"), "/admin/accounts"))
    return [{"text": text, "href": href, "active": request.path.startswith(href)} for text, href in entries]
