"""What scripts ask about devices: register this browser, store a certificate, and whom to trust."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints

from consent.policy import Action
from server.devices import service
from server.devices.certificates import Certificate
from server.devices.service import DeviceError, Known
from server.devices.tables import Device
from server.devices.words import problem
from server.http import csrf, received
from server.http.context import database
from server.http.errors import NotFound
from server.http.guard import account, require
from server.http.limits import spend
from signaling.wire import wire_time

MAX_BYTES = 4096
TRUST_FOR_S = 30
"""How long a browser may go without hearing of a revocation; a call asks anew when it begins."""

KeyText = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Asking(BaseModel):
    """A browser's public keys, and its signature over them."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    sign: KeyText
    seal: KeyText
    proof: KeyText


def routes() -> list[web.RouteDef]:
    """What this module answers to."""
    return [
        web.get("/api/trust", trust),
        web.get("/api/devices", own),
        web.post("/api/devices", ask),
        web.post("/api/devices/{device_id}/certificate", certify),
    ]


async def trust(request: web.Request) -> web.Response:
    """GET /api/trust: the organisation's public key, and the devices that count no more. Anybody may know both."""
    async with database(request).read() as session:
        key = await service.organisation(session)
        revoked = await service.revoked(session)
        for_good = await service.revoked(session, for_good=True)
    organisation = {"key": key.public_key, "fingerprint": key.fingerprint} if key else None
    return web.json_response(
        {"organisation": organisation, "revoked": list(revoked), "for_good": list(for_good)},
        headers={"Cache-Control": f"public, max-age={TRUST_FOR_S}"},
    )


async def own(request: web.Request) -> web.Response:
    """GET /api/devices: who one is, and one's own devices."""
    signed_in = account(request)
    async with database(request).read() as session:
        devices = await service.of_accounts(session, [signed_in.id], datetime.now(UTC))
    return web.json_response(
        {
            "csrf": csrf.token(request),
            "account": {"id": signed_in.id, "name": signed_in.name, "role": signed_in.role.value},
            "devices": [shown(each) for each in devices],
        }
    )


async def ask(request: web.Request) -> web.Response:
    """POST /api/devices: this browser wants to be certified; the answer holds the certificate once there is one."""
    signed_in, now = account(request), datetime.now(UTC)
    csrf.require_header(request)
    spend(request, "device", signed_in.id)
    asked = await received.read(request, Asking, max_bytes=MAX_BYTES)
    try:
        async with database(request).write() as session:
            device = await service.ask(
                session, signed_in, sign_key=asked.sign, seal_key=asked.seal, proof=asked.proof, now=now
            )
            known = await service.by_fingerprint(session, device.fingerprint, now)
    except DeviceError as error:
        raise problem(error) from error
    if known is None:
        raise NotFound
    return web.json_response(shown(known))


async def certify(request: web.Request) -> web.Response:
    """POST /api/devices/{device_id}/certificate: what the administrator's browser has signed."""
    now = datetime.now(UTC)
    account(request)
    csrf.require_header(request)
    certificate = await received.read(request, Certificate, max_bytes=MAX_BYTES)
    try:
        async with database(request).write() as session:
            doer = await require(request, session, Action.MANAGE_ACCOUNTS)
            device = await session.get(Device, request.match_info["device_id"])
            if device is None:
                raise NotFound
            await service.certify(session, doer, device, certificate, now)
            known = await service.by_fingerprint(session, device.fingerprint, now)
    except DeviceError as error:
        raise problem(error) from error
    if known is None:
        raise NotFound
    return web.json_response(shown(known))


def shown(known: Known) -> dict[str, Any]:
    """A device as its owner's browser needs it."""
    device, certificate = known.device, known.certificate
    return {
        "id": device.id,
        "fingerprint": device.fingerprint,
        "state": known.state.value,
        "certificate": certificate.model_dump() if certificate else None,
        "asked_at": wire_time(device.asked_at),
        "expires_at": wire_time(device.expires_at) if device.expires_at else None,
    }
