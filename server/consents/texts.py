"""Texts: where notices are kept, the ones that the program brings, and how the organisation makes its own."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.events import Tag
from consent.ledger import SYSTEM, account_actor, append
from consent.notices import PARTS, Notice, Purpose, Slot, Text, checked, text_hash
from consent.records import Party
from server.cases.service import Doer
from server.consents.tables import NoticeMedia, NoticeRow, NoticeText

BROUGHT = Path(__file__).parent / "notices"
"""The texts that the program brings: one file for each language, one table for each purpose."""
MAX_MEDIA_BYTES = {"audio": 8 * 1024 * 1024, "sign_video": 24 * 1024 * 1024}
TYPES: Mapping[str, Mapping[bytes, str]] = {
    "audio": {
        b"OggS": "audio/ogg",
        b"RIFF": "audio/wav",
        # MP3 with a tag, and bare frames: MPEG-1 and MPEG-2 (which telephones record), each with and without checksum.
        **dict.fromkeys((b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2"), "audio/mpeg"),
    },
    "sign_video": {b"\x1aE\xdf\xa3": "video/webm", b"ftyp": "video/mp4"},
}
"""What a file must begin with (MP4 and M4A: from the fifth byte), whatever it is called."""


class TextError(Exception):
    """What cannot be done with a notice; ``code`` is ``incomplete``, ``too_large`` or ``wrong_type``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


async def published(session: AsyncSession) -> list[Notice]:
    """All published versions with their texts, oldest first."""
    rows = await session.execute(
        select(NoticeRow, NoticeText)
        .join(NoticeText, NoticeText.notice_id == NoticeRow.id)
        .where(NoticeRow.published_at.is_not(None))
        .order_by(NoticeRow.purpose, NoticeRow.version, NoticeText.language)
    )
    found: dict[str, tuple[NoticeRow, dict[str, Text]]] = {}
    for row, text in rows:
        found.setdefault(row.id, (row, {}))[1][text.language] = text_of(text)
    return [
        Notice(Purpose(row.purpose), row.version, row.published_at, texts)
        for row, texts in found.values()
        if row.published_at is not None
    ]


async def party(session: AsyncSession, notice_hash: str) -> Party:
    """The organisation as the notice with this hash named it. Raises LookupError."""
    text = await session.scalar(select(NoticeText).where(NoticeText.hash == notice_hash).limit(1))
    if text is None:
        raise LookupError("no notice has this hash")
    named = text.parts["party"]
    return Party("controller", named["name"], text.parts["controller"], named["contact"])


async def with_hash(session: AsyncSession, notice_hash: str) -> Text:
    """The published text with this hash. Raises LookupError."""
    row = await session.scalar(select(NoticeText).where(NoticeText.hash == notice_hash).limit(1))
    if row is None:
        raise LookupError("no notice has this hash")
    return text_of(row)


async def is_told(session: AsyncSession) -> bool:
    """Whether there is a text for every purpose."""
    known = await session.scalar(
        select(func.count(NoticeRow.purpose.distinct())).where(NoticeRow.published_at.is_not(None))
    )
    return (known or 0) >= len(Purpose)


async def ensure_defaults(
    session: AsyncSession, organisation: str, contact: str, languages: Sequence[str], now: datetime
) -> int:
    """Publish the texts that the program brings for every purpose that has none; returns how many."""
    known = set(await session.scalars(select(NoticeRow.purpose)))
    made = 0
    for purpose in Purpose:
        if purpose.value in known:
            continue
        row = NoticeRow(purpose=purpose.value, version=1, published_at=now)
        session.add(row)
        await session.flush()
        for language in languages:
            text = brought(purpose, language, organisation, contact)
            if text is not None:
                _put(session, row, text, organisation, contact, published=True)
        append(
            session,
            Tag.NOTICE_PUBLISHED,
            actor=SYSTEM,
            at=now,
            details={"purpose": purpose.value, "version": 1},
        )
        made += 1
    return made


def brought(purpose: Purpose, language: str, organisation: str, contact: str) -> Text | None:
    """The text that the program brings, with the organisation's name in it; None in a language that it lacks."""
    parts = _file(language).get(purpose.value)
    if parts is None:
        return None
    names = {"organisation": organisation, "contact": contact or "—"}
    filled = {name: parts[name].format(**names) for name in PARTS}
    return checked(made(language, filled, parts["picture"], {}))


@cache
def _file(language: str) -> Mapping[str, Mapping[str, str]]:
    path = BROUGHT / f"{language}.toml"
    return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}


async def versions(session: AsyncSession, purpose: Purpose) -> Sequence[NoticeRow]:
    """The published versions of a purpose, newest first."""
    chosen = select(NoticeRow).where(NoticeRow.purpose == purpose.value, NoticeRow.published_at.is_not(None))
    return (await session.scalars(chosen.order_by(NoticeRow.version.desc()))).all()


async def texts_of(session: AsyncSession, notice_id: str) -> dict[str, NoticeText]:
    """The texts of one version by language."""
    found = await session.scalars(select(NoticeText).where(NoticeText.notice_id == notice_id))
    return {text.language: text for text in found}


async def draft(session: AsyncSession, purpose: Purpose) -> NoticeRow | None:
    """The next version, as far as it is written; None when nobody has begun one."""
    return await session.scalar(
        select(NoticeRow).where(NoticeRow.purpose == purpose.value, NoticeRow.published_at.is_(None))
    )


async def begin_draft(session: AsyncSession, purpose: Purpose) -> NoticeRow:
    """The draft of the next version: begins as a copy of the newest one."""
    known = await draft(session, purpose)
    if known is not None:
        return known
    newest = await versions(session, purpose)
    last = await session.scalar(select(func.max(NoticeRow.version)).where(NoticeRow.purpose == purpose.value))
    row = NoticeRow(purpose=purpose.value, version=(last or 0) + 1)
    session.add(row)
    await session.flush()
    for language, text in (await texts_of(session, newest[0].id) if newest else {}).items():
        session.add(NoticeText(notice_id=row.id, language=language, parts=dict(text.parts)))
    await session.flush()
    return row


async def write_draft(session: AsyncSession, row: NoticeRow, text: Text, organisation: str, contact: str) -> None:
    """Put one language of the draft. Raises NoticeError, and TextError for a recording that was not uploaded."""
    clean = checked(text)
    for digest in clean.media.values():
        if await session.get(NoticeMedia, digest) is None:
            raise TextError("incomplete")
    known = (await texts_of(session, row.id)).get(text.language)
    if known is not None:
        await session.delete(known)
        await session.flush()
    _put(session, row, clean, organisation, contact, published=False)
    await session.flush()


async def drop_draft(session: AsyncSession, row: NoticeRow) -> None:
    """Throw the draft away; published versions stay for ever."""
    for text in (await texts_of(session, row.id)).values():
        await session.delete(text)
    await session.flush()
    await session.delete(row)


async def publish(session: AsyncSession, doer: Doer, row: NoticeRow, languages: Sequence[str], now: datetime) -> None:
    """Make the draft the current version, in all languages on offer at once. Raises TextError ``incomplete``."""
    texts = await texts_of(session, row.id)
    if row.published_at is not None or any(language not in texts for language in languages):
        raise TextError("incomplete")
    purpose = Purpose(row.purpose)
    for text in texts.values():
        text.hash = text_hash(purpose, row.version, text_of(text))
    row.published_at, row.published_by = now, doer.id
    append(
        session,
        Tag.NOTICE_PUBLISHED,
        actor=account_actor(doer.id),
        at=now,
        details={
            "purpose": row.purpose,
            "version": row.version,
            "hashes": {language: text.hash for language, text in sorted(texts.items())},
            "by": doer.name,
        },
    )


async def put_media(session: AsyncSession, doer: Doer, slot: str, data: bytes, now: datetime) -> str:
    """Keep a recording; returns its SHA-256. Raises TextError ``too_large`` or ``wrong_type``."""
    if len(data) > MAX_MEDIA_BYTES[slot]:
        raise TextError("too_large")
    content_type = kind_of(slot, data)
    if content_type is None:
        raise TextError("wrong_type")
    digest = hashlib.sha256(data).hexdigest()
    if await session.get(NoticeMedia, digest) is None:
        session.add(
            NoticeMedia(
                sha256=digest,
                content_type=content_type,
                size=len(data),
                body=data,
                uploaded_by=doer.id,
                uploaded_at=now,
            )
        )
        await session.flush()
    return digest


def kind_of(slot: str, data: bytes) -> str | None:
    """The content type by the file's first bytes, or None for anything that this slot does not play."""
    for magic, content_type in TYPES[slot].items():
        if data.startswith(magic) or (magic == b"ftyp" and data[4:8] == magic):
            return content_type
    return "audio/mp4" if slot == "audio" and data[4:8] == b"ftyp" else None


def text_of(row: NoticeText) -> Text:
    """A stored text as the pure core knows it."""
    parts: dict[str, Any] = row.parts
    return made(row.language, parts, parts["picture"], parts.get("media", {}))


def made(language: str, parts: Mapping[str, str], picture: str, media: Mapping[Slot, str]) -> Text:
    """A text from its parts by name. Raises KeyError for a part that is missing."""
    return Text(
        language=language,
        title=parts["title"],
        what=parts["what"],
        why=parts["why"],
        who=parts["who"],
        how_long=parts["how_long"],
        rights=parts["rights"],
        withdraw=parts["withdraw"],
        controller=parts["controller"],
        picture=picture,
        media=media,
    )


def _put(
    session: AsyncSession, row: NoticeRow, text: Text, organisation: str, contact: str, *, published: bool
) -> None:
    parts = {name: getattr(text, name) for name in PARTS}
    stored = {
        **parts,
        "picture": text.picture,
        "media": dict(text.media),
        "party": {"name": organisation, "contact": contact or organisation},
    }
    digest = text_hash(Purpose(row.purpose), row.version, text) if published else None
    session.add(NoticeText(notice_id=row.id, language=text.language, parts=stored, hash=digest))
