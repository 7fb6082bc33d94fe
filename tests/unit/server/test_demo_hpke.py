"""The demo's HPKE against the library's, where both can do the same: without associated data."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from server import demo_hpke
from tests.support.staff_device import new_key

SUITE = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_128_GCM)


def test_the_library_opens_what_the_demo_seals() -> None:
    key = new_key()
    enc, ciphertext = demo_hpke.seal(key.public_key(), b"sixteen bytes...", info=b"poruch vault", aad=b"")
    assert (len(enc), len(ciphertext)) == (65, 32)
    assert SUITE.decrypt(enc + ciphertext, key, info=b"poruch vault") == b"sixteen bytes..."


def test_associated_data_and_info_are_bound() -> None:
    key = new_key()
    for info, aad in ((b"poruch vault", b"subject"), (b"other", b"")):
        enc, ciphertext = demo_hpke.seal(key.public_key(), b"sixteen bytes...", info=info, aad=aad)
        with pytest.raises(InvalidTag):
            SUITE.decrypt(enc + ciphertext, key, info=b"poruch vault")
