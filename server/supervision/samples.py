"""Sampling: which sessions are looked through each month, what came of it, and who is still owed a look."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.canonical import canonical, parse
from consent.checkpoint import Checkpoint
from consent.events import Tag
from consent.ledger import SYSTEM, account_actor, append
from consent.tables import LedgerCheckpoint, LedgerHead
from server.accounts.tables import Account
from server.appointments.tables import Seat
from server.cases.service import Doer
from server.cases.tables import Case
from server.sessions.tables import SessionFacet, SessionSummary
from server.supervision.draw import PER_WORKER, Month, Pick, draw, seed
from server.supervision.tables import Sample, SampleDraw

SO_FAR, FINAL = 1, 2
FEEDBACK_MAX = 4_000

SampleCode = Literal["drawn_already", "month_ahead", "own_session", "reviewed_already", "feedback_missing", "too_long"]


class SampleError(Exception):
    """Something that cannot be done in sampling; ``code`` is stable and says why."""

    def __init__(self, code: SampleCode) -> None:
        super().__init__(code)
        self.code: SampleCode = code


class Question(StrEnum):
    """What a reviewer answers from the record; nobody has watched the session."""

    CONSENT = "consent"  # consent was asked for, and is on record
    IDENTITY = "identity"  # the client was verified, or the notes say how one knew them
    COURSE = "course"  # it began and ended as planned, or the notes say why not
    TROUBLE = "trouble"  # interruptions and risks were followed up
    NOTES = "notes"  # outcome, decisions and next steps are written so that a colleague could go on


class Answer(StrEnum):
    """How a question is answered."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"
    NOT_APPLICABLE = "not_applicable"


class Verdict(StrEnum):
    """What the review comes to."""

    GOOD = "good"
    IMPROVE = "improve"
    SERIOUS = "serious"


@dataclass(frozen=True)
class Owed:
    """One worker's month."""

    worker_id: str
    name: str
    held: int
    """Sessions that they held or took part in, and that can still be read."""
    samples: tuple[Sample, ...]
    erased: frozenset[str] = frozenset()
    """Those of the samples that nobody can look through any more, because their case was erased before."""
    final: bool = False
    """Whether the last draw of the month was made: nothing can be drawn in place of what was erased after it."""

    @property
    def due(self) -> int:
        """How many looks the month asks for."""
        wanted = min(PER_WORKER, self.held)
        return min(wanted, len(self.samples) - len(self.erased)) if self.final else wanted

    @property
    def reviewed(self) -> int:
        """How many there were."""
        return sum(sample.reviewed_at is not None for sample in self.samples)

    @property
    def owed(self) -> int:
        """How many are still missing."""
        return max(0, self.due - self.reviewed)


async def ask(session: AsyncSession, doer: Doer | None, month: Month, now: datetime) -> SampleDraw:
    """Ask for a month's draw; it is made by the first checkpoint that covers this request. Raises SampleError.

    While a month runs there is one draw of it, by a supervisor; after its end one more, by the system (``doer`` None).
    """
    if Month.of(now) < month:
        raise SampleError("month_ahead")
    number = SO_FAR if now < month.next.begins_at else FINAL
    drawn = select(SampleDraw.id).where(SampleDraw.month == str(month), SampleDraw.number >= number)
    if await session.scalar(drawn) is not None:
        raise SampleError("drawn_already")
    actor = account_actor(doer.id) if doer else SYSTEM
    size = await session.scalar(select(LedgerHead.size)) or 0
    asked = SampleDraw(month=str(month), number=number, asked_at=now, asked_by=actor, after_size=size)
    session.add(asked)
    await session.flush()
    details = {"draw": asked.id, "month": asked.month, "number": number, "by": doer.name if doer else None}
    append(session, Tag.SAMPLE_ASKED, actor=actor, at=now, details=details)
    return asked


async def settle(session: AsyncSession, now: datetime) -> list[SampleDraw]:
    """Make the draws that were asked for and whose checkpoint has been signed since."""
    waiting = await session.scalars(
        select(SampleDraw).where(SampleDraw.drawn_at.is_(None)).order_by(SampleDraw.asked_at)
    )
    return [asked for asked in waiting.all() if await _make(session, asked, now)]


async def _make(session: AsyncSession, asked: SampleDraw, now: datetime) -> bool:
    signed = await session.scalar(
        select(LedgerCheckpoint)
        .where(LedgerCheckpoint.size > asked.after_size)
        .order_by(LedgerCheckpoint.size)
        .limit(1)
    )
    if signed is None:
        return False
    sessions = await _sessions_of(session, Month.parse(asked.month), asked.asked_at)
    asked.sessions = canonical({worker: sorted(own) for worker, own in sessions.items()}).decode()
    asked.checkpoint, asked.drawn_at = signed.note, now
    picks = draw(key_of(asked), sessions, await already(session, asked))
    cases = await _cases_of(session, [pick.session for pick in picks])
    for pick in picks:
        session.add(
            Sample(
                draw_id=asked.id,
                month=asked.month,
                worker_id=pick.worker,
                session_id=pick.session,
                case_id=cases[pick.session],
            )
        )
    details = {
        "draw": asked.id,
        "month": asked.month,
        "number": asked.number,
        "checkpoint": signed.size,
        "sessions_sha256": hashlib.sha256(asked.sessions.encode()).hexdigest(),
        "picked": len(picks),
    }
    append(session, Tag.SAMPLE_DRAWN, actor=SYSTEM, at=now, details=details)
    return True


def key_of(made: SampleDraw) -> bytes:
    """The seed of a draw that was made, from its checkpoint."""
    signed = Checkpoint.read(made.checkpoint or "")
    return seed(signed.origin, signed.size, signed.root)


def sessions_in(made: SampleDraw) -> Mapping[str, list[str]]:
    """What a draw was drawn from."""
    found: Mapping[str, list[str]] = parse(made.sessions or "{}")
    return found


async def already(session: AsyncSession, made: SampleDraw) -> list[Pick]:
    """What earlier draws of the month picked, as it counted in this draw.

    A pick that was erased before anybody had looked through it counted for nothing, so that another was drawn for it.
    """
    earlier = await session.scalars(
        select(Sample)
        .join(SampleDraw, SampleDraw.id == Sample.draw_id)
        .where(Sample.month == made.month, SampleDraw.number < made.number)
        .order_by(Sample.worker_id, Sample.session_id)
    )
    there, at = sessions_in(made), made.drawn_at
    return [
        Pick(each.worker_id, each.session_id)
        for each in earlier
        if each.session_id in there.get(each.worker_id, ())
        or (each.reviewed_at is not None and at is not None and each.reviewed_at <= at)
    ]


async def keep_up(session: AsyncSession, now: datetime) -> None:
    """What the clock asks for: the final draw of the month before, once there has been anything in it."""
    month = Month.of(now).before
    final = select(SampleDraw.id).where(SampleDraw.month == str(month), SampleDraw.number == FINAL)
    if await session.scalar(final) is None and await _sessions_of(session, month, now):
        await ask(session, None, month, now)


async def month_view(session: AsyncSession, month: Month, now: datetime) -> list[Owed]:
    """Everybody who held sessions in the month, those who are owed most first."""
    held = {worker: len(own) for worker, own in (await _sessions_of(session, month, now)).items()}
    samples = (await session.scalars(select(Sample).where(Sample.month == str(month)).order_by(Sample.id))).all()
    gone = set(await session.scalars(_erased.where(Sample.month == str(month))))
    made = await draws_of(session, month)
    final = any(each.number == FINAL and each.drawn_at is not None for each in made)
    ids = held.keys() | {sample.worker_id for sample in samples}
    names = dict((await session.execute(select(Account.id, Account.name).where(Account.id.in_(ids)))).all())
    view = [
        Owed(
            worker_id=worker,
            name=names.get(worker, ""),
            held=held.get(worker, 0),
            samples=(own := tuple(sample for sample in samples if sample.worker_id == worker)),
            erased=frozenset(sample.id for sample in own if sample.id in gone),
            final=final,
        )
        for worker in ids
    ]
    return sorted(view, key=lambda each: (-each.owed, each.name, each.worker_id))


_erased = (
    select(Sample.id)
    .join(Case, Case.id == Sample.case_id)
    .where(Sample.reviewed_at.is_(None), Case.erased_at.is_not(None))
)


async def draws_of(session: AsyncSession, month: Month) -> Sequence[SampleDraw]:
    """The draws of a month, in their order."""
    return (
        await session.scalars(select(SampleDraw).where(SampleDraw.month == str(month)).order_by(SampleDraw.number))
    ).all()


async def review(
    session: AsyncSession,
    doer: Doer,
    sample: Sample,
    *,
    answers: Mapping[Question, Answer],
    verdict: Verdict,
    feedback: str,
    now: datetime,
) -> None:
    """Keep what a reviewer found; the worker reads the feedback. Raises SampleError."""
    await check_reviewer(session, doer, sample)
    if sample.reviewed_at is not None:
        raise SampleError("reviewed_already")
    if verdict is not Verdict.GOOD and not feedback:
        raise SampleError("feedback_missing")
    if len(feedback) > FEEDBACK_MAX:
        raise SampleError("too_long")
    sample.reviewer_id, sample.reviewed_at, sample.verdict = doer.id, now, verdict.value
    sample.answers = {question.value: answer.value for question, answer in answers.items()}
    sample.feedback = feedback or None
    append(
        session,
        Tag.SAMPLE_REVIEWED,
        actor=account_actor(doer.id),
        at=now,
        case_id=sample.case_id,
        details={
            "sample": sample.id,
            "worker": sample.worker_id,
            "reviewed": sample.session_id,
            "verdict": verdict.value,
            "by": doer.name,
        },
    )


async def check_reviewer(session: AsyncSession, doer: Doer, sample: Sample) -> None:
    """Nobody reviews their own work, nor a session to which they were invited. Raises SampleError ``own_session``."""
    seated = select(Seat.id).where(Seat.appointment_id == sample.session_id, Seat.account_id == doer.id).limit(1)
    if doer.id == sample.worker_id or await session.scalar(seated) is not None:
        raise SampleError("own_session")


async def feedback_to(session: AsyncSession, account_id: str) -> Sequence[Sample]:
    """The reviews of one worker's sessions, the latest first."""
    return (
        await session.scalars(
            select(Sample)
            .where(Sample.worker_id == account_id, Sample.reviewed_at.is_not(None))
            .order_by(Sample.reviewed_at.desc())
        )
    ).all()


async def has_feedback(session: AsyncSession, account_id: str, case_id: str) -> bool:
    """Whether a session of this case was reviewed as this worker's."""
    theirs = (Sample.worker_id == account_id, Sample.case_id == case_id, Sample.reviewed_at.is_not(None))
    return await session.scalar(select(Sample.id).where(*theirs).limit(1)) is not None


async def count_unread(session: AsyncSession, account_id: str) -> int:
    """How many reviews a worker has not seen yet."""
    unread = (Sample.worker_id == account_id, Sample.reviewed_at.is_not(None), Sample.read_at.is_(None))
    return await session.scalar(select(func.count()).select_from(Sample).where(*unread)) or 0


async def _sessions_of(session: AsyncSession, month: Month, before: datetime) -> dict[str, list[str]]:
    """Sessions of the month that began before a moment and are over, by the worker who was there."""
    found = await session.execute(
        select(SessionFacet.facet, SessionFacet.session_id)
        .join(SessionSummary, SessionSummary.session_id == SessionFacet.session_id)
        .where(
            SessionSummary.starts_at >= month.begins_at,
            SessionSummary.starts_at < min(month.next.begins_at, before),
            SessionFacet.facet.like("held:%"),
        )
    )
    sessions: dict[str, list[str]] = {}
    for facet, session_id in found:
        sessions.setdefault(facet.removeprefix("held:"), []).append(session_id)
    return sessions


async def _cases_of(session: AsyncSession, session_ids: Sequence[str]) -> dict[str, str]:
    found = await session.execute(
        select(SessionSummary.session_id, SessionSummary.case_id).where(SessionSummary.session_id.in_(session_ids))
    )
    return dict(found.all())
