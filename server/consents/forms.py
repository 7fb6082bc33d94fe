"""What is typed about consent: decisions, other ways, answers from elsewhere, documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent.gate import Answer
from consent.notices import Purpose
from consent.records import ENTERED
from server.cases.service import Member
from server.consents.entry import Entry
from server.consents.other_ways import Way
from server.consents.representation import NewRepresentation
from server.consents.suitability import NewDecision
from server.consents.views import end_of_day
from server.http.context import SignedIn
from server.http.forms import Form
from server.i18n import Translator

REASON_LENGTH = 1000
NAME_LENGTH = 120
LONGEST = timedelta(days=366)
"""How long a decision about suitability holds at most."""


@dataclass(frozen=True)
class WayFields:
    """Another way as it was planned."""

    way: Way
    owner_id: str
    due_on: datetime
    note: str | None


def _too_long(_: Translator, count: int) -> str:
    return _("This is too long. Use at most %(count)d characters.") % {"count": count}


def read_reason(form: Form, _: Translator) -> str:
    """Why somebody decides or flags."""
    return form.text(
        "reason",
        _("Write the reason in one or two sentences."),
        max_length=REASON_LENGTH,
        too_long=_too_long(_, REASON_LENGTH),
    )


def read_decision(form: Form, _: Translator, signed_in: SignedIn, now: datetime) -> NewDecision | None:
    """A supervisor's decision, or None after noting what is wrong."""
    suitable = form.choice("suitable", ("yes", "no"), _("Choose whether video is suitable."))
    danger = form.ticked("danger")
    reason = read_reason(form, _)
    expires = form.date("expires", _("Choose the day on which the decision ends."))
    review = form.date("review", _("Choose the day on which you look at it again."))
    if danger and suitable == "yes":
        form.fail("danger", _("Where somebody may be in danger, video is not suitable."))
    if expires is None or review is None or not form.ok:
        return None
    expires_at, review_at = end_of_day(expires, signed_in), end_of_day(review, signed_in)
    if not now < expires_at <= now + LONGEST:
        form.fail("expires", _("A decision holds for a year at most. Choose a day within the next twelve months."))
    if not now < review_at <= expires_at:
        form.fail("review", _("Choose a day before the decision ends."))
    if not form.ok:
        return None
    return NewDecision(
        suitable=suitable == "yes", reason=reason, expires_at=expires_at, review_at=review_at, danger=danger
    )


def read_way(
    form: Form, _: Translator, signed_in: SignedIn, team: Sequence[Member], ways: Sequence[Way], now: datetime
) -> WayFields | None:
    """Who does it, how (of these ways) and by when, or None after noting what is wrong."""
    way = form.choice("way", ways, _("Choose how the person is reached."))
    owner = form.choice("owner", [member.account_id for member in team], _("Choose who does it."))
    day = form.date("due", _("Choose the day by which it is done."))
    note = form.text("note", max_length=REASON_LENGTH, too_long=_too_long(_, REASON_LENGTH))
    if day is not None and not now < end_of_day(day, signed_in) <= now + LONGEST:
        form.fail("due", _("Choose a day from today on, within a year."))
    if way is None or owner is None or day is None or not form.ok:
        return None
    return WayFields(way, owner, end_of_day(day, signed_in), note or None)


def read_entry(form: Form, _: Translator, signed_in: SignedIn, languages: Sequence[str], now: datetime) -> Entry | None:
    """An answer from elsewhere, or None after noting what is wrong."""
    purpose = form.choice("purpose", Purpose, _("Choose what it is about."))
    answer = form.choice("answer", Answer, _("Choose what the person said."))
    method = form.choice("method", sorted(ENTERED), _("Choose how the person answered."))
    language = form.choice("notice_language", languages, _("Choose the language in which it was explained."))
    witness = form.text(
        "witness",
        _("Write who was there and heard it. If nobody was, write your own name."),
        max_length=NAME_LENGTH,
        too_long=_too_long(_, NAME_LENGTH),
    )
    about = form.text("about", max_length=NAME_LENGTH, too_long=_too_long(_, NAME_LENGTH))
    day = form.date("said", _("Choose the day on which the person said it."))
    said_at = now
    if day is not None:
        said_at = min(end_of_day(day, signed_in), now)
        if end_of_day(day, signed_in) < now - LONGEST or end_of_day(day, signed_in) > now + timedelta(days=1):
            form.fail("said", _("Choose a day that is not in the future, and not more than a year ago."))
    if not form.ticked("told") and answer is Answer.GIVEN:
        form.fail("told", _("Say that the whole text was read or shown to the person; without it nobody can agree."))
    if purpose is None or answer is None or method is None or language is None or not form.ok:
        return None
    return Entry(purpose, answer, method, witness, language, about or None, said_at)


def read_representation(
    form: Form, _: Translator, signed_in: SignedIn, client_id: str, file: bytes | None
) -> NewRepresentation | None:
    """A document, or None after noting what is wrong."""
    kind = form.choice("kind", ("guardian", "representative"), _("Choose as what this person acts."))
    name = form.text(
        "name",
        _("Write the name of the person who acts."),
        max_length=NAME_LENGTH,
        too_long=_too_long(_, NAME_LENGTH),
    )
    document = form.text(
        "document",
        _("Write what the document is, its number and who issued it."),
        max_length=REASON_LENGTH,
        too_long=_too_long(_, REASON_LENGTH),
    )
    since = form.date("since", _("Choose the day from which the document holds."))
    until = form.date("until", _("Choose the last day on which the document holds."))
    if since is not None and until is not None and until < since:
        form.fail("until", _("The last day comes before the first one."))
    if kind is None or since is None or until is None or not form.ok:
        return None
    return NewRepresentation(
        client_id=client_id,
        kind=kind,
        name=name,
        document=document,
        valid_from=end_of_day(since, signed_in) - timedelta(days=1) + timedelta(seconds=1),
        valid_until=end_of_day(until, signed_in),
        purposes=form.choices("purposes", list(Purpose)),
        file=file,
    )
