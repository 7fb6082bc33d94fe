"""The demo plays the organisation ◇: everybody's keys and secrets, from the demo's own master secret.

A real server has nothing of this: there the private keys are made in browsers and never leave them, and the secrets of
an invitation are made in the browser that invites.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec

from server import demo_hpke
from server.devices.signatures import canon, fingerprint, from_base64url, public_key, sign, spki, to_base64url
from server.secrets import Secrets
from server.vault import entries

SECRET = 16
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256; a scalar lies between 1 and this."""


class DemoKeys:
    """Derives what each person of the demo would have in their browser, the same after every start."""

    def __init__(self, keys: Secrets) -> None:
        self._keys = keys

    def organisation(self) -> ec.EllipticCurvePrivateKey:
        """The organisation's key."""
        return self._key("demo-organisation")

    def signing(self, account_id: str) -> ec.EllipticCurvePrivateKey:
        """What the device of this account signs with."""
        return self._key(f"demo-sign:{account_id}")

    def sealing(self, account_id: str) -> ec.EllipticCurvePrivateKey:
        """What secrets are sealed to for the device of this account."""
        return self._key(f"demo-seal:{account_id}")

    def appointment_secret(self, appointment_id: str) -> bytes:
        """What everybody who is invited to an appointment shares."""
        return self._keys.derive(f"demo-appointment:{appointment_id}")[:SECRET]

    def invitation_secret(self, seat_id: str, version: int) -> bytes:
        """What binds one person to their invitation."""
        return self._keys.derive(f"demo-invitation:{seat_id}:{version}")[:SECRET]

    def device_fragment(self, account_id: str) -> str:
        """For the sign-in link: the private scalars for signing and sealing, 32 bytes each."""
        pair = (self.signing(account_id), self.sealing(account_id))
        return "d=" + to_base64url(b"".join(key.private_numbers().private_value.to_bytes(32) for key in pair))

    def link_fragment(self, appointment_id: str, seat_id: str, version: int) -> str:
        """For an invitation link: version 1, both secrets, the fingerprint of the organisation's key."""
        name = fingerprint(spki(self.organisation().public_key()))
        secrets = self.invitation_secret(seat_id, version) + self.appointment_secret(appointment_id)
        return "s=" + to_base64url(b"\x01" + secrets + from_base64url(name))

    def _key(self, purpose: str) -> ec.EllipticCurvePrivateKey:
        # 256 bits modulo the order minus one are uneven by 2⁻³², which is no matter for a key whose maker knows it.
        number = int.from_bytes(self._keys.derive(purpose)) % (_ORDER - 1) + 1
        return ec.derive_private_key(number, ec.SECP256R1())


def seal(
    subject: Mapping[str, str | None],
    secret: bytes,
    recipients: Mapping[str, str],
    signing: ec.EllipticCurvePrivateKey,
) -> tuple[str, str]:
    """Body and signature of a vault entry; ``recipients`` maps a device's fingerprint to its sealing key."""
    info, aad = entries.LABEL.encode(), canon(dict(subject)).encode()
    sealed = []
    for device, key in recipients.items():
        enc, ciphertext = demo_hpke.seal(public_key(key), secret, info=info, aad=aad)
        sealed.append({"to": device, "enc": to_base64url(enc), "ciphertext": to_base64url(ciphertext)})
    body = canon({"v": 1, **subject, "sealed": sealed})
    return body, sign(signing, entries.LABEL, body)
