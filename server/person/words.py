"""Words of the person's own page: why somebody opened the case, in plain words."""

from __future__ import annotations

from collections.abc import Mapping

from consent.keys import Purpose
from server.i18n import N_
from server.person.service import Code

WHY: Mapping[str, str] = {
    Purpose.LISTED.value: N_("saw the name of your case in a list"),
    Purpose.READ.value: N_("read your case"),
    Purpose.CHANGE.value: N_("changed something in your case"),
    Purpose.PLAN.value: N_("planned or looked at an appointment"),
    Purpose.MEET.value: N_("took part in a conversation"),
    Purpose.RECORD.value: N_("read the record of a conversation"),
    Purpose.EXPORT.value: N_("took a copy out of the system"),
    Purpose.SUPERVISE.value: N_("checked the work of your team"),
    Purpose.BREAK_GLASS.value: N_("opened your case in an emergency"),
    Purpose.INSPECT.value: N_("inspected the service"),
    Purpose.FEEDBACK.value: N_("read what a reviewer wrote about their work with you"),
}

REFUSED: Mapping[Code, tuple[int, str]] = {
    "link_unknown": (404, N_("This link does not work any more. Please phone us.")),
    "record_unknown": (404, N_("This is not on your page.")),
    "notice_old": (409, N_("The text has changed. Please read it again.")),
    "not_now": (409, N_("This is asked again when you open the link of your next conversation.")),
    "signature_invalid": (400, N_("This answer could not be checked. Load the page again and try once more.")),
    "no_pin": (409, N_("You have no PIN yet. Ask your case manager for one when you meet.")),
    "pin_wrong": (403, N_("This PIN is not right.")),
    "pin_locked": (429, N_("There were too many wrong PINs. Please wait half an hour.")),
}
"""HTTP status and text of each refusal."""
