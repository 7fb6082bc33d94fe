"""Pages of consent texts: what people are told for each purpose, its versions, and writing the next one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from consent.notices import HASH, PART_LENGTHS, PARTS, PICTURES, SLOTS, NoticeError, Purpose, Slot, Text
from consent.policy import Action
from server.cases.views import done
from server.consents import overview, texts
from server.consents.tables import NoticeMedia, NoticeRow
from server.http.context import database, settings
from server.http.errors import NotFound, Problem
from server.http.forms import Form
from server.http.guard import require
from server.http.limits import spend
from server.http.render import render
from server.i18n import N_, Translator, translator

DONE: Mapping[str, str] = {
    "saved": N_("The draft is saved. Nobody sees it yet."),
    "published": N_("The new text is published. Everybody who agreed to the one before is asked again."),
    "dropped": N_("The draft is thrown away."),
}
FILE_REFUSED: Mapping[str, str] = {
    "too_large": N_("This file is too large. A recording may have 8 MB, a video 24 MB."),
    "wrong_type": N_("Choose a recording (MP3, M4A, OGG or WAV) or a video (MP4 or WebM)."),
}
INCOMPLETE = N_("The draft has no text in one of the languages yet. Write all of them, then publish.")


def routes() -> list[web.RouteDef]:
    """The pages of texts, and the recordings that belong to them."""
    return [
        web.get("/notices", list_purposes),
        web.get("/notices/{purpose}", show),
        web.get("/notices/{purpose}/edit", edit),
        web.post("/notices/{purpose}/edit", save),
        web.get("/notices/{purpose}/preview", preview),
        web.post("/notices/{purpose}/publish", publish),
        web.post("/notices/{purpose}/drop", drop),
        web.get("/consents/media/{sha256}", media),
    ]


async def list_purposes(request: web.Request) -> web.Response:
    """GET /notices: every purpose, its current version, and whether a draft is waiting."""
    async with database(request).read() as session:
        await require(request, session, Action.EDIT_NOTICES)
        lines = []
        for purpose in Purpose:
            newest = next(iter(await texts.versions(session, purpose)), None)
            lines.append((purpose.value, newest, await texts.draft(session, purpose)))
    return render(request, "consents/notices.html", nav="notices", lines=lines, done=done(request, DONE))


async def show(request: web.Request) -> web.Response:
    """GET /notices/{purpose}: the current text in every language, or with ``?version=`` an earlier one."""
    purpose = _purpose(request)
    async with database(request).read() as session:
        await require(request, session, Action.EDIT_NOTICES)
        versions = await texts.versions(session, purpose)
        wanted = request.query.get("version")
        chosen = next((row for row in versions if wanted in {None, str(row.version)}), None)
        if chosen is None:
            raise NotFound
        found = await texts.texts_of(session, chosen.id)
        names = await overview.names(session, [row.published_by for row in versions])
        waiting = await texts.draft(session, purpose)
    return render(
        request,
        "consents/notice.html",
        nav="notices",
        purpose=purpose.value,
        chosen=chosen,
        versions=versions,
        names=names,
        draft=waiting,
        texts=_in_order(request, {language: texts.text_of(row) for language, row in found.items()}),
        hashes={language: row.hash for language, row in found.items()},
        done=done(request, DONE),
    )


async def edit(request: web.Request) -> web.Response:
    """GET /notices/{purpose}/edit?language=: the draft in one language; begins as a copy of what is current."""
    purpose, language = _purpose(request), _language(request)
    async with database(request).write() as session:
        await require(request, session, Action.EDIT_NOTICES)
        row = await texts.begin_draft(session, purpose)
        stored = (await texts.texts_of(session, row.id)).get(language)
        text = texts.text_of(stored) if stored else None
    values = {part: getattr(text, part) for part in PARTS} if text else {}
    values["picture"] = text.picture if text else PICTURES[0]
    return _edit_page(request, purpose, language, Form.with_values(values), text)


async def save(request: web.Request) -> web.Response:
    """POST /notices/{purpose}/edit?language=: keep one language of the draft, with its recordings."""
    now, form, purpose, language = datetime.now(UTC), await Form.read(request), _purpose(request), _language(request)
    _ = translator(request)
    posted = await request.post()
    async with database(request).write() as session:
        signed_in = await require(request, session, Action.EDIT_NOTICES)
        row = await texts.begin_draft(session, purpose)
        stored = (await texts.texts_of(session, row.id)).get(language)
        before = texts.text_of(stored) if stored else None
        kept: dict[Slot, str] = {} if before is None else dict(before.media)
        for slot in SLOTS:
            file = posted.get(slot)
            if form.ticked(f"remove_{slot}"):
                kept.pop(slot, None)
            if isinstance(file, web.FileField) and (data := file.file.read()):
                try:
                    kept[slot] = await texts.put_media(session, signed_in, slot, data, now)
                except texts.TextError as error:
                    form.fail(slot, _(FILE_REFUSED[error.code]))
        text = texts.made(language, {part: form.value(part) for part in PARTS}, form.value("picture"), kept)
        if form.ok:
            await _write(request, session, row, text, form)
        if not form.ok:
            return _edit_page(request, purpose, language, form, before)
    raise web.HTTPSeeOther(f"/notices/{purpose.value}/preview?done=saved")


async def preview(request: web.Request) -> web.Response:
    """GET /notices/{purpose}/preview: the draft as people will read it, and the button that publishes it."""
    purpose = _purpose(request)
    async with database(request).read() as session:
        await require(request, session, Action.EDIT_NOTICES)
        row = await _draft(session, purpose)
        found = await texts.texts_of(session, row.id)
    return render(
        request,
        "consents/preview.html",
        nav="notices",
        purpose=purpose.value,
        draft=row,
        texts=_in_order(request, {language: texts.text_of(text) for language, text in found.items()}),
        missing=[language for language in settings(request).languages if language not in found],
        done=done(request, DONE),
    )


async def publish(request: web.Request) -> web.Response:
    """POST /notices/{purpose}/publish: the draft becomes what people are told."""
    purpose = _purpose(request)
    async with database(request).write() as session:
        signed_in = await require(request, session, Action.EDIT_NOTICES)
        row = await _draft(session, purpose)
        try:
            await texts.publish(session, signed_in, row, settings(request).languages, datetime.now(UTC))
        except texts.TextError as error:
            raise Problem("incomplete", INCOMPLETE, status=409) from error
    raise web.HTTPSeeOther(f"/notices/{purpose.value}?done=published")


async def drop(request: web.Request) -> web.Response:
    """POST /notices/{purpose}/drop: throw the draft away."""
    purpose = _purpose(request)
    async with database(request).write() as session:
        await require(request, session, Action.EDIT_NOTICES)
        await texts.drop_draft(session, await _draft(session, purpose))
    raise web.HTTPSeeOther("/notices?done=dropped")


async def media(request: web.Request) -> web.Response:
    """GET /consents/media/{sha256}: a recording, for whoever is asked; nothing in it is personal. Answers ranges."""
    spend(request, "consent_media")
    digest = request.match_info["sha256"]
    async with database(request).read() as session:
        row = await session.get(NoticeMedia, digest) if HASH.fullmatch(digest) else None
    if row is None:
        raise NotFound
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Accept-Ranges": "bytes",
        "Cross-Origin-Resource-Policy": "cross-origin",  # the call page may live on another host
    }
    try:
        asked = request.http_range
    except ValueError:  # what is no range of bytes is ignored (RFC 9110 §14.2)
        asked = slice(None)
    if asked.start is None and asked.stop is None:
        return web.Response(body=row.body, content_type=row.content_type, headers=headers)
    # Safari plays nothing from a server that does not answer ranges (RFC 9110 §14).
    first, last, _step = asked.indices(row.size)
    if first >= last:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{row.size}"})
    headers["Content-Range"] = f"bytes {first}-{last - 1}/{row.size}"
    return web.Response(status=206, body=row.body[first:last], content_type=row.content_type, headers=headers)


def _purpose(request: web.Request) -> Purpose:
    try:
        return Purpose(request.match_info["purpose"])
    except ValueError:
        raise NotFound from None


def _language(request: web.Request) -> str:
    wanted, offered = request.query.get("language"), settings(request).languages
    if wanted is not None and wanted not in offered:
        raise NotFound
    return wanted or settings(request).default_language


def _in_order(request: web.Request, found: Mapping[str, Text]) -> list[Text]:
    offered = settings(request).languages
    return sorted(found.values(), key=lambda text: (text.language not in offered, text.language))


async def _draft(session: AsyncSession, purpose: Purpose) -> NoticeRow:
    row = await texts.draft(session, purpose)
    if row is None:
        raise NotFound
    return row


async def _write(request: web.Request, session: AsyncSession, row: NoticeRow, text: Text, form: Form) -> None:
    _ = translator(request)
    try:
        await texts.write_draft(session, row, text, settings(request).organisation, settings(request).help_phone)
    except NoticeError as error:
        form.fail(error.field, _said(_, error))


def _said(_: Translator, error: NoticeError) -> str:
    match error.code:
        case "empty":
            return _("Write this part: without it nobody can agree.")
        case "long":
            return _("This is too long. Use at most %(count)d characters.") % {"count": PART_LENGTHS[error.field]}
        case _:
            return _("Choose one of what is offered.")


def _edit_page(request: web.Request, purpose: Purpose, language: str, form: Form, text: Text | None) -> web.Response:
    return render(
        request,
        "consents/edit.html",
        status=200 if form.ok else 422,
        nav="notices",
        purpose=purpose.value,
        written_in=language,
        language_codes=settings(request).languages,
        pictures=PICTURES,
        media=dict(text.media) if text else {},
        form=form,
    )
