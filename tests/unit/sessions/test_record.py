"""The session record: what follows from entries, and what must never follow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from consent.events import Tag
from server.sessions.record import Fact, Outcome, Person, Phase, SessionRecord, build

START = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
AFTER = START + timedelta(hours=2)
MANAGER, CLIENT, INTERPRETER = "a" * 16, "b" * 16, "c" * 16
NAMES = {MANAGER: ("Марія", "case_manager"), CLIENT: ("Оля", "client"), INTERPRETER: ("Олег", "interpreter")}


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def planned(minute: float = -60, **changes: Any) -> Fact:
    details = {"starts_at": START.isoformat(), "duration_min": 45, "time_zone": "Europe/Kyiv", "by": "Марія"} | changes
    return Fact(at(minute), Tag.PLANNED, "account:1", details)


def invited(seat: str, minute: float = -60) -> Fact:
    name, role = NAMES[seat]
    return Fact(at(minute), Tag.INVITED, "account:1", {"seat": seat, "name": name, "role": role, "by": "Марія"})


def seat(minute: float, tag: Tag, who: str, by: str | None = None, **details: Any) -> Fact:
    return Fact(at(minute), tag, f"seat:{by or who}", {"seat": who} | details)


def room(minute: float, tag: Tag, actor: str = "system") -> Fact:
    return Fact(at(minute), tag, actor, {})


def everybody() -> list[Fact]:
    return [planned(), *(invited(each) for each in NAMES)]


def person(record: SessionRecord, who: str) -> Person:
    return next(each for each in record.people if each.seat == who)


def outcomes(record: SessionRecord) -> dict[str, Outcome]:
    return {each.seat: each.outcome for each in record.people}


def test_it_says_nothing_about_an_appointment_without_entries() -> None:
    record = build([], AFTER)
    assert (record.starts_at, record.people, record.moments) == (None, (), ())


def test_it_does_not_list_who_only_waited_as_having_attended() -> None:
    record = build(
        [*everybody(), seat(0, Tag.JOINED, MANAGER), seat(1, Tag.WAITED, CLIENT), room(40, Tag.ENDED)], AFTER
    )
    assert person(record, CLIENT).outcome is Outcome.ONLY_WAITED
    assert person(record, CLIENT).waited_since == at(1)
    assert person(record, CLIENT).total == timedelta()
    assert CLIENT not in {each.seat for each in record.with_outcome(Outcome.ATTENDED)}


def test_it_does_not_count_coming_back_to_the_waiting_room_as_attending() -> None:
    facts = [
        *everybody(),
        seat(1, Tag.WAITED, CLIENT),
        seat(2, Tag.DROPPED, CLIENT, phase="waiting"),
        seat(3, Tag.RETURNED, CLIENT, phase="waiting"),
        seat(4, Tag.LEFT, CLIENT, phase="waiting"),
    ]
    assert person(build(facts, AFTER), CLIENT).outcome is Outcome.ONLY_WAITED


def test_it_does_not_count_being_admitted_without_joining_as_attending() -> None:
    facts = [*everybody(), seat(1, Tag.WAITED, CLIENT), seat(2, Tag.ADMITTED, CLIENT, MANAGER)]
    assert person(build(facts, AFTER), CLIENT).outcome is Outcome.ONLY_WAITED


def test_it_names_who_did_not_come_once_the_session_is_over() -> None:
    facts = [*everybody(), seat(0, Tag.JOINED, MANAGER)]
    assert outcomes(build(facts, at(10)))[INTERPRETER] is Outcome.EXPECTED
    facts.append(room(30, Tag.ENDED))
    assert outcomes(build(facts, at(31)))[INTERPRETER] is Outcome.NO_SHOW


def test_it_names_no_shows_of_a_session_that_nobody_ended() -> None:
    record = build(everybody(), AFTER)
    assert record.phase is Phase.NOT_HELD
    assert set(outcomes(record).values()) == {Outcome.NO_SHOW}


def test_it_does_not_blame_people_for_a_cancelled_session_or_a_withdrawn_invitation() -> None:
    cancelled = build([*everybody(), room(-10, Tag.CANCELLED)], AFTER)
    assert cancelled.phase is Phase.CANCELLED
    assert set(outcomes(cancelled).values()) == {Outcome.UNINVITED}
    withdrawn = build([*everybody(), seat(-10, Tag.INVITATION_REVOKED, CLIENT)], AFTER)
    assert outcomes(withdrawn)[CLIENT] is Outcome.UNINVITED


def test_it_keeps_expecting_somebody_whose_link_was_only_replaced() -> None:
    facts = [*everybody(), seat(-10, Tag.INVITATION_REVOKED, CLIENT, new_link=True), invited(CLIENT, -10)]
    assert outcomes(build(facts, AFTER))[CLIENT] is Outcome.NO_SHOW


def test_it_expects_everybody_again_when_a_cancellation_is_taken_back() -> None:
    record = build([*everybody(), room(-10, Tag.CANCELLED), room(-5, Tag.RESTORED)], at(-1))
    assert record.phase is Phase.PLANNED
    assert set(outcomes(record).values()) == {Outcome.EXPECTED}


def test_it_names_who_was_declined() -> None:
    facts = [*everybody(), seat(1, Tag.WAITED, CLIENT), seat(2, Tag.DECLINED, CLIENT, MANAGER)]
    assert person(build(facts, AFTER), CLIENT).outcome is Outcome.DECLINED


def test_it_adds_up_the_times_of_presence_without_the_gaps() -> None:
    facts = [
        *everybody(),
        seat(0, Tag.JOINED, MANAGER),
        seat(1, Tag.WAITED, CLIENT),
        seat(2, Tag.ADMITTED, CLIENT, MANAGER),
        seat(2, Tag.JOINED, CLIENT),
        seat(10, Tag.DROPPED, CLIENT),
        seat(12, Tag.RETURNED, CLIENT),
        seat(20, Tag.LEFT, CLIENT),
        room(30, Tag.ENDED, f"seat:{MANAGER}"),
    ]
    record = build(facts, AFTER)
    client = person(record, CLIENT)
    assert [(span.since, span.until, span.ended_by) for span in client.intervals] == [
        (at(2), at(10), Tag.DROPPED),
        (at(12), at(20), Tag.LEFT),
    ]
    assert client.total == timedelta(minutes=16)
    assert client.drops == 1
    assert person(record, MANAGER).intervals[0].until == at(30)
    assert (record.phase, record.began_at, record.ended_at) == (Phase.ENDED, at(0), at(30))


def test_it_counts_a_presence_that_lasts_up_to_now() -> None:
    record = build([*everybody(), seat(0, Tag.JOINED, MANAGER)], at(5))
    assert record.phase is Phase.RUNNING
    assert person(record, MANAGER).total == timedelta(minutes=5)
    assert person(record, MANAGER).intervals[0].until is None


def test_it_does_not_break_a_presence_that_moves_to_another_device() -> None:
    facts = [*everybody(), seat(0, Tag.JOINED, MANAGER), seat(5, Tag.MOVED_DEVICE, MANAGER)]
    assert len(person(build(facts, at(10)), MANAGER).intervals) == 1


def test_it_ends_with_the_last_who_left_when_nobody_ended_it() -> None:
    record = build([*everybody(), seat(0, Tag.JOINED, MANAGER), seat(40, Tag.LEFT, MANAGER)], AFTER)
    assert (record.phase, record.ended_at) == (Phase.ENDED, at(40))


def test_it_follows_a_move() -> None:
    later = START + timedelta(days=1)
    details = {"starts_at": later.isoformat(), "duration_min": 60, "time_zone": "Europe/Warsaw"}
    record = build([planned(), Fact(at(-30), Tag.MOVED, "account:1", details)], at(-29))
    assert (record.starts_at, record.ends_at, record.time_zone) == (later, later + timedelta(hours=1), "Europe/Warsaw")


def test_it_tells_who_did_something_to_somebody_else() -> None:
    facts = [*everybody(), seat(1, Tag.WAITED, CLIENT), seat(2, Tag.ADMITTED, CLIENT, MANAGER)]
    waited, admitted = build(facts, AFTER).moments[-2:]
    assert (waited.name, waited.by) == ("Оля", None)
    assert (admitted.name, admitted.role, admitted.by) == ("Оля", "client", "Марія")
    assert build(facts, AFTER).moments[0].by == "Марія"


def test_it_tells_who_ended_the_meeting() -> None:
    record = build([*everybody(), seat(0, Tag.JOINED, MANAGER), room(45, Tag.ENDED, f"seat:{MANAGER}")], AFTER)
    assert record.moments[-1].by == "Марія"


def test_it_does_not_tell_who_read_the_record() -> None:
    reading = Fact(at(99), Tag.RECORD_READ, "account:9", {"by": "Наталія"})
    assert Tag.RECORD_READ not in {moment.tag for moment in build([*everybody(), reading], AFTER).moments}


def test_it_leaves_out_seats_that_were_never_invited() -> None:
    record = build([planned(), seat(1, Tag.JOINED, CLIENT)], AFTER)
    assert record.people == ()


SEAT_TAGS = (Tag.WAITED, Tag.ADMITTED, Tag.DECLINED, Tag.JOINED, Tag.DROPPED, Tag.RETURNED, Tag.LEFT, Tag.REMOVED)


@given(st.lists(st.tuples(st.sampled_from(SEAT_TAGS), st.sampled_from(sorted(NAMES)), st.booleans()), max_size=30))
def test_it_never_counts_more_than_the_time_that_passed(steps: list[tuple[Tag, str, bool]]) -> None:
    facts = [
        seat(minute, tag, who, **({"phase": "waiting"} if waiting else {}))
        for minute, (tag, who, waiting) in enumerate(steps)
    ]
    record = build([*everybody(), *facts, room(len(steps), Tag.ENDED)], AFTER)
    for each in record.people:
        assert timedelta() <= each.total <= timedelta(minutes=len(steps))
        assert all(span.until is not None and span.since <= span.until for span in each.intervals)
        assert (each.outcome is Outcome.ATTENDED) is bool(each.intervals)
