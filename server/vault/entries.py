"""Entries of the vault ◇: their format, checked as far as somebody can who must not open them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from consent.policy import Role
from server.devices.certificates import Certificate
from server.devices.signatures import canon, from_base64url, verify

LABEL = "poruch vault"
MAX_BODY = 48 * 1024
MAX_RECIPIENTS = 100
APPOINTMENT = "appointment"
_POINT = 65
_SEALED = {16 + 16, 128 + 16}
"""A secret, or a secret with a name, and the tag of AES-GCM."""

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class EntryError(Exception):
    """An entry that is not one; ``code`` is ``malformed`` or ``bad_signature``."""

    def __init__(self, code: Literal["malformed", "bad_signature"]) -> None:
        super().__init__(code)
        self.code = code


class Strict(BaseModel):
    """Exactly these fields, of exactly these types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Sealed(Strict):
    """The secret for one device: HPKE's encapsulated key, and 16 or 128 bytes with their tag."""

    to: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
    enc: Annotated[str, StringConstraints(max_length=100)]
    ciphertext: Annotated[str, StringConstraints(max_length=200)]

    @model_validator(mode="after")
    def _lengths(self) -> Self:
        if len(from_base64url(self.enc)) != _POINT or len(from_base64url(self.ciphertext)) not in _SEALED:
            raise ValueError("not a sealed secret")
        return self


class Body(Strict):
    """Which secret of which appointment, for which devices."""

    v: Literal[1]
    appointment: Id
    secret: Annotated[str, StringConstraints(pattern=r"^(appointment|seat:[0-9a-f]{16})$")]
    seat: Id | None
    role: Role | None
    sealed: Annotated[tuple[Sealed, ...], Field(min_length=1, max_length=MAX_RECIPIENTS)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        about_seat = self.secret != APPOINTMENT
        if about_seat != (self.seat is not None) or about_seat != (self.role is not None):
            raise ValueError("a seat's secret names its seat and role, the appointment's names none")
        if about_seat and self.secret != f"seat:{self.seat}":
            raise ValueError("the secret is another seat's")
        if len({each.to for each in self.sealed}) != len(self.sealed):
            raise ValueError("the same device twice")
        return self

    @property
    def recipients(self) -> frozenset[str]:
        """Fingerprints of the devices that can open it."""
        return frozenset(each.to for each in self.sealed)


class Entry(Strict):
    """A signed body, as it travels and is kept."""

    body: Annotated[str, StringConstraints(max_length=MAX_BODY)]
    signer: Certificate
    signature: Annotated[str, StringConstraints(max_length=100)]


def read(entry: Entry) -> Body:
    """The content, when it has the one form that it may have. Raises EntryError ``malformed``."""
    try:
        body = Body.model_validate_json(entry.body)
    except (ValidationError, RecursionError) as error:
        raise EntryError("malformed") from error
    if canon(body.model_dump(mode="json")) != entry.body:
        raise EntryError("malformed")
    return body


def check_signature(entry: Entry, key: str) -> None:
    """Raises EntryError ``bad_signature`` unless this device key signed the entry."""
    if not verify(key, LABEL, entry.body, entry.signature):
        raise EntryError("bad_signature")
