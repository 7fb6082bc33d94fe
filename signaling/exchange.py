"""The exchange of a link, a code or a resume token for a ticket, and what clients agree to: the messages over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from consent.policy import Role
from signaling.wire import Device, Id, Moment, Received, Sent

Token = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Language = Annotated[str, StringConstraints(max_length=16)]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
PurposeName = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]
TappedBy = Literal["person", "helper", "worker", "representative"]


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
    reads_record: bool
    """Whether the page may lead to the session record when it is over."""


class Expected(Sent):
    """Somebody who will be there."""

    seat: Id
    role: Role
    name: str


class SeatAppointment(Sent):
    """The appointment, as its invited person may know it."""

    id: Id
    status: Literal["open", "early", "moved", "cancelled", "ended", "other_way"]
    starts_at: Moment
    ends_at: Moment
    time_zone: str
    opens_at: Moment
    help_phone: str
    organisation: str
    language: Language
    expected: tuple[Expected, ...]


class NoticeShown(Sent):
    """What a person is told before they agree; ``hash`` is of exactly this text."""

    id: str
    version: int
    hash: Hash
    language: Language
    title: str
    what: str
    why: str
    who: str
    how_long: str
    rights: str
    withdraw: str
    controller: str
    picture: str
    audio: str | None
    sign_video: str | None


class ConsentAbout(Sent):
    """The person whom an agreement is about."""

    seat: Id
    name: str
    role: Role


class ConsentItem(Sent):
    """One thing to agree to; ``why`` it is asked."""

    purpose: PurposeName
    about: ConsentAbout | None
    why: str
    notice: NoticeShown


class ConsentPage(Sent):
    """What is asked on one page."""

    key: Literal["video", "people", "sharing"]
    items: tuple[ConsentItem, ...]


class ConsentGiven(Sent):
    """One thing that can be taken back."""

    purpose: PurposeName
    about: ConsentAbout | None


class OtherWay(Sent):
    """How help goes on after a "no": who phones or comes, and until when; empty and None until somebody has said so."""

    kind: Literal["phone", "visit", "in_person"]
    owner: str
    by: Moment | None


class SeatConsents(Sent):
    """What a client agrees to for this appointment, and what is still to be asked."""

    state: Literal["allow", "explain", "ask", "refuse"]
    reasons: tuple[str, ...]
    pages: tuple[ConsentPage, ...]
    explain: NoticeShown | None
    given: tuple[ConsentGiven, ...]
    other_way: OtherWay | None


class SeatReply(Sent):
    """A ticket, where one may come in now, and what the page needs to say."""

    ticket: Token | None
    resume: Token | None
    you: SeatYou
    appointment: SeatAppointment
    consent: SeatConsents | None


class _Claim(Received):
    """A link or a resume token, from the device that holds it."""

    link: Token | None = None
    resume: Token | None = None
    device: Device
    language: Language | None = None
    tapped_by: TappedBy
    in_call: bool = False

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.link is None) is (self.resume is None):
            raise ValueError("exactly one of link, resume is expected")
        return self

    def claim(self) -> SeatRequest:
        """The same claim as ``POST /api/seat`` takes it."""
        return SeatRequest(link=self.link, resume=self.resume, device=self.device, language=self.language)


class ConsentAnswer(Received):
    """What a person says to one text."""

    purpose: PurposeName
    about_seat: Id | None = None
    notice_hash: Hash
    decision: Literal["given", "refused", "explain"]

    @model_validator(mode="after")
    def _explaining(self) -> Self:
        if (self.purpose == "explain") is not (self.decision == "explain"):
            raise ValueError("to be told what it is about is agreed to by 'explain', and nothing else is")
        return self


class DeviceSignature(Received):
    """The device's signature over the answers; ``key`` is its public key (SPKI, base64url), ``at`` its own time."""

    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,256}$")]
    at: Annotated[str, StringConstraints(max_length=32)]
    value: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,256}$")]


class ConsentRequest(_Claim):
    """All answers of a walk through the pages."""

    answers: Annotated[list[ConsentAnswer], Field(min_length=1, max_length=24)]
    signature: DeviceSignature | None = None


class WithdrawRequest(_Claim):
    """Take back one thing that was given."""

    purpose: PurposeName
    about_seat: Id | None = None


class WayRequest(_Claim):
    """How a person who said no would rather be helped."""

    way: Literal["phone", "visit", "in_person"]


class WithdrawReply(Sent):
    """Whether it is written already; what it opened has ended in any case."""

    written: bool
    consent: SeatConsents | None
