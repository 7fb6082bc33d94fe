"""Certificates of staff devices ◇: what the organisation's key says about one browser, and whether that holds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError

from consent.policy import Role
from server.devices.signatures import canon, fingerprint, sign, verify
from signaling.wire import wire_time

LABEL = "poruch device certificate"
VALID = timedelta(days=365)
"""How long a certificate that we propose lives."""
LONGEST = timedelta(days=400)
"""How long one may live at most, whoever made it."""
CLOCK_DIFFERENCE = timedelta(minutes=5)
"""Clocks of the administrator's computer and of ours differ."""
MAX_BODY = 2048

Code = Literal["malformed", "wrong_organisation", "bad_signature", "not_yet_valid", "expired", "too_long"]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,200}$")]


class CertificateError(Exception):
    """A certificate that does not hold; ``code`` says why."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code: Code = code


class Certificate(BaseModel):
    """A signed statement; the body stays the text that was signed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    body: Annotated[str, StringConstraints(max_length=MAX_BODY)]
    signature: Annotated[str, StringConstraints(max_length=100)]


class Body(BaseModel):
    """What is said: whose device it is, its keys, and how long this holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    v: Literal[1] = 1
    kind: Literal["device-certificate"] = "device-certificate"
    organisation: Key
    """Fingerprint of the organisation's key."""
    account: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    role: Role
    sign: Key
    seal: Key
    issued: AwareDatetime
    expires: AwareDatetime

    @property
    def device(self) -> str:
        """The device's fingerprint."""
        return fingerprint(self.sign)

    def text(self) -> str:
        """The canonical JSON that is signed."""
        fields: dict[str, Any] = self.model_dump(mode="json")
        return canon(fields | {"issued": wire_time(self.issued), "expires": wire_time(self.expires)})


def issue(key: ec.EllipticCurvePrivateKey, body: Body) -> Certificate:
    """Sign, with the organisation's private key."""
    text = body.text()
    return Certificate(body=text, signature=sign(key, LABEL, text))


def read(certificate: Certificate) -> Body:
    """The content without any check of its signature. Raises CertificateError ``malformed``."""
    try:
        body = Body.model_validate_json(certificate.body)
        if body.text() != certificate.body:
            raise CertificateError("malformed")
    except (ValidationError, ValueError) as error:
        raise CertificateError("malformed") from error
    return body


def check(certificate: Certificate, organisation: str, now: datetime) -> Body:
    """The content, when ``organisation`` (its public key) signed it and it holds now. Raises CertificateError."""
    body = read(certificate)
    if body.organisation != fingerprint(organisation):
        raise CertificateError("wrong_organisation")
    if not verify(organisation, LABEL, certificate.body, certificate.signature):
        raise CertificateError("bad_signature")
    if body.issued > now + CLOCK_DIFFERENCE:
        raise CertificateError("not_yet_valid")
    if body.expires <= now:
        raise CertificateError("expired")
    if body.expires - body.issued > LONGEST:
        raise CertificateError("too_long")
    return body
