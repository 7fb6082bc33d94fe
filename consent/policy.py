"""Who may do what: role × action, one table, and the two ways into a case for a time."""

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
    INSPECTOR = "inspector"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    CLIENT = "client"
    REPRESENTATIVE = "representative"
    HELPER = "helper"


HOSTS = frozenset({Role.CASE_MANAGER, Role.SOCIAL_WORKER, Role.PSYCHOLOGIST, Role.LAWYER, Role.REHABILITATION})
"""Roles that may host a meeting; a client is with media only while one of them is present."""

MANAGERS = frozenset({Role.CASE_MANAGER, Role.SOCIAL_WORKER})
"""Roles that lead a case: whom a client knows as "your case manager". A team always keeps one of them."""

ACCOUNTS = HOSTS | {Role.INTERPRETER, Role.INSPECTOR, Role.SUPERVISOR, Role.ADMINISTRATOR}
"""Roles that sign in; everybody else comes by a link of their own and knocks."""

BY_LINK = frozenset(Role) - ACCOUNTS


class Action(StrEnum):
    """What can be done; a refusal names it."""

    # the organisation
    MANAGE_ACCOUNTS = "manage_accounts"
    EDIT_NOTICES = "edit_notices"
    # the case
    LIST_CASES = "list_cases"
    OPEN_CASE = "open_case"  # create a new one
    READ_CASE = "read_case"
    CHANGE_CASE = "change_case"
    MANAGE_TEAM = "manage_team"
    PLAN_APPOINTMENT = "plan_appointment"
    INVITE = "invite"  # see, copy, show and print links
    # its end
    SET_RETENTION = "set_retention"  # how long the law wants the case kept
    ASK_ERASURE = "ask_erasure"
    CONFIRM_ERASURE = "confirm_erasure"  # never by the one who asked
    # consent
    READ_CONSENT = "read_consent"
    KNOW_REFUSALS = "know_refusals"  # which purpose, and which person; everybody else sees that somebody said no
    ENTER_CONSENT = "enter_consent"  # given orally, on paper or at a visit; and the other ways of help
    GIVE_CONSENT = "give_consent"
    WITHDRAW_CONSENT = "withdraw_consent"
    DECIDE_SUITABILITY = "decide_suitability"
    # the record
    READ_RECORD = "read_record"
    WRITE_NOTES = "write_notes"  # outcome, decisions and next steps
    SIGN_NOTES = "sign_notes"
    ENTER_CONTACT = "enter_contact"  # a visit or a phone call
    EXPORT_RECORD = "export_record"
    READ_ACCESS_LIST = "read_access_list"  # who has opened the case
    # supervision
    SUPERVISE = "supervise"  # the desk: figures about sessions, without what was said in them
    REVIEW_SAMPLE = "review_sample"
    READ_FEEDBACK = "read_feedback"
    BREAK_GLASS = "break_glass"
    ADMIT_INSPECTOR = "admit_inspector"  # name cases to an inspector, for a time
    # the meeting
    JOIN_MEETING = "join_meeting"
    SHARE_SCREEN = "share_screen"  # what one sees on one's own screen may show other people's cases, or one's own life
    ADMIT = "admit"
    MUTE_OTHERS = "mute_others"
    REMOVE = "remove"
    LOCK = "lock"
    CORRECT_HELPER = "correct_helper"
    END_MEETING = "end_meeting"


class Reach(Enum):
    """How far a permission goes."""

    NOWHERE = 0
    OWN = 1  # what concerns the person themself
    NAMED = 2  # on cases that a supervisor has named to the person, until a date
    TEAM = 3  # on cases, and in meetings, to whose team the person belongs
    EVERYWHERE = 4


class Grant(StrEnum):
    """A way into one case for a time, without belonging to its team. It never lets anybody change anything."""

    INSPECTION = "inspection"
    EMERGENCY = "emergency"


EMERGENCY_ACTIONS = frozenset({Action.READ_CASE, Action.READ_RECORD, Action.READ_CONSENT})
"""What breaking the glass opens, to whoever may break it, until its time is over."""

_O, _N, _T, _E = Reach.OWN, Reach.NAMED, Reach.TEAM, Reach.EVERYWHERE

_IN_MEETING = (
    Action.ADMIT,
    Action.MUTE_OTHERS,
    Action.REMOVE,
    Action.LOCK,
    Action.CORRECT_HELPER,
    Action.END_MEETING,
)


def _specialist() -> dict[Action, Reach]:
    reads = (Action.LIST_CASES, Action.READ_CASE, Action.READ_RECORD, Action.READ_CONSENT)
    writes = (Action.WRITE_NOTES, Action.ENTER_CONTACT, Action.JOIN_MEETING, Action.SHARE_SCREEN)
    return dict.fromkeys((*reads, *writes, *_IN_MEETING), _T) | {Action.READ_FEEDBACK: _O, Action.BREAK_GLASS: _E}


def _manager() -> dict[Action, Reach]:
    changes = (Action.CHANGE_CASE, Action.MANAGE_TEAM, Action.PLAN_APPOINTMENT, Action.INVITE, Action.ASK_ERASURE)
    consents = (Action.KNOW_REFUSALS, Action.ENTER_CONSENT)
    evidence = (Action.SIGN_NOTES, Action.EXPORT_RECORD, Action.READ_ACCESS_LIST)
    return _specialist() | {Action.OPEN_CASE: _E} | dict.fromkeys((*changes, *consents, *evidence), _T)


def _supervisor() -> dict[Action, Reach]:
    reads = (Action.LIST_CASES, Action.READ_CASE, Action.READ_RECORD, Action.READ_CONSENT, Action.READ_ACCESS_LIST)
    knows = (Action.KNOW_REFUSALS, Action.SUPERVISE, Action.REVIEW_SAMPLE)
    does = (Action.EXPORT_RECORD, Action.EDIT_NOTICES, Action.DECIDE_SUITABILITY, Action.ADMIT_INSPECTOR)
    ends = (Action.SET_RETENTION, Action.ASK_ERASURE, Action.CONFIRM_ERASURE)
    return dict.fromkeys((*reads, *does, *ends, *knows), _E)


_NAMED_TO_INSPECTOR = (
    *(Action.LIST_CASES, Action.READ_CASE, Action.READ_RECORD, Action.READ_CONSENT),
    *(Action.READ_ACCESS_LIST, Action.EXPORT_RECORD),
)

TABLE: Mapping[Role, Mapping[Action, Reach]] = {
    Role.CASE_MANAGER: _manager(),
    Role.SOCIAL_WORKER: _manager(),
    Role.PSYCHOLOGIST: _specialist(),
    Role.LAWYER: _specialist(),
    Role.REHABILITATION: _specialist(),
    Role.INTERPRETER: {
        Action.LIST_CASES: _T,
        Action.JOIN_MEETING: _T,
        Action.SHARE_SCREEN: _T,
        Action.READ_FEEDBACK: _O,
    },
    Role.AGENCY_GUEST: {Action.JOIN_MEETING: _T},
    Role.INSPECTOR: dict.fromkeys(_NAMED_TO_INSPECTOR, _N),
    Role.SUPERVISOR: _supervisor(),
    Role.ADMINISTRATOR: {Action.MANAGE_ACCOUNTS: _E},
    Role.CLIENT: {
        Action.JOIN_MEETING: _T,
        Action.READ_CONSENT: _O,
        Action.KNOW_REFUSALS: _O,
        Action.GIVE_CONSENT: _O,
        Action.WITHDRAW_CONSENT: _O,
        Action.READ_ACCESS_LIST: _O,
    },
    # Acts for the client within the scope of a document; the client's own "no" is asked for first and always wins.
    Role.REPRESENTATIVE: {Action.JOIN_MEETING: _T, Action.GIVE_CONSENT: _O, Action.WITHDRAW_CONSENT: _O},
    Role.HELPER: {Action.JOIN_MEETING: _T},
}


def reach(role: Role, action: Action) -> Reach:
    """How far this role's permission for this action goes."""
    return TABLE[role].get(action, Reach.NOWHERE)


def allows(role: Role, action: Action, *, on_team: bool, grant: Grant | None = None, own: bool = False) -> bool:
    """Whether a person of this role may do this.

    ``on_team`` says whether the case or meeting is theirs; ``grant`` is a way in that is open to this person on this
    case right now; ``own`` says that it concerns nobody but the person themself.
    """
    match reach(role, action):
        case Reach.EVERYWHERE:
            return True
        case Reach.TEAM if on_team:
            return True
        case Reach.NAMED if grant is Grant.INSPECTION:
            return True
        case Reach.OWN if own:
            return True
    breaks = grant is Grant.EMERGENCY and reach(role, Action.BREAK_GLASS) is Reach.EVERYWHERE
    return breaks and action in EMERGENCY_ACTIONS
