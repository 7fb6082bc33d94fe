"""What is typed about cases, their clients and their teams."""

from __future__ import annotations

import re
from dataclasses import dataclass

from server.cases.service import NewClient
from server.cases.tables import ALIAS_LENGTH, PHONE_LENGTH
from server.http.forms import Form
from server.i18n import Translator

PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{1,30}")
FIRST_CLIENTS = 3
"""How many clients the form for a new case has room for; more are added on the case."""


@dataclass(frozen=True)
class CaseFields:
    """A case as written in a form."""

    alias: str
    language: str
    help_phone: str | None


def read_case(form: Form, _: Translator, languages: list[str]) -> CaseFields | None:
    """The fields of a case, or None after noting what is wrong."""
    alias = form.text(
        "alias",
        _("Write a name for the case, for example a place or a flower."),
        max_length=ALIAS_LENGTH,
        too_long=_("The name is too long. Use at most %(count)d characters.") % {"count": ALIAS_LENGTH},
    )
    language = form.choice("language", languages, _("Choose the language in which the case is spoken of."))
    help_phone = read_phone(form, _, "help_phone")
    if not form.ok or language is None:
        return None
    return CaseFields(alias, language, help_phone)


def read_client(form: Form, _: Translator, languages: list[str], suffix: str = "") -> NewClient | None:
    """One client, or None after noting what is wrong; the fields' names begin with ``client_``."""
    alias = form.text(
        f"client_alias{suffix}",
        _("Write how the team calls this client, for example “Olia's mother”."),
        max_length=ALIAS_LENGTH,
        too_long=_("The name is too long. Use at most %(count)d characters.") % {"count": ALIAS_LENGTH},
    )
    language = form.choice(f"client_language{suffix}", languages, _("Choose the client's language."))
    phone = read_phone(form, _, f"client_phone{suffix}")
    if not form.ok or language is None:
        return None
    return NewClient(alias, language, phone)


def read_first_clients(form: Form, _: Translator, languages: list[str]) -> list[NewClient]:
    """The clients of a new case: rows that are left empty do not count, the first one is needed."""
    rows = [str(number) for number in range(1, FIRST_CLIENTS + 1)]
    filled = [row for row in rows if row == "1" or form.value(f"client_alias{row}").strip()]
    found = [read_client(form, _, languages, row) for row in filled]
    return [client for client in found if client is not None]


def read_phone(form: Form, _: Translator, name: str, missing: str | None = None) -> str | None:
    """A telephone number, or None when it was left empty (which ``missing``, if given, says is wrong)."""
    phone = form.value(name).strip()
    if not phone:
        if missing:
            form.fail(name, missing)
        return None
    if len(phone) > PHONE_LENGTH or not PHONE.fullmatch(phone):
        form.fail(name, _("Write a phone number like +380 44 123 45 67."))
        return None
    return phone
