"""The policy table, cell by cell: what each role may do, and what nobody may."""

from __future__ import annotations

import pytest

from consent.policy import ACCOUNTS, BY_LINK, EMERGENCY_ACTIONS, HOSTS, TABLE, Action, Grant, Reach, Role, allows, reach

# Written by hand, apart from the policy's own table. In each cell: E everywhere, T on their team's cases, N on cases
# named to them for a time, O what concerns themself, . nowhere. Columns:
# case manager, social worker, psychologist, lawyer, rehabilitation, interpreter, agency guest, inspector, supervisor,
# administrator, client, representative, helper
EXPECTED = """
manage_accounts      . . . . . . . . . E . . .
edit_notices         . . . . . . . . E . . . .
list_cases           T T T T T T . N E . . . .
open_case            E E . . . . . . . . . . .
read_case            T T T T T . . N E . . . .
change_case          T T . . . . . . . . . . .
manage_team          T T . . . . . . . . . . .
plan_appointment     T T . . . . . . . . . . .
invite               T T . . . . . . . . . . .
set_retention        . . . . . . . . E . . . .
ask_erasure          T T . . . . . . E . . . .
confirm_erasure      . . . . . . . . E . . . .
read_consent         T T T T T . . N E . O . .
know_refusals        T T . . . . . . E . O . .
enter_consent        T T . . . . . . . . . . .
give_consent         . . . . . . . . . . O O .
withdraw_consent     . . . . . . . . . . O O .
decide_suitability   . . . . . . . . E . . . .
read_record          T T T T T . . N E . . . .
write_notes          T T T T T . . . . . . . .
sign_notes           T T . . . . . . . . . . .
enter_contact        T T T T T . . . . . . . .
export_record        T T . . . . . N E . . . .
read_access_list     T T . . . . . N E . O . .
supervise            . . . . . . . . E . . . .
review_sample        . . . . . . . . E . . . .
read_feedback        O O O O O O . . . . . . .
break_glass          E E E E E . . . . . . . .
admit_inspector      . . . . . . . . E . . . .
join_meeting         T T T T T T T . . . T T T
share_screen         T T T T T T . . . . . . .
admit                T T T T T . . . . . . . .
mute_others          T T T T T . . . . . . . .
remove               T T T T T . . . . . . . .
lock                 T T T T T . . . . . . . .
correct_helper       T T T T T . . . . . . . .
end_meeting          T T T T T . . . . . . . .
"""
LETTERS = {"E": Reach.EVERYWHERE, "T": Reach.TEAM, "N": Reach.NAMED, "O": Reach.OWN, ".": Reach.NOWHERE}
COLUMNS = (
    *(Role.CASE_MANAGER, Role.SOCIAL_WORKER, Role.PSYCHOLOGIST, Role.LAWYER, Role.REHABILITATION, Role.INTERPRETER),
    *(Role.AGENCY_GUEST, Role.INSPECTOR, Role.SUPERVISOR, Role.ADMINISTRATOR),
    *(Role.CLIENT, Role.REPRESENTATIVE, Role.HELPER),
)
CELLS = [
    (role, Action(line.split()[0]), LETTERS[letter])
    for line in EXPECTED.strip().splitlines()
    for role, letter in zip(COLUMNS, line.split()[1:], strict=True)
]
READS = {Action.LIST_CASES, Action.READ_CASE, Action.READ_RECORD, Action.READ_CONSENT, Action.READ_ACCESS_LIST}
CHANGES = {
    *(Action.CHANGE_CASE, Action.MANAGE_TEAM, Action.PLAN_APPOINTMENT, Action.INVITE, Action.ENTER_CONSENT),
    *(Action.WRITE_NOTES, Action.SIGN_NOTES, Action.ENTER_CONTACT),
}


def test_it_has_a_cell_for_every_role_and_action() -> None:
    assert {(role, action) for role, action, _ in CELLS} == {(role, action) for role in Role for action in Action}
    assert set(TABLE) == set(Role)


@pytest.mark.parametrize(("role", "action", "expected"), CELLS)
def test_it_reaches_as_far_as_each_cell_says(role: Role, action: Action, expected: Reach) -> None:
    assert reach(role, action) is expected
    assert allows(role, action, on_team=False) is (expected is Reach.EVERYWHERE)
    assert allows(role, action, on_team=True) is (expected in {Reach.EVERYWHERE, Reach.TEAM})
    named = allows(role, action, on_team=False, grant=Grant.INSPECTION)
    assert named is (expected in {Reach.EVERYWHERE, Reach.NAMED})
    assert allows(role, action, on_team=False, own=True) is (expected in {Reach.EVERYWHERE, Reach.OWN})


def test_it_divides_people_into_those_who_sign_in_and_those_who_come_by_link() -> None:
    assert set(Role) == ACCOUNTS | BY_LINK
    assert not ACCOUNTS & BY_LINK


@pytest.mark.parametrize("role", sorted(Role))
@pytest.mark.parametrize("action", sorted(CHANGES | {Action.JOIN_MEETING}))
@pytest.mark.parametrize("grant", [None, *Grant])
def test_it_lets_nobody_change_or_enter_what_is_not_theirs(role: Role, action: Action, grant: Grant | None) -> None:
    assert not allows(role, action, on_team=False, grant=grant)


@pytest.mark.parametrize("on_team", [False, True])
@pytest.mark.parametrize("grant", [None, *Grant])
def test_it_shows_an_administrator_no_case_whatever_is_granted(on_team: bool, grant: Grant | None) -> None:
    may = {action for action in Action if allows(Role.ADMINISTRATOR, action, on_team=on_team, grant=grant)}
    assert may == {Action.MANAGE_ACCOUNTS}


@pytest.mark.parametrize("role", sorted(ACCOUNTS))
def test_broken_glass_opens_reading_alone_and_only_to_those_who_may_break_it(role: Role) -> None:
    gained = {
        action
        for action in Action
        if allows(role, action, on_team=False, grant=Grant.EMERGENCY) and not allows(role, action, on_team=False)
    }
    assert gained == (set(EMERGENCY_ACTIONS) if role in HOSTS else set())
    assert EMERGENCY_ACTIONS < READS


def test_an_inspector_reads_named_cases_and_nothing_else() -> None:
    def may(**ties: Grant) -> set[Action]:
        return {action for action in Action if allows(Role.INSPECTOR, action, on_team=False, **ties)}

    assert may() == set()
    assert may(grant=Grant.INSPECTION) == READS | {Action.EXPORT_RECORD}
    assert may(grant=Grant.EMERGENCY) == set()


@pytest.mark.parametrize("role", sorted(Role))
def test_it_gives_host_rights_to_exactly_the_hosts(role: Role) -> None:
    for action in (Action.ADMIT, Action.MUTE_OTHERS, Action.REMOVE, Action.LOCK, Action.END_MEETING):
        assert allows(role, action, on_team=True) is (role in HOSTS)


def test_nobody_who_works_on_cases_supervises_them() -> None:
    working = {role for role in Role if reach(role, Action.JOIN_MEETING) is not Reach.NOWHERE}
    assert not any(reach(role, Action.REVIEW_SAMPLE) is not Reach.NOWHERE for role in working)
