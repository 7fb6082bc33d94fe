"""The draw: which sessions are looked through, so that nobody can choose them and anybody can draw them again.

Each pair of worker and session gets a number, HMAC-SHA256 keyed by a seed that follows from a signed checkpoint of the
ledger; the lowest numbers of each worker are drawn. Whoever has the checkpoint and the list of sessions gets the same
answer, and nobody knew the checkpoint's root hash while the sessions could still be arranged.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

PER_WORKER = 2
"""How many sessions of each worker are looked through in a month, at least, where there are so many."""

_LABEL = b"poruch/sample/v1"


@dataclass(frozen=True, order=True)
class Month:
    """One calendar month in UTC, as ``2027-01``."""

    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime) -> Month:
        """The month that a moment (aware) lies in."""
        utc = moment.astimezone(UTC)
        return cls(utc.year, utc.month)

    @classmethod
    def parse(cls, text: str) -> Month:
        """From ``2027-01``. Raises ValueError for anything else."""
        year, dash, number = text.partition("-")
        if not (dash and text.isascii() and len(year) == 4 and len(number) == 2 and (year + number).isdigit()):
            raise ValueError("a month looks like 2027-01")
        if not (1 <= int(number) <= 12 and 1 <= int(year) <= 9998):
            raise ValueError("there is no such month")
        return cls(int(year), int(number))

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def begins_at(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def next(self) -> Month:
        """The month after it."""
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def before(self) -> Month:
        """The month before it."""
        return Month(self.year, self.number - 1) if self.number > 1 else Month(self.year - 1, 12)


@dataclass(frozen=True)
class Pick:
    """One session of one worker that is to be looked through."""

    worker: str
    session: str


def seed(origin: str, size: int, root: bytes) -> bytes:
    """32 bytes from a checkpoint: the log's origin line, its number of entries and its root hash (32 bytes)."""
    if len(root) != hashlib.sha256().digest_size or size < 0 or "\n" in origin:
        raise ValueError("a checkpoint has an origin of one line, a size and a root hash of 32 bytes")
    return hashlib.sha256(b"\n".join((_LABEL, origin.encode(), str(size).encode(), root))).digest()


def draw(
    key: bytes,
    sessions: Mapping[str, Iterable[str]],
    already: Collection[Pick] = (),
    per_worker: int = PER_WORKER,
) -> list[Pick]:
    """The picks that bring every worker to ``per_worker``, or to all of their sessions where there are fewer.

    ``sessions`` are session ids by worker id, in any order; ``already`` is what earlier draws of the month picked.
    The answer depends on nothing else, and is sorted by worker and then by the number drawn.
    """
    picks: list[Pick] = []
    for worker in sorted(sessions):
        left = {session for session in sessions[worker] if Pick(worker, session) not in already}
        wanted = per_worker - sum(pick.worker == worker for pick in already)
        ranked = sorted(left, key=lambda session: (_number(key, worker, session), session))
        picks += [Pick(worker, session) for session in ranked[: max(0, wanted)]]
    return picks


def _number(key: bytes, worker: str, session: str) -> bytes:
    return hmac.new(key, f"{worker}\n{session}".encode(), hashlib.sha256).digest()
