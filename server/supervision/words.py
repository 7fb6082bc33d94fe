"""Words of supervision: why something cannot be done, what reviewers answer, and what stands in the table of sight."""

from __future__ import annotations

from collections.abc import Mapping

from consent.policy import Action, Grant, Reach
from server.i18n import N_
from server.supervision.grants import GrantCode
from server.supervision.samples import Answer, Question, SampleCode, Verdict

GRANT_REFUSED: Mapping[GrantCode, str] = {
    "reason_too_short": N_("Write the reason in a sentence: somebody will read it today"),
    "reason_too_long": N_("Use at most 1000 characters"),
    "too_long": N_("Choose a shorter time"),
    "not_an_inspector": N_("Choose an inspector from the list"),
    "case_unknown": N_("There is no open case with this name or number. Look at how it is written"),
}
SAMPLE_REFUSED: Mapping[SampleCode, str] = {
    "drawn_already": N_("This month has been drawn already. What is drawn stays drawn."),
    "month_ahead": N_("This month has not begun yet."),
    "own_session": N_("You took part in this session, or were invited to it. Somebody else reviews it."),
    "reviewed_already": N_("Somebody has reviewed this session already."),
    "feedback_missing": N_("Write to the worker what should be better"),
    "too_long": N_("Use at most 4000 characters"),
}
GRANTS: Mapping[str, str] = {
    Grant.EMERGENCY: N_("emergency access"),
    Grant.INSPECTION: N_("inspection"),
}
QUESTIONS: Mapping[Question, str] = {
    Question.CONSENT: N_("Consent was asked for and is on record"),
    Question.IDENTITY: N_("The client was verified, or the notes say how one knew them"),
    Question.COURSE: N_("It began and ended as planned, or the notes say why not"),
    Question.TROUBLE: N_("Interruptions and risks were followed up"),
    Question.NOTES: N_("The notes are written so that a colleague could go on"),
}
ANSWERS: Mapping[Answer, str] = {
    Answer.YES: N_("yes"),
    Answer.PARTLY: N_("partly"),
    Answer.NO: N_("no"),
    Answer.NOT_APPLICABLE: N_("does not apply"),
}
VERDICTS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.GOOD: (N_("good"), "ok"),
    Verdict.IMPROVE: (N_("should be better"), "warn"),
    Verdict.SERIOUS: (N_("serious"), "danger"),
}
"""Label and tone."""
DONE: Mapping[str, str] = {
    "seen": N_("It is written down that you know of it."),
    "ended": N_("This access is closed."),
    "admitted": N_("The inspector can read this case from now on."),
    "asked": N_("The draw is asked for. It follows from the next checkpoint of the ledger."),
    "reviewed": N_("The review is kept, and the worker can read it."),
}

REACHES: Mapping[Reach, str] = {
    Reach.NOWHERE: N_("no"),
    Reach.OWN: N_("their own"),
    Reach.NAMED: N_("named cases, for a time"),
    Reach.TEAM: N_("cases of their team"),
    Reach.EVERYWHERE: N_("yes"),
}
"""What a cell of the table of sight says."""
ACTIONS: Mapping[Action, str] = {
    Action.MANAGE_ACCOUNTS: N_("Manage accounts"),
    Action.EDIT_NOTICES: N_("Edit the consent notices"),
    Action.LIST_CASES: N_("See cases in a list"),
    Action.OPEN_CASE: N_("Begin a case"),
    Action.READ_CASE: N_("Read a case"),
    Action.CHANGE_CASE: N_("Change a case"),
    Action.MANAGE_TEAM: N_("Change the team"),
    Action.PLAN_APPOINTMENT: N_("Plan appointments"),
    Action.INVITE: N_("Hand out invitation links"),
    Action.SET_RETENTION: N_("Say how long a case is kept"),
    Action.ASK_ERASURE: N_("Ask for the erasure of a case"),
    Action.CONFIRM_ERASURE: N_("Confirm an erasure that somebody else asked for"),
    Action.READ_CONSENT: N_("Read consents"),
    Action.KNOW_REFUSALS: N_("See what it was that a client said no to or took back, and about whom"),
    Action.ENTER_CONSENT: N_("Write down consents that were given in another way"),
    Action.GIVE_CONSENT: N_("Give consent"),
    Action.WITHDRAW_CONSENT: N_("Take consent back"),
    Action.DECIDE_SUITABILITY: N_("Decide whether video is suitable"),
    Action.READ_RECORD: N_("Read session records"),
    Action.WRITE_NOTES: N_("Write notes about sessions"),
    Action.SIGN_NOTES: N_("Sign notes"),
    Action.ENTER_CONTACT: N_("Enter visits and phone calls"),
    Action.EXPORT_RECORD: N_("Take copies of records"),
    Action.READ_ACCESS_LIST: N_("See who has opened a case"),
    Action.SUPERVISE: N_("Use the supervisor's desk"),
    Action.REVIEW_SAMPLE: N_("Review sessions that were drawn"),
    Action.READ_FEEDBACK: N_("Read feedback on their sessions"),
    Action.BREAK_GLASS: N_("Open a case in an emergency (reading only, for hours)"),
    Action.ADMIT_INSPECTOR: N_("Name cases to an inspector"),
    Action.JOIN_MEETING: N_("Take part in meetings to which they are invited"),
    Action.SHARE_SCREEN: N_("Show their screen in a meeting"),
    Action.ADMIT: N_("Let people in"),
    Action.MUTE_OTHERS: N_("Turn off somebody's sound for all"),
    Action.REMOVE: N_("Remove somebody"),
    Action.LOCK: N_("Close a meeting to newcomers"),
    Action.CORRECT_HELPER: N_("Correct who says that a helper is there"),
    Action.END_MEETING: N_("End a meeting for everybody"),
}
