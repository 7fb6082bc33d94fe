"""Pages of sampling: the month, one review, the draw to draw again, and what workers read about their sessions."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from aiohttp import web
from babel.dates import format_date
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keys
from consent.database import DatabaseBusy
from consent.keys import Purpose
from consent.policy import Action, allows
from server.cases.service import reader_of
from server.cases.tables import Case
from server.evidence.job import LEDGER_JOB
from server.http.context import SignedIn, database
from server.http.errors import Forbidden, NotFound, Problem
from server.http.forms import Form
from server.http.guard import account, require
from server.http.render import render
from server.i18n import language, translator
from server.sessions import summaries
from server.sessions.opening import names_of
from server.supervision import draw, job, samples, words
from server.supervision.access import Entrance, enter
from server.supervision.draw import Month
from server.supervision.samples import Answer, Question, SampleError, Verdict
from server.supervision.tables import Sample, SampleDraw


def routes() -> list[web.RouteDef]:
    """The pages of sampling."""
    return [
        web.get("/supervision/samples", show_month),
        web.post("/supervision/samples/draw", ask),
        web.get("/supervision/draws/{draw_id}", show_draw),
        web.get("/supervision/samples/{sample_id}", show_sample),
        web.post("/supervision/samples/{sample_id}", review),
        web.get("/feedback", show_feedback),
    ]


async def show_month(request: web.Request) -> web.Response:
    """GET /supervision/samples?month=2027-01: who held how many sessions, what was drawn, who is owed a review."""
    now, _ = datetime.now(UTC), translator(request)
    account(request)
    month = Month.of(now)
    with suppress(ValueError):
        month = Month.parse(request.query.get("month", ""))
    await keep_up(request, now)
    async with database(request).read() as session:
        await require(request, session, Action.SUPERVISE)
        view = await samples.month_view(session, month, now)
        made = await samples.draws_of(session, month)
        reviewers = {sample.reviewer_id for owed in view for sample in owed.samples if sample.reviewer_id}
        names = await names_of(session, reviewers)
    done = words.DONE.get(request.query.get("done", ""))
    return render(
        request,
        "supervision/samples.html",
        nav="samples",
        month=month,
        this=Month.of(now),
        name_of=lambda each: format_date(each.begins_at, "LLLL y", locale=language(request)),
        view=view,
        draws=made,
        names=names,
        verdicts=words.VERDICTS,
        per_worker=draw.PER_WORKER,
        may_draw=Month.of(now) == month and not made,
        done=_(done) if done else "",
    )


async def keep_up(request: web.Request, now: datetime) -> None:
    """Bring summaries and draws up to now; a busy database is asked again with the next page."""
    with suppress(DatabaseBusy):
        await job.once(database(request), now)


async def ask(request: web.Request) -> web.Response:
    """POST /supervision/samples/draw: ask for the running month's draw, sign a checkpoint, and draw by it."""
    now = datetime.now(UTC)
    await summaries.catch_up(database(request), now)
    async with database(request).write() as session:
        signed_in = await require(request, session, Action.REVIEW_SAMPLE)
        try:
            await samples.ask(session, signed_in, Month.of(now), now)
        except SampleError as error:
            raise Problem(error.code, words.SAMPLE_REFUSED[error.code], status=409) from error
    await request.app[LEDGER_JOB].now()
    async with database(request).write() as session:
        await samples.settle(session, datetime.now(UTC))
    raise web.HTTPSeeOther(f"/supervision/samples?month={Month.of(now)}&done=asked")


async def show_draw(request: web.Request) -> web.Response:
    """GET /supervision/draws/{draw_id}: everything that is needed to draw again, as JSON; no names, no contents."""
    async with database(request).read() as session:
        await require(request, session, Action.SUPERVISE)
        made = await session.get(SampleDraw, request.match_info["draw_id"])
        if made is None or made.checkpoint is None:
            raise NotFound
        counted = await samples.already(session, made)
    return web.json_response(
        {
            "month": made.month,
            "number": made.number,
            "asked_at": made.asked_at.isoformat(),
            "after_size": made.after_size,
            "checkpoint": made.checkpoint,
            "seed": samples.key_of(made).hex(),
            "sessions": samples.sessions_in(made),
            "already": [[each.worker, each.session] for each in counted],
            "how": "HMAC-SHA256(seed, worker + newline + session); the lowest of each worker, two with those already",
        }
    )


async def show_sample(request: web.Request) -> web.Response:
    """GET /supervision/samples/{sample_id}: the form, or what was found."""
    async with database(request).write() as session:
        sample, entrance = await _sample(request, session)
        own = await _refused(session, entrance.signed_in, sample)
        return await _page(request, session, sample, Form(), own=own)


async def review(request: web.Request) -> web.Response:
    """POST /supervision/samples/{sample_id}."""
    form, _, now = await Form.read(request), translator(request), datetime.now(UTC)
    answers = {each: form.choice(each.value, Answer, _("Choose an answer")) for each in Question}
    verdict = form.choice("verdict", Verdict, _("Choose what it comes to"))
    feedback = form.text("feedback", max_length=samples.FEEDBACK_MAX, too_long=_("Use at most 4000 characters"))
    async with database(request).write() as session:
        sample, entrance = await _sample(request, session)
        given = {question: answer for question, answer in answers.items() if answer is not None}
        if form.ok and verdict is not None:
            try:
                await samples.review(
                    session,
                    entrance.signed_in,
                    sample,
                    answers=given,
                    verdict=verdict,
                    feedback=feedback,
                    now=now,
                )
            except SampleError as error:
                if error.code not in {"feedback_missing", "too_long"}:
                    raise Problem(error.code, words.SAMPLE_REFUSED[error.code], status=409) from error
                form.fail("feedback", _(words.SAMPLE_REFUSED[error.code]))
        if not form.ok:
            return await _page(request, session, sample, form, status=400)
    raise web.HTTPSeeOther(f"/supervision/samples?month={sample.month}&done=reviewed")


async def show_feedback(request: web.Request) -> web.Response:
    """GET /feedback: what reviewers wrote to this worker about their sessions."""
    now, signed_in = datetime.now(UTC), account(request)
    if not allows(signed_in.role, Action.READ_FEEDBACK, on_team=False, own=True):
        raise Forbidden(Action.READ_FEEDBACK)
    async with database(request).write() as session:
        found = await samples.feedback_to(session, signed_in.id)
        # Written to this person, about their own work: they read it also when they have left the team.
        of = {sample.case_id for sample in found}
        await keys.open_cases(session, reader_of(signed_in), of, Purpose.FEEDBACK, now=now)
        fresh = {sample.id for sample in found if sample.read_at is None}
        names = await names_of(session, {sample.reviewer_id for sample in found if sample.reviewer_id})
        for sample in found:
            sample.read_at = sample.read_at or now
        shown = [sample for sample in found if not await _erased(session, sample)]
        return render(
            request,
            "supervision/feedback.html",
            nav="feedback",
            found=shown,
            fresh=fresh,
            names=names,
            verdicts=words.VERDICTS,
        )


async def _sample(request: web.Request, session: AsyncSession) -> tuple[Sample, Entrance]:
    account(request)
    sample = await session.get(Sample, request.match_info["sample_id"])
    if sample is None:
        raise NotFound
    await require(request, session, Action.REVIEW_SAMPLE)
    entrance = await enter(
        request, session, Action.READ_RECORD, sample.case_id, Purpose.SUPERVISE, session_id=sample.session_id
    )
    return sample, entrance


async def _refused(session: AsyncSession, signed_in: SignedIn, sample: Sample) -> bool:
    try:
        await samples.check_reviewer(session, signed_in, sample)
    except SampleError:
        return True
    return False


async def _erased(session: AsyncSession, sample: Sample) -> bool:
    return (await session.get_one(Case, sample.case_id)).erased_at is not None


async def _page(
    request: web.Request, session: AsyncSession, sample: Sample, form: Form, *, own: bool = False, status: int = 200
) -> web.Response:
    _ = translator(request)
    case = await session.get_one(Case, sample.case_id)
    people = {sample.worker_id, sample.reviewer_id} - {None}
    return render(
        request,
        "supervision/sample.html",
        nav="samples",
        status=status,
        sample=sample,
        case=case,
        form=form,
        own=own,
        names=await names_of(session, {each for each in people if each}),
        questions=[(each.value, _(text)) for each, text in words.QUESTIONS.items()],
        answers=[{"value": each.value, "text": _(text).capitalize()} for each, text in words.ANSWERS.items()],
        verdict_items=[{"value": each.value, "text": _(text[0]).capitalize()} for each, text in words.VERDICTS.items()],
        answer_words=words.ANSWERS,
        verdicts=words.VERDICTS,
    )
