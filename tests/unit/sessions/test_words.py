"""Every tag of the ledger has a sentence in the record of a session, or is told in another place, named here."""

from __future__ import annotations

import gettext
from datetime import UTC, datetime

import pytest

from consent.events import Tag
from server.sessions.record import TOLD, Moment
from server.sessions.words import ALONE, MOMENTS, sentence

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
ELSEWHERE = {
    "account": "the list of accounts; who signed in is of no session",
    "case": "the page of the case",
    "device": "the list of devices",
    "vault": "the list of devices",
    "policy": "refusals are for the export",
    "keys": "the list of readers, and the page of erasures",
    "ledger": "the page of proof",
    "person": "the page where the person's own page is made and closed",
    "supervision": "the desk, the case's inspectors, the reviews",
    "system": "the export",
    "consent:notice": "the page of consent texts",
    "consent:suitability": "the page of suitability",
    "consent:other_way": "the page of consents",
    "consent:record": "the list of readers",
    "consent:representation:added": "the page of consents",
    "consent:representation:ended": "the page of consents",
    "record:contact": "the record of a visit is this entry",
    "record:session": "the list of readers",
    "case:record": "the list of readers",
}


def elsewhere(tag: Tag) -> bool:
    """Whether the tag, or what it begins with, is told in another place."""
    source, subject, _ = tag.value.split(":")
    return bool({source, f"{source}:{subject}", tag.value} & ELSEWHERE.keys())


@pytest.mark.parametrize("tag", list(Tag))
def test_it_has_a_sentence_or_is_told_elsewhere_and_never_both(tag: Tag) -> None:
    assert (tag in MOMENTS) is not elsewhere(tag)
    assert (tag in TOLD) is (tag in MOMENTS)


@pytest.mark.parametrize("tag", list(MOMENTS))
def test_its_sentence_can_be_said_of_somebody_and_of_nobody(tag: Tag) -> None:
    for name in ("Olia", None):
        moment = Moment(NOON, tag, "s" * 16, name, "client", None, {})
        told = sentence(moment, gettext.NullTranslations().gettext)
        assert told
        assert "%(" not in told
        text = ALONE if tag is Tag.HELPER_STATED else MOMENTS[tag]
        assert ("%(name)s" in text) is ((name or "Somebody") in told)


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({"lost_up_permille": 3, "round_trip_ms": 40}, "Olia had a good connection"),
        ({"lost_up_permille": 3, "freezes": 0}, "Olia had a good connection"),
        ({"freezes": 4}, "Olia had a good connection (pictures that stopped for a moment: 4)"),
        ({"lost_down_permille": 40}, "Olia had a weak connection"),
        ({"round_trip_ms": 900, "freezes": 1}, "Olia had a bad connection (pictures that stopped for a moment: 1)"),
    ],
)
def test_a_network_is_told_as_it_was_for_who_was_there(details: dict[str, int], told: str) -> None:
    moment = Moment(NOON, Tag.NETWORK, "s" * 16, "Olia", "client", None, details)
    assert sentence(moment, gettext.NullTranslations().gettext) == told


def test_no_place_is_named_for_a_tag_that_is_no_more() -> None:
    begun = {":".join(tag.value.split(":")[:length]) for tag in Tag for length in (1, 2, 3)}
    assert ELSEWHERE.keys() <= begun
