"""What is unusual about a session: each mark where it belongs, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from consent.events import Tag
from server.sessions.record import Fact, build
from server.sessions.unusual import Unusual, find
from tests.unit.sessions.test_record import AFTER, CLIENT, INTERPRETER, MANAGER, at, everybody, room, seat

YES = ((-30, True),)


def marks(*facts: Fact, now: object = None, said: Sequence[tuple[float, bool]] = YES) -> frozenset[Unusual]:
    """What is found when the client has said this to the conversation, at these minutes."""
    told = [*everybody(), *facts]
    record = build(told, AFTER if now is None else now)  # type: ignore[arg-type] # datetime
    return find(record, told, {CLIENT: [(at(minute), yes) for minute, yes in said]})


def usual(*, until: float = 40) -> list[Fact]:
    """A session as it should be."""
    return [
        seat(-1, Tag.JOINED, MANAGER),
        seat(0, Tag.WAITED, CLIENT),
        seat(1, Tag.ADMITTED, CLIENT, by=MANAGER),
        seat(1, Tag.JOINED, CLIENT),
        seat(2, Tag.VERIFIED, CLIENT, by=MANAGER),
        room(until, Tag.ENDED),
    ]


def test_it_marks_nothing_before_anything_happened() -> None:
    assert marks(now=at(-30)) == frozenset()


def test_it_marks_nothing_about_a_cancelled_session() -> None:
    assert marks(Fact(at(-40), Tag.CANCELLED, "account:1", {})) == frozenset()


def test_it_marks_nothing_about_a_session_as_it_should_be() -> None:
    assert marks(*usual()) == frozenset()


def test_it_marks_a_client_who_came_in_without_consent() -> None:
    assert marks(*usual(), said=()) == {Unusual.NO_CONSENT}


def test_a_consent_that_came_after_the_client_is_none() -> None:
    assert marks(*usual(), said=[(2, True)]) == {Unusual.NO_CONSENT}


def test_the_last_word_before_coming_in_counts() -> None:
    assert marks(*usual(), said=[(-9, True), (-8, False)]) == {Unusual.NO_CONSENT}
    assert marks(*usual(), said=[(-9, True), (-8, False), (-7, True), (5, False)]) == frozenset()


def test_nobody_needs_a_consent_for_waiting() -> None:
    assert Unusual.NO_CONSENT not in marks(seat(0, Tag.WAITED, CLIENT), said=())


def test_it_marks_a_consent_that_was_taken_back() -> None:
    taken = seat(20, Tag.CONSENT_WITHDRAWN, CLIENT)
    assert Unusual.WITHDRAWN in marks(*usual()[:-1], taken, room(40, Tag.ENDED))


def test_it_marks_a_client_who_was_never_verified() -> None:
    facts = [fact for fact in usual() if fact.tag is not Tag.VERIFIED]
    assert Unusual.UNVERIFIED in marks(*facts)
    assert Unusual.UNVERIFIED not in marks(*usual())


def test_verifying_somebody_else_does_not_verify_the_client() -> None:
    facts = [fact for fact in usual() if fact.tag is not Tag.VERIFIED]
    assert Unusual.UNVERIFIED in marks(*facts, seat(3, Tag.VERIFIED, INTERPRETER, by=MANAGER))


def test_it_marks_a_meeting_that_broke_off_and_none_that_was_merely_brief() -> None:
    assert Unusual.CUT_SHORT in marks(*usual(until=9))
    assert Unusual.CUT_SHORT not in marks(*usual(until=12))


def test_it_marks_no_meeting_as_cut_short_while_it_runs() -> None:
    assert Unusual.CUT_SHORT not in marks(*usual()[:-1], now=at(5))


def test_it_marks_a_client_whom_nobody_met() -> None:
    assert Unusual.ALONE in marks(seat(0, Tag.WAITED, CLIENT))


def test_it_marks_a_client_who_gave_up_after_six_minutes_alone() -> None:
    assert Unusual.ALONE in marks(seat(0, Tag.WAITED, CLIENT), seat(6, Tag.LEFT, CLIENT, phase="waiting"))


def test_a_client_who_went_after_four_minutes_was_not_left_alone() -> None:
    assert Unusual.ALONE not in marks(seat(0, Tag.WAITED, CLIENT), seat(4, Tag.LEFT, CLIENT, phase="waiting"))


def test_the_presence_of_an_interpreter_is_no_company() -> None:
    waited = [seat(-1, Tag.JOINED, INTERPRETER), seat(0, Tag.WAITED, CLIENT), room(30, Tag.ENDED)]
    assert Unusual.ALONE in marks(*waited)


def test_waiting_while_the_team_is_there_is_no_being_alone() -> None:
    waited = [seat(-1, Tag.JOINED, MANAGER), seat(0, Tag.WAITED, CLIENT), room(30, Tag.ENDED)]
    assert Unusual.ALONE not in marks(*waited)


def test_it_counts_the_longest_stretch_alone_and_not_their_sum() -> None:
    def visits(*minutes: float) -> list[Fact]:
        """The manager is there from the first to the second minute, from the third to the fourth, …"""
        pairs = zip(minutes, [Tag.JOINED, Tag.LEFT] * len(minutes), strict=False)
        return [seat(minute, tag, MANAGER) for minute, tag in pairs]

    came = seat(0, Tag.WAITED, CLIENT)
    assert Unusual.ALONE not in marks(came, *visits(4, 5, 9, 10), room(14, Tag.ENDED))
    assert Unusual.ALONE in marks(came, *visits(4, 5, 11, 12), room(14, Tag.ENDED))


def test_it_marks_a_spoken_code_that_did_not_match() -> None:
    assert Unusual.STOPPED in marks(*usual()[:-1], seat(3, Tag.MISMATCH, CLIENT, by=MANAGER), room(40, Tag.ENDED))
    assert Unusual.STOPPED not in marks(*usual())


def test_the_length_of_a_lonely_wait_is_told_to_the_second() -> None:
    barely = seat(5, Tag.LEFT, CLIENT, phase="waiting")
    over = Fact(barely.at + timedelta(seconds=1), barely.tag, barely.actor, barely.details)
    assert Unusual.ALONE not in marks(seat(0, Tag.WAITED, CLIENT), barely)
    assert Unusual.ALONE in marks(seat(0, Tag.WAITED, CLIENT), over)
