"""Pages: Jinja templates with what every page needs, in the person's language."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from aiohttp import web
from babel.dates import format_date, format_time, get_timezone_location

from server.cases.words import role_label
from server.consents import words as consent_words
from server.http import csrf
from server.http.context import CATALOGS, DOOR, JINJA, SETTINGS, SIGNED_IN, WAITING
from server.i18n import N_, language

COMPONENTS = "govuk_frontend_jinja"


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

    ``_``, ``ngettext``, ``language``, ``languages`` (codes), ``account`` (SignedIn or None), ``nav`` (the key of the
    active entry: give it), ``to_see`` (how many things wait for this person), ``door`` (AtTheDoor, or None for who lets
    nobody in), ``neutral``, ``csrf_token``, ``path``, ``organisation``, ``help_phone``, ``demo``,
    ``asset("site.css")``; filters ``local_time(zone, form)``, ``local_date``, ``local_datetime`` (the zone is the
    reader's unless given), ``iso``, ``place`` (of a time zone) and ``role_name``.
    """
    settings, signed_in = request.app[SETTINGS], request.get(SIGNED_IN)
    # A page that is printed for a client is in the client's language, not in the reader's.
    chosen = request.app[CATALOGS].choose(context.get("language"), language(request))
    reader = Reader(request, chosen, signed_in.zone if signed_in else settings.zone)
    mark = _READER.set(reader)
    try:
        every_page = {
            "language": chosen,
            "languages": request.app[CATALOGS].languages,
            "account": signed_in,
            "nav": "",
            "to_see": request.get(WAITING, 0),
            "door": request.get(DOOR),
            "neutral": False,
            "path": request.path,
        }
        text = request.app[JINJA].get_template(template).render(every_page | context)
    finally:
        _READER.reset(mark)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def environment(web_dir: Path, app: web.Application) -> jinja2.Environment:
    """The template engine: our templates, and the GOV.UK components under ``govuk_frontend_jinja/``."""
    env = Pages(
        loader=jinja2.FileSystemLoader(web_dir / "templates"),
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
        "role_name": lambda role: _gettext(role_label(role)),
        "purpose_name": lambda code: _gettext(consent_words.PURPOSES[code]),
        "answer_name": lambda code: _gettext(consent_words.ANSWERS[code]),
        "method_name": lambda code: _gettext(consent_words.METHODS[code]),
        "tapped_name": lambda code: _gettext(consent_words.TAPPED[code]),
        "kind_name": lambda code: _gettext(consent_words.KINDS[code]),
        "way_name": lambda code: _gettext(consent_words.WAYS[code]),
        "because_name": lambda code: _gettext(consent_words.BECAUSE.get(code, code)),
        "place": place,
    }
    return env


class Pages(jinja2.Environment):
    """Our templates fail on a misspelt name; the GOV.UK components test for parameters that were not given, so
    whatever is imported from ``govuk_frontend_jinja/`` lives in a lenient environment of its own.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        loader = jinja2.PrefixLoader({COMPONENTS: jinja2.PackageLoader(COMPONENTS)})
        self._components = jinja2.Environment(loader=loader, autoescape=True)

    def get_template(
        self,
        name: str | jinja2.Template,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002 - the name that Jinja calls it by
    ) -> jinja2.Template:
        """As Jinja has it, from the environment that the name belongs to."""
        if isinstance(name, str) and name.startswith(f"{COMPONENTS}/"):
            return self._components.get_template(name)
        return super().get_template(name, parent, globals)


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


def local_time(moment: datetime, zone: str | ZoneInfo | None = None, form: str = "time") -> str:
    """A moment as clocks of that zone show it: ``time`` 14:05, ``date``, ``datetime``, ``day`` (with weekday)."""
    local, locale = _local(moment, zone), _READER.get().language
    match form:
        case "time":
            return format_time(local, "HH:mm", locale=locale)
        case "date":
            return format_date(local, "long", locale=locale)
        case "day":
            return format_date(local, "full", locale=locale)
        case "datetime":
            return f"{format_date(local, 'long', locale=locale)}, {format_time(local, 'HH:mm', locale=locale)}"
        case _:
            raise ValueError(f"local_time knows no form {form!r}")


def local_date(moment: datetime, zone: str | ZoneInfo | None = None) -> str:
    """The date with its weekday."""
    return local_time(moment, zone, "day")


def local_datetime(moment: datetime, zone: str | ZoneInfo | None = None) -> str:
    """Date and time of day."""
    return local_time(moment, zone, "datetime")


def place(zone: str) -> str:
    """The city whose clocks a zone names, in the reader's language."""
    if zone in {"Europe/Kyiv", "Europe/Kiev"}:
        return _gettext(N_("Kyiv"))  # CLDR takes this city's name from the metazone, which Babel does not
    return get_timezone_location(zone, locale=_READER.get().language, return_city=True)


def _local(moment: datetime, zone: str | ZoneInfo | None) -> datetime:
    chosen = ZoneInfo(zone) if isinstance(zone, str) else zone
    return moment.astimezone(chosen or _READER.get().zone)


def _gettext(text: str) -> str:
    reader = _READER.get()
    return reader.request.app[CATALOGS].of(reader.language).gettext(text)


def _ngettext(one: str, many: str, count: int) -> str:
    reader = _READER.get()
    return reader.request.app[CATALOGS].of(reader.language).ngettext(one, many, count)
