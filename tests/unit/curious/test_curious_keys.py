"""The curious server's bunch of keys: whatever opens a frame is found, wherever it lies and whatever it is."""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests.support.curious_keys import Bag, Sample, derive, exported, opens, private_halves
from tests.support.sframe import FrameKey, decode_header, metadata

KID, CTR = 0x0102, 77
# Made by ts-mls 1.6.4, which passes the official vectors: `mlsExporter` and `deriveSecret` over the bytes 0 to 31.
EXPORTED = "3812be3b9d814b4a4443f7496abecede"
EXPORTER = "54c996fcb96d2234b217946679942c70c1ae1cebf3b678a32af8322719c1f67a"


def sealed(base_key: bytes) -> dict[tuple[str, int], Sample]:
    """One frame of sound."""
    about = metadata(KID >> 8, "audio", "microphone", b"")
    frame = FrameKey(KID, base_key).seal(CTR, about, b"a word")
    _, _, length = decode_header(frame)
    return {("somebody", KID): Sample(KID, CTR, frame[:length] + about, frame[length:])}


def test_it_derives_what_the_library_of_the_client_derives() -> None:
    assert exported(bytes(range(32))).hex() == EXPORTED
    assert derive(bytes(range(32)), "exporter").hex() == EXPORTER


@pytest.mark.parametrize("as_what", ["base key", "exporter secret", "epoch secret"])
@pytest.mark.parametrize("how", ["bytes", "base64 in JSON", "hexadecimal", "a socket's frame"])
def test_a_key_is_found_inside_of_whatever_holds_it(as_what: str, how: str) -> None:
    secret = os.urandom(16 if as_what == "base key" else 32)
    base_key = {
        "base key": secret,
        "exporter secret": exported(secret),
        "epoch secret": exported(derive(secret, "exporter")),
    }[as_what]
    hidden = os.urandom(21) + secret + os.urandom(5)
    text = urlsafe_b64encode(hidden).decode().rstrip("=")
    bag = Bag()
    bag.add(
        {
            "bytes": hidden,
            "base64 in JSON": json.dumps({"a": [{"b": text}]}),
            "hexadecimal": hidden.hex(),
            "a socket's frame": f'42["mls.message",{json.dumps({"message": text})}]',
        }[how]
    )
    assert opens(bag, sealed(base_key)) == {("somebody", KID): secret}


def test_nothing_opens_with_anything_else() -> None:
    bag = Bag()
    bag.add([os.urandom(300), {"key": os.urandom(40).hex()}])
    assert opens(bag, sealed(os.urandom(16))) == {}
    assert private_halves(bag) == set()


def test_the_private_half_of_a_key_that_travelled_is_noticed() -> None:
    key = X25519PrivateKey.generate()
    bag = Bag()
    bag.add([os.urandom(3) + key.private_bytes_raw(), key.public_key().public_bytes_raw() + b"and more"])
    assert private_halves(bag) == {key.private_bytes_raw()}
