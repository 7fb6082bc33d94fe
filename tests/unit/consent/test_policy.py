"""The policy table: what each role may not do, and the few things that it may."""

from __future__ import annotations

import pytest

from consent.policy import ACCOUNTS, BY_LINK, HOSTS, TABLE, Action, Reach, Role, allows, reach

CASEWORK = {Action.READ_CASE, Action.CHANGE_CASE, Action.MANAGE_TEAM, Action.PLAN_APPOINTMENT, Action.INVITE}
HOSTING = {Action.ADMIT, Action.MUTE_OTHERS, Action.REMOVE, Action.LOCK, Action.CORRECT_HELPER, Action.END_MEETING}


def test_it_says_something_about_every_role() -> None:
    assert set(TABLE) == set(Role)


def test_it_divides_people_into_those_who_sign_in_and_those_who_come_by_link() -> None:
    assert set(Role) == ACCOUNTS | BY_LINK
    assert not ACCOUNTS & BY_LINK


@pytest.mark.parametrize("role", sorted(Role))
@pytest.mark.parametrize("action", sorted(CASEWORK | HOSTING | {Action.JOIN_MEETING}))
def test_it_lets_nobody_change_or_enter_what_is_not_theirs(role: Role, action: Action) -> None:
    if (role, action) != (Role.SUPERVISOR, Action.READ_CASE):
        assert not allows(role, action, on_team=False)


@pytest.mark.parametrize("role", sorted(BY_LINK))
def test_it_lets_people_who_come_by_link_only_join(role: Role) -> None:
    assert {action for action in Action if allows(role, action, on_team=True)} == {Action.JOIN_MEETING}


def test_it_shows_a_supervisor_everything_and_lets_them_change_nothing() -> None:
    may = {action for action in Action if allows(Role.SUPERVISOR, action, on_team=False)}
    assert may == {Action.LIST_CASES, Action.READ_CASE, Action.READ_RECORD}


def test_it_shows_an_administrator_no_case() -> None:
    assert {action for action in Action if allows(Role.ADMINISTRATOR, action, on_team=True)} == {Action.MANAGE_ACCOUNTS}


def test_it_lets_an_interpreter_join_and_read_nothing() -> None:
    may = {action for action in Action if allows(Role.INTERPRETER, action, on_team=True)}
    assert may == {Action.LIST_CASES, Action.JOIN_MEETING}


@pytest.mark.parametrize("role", sorted(Role))
def test_it_gives_host_rights_to_exactly_the_hosts(role: Role) -> None:
    for action in HOSTING:
        assert allows(role, action, on_team=True) is (role in HOSTS)


@pytest.mark.parametrize("role", sorted(HOSTS - {Role.CASE_MANAGER, Role.SOCIAL_WORKER}))
def test_it_lets_specialists_read_their_cases_and_plan_nothing(role: Role) -> None:
    assert reach(role, Action.READ_CASE) is Reach.TEAM
    for action in CASEWORK - {Action.READ_CASE}:
        assert not allows(role, action, on_team=True)
