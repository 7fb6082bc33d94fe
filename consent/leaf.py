"""Leaves of the ledger ◇: what one entry commits to, its canonical spelling and its hash.

A leaf names nobody: actor and case are pseudonyms, and what happened is behind a commitment that only the salt opens.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from consent.canonical import LARGEST, canonical
from consent.merkle import leaf_hash

VERSION = 1
SALT_LENGTH = 32
LONGEST = 65_535
"""Bytes of one spelt leaf, so that it fits into an entry bundle (C2SP tlog-tiles)."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_NAMES = ("log", "sequence", "at", "tag", "actor", "case", "case_nth", "session", "session_nth", "commitment")


class LeafError(ValueError):
    """Something that is not a leaf or not its content; the message names the field."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One entry as the tree knows it; spelt, it is the object whose hash is the tree's leaf."""

    log: str
    sequence: int
    """Its place, from 0."""
    at: datetime
    """When the fact happened, UTC."""
    tag: str
    actor: str
    """``system``, or a pseudonym."""
    case: str | None
    """A pseudonym."""
    case_nth: int | None
    """The how-manieth entry of its case this is, from 1, so that a missing one leaves a gap."""
    session: str | None
    session_nth: int | None
    """The same within its session."""
    commitment: str
    """HMAC-SHA256 of the content under a random salt, hexadecimal."""

    def spelt(self) -> bytes:
        """The canonical JSON that is hashed."""
        data = canonical(self.plain())
        if len(data) > LONGEST:
            raise LeafError("a leaf is too long")
        return data

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        found: dict[str, Any] = {name: getattr(self, name) for name in _NAMES}
        return {**found, "v": VERSION, "at": spell_time(self.at)}

    def hash(self) -> bytes:
        """The hash of this leaf in the tree (RFC 9162 §2.1.1), 32 bytes."""
        return leaf_hash(self.spelt())

    @classmethod
    def read(cls, plain: Any) -> Leaf:
        """A leaf from its JSON. Raises LeafError for anything that no log of this version could have written."""
        if not isinstance(plain, dict) or plain.keys() != {*_NAMES, "v"}:
            raise LeafError("a leaf has exactly the fields of its version")
        if plain["v"] != VERSION:
            raise LeafError("a leaf of an unknown version")
        for name in ("log", "tag", "actor", "commitment"):
            if not isinstance(plain[name], str):
                raise LeafError(f"{name} is no text")
        _count("sequence", plain["sequence"], 0)
        for name in ("case", "session"):
            value, nth = plain[name], plain[f"{name}_nth"]
            if (value is None) != (nth is None) or not isinstance(value, str | None):
                raise LeafError(f"{name} is neither text nor absent")
            if nth is not None:
                _count(f"{name}_nth", nth, 1)
        return cls(**{name: plain[name] for name in _NAMES} | {"at": read_time(plain["at"])})


def commit(salt: bytes, content: Mapping[str, Any]) -> str:
    """The commitment to what an entry says: HMAC-SHA256(salt, canonical content), hexadecimal.

    ``content`` is ``{"actor", "case", "details"}`` as they were written. Raises LeafError for a salt of another length.
    """
    if len(salt) != SALT_LENGTH:
        raise LeafError(f"a salt has {SALT_LENGTH} bytes")
    return hmac.new(salt, canonical(dict(content)), hashlib.sha256).hexdigest()


def spell_time(at: datetime) -> str:
    """UTC with microseconds, always of the same length: ``2026-03-05T12:00:00.000000Z``."""
    if at.tzinfo is None:
        raise LeafError("a time needs a time zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def read_time(text: Any) -> datetime:
    """The moment of such a text. Raises LeafError for any other spelling."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise LeafError("at is not a time in UTC with microseconds")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise LeafError("at is not a moment that exists") from None


def to_base64(data: bytes) -> str:
    """RFC 4648 §4, as everywhere in C2SP."""
    return base64.b64encode(data).decode()


def from_base64(text: Any) -> bytes:
    """The bytes of the one canonical spelling. Raises LeafError for any other."""
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (ValueError, binascii.Error):
        raise LeafError("not base64") from None
    if not isinstance(text, str) or to_base64(data) != text:
        raise LeafError("not base64")
    return data


def _count(name: str, value: Any, least: int) -> None:
    if type(value) is not int or not least <= value <= LARGEST:
        raise LeafError(f"{name} is no number from {least}")
