"""Pages about devices: the administrator certifies and revokes, everybody sees and forgets their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent.policy import Action, allows
from server.accounts import service as accounts
from server.appointments import seats
from server.cases.views import done
from server.devices import service
from server.devices.service import Known, State
from server.devices.tables import Device
from server.devices.words import DONE, STATES, code_of
from server.http import csrf
from server.http.context import SignedIn, database, rooms
from server.http.errors import NotFound
from server.http.guard import account, require
from server.http.render import render


def routes() -> list[web.RouteDef]:
    """The pages of this feature."""
    return [
        web.get("/admin/devices", everybody),
        web.post("/admin/devices/{device_id}/revoke", revoke),
        web.get("/devices", own),
        web.post("/devices/{device_id}/forget", forget),
    ]


async def everybody(request: web.Request) -> web.StreamResponse:
    """GET /admin/devices: who waits, with the certificate that the page's script is to sign."""
    now = datetime.now(UTC)
    async with database(request).read() as session:
        await require(request, session, Action.MANAGE_ACCOUNTS)
        key = await service.organisation(session)
        found = await service.everybody(session, now)
    return render(
        request,
        "devices/everybody.html",
        nav="devices",
        organisation_key=key,
        devices=[_row(each) for each in found],
        proposals={each.device.id: service.proposal(each, key.fingerprint, now).text() for each in found}
        if key
        else {},
        waiting=sum(each.state in {State.ASKED, State.EXPIRED} for each in found),
        token=csrf.token(request),
        done=done(request, DONE),
    )


async def revoke(request: web.Request) -> web.StreamResponse:
    """POST /admin/devices/{device_id}/revoke: one step for a lost device. Its owner is signed out and out of calls."""
    async with database(request).write() as session:
        doer = await require(request, session, Action.MANAGE_ACCOUNTS)
        held = await _end(session, doer, await _device(request, session))
    await _close(request, held)
    raise web.HTTPSeeOther("/admin/devices?done=revoked")


async def own(request: web.Request) -> web.StreamResponse:
    """GET /devices: this person's browsers."""
    signed_in = account(request)
    async with database(request).read() as session:
        key = await service.organisation(session)
        found = await service.of_accounts(session, [signed_in.id], datetime.now(UTC))
    return render(
        request,
        "devices/own.html",
        nav="devices",
        organisation_key=key,
        devices=[_row(each) for each in found if each.state is not State.REVOKED],
        takes_part=allows(signed_in.role, Action.JOIN_MEETING, on_team=True),
        about=json.dumps({"account": signed_in.id, "csrf": csrf.token(request)}),
        done=done(request, DONE),
    )


async def forget(request: web.Request) -> web.StreamResponse:
    """POST /devices/{device_id}/forget: one's own, perhaps a lost one: every sign-in but this one ends, and every call.

    The page's script erases the keys in the browser itself.
    """
    signed_in = account(request)
    async with database(request).write() as session:
        device = await _device(request, session)
        if device.account_id != signed_in.id:
            raise NotFound
        held = await _end(session, signed_in, device, but=signed_in.session_hash)
    await _close(request, held)
    raise web.HTTPSeeOther("/devices?done=forgotten")


async def _end(session: AsyncSession, doer: SignedIn, device: Device, *, but: str | None = None) -> Sequence[str]:
    """Revoke it and sign its owner out; returns the seats to close, none when it was revoked already."""
    if not service.revoke(session, doer, device, datetime.now(UTC)):
        return []
    await accounts.end_sessions(session, device.account_id, but=but)
    return await seats.held_by(session, device.account_id)


async def _close(request: web.Request, held: Sequence[str]) -> None:
    for seat_id in held:
        await rooms(request).close_seat(seat_id)


async def _device(request: web.Request, session: AsyncSession) -> Device:
    device = await session.get(Device, request.match_info["device_id"])
    if device is None:
        raise NotFound
    return device


def _row(known: Known) -> dict[str, object]:
    label, tone = STATES[known.state]
    return {
        "known": known,
        "device": known.device,
        "person": known.account,
        "label": label,
        "tone": tone,
        "code": code_of(known.device.sign_key, known.device.seal_key),
        "may_certify": known.state in {State.ASKED, State.EXPIRED},
        "may_revoke": known.device.revoked_at is None,
    }
