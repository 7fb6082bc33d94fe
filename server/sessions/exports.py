"""Copies of a session record to take away: with proof for `poruch verify`, and as FHIR R5. Each one is an entry."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from aiohttp import web

from consent import export, ledger
from consent.events import Tag
from consent.export import NothingSigned
from consent.keys import Purpose
from consent.policy import Action
from server.evidence.job import LEDGER_JOB
from server.evidence.sending import send_lines
from server.http.context import database, settings
from server.http.errors import Problem
from server.i18n import N_
from server.sessions import fhir, opening
from server.sessions.opening import Opened

PROOF, FHIR = "proof", "fhir"


def routes() -> list[web.RouteDef]:
    """What can be taken away of a session."""
    return [
        web.get("/sessions/{session_id}/proof", with_proof),
        web.get("/sessions/{session_id}/fhir", as_fhir),
    ]


async def with_proof(request: web.Request) -> web.StreamResponse:
    """GET /sessions/{session_id}/proof: every entry of the session, opened, with what proves it; one JSON a line.

    A checkpoint is made first, so that this very export is in it.
    """
    opened = await _open(request, PROOF)
    job = request.app[LEDGER_JOB]
    await job.now()
    signer, now = await job.checkpointer.signer(), datetime.now(UTC)
    if signer is None:
        raise NothingSigned("an entry was just written, so there is a log")
    async with database(request).read() as session:
        try:
            parts = export.part(session, opened.entrance.key, signer.verifier, now, session_id=opened.id)
            return await send_lines(request, parts, f"session-{opened.id}.jsonl")
        except NothingSigned as error:
            text = N_("The record cannot be proven right now: the ledger is not signed. Tell the administrator.")
            raise Problem("nothing_signed", text, status=503) from error


async def as_fhir(request: web.Request) -> web.Response:
    """GET /sessions/{session_id}/fhir: a Bundle of Encounter and AuditEvents (FHIR R5)."""
    opened = await _open(request, FHIR)
    now = datetime.now(UTC)
    async with database(request).write() as session:
        whole = await opening.read(session, await opening.open_session(request, session), now)
        told = [
            fhir.Told(
                entry.sequence,
                entry.at,
                entry.tag,
                entry.actor,
                whole.names.get(entry.actor.removeprefix("account:")) or entry.details.get("by"),
            )
            for entry in whole.entries
        ]
    found = fhir.bundle(
        session_id=opened.id,
        case_id=opened.case.id,
        way=opened.way,
        record=opening.record_of(whole),
        told=told,
        organisation=settings(request).organisation,
        now=now,
    )
    text = json.dumps(found, ensure_ascii=False, indent=1)
    return _file(text, "application/fhir+json", f"session-{opened.id}.fhir.json")


async def _open(request: web.Request, form: str) -> Opened:
    """Open the session for a copy and write that down, before anything leaves."""
    async with database(request).write() as session:
        opened = await opening.open_session(request, session, Action.EXPORT_RECORD, Purpose.EXPORT)
        signed_in = opened.entrance.signed_in
        ledger.append(
            session,
            Tag.RECORD_EXPORTED,
            actor=ledger.account_actor(signed_in.id),
            case_id=opened.case.id,
            session_id=opened.id,
            details={"form": form, "by": signed_in.name, "role": signed_in.role.value},
        )
    return opened


def _file(text: str, kind: str, name: str) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return web.Response(text=text, content_type=kind, charset="utf-8", headers=headers)
