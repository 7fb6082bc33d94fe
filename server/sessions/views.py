"""Pages about session records: one record, and the list to look through."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from consent import keys
from consent.policy import Action, Reach, reach
from server.appointments.views import appointment_of
from server.http.context import SignedIn, database
from server.http.guard import require
from server.http.render import render
from server.i18n import translator
from server.sessions import service, words
from server.sessions.record import Outcome


def routes() -> list[web.RouteDef]:
    """The pages of this feature."""
    return [
        web.get("/sessions", list_sessions),
        web.get("/sessions/{appointment_id}", show),
    ]


async def show(request: web.Request) -> web.Response:
    """GET /sessions/{appointment_id}: what the ledger says about one meeting; reading it is an entry."""
    now, _ = datetime.now(UTC), translator(request)
    async with database(request).write() as session:
        appointment, case, signed_in = await appointment_of(request, session, Action.READ_RECORD)
        record = await service.record(session, keys.opened(session, case.id), appointment.id, now)
    zone = record.time_zone or signed_in.time_zone
    return render(
        request,
        "sessions/record.html",
        nav=_nav(signed_in),
        appointment=appointment,
        case=case,
        record=record,
        zone=zone,
        local=lambda at: at.astimezone(ZoneInfo(zone)),
        now=now,
        phase=words.PHASES[record.phase],
        attended=record.with_outcome(Outcome.ATTENDED),
        waited=record.with_outcome(Outcome.ONLY_WAITED, Outcome.DECLINED),
        missing=record.with_outcome(Outcome.NO_SHOW),
        others=record.with_outcome(Outcome.EXPECTED, Outcome.UNINVITED),
        outcomes=words.OUTCOMES,
        ends=words.ENDS,
        sentence=lambda moment: words.sentence(moment, _),
        length=lambda total: words.length(total, _),
    )


async def list_sessions(request: web.Request) -> web.Response:
    """GET /sessions?from=&to=&worker=&page=: what cannot be read in the filter counts as not given."""
    now, _ = datetime.now(UTC), translator(request)
    async with database(request).write() as session:
        signed_in = await require(request, session, Action.READ_RECORD)
        people = await service.workers(session)
        worker = request.query.get("worker", "")
        wanted = service.Search(
            since=_day(request, "from", signed_in.zone, 0),
            until=_day(request, "to", signed_in.zone, 1),
            worker=worker if worker in {person.id for person in people} else None,
            page=_page(request),
        )
        results = await service.search(session, signed_in, wanted, now)
    return render(
        request,
        "sessions/list.html",
        nav=_nav(signed_in),
        results=results,
        page=min(wanted.page, results.pages),
        workers=people,
        filter={name: request.query.get(name, "")[:32] for name in ("from", "to", "worker")},
        phases=words.PHASES,
        attended=Outcome.ATTENDED,
        missing=Outcome.NO_SHOW,
        length=lambda total: words.length(total, _),
    )


def _nav(signed_in: SignedIn) -> str:
    return "records" if reach(signed_in.role, Action.READ_RECORD) is Reach.EVERYWHERE else "cases"


def _day(request: web.Request, name: str, zone: ZoneInfo, days_on: int) -> datetime | None:
    """Midnight at the beginning of the day that the filter names, some days on; None when it names none."""
    try:
        day = date.fromisoformat(request.query.get(name, "")) + timedelta(days=days_on)
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _page(request: web.Request) -> int:
    text = request.query.get("page", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) else 1
