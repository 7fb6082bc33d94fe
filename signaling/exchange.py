"""The exchange of a link, a code or a resume token for a ticket: the messages of ``POST /api/seat``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import StringConstraints, model_validator

from consent.policy import Role
from signaling.wire import Device, Id, Moment, Received, Sent

Token = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Language = Annotated[str, StringConstraints(max_length=16)]


class SeatRequest(Received):
    """An invitation, an entry code or a resume token, to be exchanged for a ticket."""

    link: Token | None = None
    code: Token | None = None
    resume: Token | None = None
    device: Device
    language: Language | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if [self.link, self.code, self.resume].count(None) != 2:
            raise ValueError("exactly one of link, code, resume is expected")
        return self


class SeatYou(Sent):
    """Whose seat it is."""

    seat: Id
    role: Role
    name: str
    kind: Literal["link", "staff"]


class Expected(Sent):
    """Somebody who will be there."""

    seat: Id
    role: Role
    name: str


class SeatAppointment(Sent):
    """The appointment, as its invited person may know it."""

    id: Id
    status: Literal["open", "early", "moved", "cancelled", "ended"]
    starts_at: Moment
    ends_at: Moment
    time_zone: str
    opens_at: Moment
    help_phone: str
    organisation: str
    language: Language
    expected: tuple[Expected, ...]


class SeatReply(Sent):
    """A ticket, where one may come in now, and what the page needs to say."""

    ticket: Token | None
    resume: Token | None
    you: SeatYou
    appointment: SeatAppointment
