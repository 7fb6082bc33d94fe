"""Words for consent: labels to be translated where they are shown."""

from __future__ import annotations

from collections.abc import Mapping

from consent.gate import Answer, Reason
from consent.notices import Purpose
from server.i18n import N_

PURPOSES: Mapping[str, str] = {
    Purpose.VIDEO.value: N_("video conversation"),
    Purpose.EXPLAIN.value: N_("a talk that explains"),
    Purpose.SHARING.value: N_("somebody from another service"),
    Purpose.INTERPRETER.value: N_("interpreter"),
    Purpose.HELPER.value: N_("helper"),
    Purpose.REPRESENTATIVE.value: N_("representative"),
    Purpose.CONTACT.value: N_("how we may reach the person"),
    Purpose.JOINING.value: N_("one more person in a conversation"),
    Purpose.SUPERVISION.value: N_("supervisor in a conversation"),
}

ANSWERS: Mapping[str, str] = {
    Answer.GIVEN.value: N_("agreed"),
    Answer.REFUSED.value: N_("said no"),
    Answer.WITHDRAWN.value: N_("stopped agreeing"),
}
TONES: Mapping[str, str] = {"given": "ok", "refused": "danger", "withdrawn": "danger", "expired": "warn"}

METHODS: Mapping[str, str] = {
    "page": N_("on the page before a conversation"),
    "call": N_("during a conversation"),
    "own_page": N_("on their own page"),
    "oral": N_("said it to the worker"),
    "paper": N_("signed on paper"),
    "home_visit": N_("at a home visit"),
    "phone": N_("said it on the telephone"),
}
TAPPED: Mapping[str, str] = {
    "person": N_("the person"),
    "helper": N_("a helper, for the person"),
    "worker": N_("a worker, for the person"),
    "representative": N_("the representative"),
}

WHY_NOT: Mapping[Reason, str] = {
    Reason.NO_DECISION: N_("No supervisor has decided yet whether video is suitable."),
    Reason.UNSUITABLE: N_("A supervisor has decided that video is not suitable."),
    Reason.DANGER: N_(
        "Somebody may be in danger. There is no video, no link and no call until a supervisor decides anew."
    ),
    Reason.DECISION_EXPIRED: N_("The supervisor's decision has expired."),
}

WAYS: Mapping[str, str] = {
    "phone": N_("phone call"),
    "visit": N_("visit at home"),
    "in_person": N_("meeting in person at the service"),
}
BECAUSE: Mapping[str, str] = {
    "refused": N_("the person said no to video"),
    "withdrawn": N_("the person stopped agreeing to video"),
    "unsuitable": N_("video is not suitable"),
    "danger": N_("somebody may be in danger"),
    "decision_expired": N_("the decision about video has expired"),
    "no_decision": N_("nobody has decided about video"),
    "representation_expired": N_("the guardian's document has expired"),
    "wished": N_("the person wished it"),
    "entered": N_("the team arranged it"),
}

KINDS: Mapping[str, str] = {
    "guardian": N_("guardian: must agree together with the person"),
    "representative": N_("representative: may agree in the person's place"),
}
