"""Notices ◇: what a person is told before they agree, one version for all languages, hashed text by text."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

DOMAIN = b"poruch consent notice v1\n"
"""Begins what is hashed, so that the hash of a notice can be the hash of nothing else."""

HASH = re.compile(r"[0-9a-f]{64}")


class Purpose(StrEnum):
    """What somebody can agree to. Recording is not among them: it cannot exist in an encrypted conversation."""

    VIDEO = "video"
    """A video consultation with the team of the case."""
    EXPLAIN = "explain"
    """A short talk with the case manager and an interpreter only, so that the rest can be explained."""
    SHARING = "sharing"
    """A named agency is present and hears personal data."""
    INTERPRETER = "interpreter"
    HELPER = "helper"
    REPRESENTATIVE = "representative"
    CONTACT = "contact"
    """The service may write or phone through a named channel."""
    JOINING = "joining"
    """A named person joins while the conversation is going on."""
    SUPERVISION = "supervision"
    """A supervisor is present."""


ABOUT_SOMEBODY = frozenset(
    {
        Purpose.SHARING,
        Purpose.INTERPRETER,
        Purpose.HELPER,
        Purpose.REPRESENTATIVE,
        Purpose.JOINING,
        Purpose.SUPERVISION,
        Purpose.CONTACT,
    }
)
"""Purposes that are agreed to for one named person, agency or channel, never in general."""

Slot = Literal["audio", "sign_video"]
SLOTS: tuple[Slot, ...] = ("audio", "sign_video")

PARTS = ("title", "what", "why", "who", "how_long", "rights", "withdraw", "controller")
"""The parts of a notice that are read; ISO/IEC 29184:2020 §5.3 asks for each of them."""

PART_LENGTHS: Mapping[str, int] = dict.fromkeys(PARTS, 1200) | {"title": 120}
PICTURES = ("video", "talk", "agency", "interpreter", "helper", "representative", "contact", "person", "supervisor")
"""Drawings that the pages know; a notice names one of them."""


class NoticeError(ValueError):
    """A text that cannot be a notice; ``field`` names the part and ``code`` is ``empty``, ``long`` or ``unknown``."""

    def __init__(self, field_name: str, code: Literal["empty", "long", "unknown"]) -> None:
        super().__init__(f"{field_name}: {code}")
        self.field = field_name
        self.code = code


@dataclass(frozen=True)
class Text:
    """One notice in one language. ``media`` maps a slot to the SHA-256 (hex) of its file."""

    language: str
    title: str
    what: str
    why: str
    who: str
    how_long: str
    rights: str
    withdraw: str
    controller: str
    picture: str
    media: Mapping[Slot, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Notice:
    """One version of what is told for a purpose, in every language that is offered.

    A new version asks everybody again, whichever text of it was changed: two languages never differ in what they say.
    """

    purpose: Purpose
    version: int
    """From 1, without gaps."""
    published_at: datetime
    texts: Mapping[str, Text]

    def in_language(self, language: str) -> Text:
        """The text in this language, else in the first one there is. Raises LookupError without any."""
        if language in self.texts:
            return self.texts[language]
        try:
            return next(iter(self.texts.values()))
        except StopIteration:
            raise LookupError(f"{self.purpose} {self.version} has no text") from None

    def hash_of(self, language: str) -> str:
        """The hash of the text that a reader of this language is shown."""
        return text_hash(self.purpose, self.version, self.in_language(language))

    def shown_as(self, notice_hash: str) -> Text | None:
        """The text with this hash, or None when this version was never shown under it."""
        return next(
            (text for text in self.texts.values() if text_hash(self.purpose, self.version, text) == notice_hash), None
        )


def body(purpose: Purpose, version: int, text: Text) -> dict[str, object]:
    """Everything that is hashed: what is read, seen and heard, with its purpose, version and language."""
    return {
        "purpose": purpose.value,
        "version": version,
        "language": text.language,
        "picture": text.picture,
        "media": dict(text.media),
        **{part: getattr(text, part) for part in PARTS},
    }


def text_hash(purpose: Purpose, version: int, text: Text) -> str:
    """SHA-256, 64 hex characters, over the domain and the canonical JSON (RFC 8785) of the body.

    The body holds strings, small integers and ASCII names only, for which sorted compact JSON is canonical.
    """
    canonical = json.dumps(body(purpose, version, text), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(DOMAIN + canonical.encode()).hexdigest()


def checked(text: Text) -> Text:
    """The text with its parts trimmed. Raises NoticeError for an empty, too long or unknown part."""
    trimmed = {part: getattr(text, part).replace("\r\n", "\n").strip() for part in PARTS}
    for part, value in trimmed.items():
        if not value:
            raise NoticeError(part, "empty")
        if len(value) > PART_LENGTHS[part]:
            raise NoticeError(part, "long")
    if text.picture not in PICTURES:
        raise NoticeError("picture", "unknown")
    for slot, digest in text.media.items():
        if slot not in SLOTS or not HASH.fullmatch(digest):
            raise NoticeError(slot, "unknown")
    return Text(language=text.language, picture=text.picture, media=dict(text.media), **trimmed)


def current(notices: Iterable[Notice], purpose: Purpose, at: datetime) -> Notice | None:
    """The newest version that was published at this moment, or None."""
    published = [each for each in notices if each.purpose is purpose and each.published_at <= at]
    return max(published, key=lambda each: each.version, default=None)
