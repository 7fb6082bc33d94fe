"""Merkle proofs against the vectors that the transparency community shares."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from consent.merkle import EMPTY_ROOT, MerkleError, verify_consistency, verify_inclusion

VECTORS = Path(__file__).resolve().parents[2].parent / "shared" / "conformance" / "merkle"

pytestmark = pytest.mark.skipif(not VECTORS.exists(), reason=f"{VECTORS.name} is not beside this checkout")

BY_POLICY = {
    "sizes-are-equal-one-and-proof-is-empty.json": "its roots are 12 bytes long; a hash has 32",
    "sizes-are-equal-zero-and-proof-is-empty.json": "its roots are 12 bytes long, and not the root of an empty tree",
}
"""Vectors that we judge more strictly than their authors, with the reason."""


def read(kind: str) -> list[Path]:
    return sorted((VECTORS / kind).rglob("*.json")) if VECTORS.exists() else []


def taken(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@pytest.mark.parametrize("path", read("inclusion"), ids=lambda path: "/".join(path.parts[-2:]))
def test_inclusion(path: Path) -> None:
    each = json.loads(path.read_text())
    proof = [taken(step) for step in each["proof"] or []]
    wrong = each["wantErr"]
    try:
        verify_inclusion(each["leafIdx"], each["treeSize"], taken(each["leafHash"]), proof, taken(each["root"]))
    except MerkleError:
        assert wrong or path.name in BY_POLICY
    else:
        assert not wrong
        assert path.name not in BY_POLICY


@pytest.mark.parametrize("path", read("consistency"), ids=lambda path: "/".join(path.parts[-2:]))
def test_consistency(path: Path) -> None:
    each = json.loads(path.read_text())
    proof = [taken(step) for step in each["proof"] or []]
    wrong = each["wantErr"]
    try:
        verify_consistency(each["size1"], each["size2"], taken(each["root1"]), taken(each["root2"]), proof)
    except MerkleError:
        assert wrong or path.name in BY_POLICY
    else:
        assert not wrong
        assert path.name not in BY_POLICY


def test_every_vector_was_found() -> None:
    assert (len(read("inclusion")), len(read("consistency"))) == (98, 98)
    assert EMPTY_ROOT.hex().startswith("e3b0c442")
