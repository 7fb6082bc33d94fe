"""Forms: what was typed, what is wrong with it, and how GOV.UK components want to hear it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time
from typing import TypeVar

from aiohttp import web

T = TypeVar("T")

YEARS = range(1900, 2200)
"""Years that a date may be in."""
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


class Form:
    """One submitted (or still empty) form. Field methods return the value, or None after noting an error.

    Messages are already translated. In a template: ``form.value("alias")``, ``form.error("alias")`` (for
    ``errorMessage``), ``form.summary()`` (for ``errorList`` of govukErrorSummary).
    """

    def __init__(self, raw: Mapping[str, list[str]] | None = None) -> None:
        self._raw = {name: list(values) for name, values in (raw or {}).items()}
        self.errors: dict[str, str] = {}

    @classmethod
    async def read(cls, request: web.Request) -> Form:
        """The form of a POST; file fields are left out, and so are NULs, which PostgreSQL does not store in a text."""
        raw: dict[str, list[str]] = {}
        for name, value in (await request.post()).items():
            if isinstance(value, str):
                raw.setdefault(name, []).append(value.replace("\0", ""))
        return cls(raw)

    @classmethod
    def with_values(cls, values: Mapping[str, str]) -> Form:
        """A form that is shown with values before anybody typed."""
        return cls({name: [value] for name, value in values.items()})

    def value(self, name: str) -> str:
        """What was typed, to show it again; empty when nothing was."""
        return (self._raw.get(name) or [""])[0]

    def values(self, name: str) -> list[str]:
        """All values of a field that may come several times (checkboxes)."""
        return self._raw.get(name, [])

    def text(self, name: str, message: str | None = None, *, max_length: int = 200, too_long: str | None = None) -> str:
        """Trimmed text. Empty notes ``message`` if there is one; too long text is refused, never cut."""
        value = self.value(name).strip()
        if not value and message:
            self.fail(name, message)
        elif len(value) > max_length:
            self.fail(name, too_long or message or f"≤ {max_length}")
        return value

    def email(self, name: str, message: str) -> str:
        """An e-mail address in lower case."""
        value = self.value(name).strip().lower()
        if not EMAIL.fullmatch(value) or len(value) > 254:
            self.fail(name, message)
        return value

    def choice(self, name: str, offered: Iterable[T], message: str) -> T | None:
        """One of what was offered, compared as text (enums by value)."""
        return self.parsed(name, lambda text: next(each for each in offered if _as_text(each) == text), message)

    def choices(self, name: str, offered: Iterable[T]) -> list[T]:
        """Those of what was offered that were ticked; anything else is ignored."""
        ticked = set(self.values(name))
        return [each for each in offered if _as_text(each) in ticked]

    def ticked(self, name: str) -> bool:
        """Whether a single checkbox is ticked."""
        return bool(self.value(name))

    def integer(self, name: str, message: str, *, low: int, high: int) -> int | None:
        """A whole number within limits."""

        def parse(text: str) -> int:
            number = int(text)
            if not low <= number <= high:
                raise ValueError
            return number

        return self.parsed(name, parse, message)

    def date(self, name: str, message: str) -> date | None:
        """A date from govukDateInput (``name-day``, ``name-month``, ``name-year``) or an ISO date in ``name``."""
        if self.value(name):
            return self.parsed(name, _day, message)
        parts = [self.value(f"{name}-{part}").strip() for part in ("year", "month", "day")]
        try:
            return _near(date(*(int(part) for part in parts)))
        except ValueError:
            self.fail(name, message)
            return None

    def time(self, name: str, message: str) -> time | None:
        """A time of day: ``14:05``, ``9.30`` or ``9``."""

        def parse(text: str) -> time:
            hours, _, minutes = text.replace(".", ":").partition(":")
            return time(int(hours), int(minutes or 0))

        return self.parsed(name, parse, message)

    def parsed(self, name: str, parse: Callable[[str], T], message: str) -> T | None:
        """What ``parse`` makes of the text; ValueError, LookupError and StopIteration note the message."""
        try:
            return parse(self.value(name).strip())
        except (ValueError, LookupError, StopIteration):
            self.fail(name, message)
            return None

    def fail(self, name: str, message: str) -> None:
        """Note what is wrong with a field; the first message of a field stays."""
        self.errors.setdefault(name, message)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong so far."""
        return not self.errors

    def error(self, name: str) -> dict[str, str] | None:
        """For ``errorMessage``; None when the field is fine."""
        return {"text": self.errors[name]} if name in self.errors else None

    def summary(self) -> list[dict[str, str]]:
        """For ``errorList`` of the error summary: each links to the field whose id is its name."""
        return [{"text": text, "href": f"#{name}"} for name, text in self.errors.items()]


def _day(text: str) -> date:
    return _near(date.fromisoformat(text))


def _near(day: date) -> date:
    """The day itself, unless nobody can mean it: at the ends of the calendar no zone can be counted on."""
    if day.year not in YEARS:
        raise ValueError(day)
    return day


def _as_text(offer: object) -> str:
    return str(getattr(offer, "value", offer))
