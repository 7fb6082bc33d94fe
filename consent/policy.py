"""Who may do what: role × action, one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum


class Role(StrEnum):
    """What a person is, to the organisation and in a meeting."""

    CASE_MANAGER = "case_manager"
    SOCIAL_WORKER = "social_worker"
    PSYCHOLOGIST = "psychologist"
    LAWYER = "lawyer"
    REHABILITATION = "rehabilitation"
    INTERPRETER = "interpreter"
    AGENCY_GUEST = "agency_guest"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    CLIENT = "client"
    REPRESENTATIVE = "representative"
    HELPER = "helper"


HOSTS = frozenset({Role.CASE_MANAGER, Role.SOCIAL_WORKER, Role.PSYCHOLOGIST, Role.LAWYER, Role.REHABILITATION})
"""Roles that may host a meeting; a client is with media only while one of them is present."""

ACCOUNTS = HOSTS | {Role.INTERPRETER, Role.SUPERVISOR, Role.ADMINISTRATOR}
"""Roles that sign in; everybody else comes by a link of their own and knocks."""

BY_LINK = frozenset(Role) - ACCOUNTS


class Action(StrEnum):
    """What can be done; a refusal names it."""

    MANAGE_ACCOUNTS = "manage_accounts"
    LIST_CASES = "list_cases"
    OPEN_CASE = "open_case"  # create a new one
    READ_CASE = "read_case"
    CHANGE_CASE = "change_case"
    MANAGE_TEAM = "manage_team"
    PLAN_APPOINTMENT = "plan_appointment"
    INVITE = "invite"  # see, copy, show and print links
    READ_RECORD = "read_record"
    JOIN_MEETING = "join_meeting"
    # in the meeting
    ADMIT = "admit"
    MUTE_OTHERS = "mute_others"
    REMOVE = "remove"
    LOCK = "lock"
    CORRECT_HELPER = "correct_helper"
    END_MEETING = "end_meeting"


class Reach(Enum):
    """How far a permission goes."""

    NOWHERE = 0
    TEAM = 1  # on cases, and in meetings, to whose team the person belongs
    EVERYWHERE = 2


_T, _E = Reach.TEAM, Reach.EVERYWHERE

_IN_MEETING = (
    Action.ADMIT,
    Action.MUTE_OTHERS,
    Action.REMOVE,
    Action.LOCK,
    Action.CORRECT_HELPER,
    Action.END_MEETING,
)


def _specialist() -> dict[Action, Reach]:
    on_the_case = (Action.LIST_CASES, Action.READ_CASE, Action.READ_RECORD, Action.JOIN_MEETING)
    return dict.fromkeys((*on_the_case, *_IN_MEETING), _T)


def _manager() -> dict[Action, Reach]:
    changes = (Action.CHANGE_CASE, Action.MANAGE_TEAM, Action.PLAN_APPOINTMENT, Action.INVITE)
    return _specialist() | {Action.OPEN_CASE: _E} | dict.fromkeys(changes, _T)


TABLE: Mapping[Role, Mapping[Action, Reach]] = {
    Role.CASE_MANAGER: _manager(),
    Role.SOCIAL_WORKER: _manager(),
    Role.PSYCHOLOGIST: _specialist(),
    Role.LAWYER: _specialist(),
    Role.REHABILITATION: _specialist(),
    Role.INTERPRETER: {Action.LIST_CASES: _T, Action.JOIN_MEETING: _T},
    Role.SUPERVISOR: {Action.LIST_CASES: _E, Action.READ_CASE: _E, Action.READ_RECORD: _E},
    Role.ADMINISTRATOR: {Action.MANAGE_ACCOUNTS: _E},
    Role.AGENCY_GUEST: {Action.JOIN_MEETING: _T},
    Role.CLIENT: {Action.JOIN_MEETING: _T},
    Role.REPRESENTATIVE: {Action.JOIN_MEETING: _T},
    Role.HELPER: {Action.JOIN_MEETING: _T},
}


def reach(role: Role, action: Action) -> Reach:
    """How far this role's permission for this action goes."""
    return TABLE[role].get(action, Reach.NOWHERE)


def allows(role: Role, action: Action, *, on_team: bool) -> bool:
    """Whether a person of this role may do this; ``on_team`` says whether the case or meeting is theirs."""
    how_far = reach(role, action)
    return how_far is Reach.EVERYWHERE or (how_far is Reach.TEAM and on_team)
