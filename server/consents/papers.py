"""Papers: one consent record as a page to keep and print, as a receipt (JSON), and as a FHIR R5 Consent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent import records
from consent.events import Tag
from consent.keys import CaseKey
from consent.ledger import account_actor, append
from consent.policy import Action
from server.cases import service as cases
from server.cases.tables import Case
from server.consents import fhir, overview, texts
from server.consents.entering import record_of
from server.consents.tables import ConsentRow
from server.consents.views import enter_case
from server.devices.signatures import verify
from server.http.context import database
from server.http.errors import Forbidden
from server.http.render import render
from server.supervision.access import Entrance


def routes() -> list[web.RouteDef]:
    """The papers."""
    return [
        web.get("/cases/{case_id}/consents/{record_id}", show),
        web.get("/cases/{case_id}/consents/{record_id}/receipt.json", as_json),
        web.get("/cases/{case_id}/consents/{record_id}/fhir.json", as_fhir),
    ]


async def show(request: web.Request) -> web.Response:
    """GET …/consents/{record_id}: everything that was told and answered, in the language in which it was told."""
    async with database(request).write() as session:
        case, entrance = await enter_case(request, session, Action.READ_CONSENT)
        key = entrance.key
        row = await _record(request, session, case, entrance)
        key.unlock(row)
        text = await texts.with_hash(session, row.notice_hash)
        names = await overview.names(session, [row.entered_by])
        clients = {client.id: client.alias for client in await cases.clients(session, case.id)}
    return render(
        request,
        "consents/record.html",
        nav="cases",
        case=case,
        row=row,
        line=overview.line(row, datetime.now(UTC)),
        text=text,
        client=clients[row.client_id],
        entered_by=names.get(row.entered_by or ""),
        signed=signature_holds(row),
        may_enter=entrance.may(Action.ENTER_CONSENT),
        may_export=entrance.may(Action.EXPORT_RECORD),
    )


async def as_json(request: web.Request) -> web.Response:
    """GET …/receipt.json: the receipt after ISO/IEC TS 27560:2023, with the device's signature where there is one."""
    return await _export(request, "receipt", "application/json")


async def as_fhir(request: web.Request) -> web.Response:
    """GET …/fhir.json: the same as FHIR R5 Consent."""
    return await _export(request, "fhir", "application/fhir+json")


async def _export(request: web.Request, kind: str, content_type: str) -> web.Response:
    async with database(request).write() as session:
        case, entrance = await enter_case(request, session, Action.EXPORT_RECORD)
        signed_in, key = entrance.signed_in, entrance.key
        row = await _record(request, session, case, entrance)
        key.unlock(row)
        body = await body_of(session, key, row, kind)
        append(
            session,
            Tag.CONSENT_EXPORTED,
            actor=account_actor(signed_in.id),
            case_id=case.id,
            session_id=row.appointment_id,
            details={"record": row.id, "as": kind, "by": signed_in.name},
        )
    headers = {"Content-Disposition": f'attachment; filename="{kind}-{row.id}.json"'}
    return web.json_response(body, headers=headers, content_type=content_type)


async def _record(request: web.Request, session: AsyncSession, case: Case, entrance: Entrance) -> ConsentRow:
    """The record of the address, for whoever may know what it is about. Raises NotFound or Forbidden."""
    row = await record_of(request, session, case)
    if not entrance.may(Action.KNOW_REFUSALS) and await overview.ends_in_no(session, row):
        raise Forbidden(Action.KNOW_REFUSALS, case_id=case.id)
    return row


async def body_of(session: AsyncSession, key: CaseKey, row: ConsentRow, kind: str) -> dict[str, Any]:
    """An unlocked record as ``receipt`` or as ``fhir``."""
    if kind == "receipt":
        return receipt_of(row)
    text = await texts.with_hash(session, row.notice_hash)
    party = await texts.party(session, row.notice_hash)
    return fhir.consent(row, text, party, key.data.pseudonym("client", row.client_id))


def receipt_of(row: ConsentRow) -> dict[str, Any]:
    """The receipt of an unlocked record: the record as written, its digest, and what the person's device signed."""
    made = records.receipt(row.record, f"{row.id}-r")
    made["digest_sha256"] = row.digest
    if row.confirmed_at is not None:
        made["confirmed_at"] = row.confirmed_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if row.signature is not None:
        made["signature"] = {
            "label": records.SIGN_LABEL,
            "key_spki": row.sign_key,
            "signed": row.signed,
            "ecdsa_p256_sha256": row.signature,
        }
    return made


def signature_holds(row: ConsentRow) -> bool | None:
    """Whether the device's signature holds for an unlocked record; None where there is none."""
    if row.signature is None or row.sign_key is None or row.signed is None:
        return None
    named = row.notice_hash in row.signed and f'"{row.purpose}"' in row.signed
    return named and verify(row.sign_key, records.SIGN_LABEL, row.signed, row.signature)
