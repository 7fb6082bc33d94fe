"""The gate: nobody is in a conversation before they agreed, a "no" always counts, and only what is needed is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Literal

import pytest

from consent.gate import (
    Answer,
    Decision,
    Grant,
    Reason,
    Representation,
    State,
    Suitability,
    decide,
    once_refused,
)
from consent.needs import EXPLAINERS, Person, needed, pages
from consent.notices import Notice, Purpose, Text
from consent.policy import HOSTS, MANAGERS, Role
from rooms import consents as rooms
from rooms.plan import Gate, PlannedSeat, SeatConsent
from rooms.seat import Phase, Seat

NOW = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SUITABLE = Suitability(True, False, NOW - DAY, NOW + 180 * DAY, NOW + 90 * DAY)

OLIA = Person("s-olia", Role.CLIENT, "Olia", "client:olia", client_id="olia")
TARAS = Person("s-taras", Role.CLIENT, "Taras", "client:taras", client_id="taras")
MANAGER = Person("s-manager", Role.CASE_MANAGER, "Maria", "account:manager")
PSYCHOLOGIST = Person("s-psy", Role.PSYCHOLOGIST, "Iryna", "account:psy")
INTERPRETER = Person("s-int", Role.INTERPRETER, "Oleh", "account:int")
AGENCY = Person("s-agency", Role.AGENCY_GUEST, "Job centre", "seat:s-agency")
TEAM = (MANAGER, PSYCHOLOGIST)


def notice(purpose: Purpose, version: int = 1, published_at: datetime = NOW - 30 * DAY) -> Notice:
    text = Text("en", "t", "w", "y", "o", "h", "r", "d", "c", "video")
    return Notice(purpose, version, published_at, {"en": text})


NOTICES = [notice(purpose) for purpose in Purpose]


def grant(
    purpose: Purpose = Purpose.VIDEO,
    answer: Answer = Answer.GIVEN,
    *,
    about: Person | None = None,
    at: datetime = NOW - DAY,
    by: str = "person",
    client: str = "olia",
    version: int = 1,
    until: datetime | None = None,
    appointment: str | None = None,
) -> Grant:
    return Grant(client, purpose, about.key if about else None, answer, version, at, until, by, appointment)


def gate(
    people: Sequence[Person] = (OLIA, *TEAM),
    grants: Sequence[Grant] = (),
    *,
    papers: Sequence[Representation] = (),
    notices: Sequence[Notice] = NOTICES,
    suitability: Suitability | None = SUITABLE,
    danger: bool = False,
    now: datetime = NOW,
    began_at: datetime | None = None,
) -> Decision:
    return decide(
        needed(people, "s-olia", once_refused(grants, "olia")),
        notices,
        grants,
        papers,
        suitability=suitability,
        danger=danger,
        now=now,
        appointment_id="a1",
        began_at=began_at,
    )


def guardian(
    kind: Literal["guardian", "representative"] = "guardian", *, until: datetime = NOW + DAY, paper: str = "p1"
) -> Representation:
    return Representation(paper, "olia", kind, NOW - 365 * DAY, until)


def test_it_asks_before_anything_else_and_keeps_everybody_out() -> None:
    said = gate()
    assert said.state is State.ASK
    assert [(each.need.purpose, each.why) for each in said.asks] == [(Purpose.VIDEO, Reason.NOT_ASKED)]
    assert said.kept_out == {"s-manager", "s-psy"}


def test_it_allows_once_everything_that_is_needed_is_given() -> None:
    people = (OLIA, *TEAM, INTERPRETER)
    assert gate(people, [grant()]).state is State.ASK
    said = gate(people, [grant(), grant(Purpose.INTERPRETER, about=INTERPRETER)])
    assert said == Decision(State.ALLOW, (), (), frozenset())


def test_it_asks_for_nothing_that_this_appointment_does_not_need() -> None:
    said = gate((OLIA, *TEAM))
    assert [each.need.purpose for each in said.asks] == [Purpose.VIDEO]


def test_it_asks_on_at_most_three_pages_whoever_comes() -> None:
    extra = [Person(f"s{i}", role, "X", f"seat:s{i}") for i, role in enumerate(Role) if role is not Role.CLIENT]
    late = [replace(each, seat_id=f"late-{each.seat_id}", mid_call=True) for each in extra]
    found = pages(needed((OLIA, *extra, *late), "s-olia").items)
    assert [page for page, _ in found] == ["video", "people", "sharing"]


def test_a_no_to_a_person_keeps_out_that_person_and_not_the_conversation() -> None:
    people = (OLIA, *TEAM, INTERPRETER, AGENCY)
    said = gate(
        people,
        [
            grant(),
            grant(Purpose.INTERPRETER, about=INTERPRETER),
            grant(Purpose.SHARING, Answer.REFUSED, about=AGENCY),
        ],
    )
    assert said.state is State.ALLOW
    assert said.kept_out == {"s-agency"}
    assert said.reasons == (Reason.REFUSED,)


@pytest.mark.parametrize("answer", [Answer.REFUSED, Answer.WITHDRAWN])
def test_a_no_to_the_conversation_refuses_it_and_can_be_changed_by_the_person(answer: Answer) -> None:
    said = gate(grants=[grant(), grant(answer=answer, at=NOW)])
    assert said.state is State.REFUSE
    assert said.reasons == (Reason(answer.value),)
    assert [each.need.purpose for each in said.asks] == [Purpose.VIDEO]
    again = gate(grants=[grant(answer=answer), grant(at=NOW)])
    assert again.state is State.ALLOW


def test_of_a_yes_and_a_no_of_the_same_moment_the_no_counts_in_whatever_order_they_are_read() -> None:
    yes, no = grant(answer=Answer.GIVEN), grant(answer=Answer.WITHDRAWN)
    for grants in permutations([yes, no, yes]):
        assert gate(grants=grants).state is State.REFUSE
    assert gate(grants=[no, replace(yes, at=no.at + timedelta(microseconds=1))]).state is State.ALLOW


def test_a_new_version_asks_again() -> None:
    notices = [*NOTICES, notice(Purpose.VIDEO, 2, NOW - timedelta(hours=1))]
    said = gate(grants=[grant()], notices=notices)
    assert said.state is State.ASK
    assert said.asks[0].why is Reason.NEW_VERSION
    assert said.asks[0].notice.version == 2
    assert gate(grants=[grant(version=2)], notices=notices).state is State.ALLOW


def test_a_running_conversation_goes_on_under_the_texts_with_which_it_began() -> None:
    notices = [*NOTICES, notice(Purpose.VIDEO, 2, NOW - timedelta(minutes=1))]
    assert gate(grants=[grant()], notices=notices, began_at=NOW - timedelta(minutes=5)).state is State.ALLOW


def test_a_version_that_is_not_published_yet_asks_nobody() -> None:
    assert gate(grants=[grant()], notices=[*NOTICES, notice(Purpose.VIDEO, 2, NOW + DAY)]).state is State.ALLOW


def test_an_agreement_ends_at_its_last_moment() -> None:
    assert gate(grants=[grant(until=NOW + timedelta(seconds=1))]).state is State.ALLOW
    said = gate(grants=[grant(until=NOW)])
    assert (said.state, said.reasons) == (State.ASK, (Reason.CONSENT_EXPIRED,))


def test_an_agreement_from_the_future_counts_for_nothing() -> None:
    assert gate(grants=[grant(at=NOW + timedelta(seconds=1))]).state is State.ASK


def test_it_refuses_where_no_text_can_be_shown() -> None:
    said = gate(grants=[grant()], notices=[])
    assert (said.state, said.reasons) == (State.REFUSE, (Reason.NO_NOTICE,))


def test_each_client_answers_for_themself() -> None:
    people = (OLIA, TARAS, *TEAM)
    assert gate(people, [grant(client="taras")]).state is State.ASK
    assert gate(people, [grant(client="olia")]).state is State.ALLOW


@pytest.mark.parametrize(
    ("suitability", "danger", "reason"),
    [
        (None, False, Reason.NO_DECISION),
        (replace(SUITABLE, suitable=False), False, Reason.UNSUITABLE),
        (replace(SUITABLE, expires_at=NOW), False, Reason.DECISION_EXPIRED),
        (replace(SUITABLE, danger=True), False, Reason.DANGER),
        (SUITABLE, True, Reason.DANGER),
        (None, True, Reason.DANGER),
    ],
)
def test_without_a_decision_that_says_suitable_nothing_is_asked_and_nothing_allowed(
    suitability: Suitability | None, danger: bool, reason: Reason
) -> None:
    said = gate(grants=[grant()], suitability=suitability, danger=danger)
    assert said == Decision(State.REFUSE, (reason,), (), frozenset({"s-manager", "s-psy"}))


def test_a_talk_that_explains_is_with_the_case_manager_and_an_interpreter_only() -> None:
    people = (OLIA, *TEAM, INTERPRETER, AGENCY)
    said = gate(people, [grant(Purpose.EXPLAIN, appointment="a1")])
    assert said.state is State.EXPLAIN
    assert said.kept_out == {"s-psy", "s-agency"}
    assert Purpose.VIDEO in {each.need.purpose for each in said.asks}


@pytest.mark.parametrize(
    "given",
    [
        grant(Purpose.EXPLAIN, appointment="another"),
        grant(Purpose.EXPLAIN, appointment="a1", until=NOW),
        grant(Purpose.EXPLAIN, Answer.WITHDRAWN, appointment="a1"),
        grant(Purpose.EXPLAIN, appointment="a1", client="taras"),
    ],
)
def test_an_agreement_to_explain_holds_for_its_own_appointment_and_person_only(given: Grant) -> None:
    assert gate(grants=[given]).state is State.ASK


@pytest.mark.parametrize("role", sorted(HOSTS))
def test_whoever_leads_a_case_explains_alike_for_the_gate_and_for_the_room(role: Role) -> None:
    worker = Person("s-worker", role, "Maria", "account:worker")
    said = gate((OLIA, worker), [grant(Purpose.EXPLAIN, appointment="a1")])
    consent = SeatConsent(Gate.EXPLAIN, apart=said.kept_out)
    client = PlannedSeat("s-olia", Role.CLIENT, "Olia", by_link=True, consent=consent)
    alone = PlannedSeat("s-worker", role, "Maria", by_link=False)
    seats = {each.seat_id: Seat(each, Phase.IN) for each in (client, alone)}
    assert rooms.may_meet(seats["s-olia"], seats["s-worker"], seats) is (role in MANAGERS)
    assert rooms.has_media(seats["s-olia"], seats) is (role in MANAGERS)


def test_the_page_names_the_same_people_who_explain() -> None:
    words = (Path(__file__).parents[3] / "web/client/consent/words.ts").read_text("utf-8")
    found = re.search(r"const EXPLAIN: ReadonlySet<string> = new Set\(\[(.*?)\]\)", words)
    assert found
    assert set(re.findall(r'"(\w+)"', found[1])) == EXPLAINERS


def test_a_no_to_an_interpreter_holds_in_the_talk_that_explains_too() -> None:
    given = [grant(Purpose.EXPLAIN, appointment="a1"), grant(Purpose.INTERPRETER, Answer.REFUSED, about=INTERPRETER)]
    said = gate((OLIA, *TEAM, INTERPRETER), given)
    assert (said.state, said.kept_out) == (State.EXPLAIN, frozenset({"s-psy", "s-int"}))


def test_whoever_said_no_and_then_wants_it_explained_is_told_and_nothing_more() -> None:
    no = grant(answer=Answer.REFUSED, at=NOW - timedelta(minutes=2))
    told = grant(Purpose.EXPLAIN, appointment="a1", at=NOW - timedelta(minutes=1))
    said = gate(grants=[no, told])
    assert said.state is State.EXPLAIN
    assert said.kept_out == {"s-psy"}
    assert gate(grants=[told, replace(no, at=NOW)]).state is State.REFUSE
    assert gate(grants=[no, replace(told, appointment_id="a2")]).state is State.REFUSE


def test_a_no_ends_the_talk_that_explains() -> None:
    said = gate(grants=[grant(Purpose.EXPLAIN, appointment="a1"), grant(answer=Answer.REFUSED)])
    assert said.state is State.REFUSE


def test_somebody_who_arrives_in_the_middle_waits_and_the_conversation_goes_on() -> None:
    late = replace(PSYCHOLOGIST, seat_id="s-late", key="account:late", mid_call=True)
    people = (OLIA, *TEAM, late)
    waiting = gate(people, [grant()])
    assert (waiting.state, waiting.kept_out) == (State.ALLOW, frozenset({"s-late"}))
    assert [(each.need.purpose, each.need.about and each.need.about.name) for each in waiting.asks] == [
        (Purpose.JOINING, "Iryna")
    ]
    agreed = [grant(), grant(Purpose.JOINING, about=late)]
    assert gate(people, agreed).kept_out == frozenset()
    stopped = gate(people, [*agreed, grant(Purpose.JOINING, Answer.WITHDRAWN, about=late, at=NOW)])
    assert (stopped.state, stopped.kept_out) == (State.ALLOW, frozenset({"s-late"}))


def test_another_client_who_arrives_in_the_middle_waits_for_the_one_who_is_there() -> None:
    late = replace(TARAS, mid_call=True)
    people = (OLIA, late, *TEAM)
    waiting = gate(people, [grant()])
    assert (waiting.state, waiting.kept_out) == (State.ALLOW, frozenset({"s-taras"}))
    assert [(each.need.purpose, each.need.about and each.need.about.role) for each in waiting.asks] == [
        (Purpose.JOINING, "client")
    ]
    assert gate(people, [grant(), grant(Purpose.JOINING, about=late)]).kept_out == frozenset()
    assert gate(people, [grant(), grant(Purpose.JOINING, Answer.REFUSED, about=late)]).kept_out == {"s-taras"}
    # Whoever was invited before is what the conversation is, and whoever arrives is not asked about themself.
    assert gate((OLIA, TARAS, *TEAM), [grant()]).kept_out == frozenset()
    theirs = needed(people, "s-taras").items
    assert [need.purpose for need in theirs] == [Purpose.VIDEO]


@pytest.mark.parametrize("answer", [Answer.REFUSED, Answer.WITHDRAWN])
def test_a_no_to_a_colleague_keeps_them_out_of_later_conversations_until_the_person_says_yes(answer: Answer) -> None:
    no = grant(Purpose.JOINING, answer, about=PSYCHOLOGIST)
    said = gate(grants=[grant(), no])
    assert (said.state, said.kept_out, said.reasons) == (State.ALLOW, frozenset({"s-psy"}), (Reason(answer.value),))
    assert gate(grants=[no]).kept_out == {"s-manager", "s-psy"}, "nothing is allowed by it"
    yes = grant(Purpose.JOINING, about=PSYCHOLOGIST, at=NOW)
    assert gate(grants=[grant(), no, yes]) == Decision(State.ALLOW, (), (), frozenset())
    theirs = replace(no, client_id="taras")
    assert gate(grants=[grant(), theirs]) == Decision(State.ALLOW, (), (), frozenset())


def test_a_guardians_no_to_a_colleague_holds_at_later_conversations_too() -> None:
    given = [grant(), grant(by="representation:p1"), grant(Purpose.JOINING, about=PSYCHOLOGIST)]
    no = grant(Purpose.JOINING, Answer.REFUSED, about=PSYCHOLOGIST, by="representation:p1")
    said = gate(grants=[*given, no], papers=[guardian()])
    assert (said.state, said.kept_out) == (State.ALLOW, frozenset({"s-psy"}))


def test_whoever_was_once_refused_is_asked_about_at_the_door_when_the_yes_has_run_out() -> None:
    no = grant(Purpose.JOINING, Answer.REFUSED, about=PSYCHOLOGIST, at=NOW - 400 * DAY)
    old = grant(Purpose.JOINING, about=PSYCHOLOGIST, at=NOW - 370 * DAY, until=NOW - 5 * DAY)
    said = gate(grants=[grant(), no, old])
    assert (said.state, said.kept_out, said.reasons) == (
        State.ALLOW,
        frozenset({"s-psy"}),
        (Reason.CONSENT_EXPIRED,),
    )


def test_agreeing_to_one_interpreter_is_not_agreeing_to_another() -> None:
    other = replace(INTERPRETER, seat_id="s-int2", key="account:int2")
    said = gate((OLIA, *TEAM, other), [grant(), grant(Purpose.INTERPRETER, about=INTERPRETER)])
    assert said.state is State.ASK


def test_with_a_guardian_both_must_agree() -> None:
    papers = [guardian()]
    own, theirs = grant(), grant(by="representation:p1")
    assert gate(grants=[own], papers=papers).asks[0].of == "representative"
    assert gate(grants=[theirs], papers=papers).asks[0].of == "person"
    assert gate(grants=[own, theirs], papers=papers).state is State.ALLOW


@pytest.mark.parametrize("kind", ["guardian", "representative"])
def test_the_persons_own_no_wins_over_whoever_represents_them(kind: Literal["guardian", "representative"]) -> None:
    no = grant(answer=Answer.REFUSED)
    said = gate(grants=[no, grant(by="representation:p1", at=NOW)], papers=[guardian(kind)])
    assert (said.state, said.reasons) == (State.REFUSE, (Reason.REFUSED,))


def test_a_representative_may_agree_in_the_persons_place_within_the_document() -> None:
    theirs = grant(by="representation:p1")
    assert gate(grants=[theirs], papers=[guardian("representative")]).state is State.ALLOW
    narrow = replace(guardian("representative"), purposes=frozenset({Purpose.SHARING}))
    assert gate(grants=[theirs], papers=[narrow]).state is State.ASK
    assert gate(grants=[theirs], papers=[replace(guardian("representative"), ended_at=NOW)]).state is State.ASK
    assert gate(grants=[theirs], papers=[guardian("representative", until=NOW)]).state is State.ASK


def test_an_expired_guardian_leaves_nobody_to_act_until_there_is_a_new_document() -> None:
    both = [grant(), grant(by="representation:p1")]
    expired = guardian(until=NOW)
    said = gate(grants=both, papers=[expired])
    assert (said.state, said.reasons, said.asks) == (State.REFUSE, (Reason.REPRESENTATION_EXPIRED,), ())
    renewed = [expired, guardian(paper="p2")]
    assert gate(grants=[*both, grant(by="representation:p2")], papers=renewed).state is State.ALLOW
    assert gate(grants=both, papers=[replace(expired, ended_at=NOW - DAY)]).state is State.ALLOW


def test_nobody_but_a_client_is_asked() -> None:
    with pytest.raises(LookupError):
        needed((OLIA, *TEAM), "s-manager")
    with pytest.raises(LookupError):
        needed((OLIA, *TEAM), "nobody")
