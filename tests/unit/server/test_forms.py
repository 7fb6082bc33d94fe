"""Forms: values out of what was typed, and messages for what is wrong."""

from __future__ import annotations

from datetime import date, time

import pytest

from consent.policy import Role
from server.http.forms import Form


def test_it_notes_the_first_message_of_a_field_and_links_to_it() -> None:
    form = Form()
    form.text("alias", "Enter an alias")
    form.fail("alias", "Another")
    assert not form.ok
    assert form.error("alias") == {"text": "Enter an alias"}
    assert form.error("phone") is None
    assert form.summary() == [{"text": "Enter an alias", "href": "#alias"}]


def test_it_trims_text_and_refuses_what_is_too_long_rather_than_cutting_it() -> None:
    assert Form({"a": ["  x "]}).text("a", "?") == "x"
    form = Form({"a": ["x" * 11]})
    form.text("a", "?", max_length=10, too_long="Use at most 10")
    assert form.error("a") == {"text": "Use at most 10"}


@pytest.mark.parametrize("typed", ["", "olena", "olena@", "olena@example", "a b@example.org", "a@b@example.org"])
def test_it_refuses_what_is_no_address(typed: str) -> None:
    form = Form({"email": [typed]})
    form.email("email", "?")
    assert not form.ok


def test_it_compares_choices_as_text() -> None:
    form = Form({"role": ["interpreter"], "many": ["lawyer", "king"]})
    assert form.choice("role", list(Role), "?") is Role.INTERPRETER
    assert form.choices("many", list(Role)) == [Role.LAWYER]
    assert form.choice("none", list(Role), "?") is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"d-day": ["3"], "d-month": ["2"], "d-year": ["2026"]}, date(2026, 2, 3)),
        ({"d": ["2026-02-03"]}, date(2026, 2, 3)),
        ({"d": ["9999-12-31"]}, None),
        ({"d": ["0001-01-01"]}, None),
        ({"d-day": ["31"], "d-month": ["12"], "d-year": ["9999"]}, None),
        ({"d-day": ["30"], "d-month": ["2"], "d-year": ["2026"]}, None),
        ({}, None),
    ],
)
def test_it_reads_dates(raw: dict[str, list[str]], expected: date | None) -> None:
    form = Form(raw)
    assert form.date("d", "?") == expected
    assert form.ok is (expected is not None)


@pytest.mark.parametrize(
    ("typed", "expected"), [("14:05", time(14, 5)), ("9.30", time(9, 30)), ("9", time(9)), ("24:00", None), ("x", None)]
)
def test_it_reads_times_of_day(typed: str, expected: time | None) -> None:
    assert Form({"t": [typed]}).time("t", "?") == expected


@pytest.mark.parametrize(("typed", "expected"), [("5", 5), ("0", None), ("11", None), ("five", None)])
def test_it_reads_whole_numbers_within_limits(typed: str, expected: int | None) -> None:
    assert Form({"n": [typed]}).integer("n", "?", low=1, high=10) == expected
