"""Languages: message catalogs, and which language a person reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import NullTranslations
from pathlib import Path

from aiohttp import web
from babel import negotiate_locale
from babel.support import Translations

from server.http.context import CATALOGS, SIGNED_IN

DOMAIN = "poruch"
COOKIE = "lang"

Translator = Callable[[str], str]


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for text that is marked here and translated later
    """Mark a text for the catalogs without translating it yet."""
    return text


class Catalogs:
    """The catalogs of all languages on offer. English is the source; a missing catalog reads as English."""

    def __init__(self, folder: Path, languages: Sequence[str], default: str) -> None:
        self.languages = tuple(languages)
        self.default = default
        self._loaded: dict[str, NullTranslations] = {
            language: Translations.load(str(folder), [language], DOMAIN) for language in languages
        }

    def of(self, language: str) -> NullTranslations:
        """The catalog of a language, or of the default language when it is not on offer."""
        return self._loaded.get(language) or self._loaded[self.default]

    def choose(self, *wishes: str | None) -> str:
        """The first wished language that is on offer, else the default."""
        return next((wish for wish in wishes if wish in self._loaded), self.default)

    def from_header(self, accept_language: str | None) -> str | None:
        """The best offer for an Accept-Language header, or None."""
        return negotiate_locale(_ordered(accept_language or ""), self.languages, sep="-")


def language(request: web.Request) -> str:
    """The language of the person who asks: the account's, the one chosen on this device, the browser's, the default."""
    catalogs = request.app[CATALOGS]
    account = request.get(SIGNED_IN)
    return catalogs.choose(
        account.language if account else None,
        request.cookies.get(COOKIE),
        catalogs.from_header(request.headers.get("Accept-Language")),
    )


def translator(request: web.Request) -> Translator:
    """What ``_`` is for the person who asks; placeholders are filled as ``_("…%(name)s") % {"name": …}``."""
    return request.app[CATALOGS].of(language(request)).gettext


def translator_for(app: web.Application, wish: str | None) -> Translator:
    """``_`` for a language by code, as a JSON body names it; unknown codes read as the default language."""
    catalogs = app[CATALOGS]
    return catalogs.of(catalogs.choose(wish)).gettext


def _ordered(header: str) -> list[str]:
    """Language ranges by falling quality (RFC 9110 §12.5.4); what cannot be read is left out."""
    ranges: list[tuple[float, str]] = []
    for part in header[:400].split(","):
        name, _, parameter = part.strip().partition(";")
        try:
            quality = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if name and quality > 0:
            ranges.append((-quality, name.strip()))
    return [name for _, name in sorted(ranges, key=lambda each: each[0])]
