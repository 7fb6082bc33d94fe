"""Merkle trees: every proof of small trees, made from stored subtrees, proves what it should and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from consent.merkle import (
    EMPTY_ROOT,
    CompactRange,
    MerkleError,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    prove,
    root_of,
    subtrees,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(bytes([number])) for number in range(40)]


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 9162 §2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(by_definition(leaves[:k]), by_definition(leaves[k:]))


def node_of(leaves: list[bytes]) -> Callable[[int, int], bytes]:
    def node(height: int, index: int) -> bytes:
        start, end = index << height, (index + 1) << height
        assert end <= len(leaves), "a proof asks for perfect subtrees only"
        return by_definition(leaves[start:end])

    return node


@pytest.mark.parametrize("size", range(40))
def test_it_has_the_root_that_the_standard_defines(size: int) -> None:
    assert root_of(LEAVES[:size]) == by_definition(LEAVES[:size])


def test_a_range_can_be_put_down_and_taken_up_again_anywhere() -> None:
    for cut in range(40):
        kept = CompactRange().extend(LEAVES[:cut])
        again = CompactRange(kept.size, list(kept.hashes)).extend(LEAVES[cut:])
        assert again.root() == by_definition(LEAVES)
        assert kept.root() == by_definition(LEAVES[:cut])


@pytest.mark.parametrize("hashes", [[], [b"x" * 31], [b"x" * 32] * 2])
def test_a_range_refuses_hashes_that_do_not_fit_its_size(hashes: list[bytes]) -> None:
    with pytest.raises(MerkleError):
        CompactRange(4, hashes)


@pytest.mark.parametrize("size", range(1, 34))
def test_every_entry_is_proven_at_its_place_and_nowhere_else(size: int) -> None:
    root, node = root_of(LEAVES[:size]), node_of(LEAVES[:size])
    for index in range(size):
        proof = prove(inclusion_ranges(index, size), node)
        verify_inclusion(index, size, LEAVES[index], proof, root)
        for wrong in {(index + 1) % size, 0} - {index}:
            with pytest.raises(MerkleError):
                verify_inclusion(wrong, size, LEAVES[index], proof, root)
        with pytest.raises(MerkleError):
            verify_inclusion(index, size, LEAVES[index + 1], proof, root)
        with pytest.raises(MerkleError):
            verify_inclusion(index, size, LEAVES[index], [*proof, root], root)
        if proof:
            with pytest.raises(MerkleError):
                verify_inclusion(index, size, LEAVES[index], proof[:-1], root)


@pytest.mark.parametrize("size", range(1, 34))
def test_every_tree_is_proven_to_begin_as_each_earlier_one(size: int) -> None:
    root, node = root_of(LEAVES[:size]), node_of(LEAVES[:size])
    for earlier in range(1, size + 1):
        proof = prove(consistency_ranges(earlier, size), node)
        before = root_of(LEAVES[:earlier])
        verify_consistency(earlier, size, before, root, proof)
        other = root_of([LEAVES[39], *LEAVES[1:earlier]])
        with pytest.raises(MerkleError):
            verify_consistency(earlier, size, other, root, proof)
        with pytest.raises(MerkleError):
            verify_consistency(earlier, size, before, other, proof)
        with pytest.raises(MerkleError):
            verify_consistency(earlier, size, before, root, [*proof, before])


def test_a_range_falls_into_perfect_subtrees() -> None:
    for start in range(34):
        for end in range(start, 34):
            covered = [
                leaf for height, index in subtrees(start, end) for leaf in range(index << height, (index + 1) << height)
            ]
            assert covered == list(range(start, end))


def test_every_tree_begins_as_the_empty_one() -> None:
    verify_consistency(0, 5, EMPTY_ROOT, root_of(LEAVES[:5]), [])
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    with pytest.raises(MerkleError):
        verify_consistency(0, 5, LEAVES[0], root_of(LEAVES[:5]), [])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 3)])
def test_there_is_no_proof_for_what_does_not_exist(index: int, size: int) -> None:
    with pytest.raises(MerkleError):
        inclusion_ranges(index, size)
    with pytest.raises(MerkleError):
        verify_inclusion(index, size, LEAVES[0], [], LEAVES[0])


@pytest.mark.parametrize(("size1", "size2"), [(0, 5), (6, 5), (-1, 5)])
def test_there_is_no_growth_to_prove_backwards_or_from_nothing(size1: int, size2: int) -> None:
    with pytest.raises(MerkleError):
        consistency_ranges(size1, size2)
