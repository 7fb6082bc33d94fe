"""Reading without belonging: the inspector's cases, one case on one page for reading only, and the pack for paper."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys, ledger
from consent.events import Tag
from consent.keys import Purpose
from consent.policy import Action, Grant
from server.cases import service as cases
from server.cases.service import reader_of
from server.cases.tables import Case
from server.consents import overview
from server.consents import words as consent_words
from server.http.context import database
from server.http.errors import Forbidden, NotFound
from server.http.guard import account
from server.http.render import render
from server.sessions import opening, readers, summaries, views
from server.sessions import words as session_words
from server.sessions.record import Phase
from server.sessions.tables import SessionSummary
from server.supervision import grants, words
from server.supervision.access import Entrance, enter

SHOWN = (Action.EXPORT_RECORD, Action.READ_ACCESS_LIST, Action.KNOW_REFUSALS)
"""On what else the page depends."""
READINGS_IN_PACK = 1_000
IN_PACK = 200
"""At most so many sessions in one pack; the latest of them."""


def routes() -> list[web.RouteDef]:
    """Pages for those who read a case for a time."""
    return [
        web.get("/inspection", named_cases),
        web.get("/cases/{case_id}/reading", read_case),
        web.get("/cases/{case_id}/pack", print_pack),
    ]


async def named_cases(request: web.Request) -> web.Response:
    """GET /inspection: the cases that are open to this person for a time, and until when."""
    now, signed_in = datetime.now(UTC), account(request)
    async with database(request).write() as session:
        found = await grants.named_to(session, signed_in.id, now)
        opened: set[str] = set()
        for kind, purpose in grants.PURPOSES.items():
            named = {grant.case_id for grant in found if grant.kind == kind.value}
            opened |= set(await keys.open_cases(session, reader_of(signed_in), named, purpose, now=now))
        listed = [(grant, await session.get_one(Case, grant.case_id)) for grant in found if grant.case_id in opened]
        return render(request, "supervision/named.html", nav="named", listed=listed, kinds=words.GRANTS)


async def read_case(request: web.Request) -> web.Response:
    """GET /cases/{case_id}/reading: one case, to read and nothing else."""
    await summaries.catch_up(database(request), datetime.now(UTC))
    async with database(request).write() as session:
        case, entrance = await _enter(request, session, Action.READ_CASE)
        return render(request, "supervision/reading.html", nav="named", **await _contents(session, case, entrance))


async def print_pack(request: web.Request) -> web.Response:
    """GET /cases/{case_id}/pack: everything about a case that an inspector may see, to print; taking it is an entry."""
    now = datetime.now(UTC)
    await summaries.catch_up(database(request), now)
    async with database(request).write() as session:
        case, entrance = await _enter(request, session, Action.EXPORT_RECORD)
        contents = await _contents(session, case, entrance)
        records: list[dict[str, Any]] = []
        too_long: list[SessionSummary] = []
        for found in contents["sessions"]:
            opened = await opening.of_case(session, found.session_id, case, entrance)
            try:
                records.append(views.describe(request, await opening.read(session, opened, now), now))
            except opening.TooLong:
                too_long.append(found)
        ledger.append(
            session,
            Tag.RECORD_EXPORTED,
            actor=ledger.account_actor(entrance.signed_in.id),
            at=now,
            case_id=case.id,
            details={"form": "pack", "by": entrance.signed_in.name, "role": entrance.signed_in.role.value},
        )
        readings = await readers.of_case(session, entrance.key, most=READINGS_IN_PACK)
        return render(
            request,
            "supervision/pack.html",
            nav="named",
            neutral=True,
            records=records,
            too_long=too_long,
            readings=readings.shown,
            more_readings=readings.next is not None,
            read_for=session_words.READ_FOR,
            now=now,
            **contents,
        )


async def _enter(request: web.Request, session: AsyncSession, action: Action) -> tuple[Case, Entrance]:
    account(request)
    case = await session.get(Case, request.match_info["case_id"])
    if case is None:
        raise NotFound
    entrance = await enter(request, session, action, case.id, Purpose.READ)
    if entrance.grant is Grant.EMERGENCY and action is Action.EXPORT_RECORD:
        raise Forbidden(action, case_id=case.id)
    return case, entrance


async def _contents(session: AsyncSession, case: Case, entrance: Entrance) -> dict[str, Any]:
    now = datetime.now(UTC)
    clients = await cases.clients(session, case.id)
    found = await session.scalars(
        select(SessionSummary)
        .where(SessionSummary.case_id == case.id, SessionSummary.phase != Phase.PLANNED.value)
        .order_by(SessionSummary.starts_at.desc())
        .limit(IN_PACK)
    )
    until = [
        grant.until for grant in await grants.named_to(session, entrance.signed_in.id, now) if grant.case_id == case.id
    ]
    return {
        "case": case,
        "entrance": entrance,
        "until": max(until, default=None),
        "clients": clients,
        "team": await cases.team(session, case.id),
        "consents": [await overview.of_client(session, entrance.key, client, now) for client in clients],
        "sessions": found.all(),
        "phases": session_words.PHASES,
        "ways": session_words.WAYS,
        "purposes": consent_words.PURPOSES,
        "answers": consent_words.ANSWERS,
        "kinds": words.GRANTS,
        "may": {action.value: entrance.may(action) for action in SHOWN},
    }
