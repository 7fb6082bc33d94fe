"""Pages about session records: the search, one record, the same on paper, and who has opened a case."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from consent.database import DatabaseBusy
from consent.keys import Purpose
from consent.policy import Action, Reach, Role, reach
from server.cases.tables import Case
from server.consents.words import PURPOSES
from server.http import paging
from server.http.context import SignedIn, database, settings
from server.http.errors import NotFound
from server.http.guard import account, require
from server.http.render import render
from server.i18n import Translator, translator, translator_for
from server.sessions import exports, opening, readers, search, summaries, words, writing
from server.sessions import picture as pictures
from server.sessions.opening import Opened, Whole
from server.sessions.record import Moment, Outcome
from server.sessions.unusual import Unusual
from server.supervision.access import enter

MOST_DIGITS = 15
"""Of an entry's place in an address."""
PRINTED_IN = "uk"
"""The language of the printed page unless somebody chooses another: it goes into a Ukrainian file."""
ROLES = (Role.CASE_MANAGER, Role.SOCIAL_WORKER, Role.PSYCHOLOGIST, Role.LAWYER, Role.REHABILITATION, Role.INTERPRETER)


def routes() -> list[web.RouteDef]:
    """The pages of this feature."""
    return [
        web.get("/sessions", list_sessions),
        web.get("/sessions/{session_id}", show),
        web.get("/sessions/{session_id}/print", printed),
        web.get("/cases/{case_id}/readers", show_readers),
        *writing.routes(),
        *exports.routes(),
    ]


async def show(request: web.Request) -> web.Response:
    """GET /sessions/{session_id}: what is known about one meeting, visit or phone call; reading it is an entry."""
    now, _ = datetime.now(UTC), translator(request)
    async with database(request).write() as session:
        opened = await opening.open_session(request, session)
        try:
            whole = await opening.read(session, opened, now)
        except opening.TooLong as error:
            return render(
                request,
                "sessions/long.html",
                status=error.status,
                nav=nav_of(opened.entrance.signed_in),
                opened=opened,
                may=_may(opened),
            )
        told = request.query.get("done", "")
        return render(
            request,
            "sessions/record.html",
            nav=nav_of(opened.entrance.signed_in),
            done=_(words.DONE[told]) if told in words.DONE else "",
            **describe(request, whole, now),
        )


async def printed(request: web.Request) -> web.Response:
    """GET /sessions/{session_id}/print?language=: the same for paper, every time local and in UTC."""
    now = datetime.now(UTC)
    async with database(request).write() as session:
        opened = await opening.open_session(request, session)
        whole = await opening.read(session, opened, now)
        wish = request.query.get("language", PRINTED_IN)
        wish = wish if wish in settings(request).languages else PRINTED_IN
        return render(
            request, "sessions/print.html", neutral=True, language=wish, **describe(request, whole, now, wish)
        )


def describe(request: web.Request, whole: Whole, now: datetime, language: str | None = None) -> dict[str, Any]:
    """What the templates of a record need, in the reader's language or in another."""
    _ = translator_for(request.app, language) if language else translator(request)
    opened, record = whole.opened, whole.record
    zone = ZoneInfo(whole.zone)
    why = opened.entrance.may(Action.KNOW_REFUSALS)
    return {
        "opened": opened,
        "case": opened.case,
        "contact": opened.contact,
        "whole": whole,
        "record": record,
        "zone": whole.zone,
        "local": lambda at: at.astimezone(zone),
        "now": now,
        "way": _(words.WAYS[opened.way]),
        "phase": words.PHASES[record.phase],
        "picture": None if opened.contact else pictures.draw(record, now),
        "shapes": words.SHAPES,
        "attended": record.with_outcome(Outcome.ATTENDED),
        "waited": record.with_outcome(Outcome.ONLY_WAITED, Outcome.DECLINED),
        "missing": record.with_outcome(Outcome.NO_SHOW),
        "others": record.with_outcome(Outcome.EXPECTED, Outcome.UNINVITED),
        "outcomes": words.OUTCOMES,
        "ends": words.ENDS,
        "sentence": lambda moment: _sentence(moment, _, why=why),
        "length": lambda total: words.length(total, _),
        "may": _may(opened),
    }


def nav_of(signed_in: SignedIn) -> str:
    """The entry of the main menu under which this person finds records."""
    return "records" if reach(signed_in.role, Action.READ_RECORD) is Reach.EVERYWHERE else "cases"


def _may(opened: Opened) -> dict[str, bool]:
    return {
        action.value: opened.entrance.may(action)
        for action in (Action.WRITE_NOTES, Action.SIGN_NOTES, Action.EXPORT_RECORD, Action.READ_CASE)
    }


def _sentence(moment: Moment, _: Translator, *, why: bool) -> str:
    text = words.sentence(moment, _)
    purpose = PURPOSES.get(str(moment.details.get("purpose")))
    return f"{text}: {_(purpose)}" if why and purpose and moment.tag in words.ABOUT_CONSENT else text


async def list_sessions(request: web.Request) -> web.Response:
    """GET /sessions?from=&to=&worker=&role=&way=&unusual=&after=: what cannot be read counts as not given."""
    now = datetime.now(UTC)
    account(request)
    with suppress(DatabaseBusy):  # a list that is some seconds old is better than none
        await summaries.catch_up(database(request), now)
    async with database(request).read() as session:
        signed_in = await require(request, session, Action.READ_RECORD)
        people = await search.workers(session)
        asked = _wanted(request, signed_in.zone, {person.id for person in people})
        results = await search.search(session, signed_in, asked, now)
    fields = ("from", "to", "worker", "role", "way", "unusual", "case")
    chosen = {name: request.query.get(name, "")[:32] for name in fields}
    return render(
        request,
        "sessions/list.html",
        nav=nav_of(signed_in),
        results=results,
        workers=people,
        roles=ROLES,
        ways=words.WAYS,
        marks=words.UNUSUAL,
        phases=words.PHASES,
        filter=chosen,
        next=dict(chosen, after=results.next.spelt) if results.next else None,
        further=asked.after is not None,
    )


async def show_readers(request: web.Request) -> web.Response:
    """GET /cases/{case_id}/readers?before=: who has opened this case, for what; opening the list is itself on it."""
    account(request)
    asked = request.query.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= MOST_DIGITS else None
    async with database(request).write() as session:
        case = await session.get(Case, request.match_info["case_id"])
        if case is None:
            raise NotFound
        entrance = await enter(request, session, Action.READ_ACCESS_LIST, case.id, Purpose.RECORD)
    async with database(request).read() as session:  # after the commit, so that this very reading is on the list
        found = await readers.of_case(session, entrance.key, most=readers.PAGE, before=before)
    return render(
        request,
        "sessions/readers.html",
        nav="cases",
        case=case,
        readings=found.shown,
        next=found.next,
        further=before is not None,
        purposes=words.READ_FOR,
        may_read=entrance.may(Action.READ_CASE) and entrance.grant is None,
    )


def _wanted(request: web.Request, zone: ZoneInfo, workers: set[str]) -> search.Wanted:
    query = request.query
    worker, role, way = query.get("worker", ""), query.get("role", ""), query.get("way", "")
    mark = query.get("unusual", "")
    return search.Wanted(
        since=_day(query.get("from", ""), zone, 0),
        until=_day(query.get("to", ""), zone, 1),
        worker=worker if worker in workers else None,
        role=role if role in set(ROLES) else None,
        way=way if way in words.WAYS else None,
        unusual=Unusual(mark) if mark in set(Unusual) else None,
        case=query.get("case") or None,
        after=paging.wanted(request),
    )


def _day(text: str, zone: ZoneInfo, days_on: int) -> datetime | None:
    """Midnight at the beginning of the day that the filter names, some days on; None when it names none."""
    try:
        day = date.fromisoformat(text) + timedelta(days=days_on)
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
