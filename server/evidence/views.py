"""Pages about proof, exports to take away, and the copy of the ledger over HTTP (C2SP tlog-tiles)."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from aiohttp import web

from consent import export, ledger
from consent.checkpointer import LedgerProblem
from consent.events import Tag
from consent.keys import CaseErased, Purpose
from consent.policy import Action
from consent.tiles import Tile
from consent.tree import TreeIncomplete, newest, size_of
from server.evidence.copying import read_tile
from server.evidence.job import LEDGER_JOB, LedgerJob
from server.evidence.sending import send_lines
from server.evidence.words import WRONG
from server.http.context import SETTINGS, database
from server.http.errors import Forbidden, NotFound, Problem
from server.http.guard import account, require
from server.http.render import render
from server.i18n import N_
from server.supervision.access import enter

FOR_GOOD = "private, max-age=31536000, immutable"


class NothingYet(Problem):
    """No checkpoint covers what was asked for."""

    status = 409
    code = "nothing_signed"
    text = N_("There is no signed entry to export yet. Try again in a minute.")


def routes() -> list[web.RouteDef]:
    """The pages of this feature."""
    return [
        web.get("/evidence", show),
        web.get("/evidence/verify", verify_page),
        web.get("/evidence/log.jsonl", log_export),
        web.get("/cases/{case_id}/evidence.jsonl", case_export),
        web.get("/ledger/checkpoint", checkpoint),
        web.get("/ledger/{path:tile/.+}", tile),
    ]


async def show(request: web.Request) -> web.Response:
    """GET /evidence: how the ledger stands, and what can be taken away."""
    job = request.app[LEDGER_JOB]
    async with database(request).read() as session:
        await require(request, session, Action.SUPERVISE)
        size, last, witnessed = await size_of(session), await newest(session), await newest(session, cosigned=True)
    signer = await job.checkpointer.signer()
    return render(
        request,
        "evidence/ledger.html",
        nav="evidence",
        size=size,
        last=last,
        witnessed=witnessed,
        proof=job.status,
        problem=_(job.status.problem),
        log_key=signer.verifier.spelt if signer else None,
    )


def _(problem: LedgerProblem | None) -> tuple[str, int | None] | None:
    return (WRONG[problem.wrong], problem.sequence) if problem else None


async def verify_page(request: web.Request) -> web.Response:
    """GET /evidence/verify: the browser checks a file itself; nothing is sent."""
    account(request)
    return render(request, "evidence/verify.html", nav="evidence", wrong=WRONG)


async def log_export(request: web.Request) -> web.StreamResponse:
    """GET /evidence/log.jsonl: every leaf and checkpoint, no content."""
    job = request.app[LEDGER_JOB]
    async with database(request).read() as session:
        await require(request, session, Action.SUPERVISE)
    await job.now()
    signer = await job.checkpointer.signer()
    if signer is None:
        raise NothingYet
    try:
        kept = job.checkpointer.outside.load(signer.verifier)
    except LedgerProblem:
        kept = None
    async with database(request).read() as session:
        ahead = kept.checkpoint if kept else None
        lines = export.whole(session, signer.verifier, datetime.now(UTC), ahead=ahead)
        return await _sent(request, lines, "ledger.jsonl")


async def case_export(request: web.Request) -> web.StreamResponse:
    """GET /cases/{case_id}/evidence.jsonl: every entry of a case, opened and proven; taking it away is an entry."""
    case_id, now, signed_in, job = request.match_info["case_id"], datetime.now(UTC), account(request), job_of(request)
    async with database(request).write() as session:
        try:
            key = (await enter(request, session, Action.EXPORT_RECORD, case_id, Purpose.EXPORT)).key
        except CaseErased:
            raise NotFound from None
        details = {"form": "case", "by": signed_in.name, "role": signed_in.role.value}
        actor = ledger.account_actor(signed_in.id)
        ledger.append(session, Tag.RECORD_EXPORTED, actor=actor, at=now, case_id=case_id, details=details)
    await job.now()  # so that this very export is covered
    signer = await job.checkpointer.signer()
    if signer is None:
        raise NothingYet
    async with database(request).read() as session:
        return await _sent(request, export.part(session, key, signer.verifier, now), "case.jsonl")


def job_of(request: web.Request) -> LedgerJob:
    """What signs."""
    return request.app[LEDGER_JOB]


async def checkpoint(request: web.Request) -> web.Response:
    """GET /ledger/checkpoint: the newest signed note."""
    _require_token(request)
    async with database(request).read() as session:
        found = await newest(session)
    if found is None:
        raise NotFound
    return web.Response(text=found.note, headers={"Cache-Control": "no-store"})


async def tile(request: web.Request) -> web.Response:
    """GET /ledger/tile/…: hashes, or a bundle of entries."""
    _require_token(request)
    wanted = Tile.read(request.match_info["path"])
    if wanted is None:
        raise NotFound
    async with database(request).read() as session:
        signed = await newest(session)
        span = 256 ** max(wanted.level, 0)
        if signed is None or (wanted.index * 256 + wanted.width) * span > signed.size:
            raise NotFound
        try:
            body = await read_tile(session, wanted)
        except TreeIncomplete:
            raise NotFound from None
    headers = {"Cache-Control": FOR_GOOD, "Content-Type": "application/octet-stream"}
    return web.Response(body=body, headers=headers)


def _require_token(request: web.Request) -> None:
    token = request.app[SETTINGS].ledger_token.get_secret_value()
    given = request.headers.get("Authorization", "")
    if not token or not hmac.compare_digest(given.encode(errors="surrogateescape"), f"Bearer {token}".encode()):
        raise Forbidden


async def _sent(request: web.Request, lines: AsyncIterator[str], name: str) -> web.StreamResponse:
    try:
        return await send_lines(request, lines, name)
    except export.NothingSigned:
        raise NothingYet from None
