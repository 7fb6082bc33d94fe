"""The tests' own SFrame against the vectors of RFC 9605, so that what it cannot open is not its own fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.sframe import SUITE, FrameKey, decode_header, encode_header

VECTORS = Path(__file__).resolve().parents[2].parent / "shared" / "conformance" / "sframe" / "test-vectors.json"

pytestmark = pytest.mark.skipif(not VECTORS.exists(), reason=f"{VECTORS.name} is not beside this checkout")


def read(section: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(VECTORS.read_text())[section]
    return found


def test_headers() -> None:
    for each in read("header"):
        spelt = bytes.fromhex(each["encoded"])
        assert encode_header(each["kid"], each["ctr"]) == spelt
        assert decode_header(spelt) == (each["kid"], each["ctr"], len(spelt))


def test_frames() -> None:
    [each] = [each for each in read("sframe") if each["cipher_suite"] == SUITE]
    plain, sealed, about = (bytes.fromhex(each[name]) for name in ("pt", "ct", "metadata"))
    key = FrameKey(each["kid"], bytes.fromhex(each["base_key"]))
    assert key.seal(each["ctr"], about, plain) == sealed
    assert key.open(about, sealed) == plain
