"""What a seat is asked, as its page shows it: the texts, what was given, and how help goes on after a "no"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from consent.gate import NO_WAY_ROUND, PERSON, Answer, Ask, Decision, Reason, State, latest
from consent.keys import CaseKey
from consent.needs import Need, pages
from consent.notices import Notice, Purpose, current
from consent.policy import Role
from server.accounts.tables import Account
from server.appointments.tables import Seat
from server.consents import other_ways
from server.consents.scene import Scene, as_representation, representations_of, scene
from server.consents.tables import RepresentationRow
from signaling.exchange import (
    ConsentAbout,
    ConsentGiven,
    ConsentItem,
    ConsentPage,
    NoticeShown,
    OtherWay,
    SeatConsents,
)

MEDIA = "/consents/media/{}"
"""Where a recording is, by its SHA-256."""
UNTOLD = frozenset({State.ASK, State.REFUSE})
"""While nothing is agreed to, and also after a "no", a talk that explains is on offer, and another way may be open."""
SUITABILITY = frozenset({Reason.NO_DECISION, Reason.UNSUITABLE, Reason.DANGER, Reason.DECISION_EXPIRED})
NOT_BY_VIDEO = "not_by_video"
"""One word for all of them: somebody else may hold this telephone, and must not learn that the case is flagged."""
ELSEWHERE = frozenset({NOT_BY_VIDEO, *(reason.value for reason in NO_WAY_ROUND - SUITABILITY)})


async def of_seat(
    session: AsyncSession, key: CaseKey, appointment_id: str, seat_id: str, *, language: str, now: datetime
) -> SeatConsents | None:
    """What this seat is asked, in this language where there is a text in it; None for a seat that is not asked."""
    seen = await scene(session, key, appointment_id, now)
    seat = next((each for each in seen.seats if each.id == seat_id), None)
    asked = await whom(session, seen, seat, now) if seat is not None else None
    if asked is None:
        return None
    client, by = asked
    own = by == PERSON
    said = seen.gate(client.id, now)
    neutral = not SUITABILITY.isdisjoint(said.reasons)
    open_asks = [] if NO_WAY_ROUND.intersection(said.reasons) else [ask for ask in said.asks if _theirs(ask, own=own)]
    return SeatConsents(
        state=said.state.value,
        reasons=(NOT_BY_VIDEO,) if neutral else tuple(reason.value for reason in said.reasons),
        pages=_pages(open_asks, seen.notices, language, now),
        explain=_explaining(seen, language, now) if own and open_asks and said.state in UNTOLD else None,
        given=_given(seen, client, said, by),
        # A meeting in person that was arranged because of danger is not announced on the telephone.
        other_way=await _other_way(session, key, client) if said.state in UNTOLD and not neutral else None,
    )


def is_elsewhere(consent: SeatConsents | None) -> bool:
    """Whether nobody in front of the screen can change that this conversation is not held by video."""
    return consent is not None and not ELSEWHERE.isdisjoint(consent.reasons)


async def whom(session: AsyncSession, seen: Scene, seat: Seat, now: datetime) -> tuple[Seat, str] | None:
    """The client whose agreement this seat gives, and in whose name, as grants have it."""
    if seat.role == Role.CLIENT.value and seat.client_id:
        return seat, PERSON
    if seat.role != Role.REPRESENTATIVE.value:
        return None
    document = (await representations_of(session, [seat.id])).get(seat.id)
    row = await session.get(RepresentationRow, document) if document else None
    paper = as_representation(row) if row is not None else None
    if paper is None or not paper.acts(now):
        return None
    client = next((each for each in seen.client_seats() if each.client_id == paper.client_id), None)
    return (client, paper.by) if client is not None else None


def _theirs(ask: Ask, *, own: bool) -> bool:
    """Whether it is for the person (or else the representative) to answer this."""
    if own:
        return ask.of == "person"
    # Where nothing but the person's word is missing, a representative may give it, unless the person has said no.
    return ask.of == "representative" or (
        ask.why is Reason.NOT_ASKED and ask.need.purpose is not Purpose.REPRESENTATIVE
    )


def _pages(asks: Sequence[Ask], notices: Sequence[Notice], language: str, now: datetime) -> tuple[ConsentPage, ...]:
    by_need = {ask.need: ask for ask in asks}
    # A running conversation goes on under older texts, but whoever is asked now is asked with the newest.
    newest = {need: current(notices, need.purpose, now) or ask.notice for need, ask in by_need.items()}
    return tuple(
        ConsentPage.model_validate(
            {"key": key, "items": [_item(by_need[need], _shown(newest[need], language)) for need in needs]}
        )
        for key, needs in pages([ask.need for ask in asks])
    )


def _item(ask: Ask, notice: NoticeShown) -> ConsentItem:
    return ConsentItem(purpose=ask.need.purpose.value, about=_about(ask.need), why=ask.why.value, notice=notice)


def _about(need: Need) -> ConsentAbout | None:
    if need.about is None or need.about.seat_id is None:
        return None
    return ConsentAbout(seat=need.about.seat_id, name=need.about.name, role=Role(need.about.role))


def _shown(notice: Notice, language: str) -> NoticeShown:
    text = notice.in_language(language)
    media = {slot: MEDIA.format(text.media[slot]) if slot in text.media else None for slot in ("audio", "sign_video")}
    return NoticeShown(
        id=notice.purpose.value,
        version=notice.version,
        hash=notice.hash_of(language),
        language=text.language,
        title=text.title,
        what=text.what,
        why=text.why,
        who=text.who,
        how_long=text.how_long,
        rights=text.rights,
        withdraw=text.withdraw,
        controller=text.controller,
        picture=text.picture,
        audio=media["audio"],
        sign_video=media["sign_video"],
    )


def _explaining(seen: Scene, language: str, now: datetime) -> NoticeShown | None:
    notice = current(seen.notices, Purpose.EXPLAIN, now)
    return _shown(notice, language) if notice is not None else None


def _given(seen: Scene, client: Seat, said: Decision, by: str) -> tuple[ConsentGiven, ...]:
    """What can be taken back: every need that is not open, and the talk that explains, which ends with the rest.

    By the person, whoever has agreed to it for them; by a representative what they have agreed to themself.
    """
    if said.state is State.REFUSE:
        return ()
    missing = {ask.need for ask in said.asks}
    given = [need for need in seen.needs(client.id).items if need not in missing]
    if by != PERSON:
        return tuple(_as_given(need) for need in given if _said_yes(seen, client, need, by))
    found = [_as_given(need) for need in given]
    if said.state is State.EXPLAIN and not any(need.purpose is Purpose.VIDEO for need in given):
        found.insert(0, ConsentGiven(purpose=Purpose.VIDEO.value, about=None))
    return tuple(found)


def _as_given(need: Need) -> ConsentGiven:
    return ConsentGiven(purpose=need.purpose.value, about=_about(need))


def _said_yes(seen: Scene, client: Seat, need: Need, by: str) -> bool:
    key = need.about.key if need.about else None
    theirs = latest(
        [
            each
            for each in seen.grants
            if each.client_id == client.client_id and each.purpose is need.purpose and each.about_key == key
        ],
        by,
    )
    return theirs is not None and theirs.answer is Answer.GIVEN


async def _other_way(session: AsyncSession, key: CaseKey, client: Seat) -> OtherWay | None:
    row = await other_ways.open_of(session, key.case_id, client.client_id)
    if row is None:
        return None
    owner = await session.get(Account, row.owner_id) if row.owner_id else None
    return OtherWay.model_validate({"kind": row.way, "owner": owner.name if owner else "", "by": row.due_on})
