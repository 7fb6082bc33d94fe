"""Problems: what cannot be done, each with a status, a stable code and a plain text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from consent.policy import Action
from server.i18n import N_, translator, translator_for

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Problem(Exception):
    """Something that cannot be done, told to the person: a stable code, and a text marked with N_."""

    status = 400
    code = "bad_request"
    text = N_("The server could not understand this request.")

    def __init__(
        self,
        code: str | None = None,
        text: str | None = None,
        *,
        status: int | None = None,
        values: Mapping[str, Any] | None = None,
        language: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """``values`` fill the text's ``%(name)s``; ``language`` overrides what the request says."""
        self.code = code or self.code
        self.text = text or self.text
        self.status = status or self.status
        self.values = values or {}
        self.language = language
        self.headers = dict(headers or {})
        super().__init__(self.code)

    def plain(self, request: web.Request) -> str:
        """The text in the person's language."""
        _ = translator_for(request.app, self.language) if self.language else translator(request)
        return _(self.text) % self.values if self.values else _(self.text)


class NotFound(Problem):
    """There is no such page or thing, or the person may not know that there is."""

    status = 404
    code = "not_found"
    text = N_("There is no such page.")


class SignInNeeded(Problem):
    """A program asked without being signed in; people are sent to the sign-in page instead."""

    status = 401
    code = "sign_in_needed"
    text = N_("Please sign in first.")


class Forbidden(Problem):
    """The policy says no to a signed-in person; the error middleware records it (ACCESS_REFUSED)."""

    status = 403
    code = "forbidden"
    text = N_("Your role does not include this.")

    def __init__(
        self,
        action: Action | None = None,
        *,
        case_id: str | None = None,
        code: str | None = None,
        text: str | None = None,
    ) -> None:
        super().__init__(code, text)
        self.action = action
        self.case_id = case_id


class TooManyRequests(Problem):
    """Too often; ``retry_after_s`` says when it is worth trying again."""

    status = 429
    code = "too_many_requests"
    text = N_("That was too many tries in a short time. Please wait a little and try again.")

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(headers={"Retry-After": str(max(1, round(retry_after_s + 0.5)))})


class Busy(Problem):
    """The database is busy or away: nothing was changed."""

    status = 503
    code = "busy"
    text = N_("The server is busy. Nothing was changed. Please try again in a moment.")

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class Erased(Problem):
    """The case was erased: its key exists no more."""

    status = 410
    code = "case_erased"
    text = N_("This case was erased. Nobody can read it any more. That it was erased is kept in the ledger.")


class Locked(Problem):
    """The key file is missing or another one."""

    status = 503
    code = "keys_missing"
    text = N_("The server cannot open its data. Tell whoever runs the server that a key file is missing.")


class Broken(Problem):
    """Our own mistake."""

    status = 500
    code = "internal"
    text = N_("Something went wrong on the server. It was not your mistake.")


def wants_json(request: web.Request) -> bool:
    """Whether the answer is for a program."""
    return request.path.startswith(("/api/", "/socket"))
