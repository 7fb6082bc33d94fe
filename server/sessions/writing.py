"""Pages where the team writes: notes about a session, their signature, and visits or phone calls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent.keys import Purpose
from consent.policy import Action
from server.cases.tables import Case
from server.http.context import SignedIn, database
from server.http.errors import NotFound, Problem
from server.http.forms import Form
from server.http.guard import account
from server.http.render import render
from server.i18n import N_, Translator, translator
from server.sessions import contacts, notes, words
from server.sessions.contacts import ContactError, Way
from server.sessions.notes import NoteError, Texts
from server.sessions.opening import open_session
from server.sessions.tables import TEXT_LENGTH
from server.supervision.access import enter

FIELDS = ("outcome", "decisions", "next_steps")

NOTE_REFUSED: Mapping[notes.NoteCode, str] = {
    "nothing_written": N_("Write something in at least one of the three fields"),
    "too_long": N_("Use at most 8000 characters"),
    "changed_meanwhile": N_(
        "Somebody else has written in the meantime. Their version is kept; read it on the record, then write yours."
    ),
    "already_signed": N_("These notes are signed already."),
    "nothing_to_sign": N_("There are no notes to sign yet."),
}
CONTACT_REFUSED: Mapping[contacts.ContactCode, tuple[str, str]] = {
    "case_closed": ("way", N_("This case is closed. Open it again before you change it.")),
    "in_the_future": ("day", N_("Enter a day and time that have passed")),
    "too_long_ago": ("day", N_("Enter a day within the last year")),
    "duration_unknown": ("minutes", N_("Enter how many minutes it took, from 1 to 1440")),
    "nobody": ("with_whom", N_("Enter with whom it was")),
}


def routes() -> list[web.RouteDef]:
    """The pages of this feature."""
    return [
        web.get("/sessions/{session_id}/notes", show_notes),
        web.post("/sessions/{session_id}/notes", write_notes),
        web.post("/sessions/{session_id}/notes/sign", sign_notes),
        web.get("/cases/{case_id}/contacts/new", new_contact),
        web.post("/cases/{case_id}/contacts/new", enter_contact),
    ]


async def show_notes(request: web.Request) -> web.Response:
    """GET /sessions/{session_id}/notes: the form with the newest version."""
    async with database(request).write() as session:
        opened = await open_session(request, session, Action.WRITE_NOTES)
        written = await notes.versions(session, opened.id)
        known = {name: getattr(written[0], name) for name in FIELDS} if written else {}
        version = str(written[0].version if written else 0)
        form = Form.with_values(known | {"after": version})
        return render(request, "sessions/notes.html", nav="cases", form=form, opened=opened, case=opened.case)


async def write_notes(request: web.Request) -> web.Response:
    """POST /sessions/{session_id}/notes."""
    form, _, now = await Form.read(request), translator(request), datetime.now(UTC)
    texts = _texts(form, _)
    after = form.integer("after", _("Open the notes again, then write."), low=0, high=9_999)
    async with database(request).write() as session:
        opened = await open_session(request, session, Action.WRITE_NOTES)
        if form.ok and after is not None:
            try:
                await notes.write(
                    session,
                    opened.entrance.signed_in,
                    case_id=opened.case.id,
                    session_id=opened.id,
                    texts=texts,
                    after=after,
                    now=now,
                )
            except NoteError as error:
                form.fail("outcome", _(NOTE_REFUSED[error.code]))
        if not form.ok:
            context = {"form": form, "opened": opened, "case": opened.case}
            return render(request, "sessions/notes.html", nav="cases", status=400, **context)
    raise web.HTTPSeeOther(f"/sessions/{opened.id}?done=written")


async def sign_notes(request: web.Request) -> web.Response:
    """POST /sessions/{session_id}/notes/sign: the version that was read, and no other."""
    form, now = await Form.read(request), datetime.now(UTC)
    version = form.integer("version", "-", low=1, high=9_999)
    async with database(request).write() as session:
        opened = await open_session(request, session, Action.SIGN_NOTES)
        try:
            await notes.sign(session, opened.entrance.signed_in, opened.id, version or 0, now)
        except NoteError as error:
            raise Problem(error.code, NOTE_REFUSED[error.code], status=409) from error
    raise web.HTTPSeeOther(f"/sessions/{opened.id}?done=signed")


async def new_contact(request: web.Request) -> web.Response:
    """GET /cases/{case_id}/contacts/new: an empty form."""
    async with database(request).write() as session:
        case, signed_in = await _case(request, session)
        here = datetime.now(UTC).astimezone(signed_in.zone)
        form = Form.with_values({"day": f"{here:%Y-%m-%d}"})
        return render(request, "sessions/contact.html", nav="cases", form=form, case=case, ways=_ways(request))


async def enter_contact(request: web.Request) -> web.Response:
    """POST /cases/{case_id}/contacts/new."""
    form, _, now = await Form.read(request), translator(request), datetime.now(UTC)
    way = form.choice("way", Way, _("Choose how you met"))
    day = form.date("day", _("Enter the day"))
    clock = form.time("time", _("Enter a time, like 14:30"))
    minutes = form.integer(
        "minutes", _("Enter how many minutes it took, from 1 to 1440"), low=1, high=contacts.DURATION_MAX_MIN
    )
    with_whom = form.text(
        "with_whom",
        _("Enter with whom it was"),
        max_length=contacts.WITH_WHOM_MAX,
        too_long=_("Use at most 200 characters"),
    )
    texts = _texts(form, _)
    async with database(request).write() as session:
        case, signed_in = await _case(request, session)
        if way and day and clock and minutes and form.ok:
            at = datetime.combine(day, clock, ZoneInfo(signed_in.time_zone)).astimezone(UTC)
            try:
                contact = await contacts.enter(
                    session,
                    signed_in,
                    case,
                    way=way,
                    happened_at=at,
                    duration_min=minutes,
                    time_zone=signed_in.time_zone,
                    with_whom=with_whom,
                    texts=texts if any((texts.outcome, texts.decisions, texts.next_steps)) else None,
                    now=now,
                )
            except ContactError as error:
                field, text = CONTACT_REFUSED[error.code]
                form.fail(field, _(text))
        if not form.ok:
            context = {"form": form, "case": case, "ways": _ways(request)}
            return render(request, "sessions/contact.html", nav="cases", status=400, **context)
    raise web.HTTPSeeOther(f"/sessions/{contact.id}?done=entered")


async def _case(request: web.Request, session: AsyncSession) -> tuple[Case, SignedIn]:
    account(request)
    case = await session.get(Case, request.match_info["case_id"])
    if case is None:
        raise NotFound
    entrance = await enter(request, session, Action.ENTER_CONTACT, case.id, Purpose.RECORD)
    return case, entrance.signed_in


def _texts(form: Form, _: Translator) -> Texts:
    too_long = _("Use at most 8000 characters")
    outcome, decisions, next_steps = (form.text(name, max_length=TEXT_LENGTH, too_long=too_long) for name in FIELDS)
    return Texts(outcome, decisions, next_steps)


def _ways(request: web.Request) -> list[dict[str, str]]:
    _ = translator(request)
    return [{"value": way.value, "text": _(words.WAYS[way]).capitalize()} for way in Way]
