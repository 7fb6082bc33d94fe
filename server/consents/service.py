"""What can be done with consent: how a meeting stands, answering, taking back. Every change has its entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.gate import PERSON, Answer, Decision, State, suitability_reason
from consent.keys import CaseKey
from consent.ledger import seat_actor
from consent.needs import About, Need
from consent.notices import Notice, Purpose, Text, current
from consent.policy import Role
from consent.records import SIGN_LABEL, Method, TappedBy, to_sign
from server.appointments.tables import LINGER, Seat, Status
from server.consents import other_ways
from server.consents.scene import Scene, as_representation, representations_of, scene
from server.consents.tables import ConsentRow, RepresentationRow
from server.consents.writing import Said, last_row, signature_mark, stoppable_row, take_back, write
from server.devices.signatures import KeyTextError, public_key, verify

VALID_FOR = timedelta(days=365)
"""How long an agreement holds before it is asked again."""
MAX_ANSWERS = 40
CONVERSATION = frozenset({Purpose.VIDEO.value, Purpose.EXPLAIN.value})
"""To whom says no to these we promise in their texts that we phone or visit."""

Code = Literal[
    "not_yours",
    "not_asked",
    "notice_unknown",
    "notice_old",
    "over",
    "cancelled",
    "impossible",
    "representation_expired",
    "signature_invalid",
    "signature_used",
]


class ConsentError(Exception):
    """What is no valid answer; ``code`` is stable and says why. Nothing was written."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code: Code = code


@dataclass(frozen=True)
class Given:
    """One answer as it was posted. ``explain`` (with purpose video) agrees only to a talk that explains."""

    purpose: str
    notice_hash: str
    decision: str
    """``given``, ``refused`` or ``explain``."""
    about_seat: str | None = None


@dataclass(frozen=True)
class Proof:
    """The signature of the person's device over the answers, ``consent.records.to_sign(seat, answers, at)``."""

    key: str
    """SPKI, base64url."""
    signature: str
    at: str


async def standing(session: AsyncSession, key: CaseKey, appointment_id: str, now: datetime) -> dict[str, Decision]:
    """What each client's gate says, by seat id. Raises LookupError when it is no appointment of this case."""
    seen = await scene(session, key, appointment_id, now)
    return {seat.id: seen.gate(seat.id, now) for seat in seen.client_seats()}


async def withdrawn(session: AsyncSession, key: CaseKey, appointment_id: str, now: datetime) -> dict[str, list[str]]:
    """The purposes that each client has taken back and not given again, by seat id: for case manager and supervisor."""
    found = await standing(session, key, appointment_id, now)
    return {
        seat_id: sorted({ask.need.purpose.value for ask in said.asks if ask.why.value == Answer.WITHDRAWN.value})
        for seat_id, said in found.items()
    }


async def unwanted(session: AsyncSession, key: CaseKey, appointment_id: str, now: datetime) -> dict[str, list[str]]:
    """By seat id of whoever stays outside because clients do not want them there: the seat ids of these clients."""
    found: dict[str, list[str]] = {}
    for client_seat, said in (await standing(session, key, appointment_id, now)).items():
        for ask in said.asks:
            if ask.no and ask.need.about is not None and ask.need.about.seat_id is not None:
                found.setdefault(ask.need.about.seat_id, []).append(client_seat)
    return found


async def answer(
    session: AsyncSession,
    key: CaseKey,
    *,
    seat_id: str,
    answers: Sequence[Given],
    tapped_by: TappedBy,
    now: datetime,
    method: Method = "page",
    proof: Proof | None = None,
) -> list[ConsentRow]:
    """What the client on this seat, or the representative on this seat for their client, answers; all of it or nothing.

    The same answer again writes nothing and returns the record that stands. Raises ConsentError.
    """
    seen, seat = await _seat(session, key, seat_id, now)
    client_seat, by = await _for_whom(session, seen, seat, now)
    if suitability_reason(seen.suitability, danger=False, now=now) is not None:
        raise ConsentError("impossible")
    if not answers or len(answers) > MAX_ANSWERS:
        raise ConsentError("not_asked")
    signed = await checked_signature(session, key, seat_id, answers, proof)
    said = [_said(seen, client_seat, each, now) for each in answers]
    rows: list[ConsentRow] = []
    for purpose, about, given, notice, text in said:
        until = _until(seen, purpose, given, now)
        rows.append(
            await write(
                session,
                key,
                Said(
                    client_id=client_seat.client_id or "",
                    purpose=purpose,
                    about=about,
                    answer=given,
                    version=notice.version,
                    text=text,
                    notice_hash=notice.hash_of(text.language),
                    until=until,
                    by=by,
                    method=method,
                    tapped_by=tapped_by,
                    actor=seat_actor(seat_id),
                    appointment_id=seen.appointment.id,
                ),
                now,
                proof=signed if not rows else None,
            )
        )
    no = any(row.purpose in CONVERSATION and row.answer != Answer.GIVEN.value for row in rows)
    after = await _offer_other_way(session, key, seen, client_seat, now, because="refused" if no else None)
    if after is State.ALLOW:
        await other_ways.not_needed(session, key, client_seat.client_id, now)
    return rows


async def withdraw(
    session: AsyncSession,
    key: CaseKey,
    *,
    seat_id: str,
    purpose: str,
    about_seat: str | None,
    now: datetime,
    tapped_by: TappedBy = "person",
    method: Method = "call",
) -> list[ConsentRow]:
    """Take back what was agreed to; no reason is asked. Twice is the same as once.

    The client takes back also what a representative has agreed to for them, and says so themself; a representative only
    what they have said. Taking back the conversation takes back an agreement to have it explained, too. Raises
    ConsentError.
    """
    seen, seat = await _seat(session, key, seat_id, now, ended_too=True)
    client_seat, by = await _for_whom(session, seen, seat, now)
    wanted = _purpose(purpose)
    about = next((need.about for need in seen.needs(client_seat.id).items if _is(need, wanted, about_seat)), None)
    if about is None and about_seat is not None:
        raise ConsentError("not_asked")
    kinds = [wanted, Purpose.EXPLAIN] if wanted is Purpose.VIDEO else [wanted]
    rows = []
    for kind in kinds:
        which = (client_seat.client_id or "", kind, about.key if about else None)
        row = await (stoppable_row(session, *which) if by == PERSON else last_row(session, *which, by))
        if row is None or (row.answer == Answer.REFUSED.value):
            continue
        rows.append(
            await take_back(
                session, key, row, now, by=by, tapped_by=tapped_by, method=method, actor=seat_actor(seat_id)
            )
        )
    if not rows:
        raise ConsentError("not_asked")
    stopped = any(row.purpose in CONVERSATION for row in rows)
    await _offer_other_way(session, key, seen, client_seat, now, because="withdrawn" if stopped else None)
    return rows


async def _seat(
    session: AsyncSession, key: CaseKey, seat_id: str, now: datetime, *, ended_too: bool = False
) -> tuple[Scene, Seat]:
    seat = await session.get(Seat, seat_id)
    if seat is None or seat.revoked_at is not None:
        raise ConsentError("not_yours")
    try:
        seen = await scene(session, key, seat.appointment_id, now)
    except LookupError as error:
        raise ConsentError("not_yours") from error
    if not ended_too:
        if seen.appointment.status == Status.CANCELLED.value:
            raise ConsentError("cancelled")
        if seen.appointment.is_over(now):
            raise ConsentError("over")
    return seen, seat


async def _for_whom(session: AsyncSession, seen: Scene, seat: Seat, now: datetime) -> tuple[Seat, str]:
    """The client's seat that this seat answers for, and in whose name. Raises ConsentError."""
    if seat.role == Role.CLIENT.value and seat.client_id:
        return seat, PERSON
    if seat.role != Role.REPRESENTATIVE.value:
        raise ConsentError("not_yours")
    linked = (await representations_of(session, [seat.id])).get(seat.id)
    row = await session.get(RepresentationRow, linked) if linked else None
    if row is None:
        raise ConsentError("not_yours")
    paper = as_representation(row)
    if not paper.acts(now):
        raise ConsentError("representation_expired")
    client = next((each for each in seen.client_seats() if each.client_id == paper.client_id), None)
    if client is None:
        raise ConsentError("not_yours")
    return client, paper.by


def _purpose(text: str) -> Purpose:
    try:
        return Purpose(text)
    except ValueError:
        raise ConsentError("not_asked") from None


def _is(need: Need, purpose: Purpose, about_seat: str | None) -> bool:
    return need.purpose is purpose and (need.about.seat_id if need.about else None) == about_seat


def _said(
    seen: Scene, client_seat: Seat, each: Given, now: datetime
) -> tuple[Purpose, About | None, Answer, Notice, Text]:
    """One answer, checked against what is asked and what can have been shown."""
    purpose = _purpose(each.purpose)
    explain = each.decision == "explain" or purpose is Purpose.EXPLAIN
    if explain and purpose not in {Purpose.VIDEO, Purpose.EXPLAIN}:
        raise ConsentError("not_asked")
    if each.decision not in {"given", "refused", "explain"}:
        raise ConsentError("not_asked")
    need = next(
        (each_need for each_need in seen.needs(client_seat.id).items if _is(each_need, purpose, each.about_seat)), None
    )
    if need is None and not explain:
        raise ConsentError("not_asked")
    wanted = Purpose.EXPLAIN if explain else purpose
    notice, text = shown(seen.notices, wanted, each.notice_hash, now)
    given = Answer.REFUSED if each.decision == "refused" else Answer.GIVEN
    return wanted, need.about if need and not explain else None, given, notice, text


def shown(notices: Sequence[Notice], purpose: Purpose, notice_hash: str, now: datetime) -> tuple[Notice, Text]:
    """The text with this hash, if it is the current one. Raises ConsentError ``notice_unknown`` or ``notice_old``."""
    newest = current(notices, purpose, now)
    text = newest.shown_as(notice_hash) if newest else None
    if newest is not None and text is not None:
        return newest, text
    known = any(each.purpose is purpose and each.shown_as(notice_hash) for each in notices)
    raise ConsentError("notice_old" if known else "notice_unknown")


def _until(seen: Scene, purpose: Purpose, given: Answer, now: datetime) -> datetime | None:
    if given is not Answer.GIVEN:
        return None
    return seen.appointment.ends_at + LINGER if purpose is Purpose.EXPLAIN else now + VALID_FOR


async def checked_signature(
    session: AsyncSession, key: CaseKey, seat_id: str, answers: Sequence[Given], proof: Proof | None
) -> tuple[Proof, str] | None:
    """The proof with what it signs. Raises ConsentError for a forged one, and for one that was used before."""
    if proof is None:
        return None
    body = to_sign(seat_id, answers, proof.at)
    try:
        public_key(proof.key)
    except KeyTextError as error:
        raise ConsentError("signature_invalid") from error
    if len(proof.at) > 40 or not verify(proof.key, SIGN_LABEL, body, proof.signature):
        raise ConsentError("signature_invalid")
    used = select(ConsentRow.id).where(ConsentRow.signature_mark == signature_mark(key, proof.signature))
    if await session.scalar(used) is not None:
        raise ConsentError("signature_used")
    return proof, body


async def own_no(
    session: AsyncSession,
    key: CaseKey,
    row: ConsentRow,
    now: datetime,
    *,
    tapped_by: TappedBy,
    method: Method,
    actor: str,
    entered_by: str | None = None,
    witness: str | None = None,
    proof: tuple[Proof, str] | None = None,
) -> ConsentRow:
    """Take back for the person what this record says, whoever said yes; outside the conversation, so without a seat.

    It is the person's own "no", which only they can change; one that stands already stays.
    """
    own = await last_row(session, row.client_id, Purpose(row.purpose), row.about_key, PERSON)
    if own is not None and own.answer != Answer.GIVEN.value:
        return own
    done = await take_back(
        session,
        key,
        row,
        now,
        by=PERSON,
        tapped_by=tapped_by,
        method=method,
        actor=actor,
        entered_by=entered_by,
        witness=witness,
        proof=proof,
    )
    await _offer_instead(session, key, done, now)
    return done


async def _offer_instead(session: AsyncSession, key: CaseKey, row: ConsentRow, now: datetime) -> None:
    """Whoever has stopped the conversation, or the talk that explains it, is phoned or visited.

    Unless it was only the talk, and its own conversation is allowed all the same.
    """
    if row.purpose not in CONVERSATION:
        return
    if row.purpose == Purpose.EXPLAIN.value and row.appointment_id is not None:
        seen = await scene(session, key, row.appointment_id, now)
        mine = [seat for seat in seen.client_seats() if seat.client_id == row.client_id]
        if any(seen.gate(seat.id, now).state is State.ALLOW for seat in mine):
            return
    await other_ways.open_for(session, key, row.client_id, "withdrawn", now)


async def _offer_other_way(
    session: AsyncSession, key: CaseKey, before: Scene, client_seat: Seat, now: datetime, *, because: str | None
) -> State:
    """Refusing never ends the service: who said no to the conversation is phoned or visited. Returns how it stands.

    ``because`` says that somebody has just said no to the conversation, or to the talk that explains it.
    """
    said = (await scene(session, key, before.appointment.id, now)).gate(client_seat.id, now)
    why = said.reasons[0].value if said.state is State.REFUSE else because
    if why is not None and said.state is not State.ALLOW:
        await other_ways.open_for(session, key, client_seat.client_id, why, now)
    return said.state
