"""Leaves: one spelling, a commitment that only its salt and content open, and nothing else that reads as a leaf."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from consent.leaf import Leaf, LeafError, commit, read_time, spell_time

SALT = b"s" * 32
CONTENT: dict[str, Any] = {"actor": "seat:5", "case": "c", "details": {"name": "Ганна", "n": 1}}
LEAF = Leaf(
    log="l" * 32,
    sequence=3,
    at=datetime(2026, 3, 5, 12, 0, 0, 5, UTC),
    tag="room:seat:joined",
    actor="a" * 32,
    case="b" * 32,
    case_nth=2,
    session="c" * 16,
    session_nth=1,
    commitment=commit(SALT, CONTENT),
)


def test_it_is_spelt_in_one_way() -> None:
    assert LEAF.spelt().decode() == (
        f'{{"actor":"{"a" * 32}","at":"2026-03-05T12:00:00.000005Z","case":"{"b" * 32}","case_nth":2,'
        f'"commitment":"{LEAF.commitment}","log":"{"l" * 32}","sequence":3,"session":"{"c" * 16}","session_nth":1,'
        '"tag":"room:seat:joined","v":1}'
    )
    assert Leaf.read(LEAF.plain()) == LEAF


def test_its_time_is_utc_whatever_the_zone_it_was_given_in() -> None:
    elsewhere = LEAF.at.astimezone(timezone(timedelta(hours=2)))
    assert spell_time(elsewhere) == spell_time(LEAF.at)
    assert read_time(spell_time(LEAF.at)) == LEAF.at
    with pytest.raises(LeafError):
        spell_time(datetime(2026, 3, 5))


def test_a_commitment_holds_for_one_content_and_one_salt() -> None:
    others = [
        {**CONTENT, "actor": "seat:6"},
        {**CONTENT, "case": None},
        {**CONTENT, "details": {"name": "Ганна", "n": 2}},
    ]
    told = {commit(SALT, CONTENT), commit(b"t" * 32, CONTENT), *(commit(SALT, other) for other in others)}
    assert len(told) == 5
    with pytest.raises(LeafError):
        commit(b"short", CONTENT)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"more": 1},
        {"sequence": -1},
        {"sequence": True},
        {"sequence": "3"},
        {"sequence": 2**53},
        {"at": "2026-03-05T12:00:00Z"},
        {"at": "2026-02-30T12:00:00.000005Z"},
        {"at": None},
        {"tag": None},
        {"actor": 5},
        {"case": None},
        {"case_nth": None},
        {"case_nth": 0},
        {"session": 5},
        {"session": None, "session_nth": 1},
        {"commitment": None},
    ],
    ids=str,
)
def test_it_refuses_what_is_no_leaf(change: dict[str, Any]) -> None:
    with pytest.raises(LeafError):
        Leaf.read({**LEAF.plain(), **change})


@pytest.mark.parametrize("plain", [None, [], "leaf", {}])
def test_it_refuses_what_is_nothing_like_a_leaf(plain: Any) -> None:
    with pytest.raises(LeafError):
        Leaf.read(plain)


def test_it_refuses_to_be_longer_than_an_entry_bundle_takes() -> None:
    with pytest.raises(LeafError):
        replace(LEAF, tag="x" * 70_000).spelt()
