"""A browser of staff without a browser: its key pairs, what it sends, and an organisation that certifies it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from consent.policy import Role
from server import orgkey
from server.cases.service import Doer
from server.demo_keys import seal
from server.devices import service
from server.devices.certificates import VALID, Body, Certificate, issue
from server.devices.signatures import fingerprint, sign, spki


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class StaffDevice:
    """Two key pairs."""

    signing: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    sealing: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    @property
    def sign_key(self) -> str:
        """The public key for signatures."""
        return spki(self.signing.public_key())

    @property
    def seal_key(self) -> str:
        """The public key for sealing."""
        return spki(self.sealing.public_key())

    @property
    def fingerprint(self) -> str:
        """The device's name."""
        return fingerprint(self.sign_key)

    def asking(self, account_id: str) -> dict[str, str]:
        """The body of ``POST /api/devices``."""
        proof = sign(self.signing, service.LABEL, service.statement(account_id, self.sign_key, self.seal_key))
        return {"sign": self.sign_key, "seal": self.seal_key, "proof": proof}

    def entry(
        self,
        certificate: Certificate,
        appointment: str,
        recipients: dict[str, str],
        seat: tuple[str, str] | None = None,
    ) -> dict[str, Any]:
        """A vault entry, as this device seals it; ``recipients`` maps fingerprints to sealing keys."""
        subject = {"appointment": appointment, "secret": "appointment", "seat": None, "role": None}
        if seat is not None:
            subject |= {"secret": f"seat:{seat[0]}", "seat": seat[0], "role": seat[1]}
        body, signature = seal(subject, b"sixteen bytes...", recipients, self.signing)
        return {"body": body, "signer": certificate.model_dump(), "signature": signature}


@dataclass
class Organisation:
    """A key that certifies."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=orgkey.make)

    @property
    def public(self) -> str:
        """The public key."""
        return spki(self.key.public_key())

    def certify(self, device: StaffDevice, person: Doer, **changes: Any) -> Certificate:
        """A certificate as the administrator's browser makes it, unless something is changed."""
        now = datetime.now(UTC)
        said: dict[str, Any] = {
            "organisation": fingerprint(self.public),
            "account": person.id,
            "name": person.name,
            "role": Role(person.role),
            "sign": device.sign_key,
            "seal": device.seal_key,
            "issued": now - timedelta(seconds=1),
            "expires": now + VALID,
        }
        return issue(self.key, Body(**(said | changes)))
