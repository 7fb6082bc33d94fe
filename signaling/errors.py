"""Every code that a connection can meet, with its English text; catalogs translate it."""

from __future__ import annotations


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for text that is marked here and translated later
    """Mark a text for the catalogs."""
    return text


class ProtocolError(Exception):
    """Something that a browser asked for and does not get; ``code`` is one of TEXTS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


ACK_TEXTS = {
    "bad_message": N_("The server could not understand this request."),
    "too_large": N_("What you sent is too large."),
    "unknown_event": N_("The server does not know this request. Please reload the page."),
    "out_of_order": N_("This is not possible at this moment."),
    "too_many_requests": N_("That was too many tries in a short time. Please wait a little and try again."),
    "forbidden": N_("Your role does not include this."),
    "busy": N_("The server is busy. Nothing was changed. Please try again in a moment."),
    "ticket_invalid": N_("This entry is not valid. Please open your link again."),
    "not_invited": N_("You are not invited to this conversation. Please ask whoever invited you."),
    "link_revoked": N_("This link is no longer valid. Please ask for a new one."),
    "room_locked": N_("The conversation is closed to newcomers. Please phone if you are expected."),
    "room_ended": N_("The conversation is over."),
    "cancelled": N_("The appointment was cancelled."),
    "removed": N_("You were removed from this conversation."),
    "declined_wait": N_("You were not let in just now. You can ask again in half a minute."),
    "consent_missing": N_("This waits until the person has agreed."),
    "other_way": N_("This conversation takes place in another way. Your team gets in touch with you."),
    "not_agreed": N_("The person does not want you to be there now. It is nobody's fault."),
    "kept_apart": N_(
        "This person has said no to being with somebody who is here. Whoever it is leaves first; a colleague can stay."
    ),
    "room_paused": N_("Sound and picture wait until a member of staff is here."),
    "unknown_seat": N_("This person is not part of the conversation."),
    "not_waiting": N_("This person is not waiting any more."),
    "not_present": N_("This person is not in the conversation."),
    "unknown_transport": N_("The connection for sound and picture has to be made again."),
    "unknown_producer": N_("This sound or picture is not available any more."),
    "unknown_consumer": N_("This sound or picture is not available any more."),
    "too_many_producers": N_("You are sending as much as is possible already."),
    "bad_parameters": N_("The server cannot use sound and picture as this browser offers them."),
    "media_unavailable": N_("Sound and picture are being restarted. Please wait a moment."),
    "group_exists": N_("The conversation is encrypted already. Please wait a moment, this device is being taken in."),
    "wrong_group": N_("The encryption began again. Please wait a moment, this device is being taken in."),
    "epoch_taken": N_("Somebody else has just changed the keys of the conversation."),
    "not_member": N_("This device does not have the keys of the conversation yet."),
    "not_asked": N_("This device is not waiting for the keys of the conversation any more."),
    "group_led": N_("Somebody who can give out the keys of the conversation is still there."),
    "internal": N_("Something went wrong on the server. It was not your mistake."),
}
"""What an acknowledgement can say."""

CLOSE_TEXTS = {
    "moved_device": N_("You continued on another device."),
    "other_tab": N_("You continued in another window on this device."),
    "declined": N_("You were not let in just now. You can ask again in half a minute."),
    "removed": N_("You were removed from this conversation."),
    "consent_missing": N_("This waits until the person has agreed."),
    "other_way": N_("This conversation takes place in another way. Your team gets in touch with you."),
    "not_agreed": N_("The person does not want you to be there now. It is nobody's fault."),
    "ended": N_("The conversation is over."),
    "cancelled": N_("The appointment was cancelled."),
    "moved": N_("The appointment was moved to another time."),
    "revoked": N_("This link is no longer valid. Please ask for a new one."),
    "ticket_invalid": N_("This entry is not valid. Please open your link again."),
    "ticket_expired": N_("This entry took too long. Please try again."),
    "wrong_origin": N_("This page may not connect to the conversation."),
    "too_many_connections": N_("There are too many connections from your network. Please wait a little."),
    "too_many_requests": N_("That was too many tries in a short time. Please wait a little and try again."),
}
"""Why a connection ends."""

SEAT_TEXTS = {
    "bad_message": ACK_TEXTS["bad_message"],
    "too_large": ACK_TEXTS["too_large"],
    "wrong_origin": CLOSE_TEXTS["wrong_origin"],
    "link_unknown": N_("This link is not known. Please check that it is complete, or ask for a new one."),
    "link_revoked": ACK_TEXTS["link_revoked"],
    "code_used": N_("This entry was used already. Please press “Join” again."),
    "ticket_invalid": CLOSE_TEXTS["ticket_invalid"],
    "ticket_expired": CLOSE_TEXTS["ticket_expired"],
    "too_many_requests": ACK_TEXTS["too_many_requests"],
    "busy": ACK_TEXTS["busy"],
}
"""What the exchange of a link for a ticket can refuse."""

CONSENT_TEXTS = {
    "not_yours": N_("This is not for you to decide."),
    "not_asked_for": N_("You are not asked about this. Please read the page again."),
    "notice_unknown": N_("The text has changed since you read it. Please read it again."),
    "nothing_given": N_("There is nothing to take back."),
    "room_ended": ACK_TEXTS["room_ended"],
    "cancelled": ACK_TEXTS["cancelled"],
    "other_way": ACK_TEXTS["other_way"],
    "representation_expired": N_("The document by which you act for this person has run out. Please phone."),
    "signature_invalid": N_("The signature of this device does not fit. Please reload the page."),
    "signature_used": N_("This answer was sent before. Please reload the page."),
}
"""What giving and taking back consent can refuse, beside SEAT_TEXTS."""

TEXTS = {**CONSENT_TEXTS, **CLOSE_TEXTS, **ACK_TEXTS, **SEAT_TEXTS}
"""Every code; where one occurs in several places, it says the same in all of them."""


def english(code: str, _language: str) -> str:
    """The source text, for where there are no catalogs."""
    return TEXTS[code]
