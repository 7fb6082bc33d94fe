"""``/api/appointments/{id}/vault``: sealed secrets for the team's browsers, and sealed secrets from them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from aiohttp import web
from pydantic import Field

from consent.policy import Action
from server.appointments import seats
from server.appointments.views import appointment_of
from server.http import csrf, received
from server.http.context import database
from server.http.errors import Forbidden, Problem
from server.http.guard import account, allowed
from server.http.limits import spend
from server.i18n import N_
from server.vault import service
from server.vault.entries import Entry, Strict
from server.vault.service import Code, VaultError

MAX_BYTES = 200 * 1024
MAX_ENTRIES = 32

_DAMAGED = N_("What this browser sent for the links of this appointment is damaged. Load the page again.")
REFUSED: Mapping[Code, tuple[int, str]] = {
    "malformed": (400, _DAMAGED),
    "bad_signature": (400, _DAMAGED),
    "wrong_appointment": (400, _DAMAGED),
    "bad_signer": (403, N_("This browser is not certified. Ask your administrator to certify it.")),
    "signer_not_yours": (403, N_("This was signed by somebody else's device.")),
    "not_on_team": (403, N_("You are not in the team of this case.")),
    "may_not_seal": (403, N_("Your role does not include this.")),
    "may_not_begin": (403, N_("Your role does not include this.")),
    "unknown_seat": (409, N_("This person is not invited to this appointment.")),
    "unknown_recipient": (409, N_("The team's devices have changed meanwhile. Please try again.")),
    "signers_gone": (409, N_("The team's devices have changed meanwhile. Please try again.")),
    "still_counts": (409, N_("The secrets of this appointment are still good. Load the page again.")),
    "vault_full": (409, N_("Too many invitations are kept for this appointment already.")),
}
"""Status and text."""


class Given(Strict):
    """What a browser wants to be kept."""

    entries: Annotated[tuple[Entry, ...], Field(min_length=1, max_length=MAX_ENTRIES)]
    anew: bool = False
    """Other secrets than before, because no device that vouched for those is certified any more."""


def routes() -> list[web.RouteDef]:
    """What this feature answers to."""
    return [
        web.get("/api/appointments/{appointment_id}/vault", show),
        web.post("/api/appointments/{appointment_id}/vault", keep),
    ]


async def show(request: web.Request) -> web.Response:
    """GET: the entries, and the certified devices of the team to which secrets are to be sealed."""
    now = datetime.now(UTC)
    async with database(request).write() as session:
        appointment, case, signed_in = await appointment_of(request, session, Action.JOIN_MEETING)
        entries = await service.of_appointment(session, appointment.id)
        recipients = await service.recipients(session, case.id, now)
        invited = await seats.of_appointment(session, appointment.id, revoked=False)
        may_invite = await allowed(request, session, Action.INVITE, case.id)
    return web.json_response(
        {
            "csrf": csrf.token(request),
            "appointment": appointment.id,
            "account": {"id": signed_in.id, "name": signed_in.name, "role": signed_in.role.value},
            "may_invite": may_invite,
            "seats": [
                {"seat": seat.id, "role": seat.role, "name": seat.name, "by_link": seat.by_link} for seat in invited
            ],
            "entries": [entry.model_dump() for entry in entries],
            "recipients": [
                {
                    "fingerprint": each.fingerprint,
                    "name": each.name,
                    "role": each.role.value,
                    "certificate": each.certificate.model_dump(),
                }
                for each in recipients
            ],
        }
    )


async def keep(request: web.Request) -> web.Response:
    """POST: entries that this person's browser has sealed and signed."""
    signed_in, now = account(request), datetime.now(UTC)
    csrf.require_header(request)
    spend(request, "vault", signed_in.id)
    given = await received.read(request, Given, max_bytes=MAX_BYTES)
    case_id: str | None = None
    try:
        async with database(request).write() as session:
            appointment, case, _ = await appointment_of(request, session, Action.JOIN_MEETING)
            case_id = case.id
            if appointment.is_over(now):
                raise Problem("over", N_("This appointment is over. Plan a new one instead."), status=409)
            await service.keep(session, signed_in, appointment, given.entries, now, anew=given.anew)
    except VaultError as error:
        status, text = REFUSED[error.code]
        if status == 403:
            raise Forbidden(Action.INVITE, case_id=case_id, code=error.code, text=text) from error
        raise Problem(error.code, text, status=status) from error
    return web.json_response({"kept": len(given.entries)})
