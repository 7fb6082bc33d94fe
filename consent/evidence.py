"""What an export of the ledger consists of ◇: a header line, then one line for each entry (JSON Lines, UTF-8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from consent.canonical import CanonicalError, canonical, parse
from consent.checkpoint import Checkpoint, CheckpointError, Verifier
from consent.leaf import Leaf, LeafError, commit, from_base64, to_base64

FORMAT = "poruch-evidence"
VERSION = 1
LONGEST_LINE = 1024 * 1024
"""Bytes of an entry's line; the header may have HEADER_FACTOR times as many."""
HEADER_FACTOR = 256


class EvidenceError(ValueError):
    """A file that is no export of the ledger; the message says what is wrong with which line."""


class Kind(StrEnum):
    """What an export holds."""

    SESSION = "session"
    CASE = "case"
    LOG = "log"


def origin_of(log_id: str) -> str:
    """The name of a log in its checkpoints (the C2SP origin line)."""
    return f"poruch.ledger/{log_id}"


@dataclass(frozen=True, slots=True)
class Growth:
    """The proof that the tree of size ``to`` began as that of size ``start``."""

    start: int
    to: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """The first line."""

    kind: Kind
    subject: str
    """The session's id, the case's pseudonym, or the log's id."""
    log: Verifier
    made_at: str
    entries: int
    checkpoints: tuple[Checkpoint, ...]
    """By size."""
    growth: tuple[Growth, ...] = ()

    def spelt(self) -> str:
        """As a line."""
        plain = {
            "format": FORMAT,
            "version": VERSION,
            "kind": self.kind.value,
            "subject": self.subject,
            "log": self.log.spelt,
            "made_at": self.made_at,
            "entries": self.entries,
            "checkpoints": [each.note for each in self.checkpoints],
            "growth": [
                {"from": each.start, "to": each.to, "proof": [to_base64(step) for step in each.proof]}
                for each in self.growth
            ],
        }
        return canonical(plain).decode() + "\n"

    @classmethod
    def read(cls, line: str | bytes) -> Header:
        """Raises EvidenceError."""
        plain = _object(line, LONGEST_LINE * HEADER_FACTOR, "the first line")
        if plain.get("format") != FORMAT:
            raise EvidenceError("the file is no export of a Poruch ledger")
        if plain.get("version") != VERSION:
            raise EvidenceError("the export is of another version than this program")
        try:
            return cls(
                Kind(plain["kind"]),
                _text(plain["subject"]),
                Verifier.read(_text(plain["log"])),
                _text(plain["made_at"]),
                _count(plain["entries"]),
                tuple(Checkpoint.read(_text(note)) for note in plain["checkpoints"]),
                tuple(
                    Growth(_count(each["from"]), _count(each["to"]), tuple(map(from_base64, each["proof"])))
                    for each in plain["growth"]
                ),
            )
        except (CheckpointError, LeafError, LookupError, TypeError, ValueError) as error:
            raise EvidenceError(f"the first line is not a header: {error}") from None


@dataclass(frozen=True, slots=True)
class Line:
    """One entry: its leaf, the hash that the log has stored for it, and what opens its commitment, if given."""

    leaf: Leaf
    hash: bytes
    size: int | None = None
    """The checkpoint that ``proof`` leads to; in a whole log there are no proofs."""
    proof: tuple[bytes, ...] = ()
    salt: bytes | None = None
    content: Mapping[str, Any] | None = None
    """None where it was not given; in a session or a case: where it did not open."""

    def spelt(self) -> str:
        """As a line."""
        plain: dict[str, Any] = {"leaf": self.leaf.plain(), "hash": to_base64(self.hash)}
        if self.size is not None:
            plain |= {"size": self.size, "proof": [to_base64(step) for step in self.proof]}
        if self.salt is not None and self.content is not None:
            plain |= {"salt": to_base64(self.salt), "content": dict(self.content)}
        return canonical(plain).decode() + "\n"

    @classmethod
    def read(cls, line: str | bytes, number: int) -> Line:
        """Raises EvidenceError; ``number`` is for its message."""
        where = f"line {number}"
        plain = _object(line, LONGEST_LINE, where)
        unknown = plain.keys() - {"leaf", "hash", "size", "proof", "salt", "content"}
        if unknown or ("salt" in plain) != ("content" in plain) or ("size" in plain) != ("proof" in plain):
            raise EvidenceError(f"{where} has other fields than an entry")
        try:
            return cls(
                Leaf.read(plain["leaf"]),
                from_base64(plain["hash"]),
                _count(plain["size"]) if "size" in plain else None,
                tuple(map(from_base64, plain.get("proof", ()))),
                from_base64(plain["salt"]) if "salt" in plain else None,
                dict(plain["content"]) if "content" in plain else None,
            )
        except (LeafError, LookupError, TypeError, ValueError) as error:
            raise EvidenceError(f"{where} is not an entry: {error}") from None

    def opens(self) -> bool:
        """Whether what the entry is said to say is what it committed to; true where nothing is said."""
        if self.salt is None or self.content is None:
            return True
        try:
            return commit(self.salt, self.content) == self.leaf.commitment
        except (LeafError, CanonicalError):
            return False


def _object(line: str | bytes, longest: int, where: str) -> dict[str, Any]:
    if len(line) > longest:
        raise EvidenceError(f"{where} is too long")
    try:
        plain = parse(line)
    except CanonicalError as error:
        raise EvidenceError(f"{where} is not JSON: {error}") from None
    if not isinstance(plain, dict):
        raise EvidenceError(f"{where} is not a JSON object")
    return plain


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise EvidenceError("a text is expected")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise EvidenceError("a number from 0 is expected")
    return value
