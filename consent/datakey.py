"""A data key: seals what belongs to one case (or to the organisation itself), and names it by pseudonyms.

AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D); its key and the pseudonyms' key are derived from the data key
by HKDF-SHA256 (RFC 5869), so that neither use says anything about the other.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_LENGTH = 32
NONCE_LENGTH = 12
TAG_LENGTH = 16
VERSION = b"\x01"
PSEUDONYM_HEX = 32


class SealBroken(Exception):
    """What was sealed does not open: edited, moved from another place, or sealed with another key."""


class DataKey:
    """The 32 bytes of one case's (or the organisation's) data key; never shown, never logged."""

    __slots__ = ("_pseudonyms", "_raw", "_seal")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_LENGTH:
            raise ValueError(f"a data key has {KEY_LENGTH} bytes, this one has {len(raw)}")
        self._raw = raw
        self._seal = AESGCM(self.derive("seal"))
        self._pseudonyms = self.derive("pseudonym")

    @classmethod
    def fresh(cls) -> DataKey:
        """A new random key."""
        return cls(os.urandom(KEY_LENGTH))

    def seal(self, aad: tuple[str, ...], plain: bytes) -> bytes:
        """Version byte ‖ nonce (12) ‖ ciphertext ‖ tag (16); opens only with the same ``aad``, which says its place."""
        nonce = os.urandom(NONCE_LENGTH)
        return VERSION + nonce + self._seal.encrypt(nonce, plain, _place(aad))

    def open(self, aad: tuple[str, ...], sealed: bytes) -> bytes:
        """What was sealed for this place. Raises SealBroken for everything else."""
        if len(sealed) < 1 + NONCE_LENGTH + TAG_LENGTH or sealed[:1] != VERSION:
            raise SealBroken("not sealed in a known form")
        try:
            return self._seal.decrypt(sealed[1 : 1 + NONCE_LENGTH], sealed[1 + NONCE_LENGTH :], _place(aad))
        except InvalidTag:
            raise SealBroken(f"does not open at {'/'.join(aad)}") from None

    def pseudonym(self, kind: str, value: str) -> str:
        """32 hexadecimal characters that stand for ``value``: the same every time, and nobody's without this key."""
        return hmac.new(self._pseudonyms, _place((kind, value)), hashlib.sha256).hexdigest()[:PSEUDONYM_HEX]

    def derive(self, use: str) -> bytes:
        """A 32-byte key for one further use."""
        info = b"poruch data key v1:" + use.encode()
        return HKDF(algorithm=SHA256(), length=KEY_LENGTH, salt=None, info=info).derive(self._raw)

    def wrapped_by(self, wrap: AESGCM, nonce: bytes, aad: bytes) -> bytes:
        """The key itself encrypted under a key-encryption key; for the keyring alone."""
        return wrap.encrypt(nonce, self._raw, aad)

    def __repr__(self) -> str:
        return "DataKey(…)"


def _place(parts: tuple[str, ...]) -> bytes:
    """The parts as bytes that no other parts give: each with its length before it."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
