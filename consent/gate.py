"""The gate ◇: whether one client may be in a conversation now, what is still to be asked, and who stays outside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from consent.needs import EXPLAINERS, Need, Needs
from consent.notices import Notice, Purpose, current

PERSON = "person"
"""Who decided: the client themself; anybody else is ``representation:ID``."""


class Answer(StrEnum):
    """What was decided about one purpose; the latest one counts."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class State(StrEnum):
    """What the gate says."""

    ALLOW = "allow"
    EXPLAIN = "explain"
    """Only a talk with the case manager and an interpreter, so that the rest can be explained."""
    ASK = "ask"
    REFUSE = "refuse"


class Reason(StrEnum):
    """Why it says so; stable codes."""

    NO_DECISION = "no_decision"
    UNSUITABLE = "unsuitable"
    DANGER = "danger"
    DECISION_EXPIRED = "decision_expired"
    NO_NOTICE = "no_notice"
    REPRESENTATION_EXPIRED = "representation_expired"
    NOT_ASKED = "not_asked"
    NEW_VERSION = "new_version"
    CONSENT_EXPIRED = "consent_expired"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    REPRESENTATIVE_NEEDED = "representative_needed"


NO_WAY_ROUND = frozenset(
    {
        Reason.NO_DECISION,
        Reason.UNSUITABLE,
        Reason.DANGER,
        Reason.DECISION_EXPIRED,
        Reason.NO_NOTICE,
        Reason.REPRESENTATION_EXPIRED,
    }
)
"""Reasons that nobody in front of the screen can change."""


@dataclass(frozen=True)
class Grant:
    """One decision that a client, or somebody for them, has made. ``until`` ends a given one."""

    client_id: str
    purpose: Purpose
    about_key: str | None
    answer: Answer
    version: int
    """Of the notice that was shown."""
    at: datetime
    until: datetime | None = None
    by: str = PERSON
    appointment_id: str | None = None
    """Where an agreement to have things explained holds; other grants hold everywhere."""


@dataclass(frozen=True)
class Representation:
    """Somebody who acts for a client by a document.

    A ``guardian`` must agree beside the person; a ``representative`` may agree in their place. ``purposes`` empty means
    all of them. Whoever represents, the person's own "no" wins.
    """

    id: str
    client_id: str
    kind: Literal["guardian", "representative"]
    valid_from: datetime
    valid_until: datetime
    purposes: frozenset[Purpose] = frozenset()
    ended_at: datetime | None = None

    @property
    def by(self) -> str:
        """As grants name whoever acts by this document."""
        return f"representation:{self.id}"

    def covers(self, purpose: Purpose) -> bool:
        """Whether the document reaches this far; agreeing to one's own presence is never in it."""
        return purpose is not Purpose.REPRESENTATIVE and (not self.purposes or purpose in self.purposes)

    def acts(self, at: datetime) -> bool:
        """Whether it holds at this moment."""
        return self.valid_from <= at < self.valid_until and (self.ended_at is None or at < self.ended_at)

    def lapsed(self, at: datetime) -> bool:
        """Whether its time is over without anybody having ended it: a new document or an end is due."""
        return self.ended_at is None and at >= self.valid_until


@dataclass(frozen=True)
class Suitability:
    """A supervisor's dated decision whether remote work is possible on a case; ``danger`` is the violence flag."""

    suitable: bool
    danger: bool
    decided_at: datetime
    expires_at: datetime
    review_at: datetime


@dataclass(frozen=True)
class Ask:
    """One need that is open. ``of`` says whose word is missing; ``why`` is how it stands."""

    need: Need
    notice: Notice
    of: Literal["person", "representative"]
    why: Reason

    @property
    def no(self) -> bool:
        """Whether it was answered, with "no"; asking again is the person's own wish."""
        return self.why in {Reason.REFUSED, Reason.WITHDRAWN}


@dataclass(frozen=True)
class Decision:
    """What the gate says to one client. ``kept_out`` are seats that this client has not agreed to share media with."""

    state: State
    reasons: tuple[Reason, ...]
    asks: tuple[Ask, ...]
    kept_out: frozenset[str]


def suitability_reason(suitability: Suitability | None, danger: bool, now: datetime) -> Reason | None:
    """Why remote work is impossible on a case now, or None. A danger flag has no override, only a new decision."""
    if danger or (suitability is not None and suitability.danger):
        return Reason.DANGER
    if suitability is None:
        return Reason.NO_DECISION
    if not suitability.suitable:
        return Reason.UNSUITABLE
    return Reason.DECISION_EXPIRED if now >= suitability.expires_at else None


def decide(
    needs: Needs,
    notices: Sequence[Notice],
    grants: Iterable[Grant],
    representations: Iterable[Representation],
    *,
    suitability: Suitability | None,
    danger: bool,
    now: datetime,
    appointment_id: str | None = None,
    began_at: datetime | None = None,
) -> Decision:
    """What one client's gate says at ``now``.

    ``began_at`` is when a running conversation began, with its first client: it goes on under the texts that were
    current then, because nobody can be asked again in the middle of a sentence. ``appointment_id`` is where an
    agreement to explain may hold.
    """
    everybody = frozenset(each.seat_id for each in needs.others)
    mine = [each for each in grants if each.client_id == needs.client_id and each.at <= now]
    papers = [each for each in representations if each.client_id == needs.client_id]
    impossible = suitability_reason(suitability, danger, now)
    if impossible is None and _without_anybody_to_act(papers, now):
        impossible = Reason.REPRESENTATION_EXPIRED
    texts = {need.purpose: _text(notices, need.purpose, now, began_at) for need in needs.items}
    if impossible is None and None in texts.values():
        impossible = Reason.NO_NOTICE
    if impossible is not None:
        return Decision(State.REFUSE, (impossible,), (), everybody)
    found = [_open(need, text, mine, papers, now) for need in needs.items if (text := texts[need.purpose]) is not None]
    asks = tuple(ask for ask in found if ask is not None)
    reasons = tuple(dict.fromkeys(ask.why for ask in asks))
    said_no = any(ask.need.about is None and ask.no for ask in asks)
    if said_no and not _explaining(mine, appointment_id, now, since_no=True):
        return Decision(State.REFUSE, reasons, asks, everybody)
    # "No" to a person is an answer: the conversation is possible, without that person.
    if not said_no and not any(not ask.no and not ask.need.beside for ask in asks):
        return Decision(State.ALLOW, reasons, asks, _about(asks))
    if _explaining(mine, appointment_id, now):
        outside = frozenset(each.seat_id for each in needs.others if each.role not in EXPLAINERS)
        return Decision(State.EXPLAIN, reasons, asks, outside | _about([ask for ask in asks if ask.no]))
    return Decision(State.ASK, reasons, asks, everybody)


def once_refused(grants: Iterable[Grant], client_id: str) -> frozenset[str]:
    """The keys of the people to whose joining this client, or whoever acts for them, has ever said no.

    They need a yes from then on, wherever they are invited; whether there is one is decided like any other need.
    """
    return frozenset(
        each.about_key
        for each in grants
        if each.client_id == client_id
        and each.purpose is Purpose.JOINING
        and each.about_key
        and each.answer is not Answer.GIVEN
    )


def _text(notices: Sequence[Notice], purpose: Purpose, now: datetime, began_at: datetime | None) -> Notice | None:
    """The version that counts: the newest, or the newest of when the running conversation began."""
    return (current(notices, purpose, began_at) if began_at else None) or current(notices, purpose, now)


def _about(asks: Iterable[Ask]) -> frozenset[str]:
    """The seats of the people that these asks are about."""
    return frozenset(ask.need.about.seat_id for ask in asks if ask.need.about and ask.need.about.seat_id)


def _without_anybody_to_act(papers: Sequence[Representation], now: datetime) -> bool:
    """Whether a guardian is needed whose document has run out, with no other one that holds."""
    guardians = [each for each in papers if each.kind == "guardian"]
    return any(each.lapsed(now) for each in guardians) and not any(each.acts(now) for each in guardians)


def _open(
    need: Need, notice: Notice, grants: Sequence[Grant], papers: Sequence[Representation], now: datetime
) -> Ask | None:
    """What is missing for a need, or None when it is agreed to."""
    about = need.about.key if need.about else None
    concerned = [each for each in grants if each.purpose is need.purpose and each.about_key == about]
    own = _standing(latest(concerned, PERSON), notice, now)
    if own in {Reason.REFUSED, Reason.WITHDRAWN}:
        return Ask(need, notice, "person", own)  # the person's own "no" wins, whoever else said yes
    acting = [each for each in papers if each.acts(now) and each.covers(need.purpose)]
    theirs = [_standing(latest(concerned, each.by), notice, now) for each in acting]
    if any(each.kind == "guardian" for each in acting):
        guardian = [why for each, why in zip(acting, theirs, strict=True) if each.kind == "guardian"]
        if own is not None:
            return Ask(need, notice, "person", own)
        if None not in guardian:
            no = next((why for why in guardian if why in {Reason.REFUSED, Reason.WITHDRAWN}), None)
            return Ask(need, notice, "representative", no or Reason.REPRESENTATIVE_NEEDED)
        return None
    if own is None or (None in theirs and own is Reason.NOT_ASKED):
        return None
    return Ask(need, notice, "person", own)


def latest(grants: Iterable[Grant], by: str) -> Grant | None:
    """The last decision of the person, or of whoever acts by a document; of those of the same moment a "no" counts."""
    newest: Grant | None = None
    for each in grants:
        if each.by == by and (newest is None or _rank(each) >= _rank(newest)):
            newest = each
    return newest


def _rank(grant: Grant) -> tuple[datetime, bool]:
    return grant.at, grant.answer is not Answer.GIVEN


def _standing(grant: Grant | None, notice: Notice, now: datetime) -> Reason | None:
    """Why a decision is no agreement to this notice now, or None when it is."""
    if grant is None:
        return Reason.NOT_ASKED
    if grant.answer is not Answer.GIVEN:
        return Reason.REFUSED if grant.answer is Answer.REFUSED else Reason.WITHDRAWN
    if grant.until is not None and now >= grant.until:
        return Reason.CONSENT_EXPIRED
    return Reason.NEW_VERSION if grant.version < notice.version else None


def _explaining(grants: Sequence[Grant], appointment_id: str | None, now: datetime, *, since_no: bool = False) -> bool:
    """Whether the person has agreed, for this appointment, to a talk that explains.

    Whoever has said no, and then wants it explained, is not refused that; ``since_no`` asks whether it came later.
    """
    here = [each for each in grants if each.purpose is Purpose.EXPLAIN and each.appointment_id == appointment_id]
    last = latest(here, PERSON)
    if appointment_id is None or last is None or last.answer is not Answer.GIVEN:
        return False
    answered = latest([each for each in grants if each.purpose is Purpose.VIDEO], PERSON)
    if since_no and answered is not None and last.at <= answered.at:
        return False
    return last.until is None or now < last.until
