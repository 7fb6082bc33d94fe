"""Words about devices: their states, what was done, and why something is refused."""

from __future__ import annotations

from collections.abc import Mapping

from server.devices.service import Code, DeviceError, State
from server.devices.signatures import canon, fingerprint, to_base64url
from server.http.errors import Problem
from server.i18n import N_

STATES: Mapping[State, tuple[str, str]] = {
    State.ASKED: (N_("waits to be certified"), "warn"),
    State.CERTIFIED: (N_("certified"), "ok"),
    State.EXPIRED: (N_("certificate expired"), "warn"),
    State.REVOKED: (N_("revoked"), "neutral"),
}
"""Label and tone."""

DONE: Mapping[str, str] = {
    "revoked": N_("The device is revoked. It is signed out and cannot open encrypted conversations any more."),
    "forgotten": N_("The device is forgotten."),
    "certified": N_("The device is certified."),
}

_BAD_CERTIFICATE = N_("The certificate does not fit this device. Load the page again and try once more.")
REFUSED: Mapping[Code, tuple[int, str]] = {
    "no_organisation": (409, N_("This server does not know the organisation's key yet.")),
    "not_for_role": (403, N_("Your role takes no part in conversations, so this browser needs no certificate.")),
    "bad_keys": (400, N_("What was sent are not the keys of a browser. Load the page again.")),
    "bad_proof": (400, N_("This browser could not show that the keys are its own.")),
    "not_yours": (409, N_("This browser's keys belong to somebody else. Forget this device first, then ask again.")),
    "revoked": (409, N_("This device was revoked. Forget it here, then ask again with new keys.")),
    "too_many": (409, N_("Too many of your devices wait to be certified. Forget those that you do not use.")),
    "other_key": (409, N_("This server trusts another key of the organisation already.")),
    "certificate_malformed": (400, _BAD_CERTIFICATE),
    "certificate_wrong_organisation": (400, N_("This key file holds another key than the organisation's.")),
    "certificate_bad_signature": (400, _BAD_CERTIFICATE),
    "certificate_not_yet_valid": (400, N_("The clock of this computer differs too much from the server's.")),
    "certificate_expired": (400, N_("The clock of this computer differs too much from the server's.")),
    "certificate_too_long": (400, _BAD_CERTIFICATE),
    "certificate_other_device": (400, _BAD_CERTIFICATE),
}
"""Status and text."""


def problem(error: DeviceError) -> Problem:
    """What the person is told."""
    status, text = REFUSED[error.code]
    return Problem(error.code, text, status=status)


def code_of(sign_key: str, seal_key: str) -> str:
    """What two people compare before a device is certified: of both its keys, in fours; 96 bits are beyond any search.

    Of the sealing key too: whoever could put another one beside a true signing key would be sent the team's secrets.
    """
    said = fingerprint(to_base64url(canon({"seal": seal_key, "sign": sign_key}).encode()))
    return " ".join(said[at : at + 4] for at in range(0, 16, 4))
