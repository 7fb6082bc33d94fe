"""Words of the session record: a sentence for each kind of moment, and for how it came out for a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from consent.events import Tag
from server.i18n import N_, Translator
from server.sessions.picture import Shape
from server.sessions.record import Moment, Outcome, Phase
from server.sessions.unusual import Unusual

MOMENTS: Mapping[Tag, str] = {
    Tag.PLANNED: N_("The appointment was planned"),
    Tag.MOVED: N_("The appointment was moved"),
    Tag.CANCELLED: N_("The appointment was cancelled"),
    Tag.RESTORED: N_("The cancellation was taken back"),
    Tag.INVITED: N_("%(name)s was invited"),
    Tag.INVITATION_REVOKED: N_("The invitation of %(name)s was taken back"),
    Tag.WAITED: N_("%(name)s came to the waiting room"),
    Tag.ADMITTED: N_("%(name)s was let in"),
    Tag.DECLINED: N_("%(name)s was not let in"),
    Tag.JOINED: N_("%(name)s joined"),
    Tag.DROPPED: N_("The connection of %(name)s broke"),
    Tag.RETURNED: N_("%(name)s came back"),
    Tag.MOVED_DEVICE: N_("%(name)s went on with another device"),
    Tag.LEFT: N_("%(name)s left"),
    Tag.NETWORK: N_("%(name)s had a good connection"),
    Tag.REMOVED: N_("%(name)s was removed"),
    Tag.MUTED: N_("The sound of %(name)s was turned off for all"),
    Tag.HELPER_STATED: N_("%(name)s: somebody is with this person"),
    Tag.HOST_CHANGED: N_("%(name)s became the host"),
    Tag.LOCKED: N_("The session was closed to newcomers"),
    Tag.UNLOCKED: N_("The session was opened to newcomers again"),
    Tag.MEDIA_PAUSED: N_("Sound and picture were paused: nobody of the team was there"),
    Tag.MEDIA_RESUMED: N_("Sound and picture went on"),
    Tag.ENDED: N_("The session ended"),
    Tag.VERIFIED: N_("%(name)s was verified by the spoken code"),
    Tag.MISMATCH: N_("The spoken code did not match for %(name)s"),
    Tag.KEYS_REFUSED: N_("A key that claimed to belong to %(name)s was refused"),
    Tag.ENCRYPTION_STOPPED: N_(
        "Sound and picture of %(name)s were stopped, because the encryption could not be relied on"
    ),
    Tag.REKEYED: N_("%(name)s began the encryption anew with fresh keys"),
    Tag.CONSENT_GIVEN: N_("%(name)s gave a consent"),
    Tag.CONSENT_REFUSED: N_("%(name)s said no"),
    Tag.CONSENT_WITHDRAWN: N_("%(name)s took a consent back"),
    Tag.CONSENT_CONFIRMED: N_("%(name)s confirmed a consent that had been given in another way"),
    Tag.REPRESENTATION_LINKED: N_("It was noted by which document %(name)s acts for somebody"),
    Tag.NOTES_WRITTEN: N_("Notes about the session were written"),
    Tag.NOTES_SIGNED: N_("The notes about the session were signed"),
}
ALONE = N_("%(name)s: nobody else is with this person")
NEW_LINK = N_("The link of %(name)s was replaced by a new one")
IN_WAITING_ROOM: Mapping[Tag, str] = {
    Tag.DROPPED: N_("The connection of %(name)s broke in the waiting room"),
    Tag.RETURNED: N_("%(name)s came back to the waiting room"),
    Tag.LEFT: N_("%(name)s left the waiting room"),
}
ABOUT_CONSENT = frozenset({Tag.CONSENT_GIVEN, Tag.CONSENT_REFUSED, Tag.CONSENT_WITHDRAWN, Tag.CONSENT_CONFIRMED})
READ_FOR: Mapping[str, str] = {
    "listed": N_("saw it in a list"),
    "read": N_("read the case"),
    "change": N_("changed the case"),
    "plan": N_("planned an appointment"),
    "meet": N_("took part in a meeting"),
    "record": N_("read a session record"),
    "export": N_("took a copy"),
    "supervise": N_("read it as supervisor"),
    "break_glass": N_("read it in an emergency"),
    "inspect": N_("read it as inspector"),
    "feedback": N_("read what a reviewer wrote about their work"),
    "person": N_("opened their own page"),
    "taken": N_("took a copy"),
}
"""What somebody did when they opened a case."""
DONE: Mapping[str, str] = {
    "written": N_("The notes are kept."),
    "signed": N_("The notes are signed."),
    "entered": N_("The contact is entered."),
}
SOMEBODY = N_("Somebody")

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.ATTENDED: N_("attended"),
    Outcome.ONLY_WAITED: N_("only waited, did not take part"),
    Outcome.DECLINED: N_("was not let in"),
    Outcome.NO_SHOW: N_("did not come"),
    Outcome.EXPECTED: N_("expected"),
    Outcome.UNINVITED: N_("invitation taken back"),
}

UNUSUAL: Mapping[Unusual, tuple[str, str]] = {
    Unusual.NO_CONSENT: (N_("no consent on record"), "danger"),
    Unusual.UNVERIFIED: (N_("client not verified"), "warn"),
    Unusual.CUT_SHORT: (N_("cut short"), "warn"),
    Unusual.ALONE: (N_("client was left waiting alone"), "warn"),
    Unusual.WITHDRAWN: (N_("consent taken back"), "warn"),
    Unusual.STOPPED: (N_("encryption was doubted"), "danger"),
}
"""Label and tone of what is unusual."""

WAYS: Mapping[str, str] = {"video": N_("video"), "visit": N_("visit"), "phone": N_("phone call")}

SHAPES: Mapping[Shape, str] = {
    Shape.CONSENT: N_("consent given"),
    Shape.VERIFIED: N_("verified by the spoken code"),
    Shape.INTERRUPTED: N_("interruption"),
    Shape.WITHDRAWN: N_("consent refused or taken back"),
}
"""The key beneath the timeline."""

PHASES: Mapping[Phase, tuple[str, str]] = {
    Phase.PLANNED: (N_("not begun yet"), "neutral"),
    Phase.RUNNING: (N_("in progress"), "ok"),
    Phase.ENDED: (N_("ended"), "neutral"),
    Phase.NOT_HELD: (N_("did not take place"), "warn"),
    Phase.CANCELLED: (N_("cancelled"), "danger"),
}
"""Label and tone."""

WEAK_NETWORK = N_("%(name)s had a weak connection")
BAD_NETWORK = N_("%(name)s had a bad connection")
STOPPED = N_("%(text)s (pictures that stopped for a moment: %(count)d)")
WEAK_LOSS_PERMILLE, BAD_LOSS_PERMILLE = 30, 100
WEAK_ROUND_TRIP_MS, BAD_ROUND_TRIP_MS = 300, 800

ENDS: Mapping[Tag, str] = {
    Tag.LEFT: N_("left"),
    Tag.DROPPED: N_("connection broke"),
    Tag.REMOVED: N_("removed"),
    Tag.ENDED: N_("session ended"),
}


def _network(details: Mapping[str, Any]) -> str:
    """How the connection was, in three grades: what the figures mean to somebody who was in the call."""
    lost = max(details.get("lost_up_permille", 0), details.get("lost_down_permille", 0))
    waited = details.get("round_trip_ms", 0)
    if lost >= BAD_LOSS_PERMILLE or waited >= BAD_ROUND_TRIP_MS:
        return BAD_NETWORK
    if lost >= WEAK_LOSS_PERMILLE or waited >= WEAK_ROUND_TRIP_MS:
        return WEAK_NETWORK
    return MOMENTS[Tag.NETWORK]


def sentence(moment: Moment, _: Translator) -> str:
    """What happened, as one sentence in the translator's language."""
    text = MOMENTS[moment.tag]
    if moment.details.get("phase") == "waiting":
        text = IN_WAITING_ROOM.get(moment.tag, text)
    elif moment.tag is Tag.NETWORK:
        text = _network(moment.details)
    elif moment.tag is Tag.HELPER_STATED and not moment.details.get("with_helper"):
        text = ALONE
    elif moment.tag is Tag.INVITATION_REVOKED and moment.details.get("new_link"):
        text = NEW_LINK
    values: dict[str, Any] = {"name": moment.name or _(SOMEBODY)}
    said = _(text) % values
    freezes = moment.details.get("freezes", 0) if moment.tag is Tag.NETWORK else 0
    return _(STOPPED) % {"text": said, "count": freezes} if freezes else said


def length(total: timedelta, _: Translator) -> str:
    """A stretch of time in words: hours and minutes, or seconds when it was shorter than a minute."""
    seconds = int(total.total_seconds())
    if seconds < 60:
        return _("%(count)d s") % {"count": seconds}
    hours, minutes = divmod(seconds // 60, 60)
    if not hours:
        return _("%(count)d min") % {"count": minutes}
    return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
