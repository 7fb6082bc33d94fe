"""Signatures of devices and organisations ◇: ECDSA P-256 over labelled statements, and the spellings that they sign.

The same as ``web/client/e2ee`` ``bytes.ts`` and ``signatures.ts``: keys travel as base64url of their SPKI, signatures
as base64url of r‖s (32 bytes each), statements are canonical JSON.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

_SCALAR = 32
_ALGORITHM = ec.ECDSA(hashes.SHA256())


class KeyTextError(ValueError):
    """A text that is not a P-256 public key, or not base64url at all."""


def to_base64url(data: bytes) -> str:
    """RFC 4648 §5 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The bytes of the one canonical spelling. Raises KeyTextError for any other."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise KeyTextError("not base64url") from error
    if to_base64url(data) != text:
        raise KeyTextError("not canonical base64url")
    return data


def canon(value: Any) -> str:
    """JSON with sorted keys and no spaces: what is signed, the same bytes in every language."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def spki(key: ec.EllipticCurvePublicKey) -> str:
    """A public key as it travels."""
    return to_base64url(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def public_key(text: str) -> ec.EllipticCurvePublicKey:
    """The key that travelled. Raises KeyTextError for anything but a point of P-256 in its one spelling."""
    try:
        key = load_der_public_key(from_base64url(text))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyTextError("not a public key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyTextError("not a P-256 key")
    if spki(key) != text:  # a compressed point is the same key by another name, and so by another fingerprint
        raise KeyTextError("not the usual spelling of a P-256 key")
    return key


def fingerprint(key_text: str) -> str:
    """SHA-256 of a travelling key's SPKI. Raises KeyTextError for what is not base64url."""
    return to_base64url(hashlib.sha256(from_base64url(key_text)).digest())


def sign(key: ec.EllipticCurvePrivateKey, label: str, body: str) -> str:
    """The signature over ``label ‖ 0 ‖ body``."""
    r, s = decode_dss_signature(key.sign(_labelled(label, body), _ALGORITHM))
    return to_base64url(r.to_bytes(_SCALAR) + s.to_bytes(_SCALAR))


def verify(key_text: str, label: str, body: str, signature: str) -> bool:
    """Whether this key signed that; False also for what is no key or no signature at all."""
    try:
        raw = from_base64url(signature)
        if len(raw) != 2 * _SCALAR:
            return False
        r, s = int.from_bytes(raw[:_SCALAR]), int.from_bytes(raw[_SCALAR:])
        public_key(key_text).verify(encode_dss_signature(r, s), _labelled(label, body), _ALGORITHM)
    except (InvalidSignature, ValueError):
        return False
    return True


def _labelled(label: str, body: str) -> bytes:
    return label.encode() + b"\0" + body.encode()
