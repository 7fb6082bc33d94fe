"""Local times: both changes of the clocks, and zones that do not exist."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from server.appointments.times import LocalTimeError, Which, moment, zones

KYIV = "Europe/Kyiv"
SPRING, AUTUMN = date(2027, 3, 28), date(2027, 10, 31)


def refused(day: date, clock: time, zone: str = KYIV, which: Which | None = None) -> str:
    with pytest.raises(LocalTimeError) as caught:
        moment(day, clock, zone, which)
    return caught.value.code


def test_it_knows_an_ordinary_time_in_winter_and_in_summer() -> None:
    assert moment(date(2027, 1, 15), time(14, 0), KYIV) == datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
    assert moment(date(2027, 7, 15), time(14, 0), KYIV) == datetime(2027, 7, 15, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize("clock", [time(3, 0), time(3, 30), time(3, 59)])
def test_it_refuses_a_time_over_which_the_clocks_jump(clock: time) -> None:
    assert refused(SPRING, clock) == "time_nonexistent"
    assert refused(SPRING, clock, which="first") == "time_nonexistent"


def test_it_takes_the_times_around_the_jump() -> None:
    assert moment(SPRING, time(2, 59), KYIV) == datetime(2027, 3, 28, 0, 59, tzinfo=UTC)
    assert moment(SPRING, time(4, 0), KYIV) == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize("clock", [time(3, 0), time(3, 30), time(3, 59)])
def test_it_asks_which_of_two_when_the_clocks_go_back(clock: time) -> None:
    assert refused(AUTUMN, clock) == "time_ambiguous"


def test_it_takes_either_of_the_two() -> None:
    assert moment(AUTUMN, time(3, 30), KYIV, "first") == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert moment(AUTUMN, time(3, 30), KYIV, "second") == datetime(2027, 10, 31, 1, 30, tzinfo=UTC)


def test_it_does_not_mind_which_when_there_is_only_one() -> None:
    ordinary = moment(date(2027, 1, 15), time(14, 0), KYIV)
    assert moment(date(2027, 1, 15), time(14, 0), KYIV, "second") == ordinary


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "Europe/Atlantis", "localtime"])
def test_it_refuses_a_zone_that_is_not_on_offer(zone: str) -> None:
    assert refused(date(2027, 1, 15), time(14, 0), zone) == "zone_unknown"


def test_it_offers_the_places_where_clients_are() -> None:
    assert {KYIV, "Europe/Warsaw", "Europe/Berlin", "America/Toronto"} <= set(zones())
