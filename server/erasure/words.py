"""Words of retention and erasure, to be translated where they are shown."""

from __future__ import annotations

from collections.abc import Mapping

from server.cases.tables import Retention
from server.erasure.rules import Code, Reason
from server.i18n import N_

RETENTIONS: Mapping[Retention, str] = {
    Retention.ON_REQUEST: N_("No law asks for it: it may be erased as soon as it is closed"),
    Retention.ORDINARY: N_("The ordinary time after its end"),
    Retention.LONG: N_("The long time after its end"),
    Retention.HOLD: N_("On hold: a court or an inquiry needs it, nobody erases it"),
}
REASONS: Mapping[Reason, str] = {
    Reason.TIME_OVER: N_("The time for which it had to be kept is over"),
    Reason.PERSON_ASKED: N_("The person asked for it"),
    Reason.BY_MISTAKE: N_("It was opened by mistake, and nothing took place in it"),
}
REFUSED: Mapping[Code, str] = {
    "not_closed": N_("Close the case first. Then ask again."),
    "on_hold": N_("The case is on hold. A supervisor has to end the hold before it can be erased."),
    "too_early": N_("It has to be kept until %(day)s. Ask again from that day on."),
    "must_be_kept": N_(
        "The law asks us to keep it until %(day)s, also when the person asks. Tell them this day, and that nobody "
        "needs to open it until then."
    ),
    "was_used": N_("Sessions took place in it, so it was not opened by mistake. Choose another reason."),
}
