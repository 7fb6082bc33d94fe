"""HPKE ◇ (RFC 9180, base mode, one message) with associated data, for the demo, which seals in place of its people.

The suite of the vault: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM. The library's own HPKE takes no associated
data; everything beneath is the library's. A real server never seals anything.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_KEM = b"KEM" + bytes.fromhex("0010")
_HPKE = b"HPKE" + bytes.fromhex("0010 0001 0001")


def seal(recipient: ec.EllipticCurvePublicKey, plaintext: bytes, *, info: bytes, aad: bytes) -> tuple[bytes, bytes]:
    """The encapsulated key (65 bytes), and the ciphertext with its tag (§6.1)."""
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    enc, receiver = _point(ephemeral.public_key()), _point(recipient)
    # §4.1, Encap
    extracted = _extract(_KEM, b"", b"eae_prk", ephemeral.exchange(ec.ECDH(), recipient))
    shared = _expand(_KEM, extracted, b"shared_secret", enc + receiver, 32)
    # §5.1, KeySchedule with mode_base
    context = b"\0" + _extract(_HPKE, b"", b"psk_id_hash", b"") + _extract(_HPKE, b"", b"info_hash", info)
    secret = _extract(_HPKE, shared, b"secret", b"")
    key, nonce = _expand(_HPKE, secret, b"key", context, 16), _expand(_HPKE, secret, b"base_nonce", context, 12)
    return enc, AESGCM(key).encrypt(nonce, plaintext, aad)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _extract(suite: bytes, salt: bytes, label: bytes, key: bytes) -> bytes:
    return hmac.new(salt, b"HPKE-v1" + suite + label + key, hashlib.sha256).digest()


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labelled = length.to_bytes(2) + b"HPKE-v1" + suite + label + info
    return HKDFExpand(algorithm=SHA256(), length=length, info=labelled).derive(key)
