"""When a case may be erased, and when not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from server.cases.tables import Retention
from server.erasure.rules import Kept, Reason, Refusal, kept_until, refusal

YEARS = {Retention.ORDINARY: 5, Retention.LONG: 25}
CLOSED = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
FREE = datetime(2031, 3, 10, tzinfo=UTC)


def kept(retention: Retention = Retention.ORDINARY, closed_at: datetime | None = CLOSED, sessions: int = 3) -> Kept:
    return Kept(retention, closed_at, sessions)


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("retention", Retention)
def test_an_open_case_is_never_erased(retention: Retention, reason: Reason) -> None:
    assert refusal(kept(retention, None, 0), reason, YEARS, FREE) == Refusal("not_closed")


@pytest.mark.parametrize("reason", Reason)
def test_a_case_on_hold_is_never_erased(reason: Reason) -> None:
    late = CLOSED + timedelta(days=40_000)
    assert refusal(kept(Retention.HOLD, sessions=0), reason, YEARS, late) == Refusal("on_hold")


@pytest.mark.parametrize(("reason", "code"), [(Reason.TIME_OVER, "too_early"), (Reason.PERSON_ASKED, "must_be_kept")])
def test_it_waits_until_the_first_day_after_its_time(reason: Reason, code: str) -> None:
    before = refusal(kept(), reason, YEARS, FREE - timedelta(seconds=1))
    assert before is not None
    assert (before.code, before.until) == (code, FREE.date())
    assert refusal(kept(), reason, YEARS, FREE) is None
    assert refusal(kept(Retention.LONG), reason, YEARS, FREE) == Refusal(before.code, date(2051, 3, 10))


def test_what_no_law_asks_for_goes_as_soon_as_it_is_closed() -> None:
    assert refusal(kept(Retention.ON_REQUEST), Reason.PERSON_ASKED, YEARS, CLOSED) is None


def test_only_what_was_never_used_was_opened_by_mistake() -> None:
    assert refusal(kept(sessions=1), Reason.BY_MISTAKE, YEARS, FREE) == Refusal("was_used")
    assert refusal(kept(sessions=0), Reason.BY_MISTAKE, YEARS, CLOSED) is None


def test_a_year_that_begins_on_the_29th_of_february_ends_on_the_1st_of_march() -> None:
    assert kept_until(datetime(2028, 2, 29, tzinfo=UTC), 5) == date(2033, 3, 1)
    assert kept_until(datetime(2028, 2, 29, tzinfo=UTC), 4) == date(2032, 2, 29)
