"""Merkle trees ◇ after RFC 9162 §2.1: roots, compact ranges, proofs of inclusion and consistency and their checking."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

HASH_LENGTH = 32
EMPTY_ROOT = hashlib.sha256().digest()
"""MTH of no entries (RFC 9162 §2.1.1)."""

Node = Callable[[int, int], bytes]
"""(height, index) -> the hash over the leaves from index·2^height to (index+1)·2^height, all of which exist."""


class MerkleError(ValueError):
    """A proof that does not prove what it should; the message says why."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of one entry (RFC 9162 §2.1.1), 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side (RFC 9162 §2.1.1), 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass
class CompactRange:
    """A tree that grows: the hashes of its perfect subtrees from left to right, as many as ``size`` has 1-bits."""

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise MerkleError(f"a range of {self.size} needs {self.size.bit_count()} hashes, not {len(self.hashes)}")
        if any(len(each) != HASH_LENGTH for each in self.hashes):
            raise MerkleError("a hash has 32 bytes")

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next entry."""
        size, top = self.size, leaf
        while size & 1:
            top = node_hash(self.hashes.pop(), top)
            size >>= 1
        self.hashes.append(top)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> CompactRange:
        """Add the hashes of further entries; returns itself."""
        for leaf in leaves:
            self.append(leaf)
        return self

    def root(self) -> bytes:
        """The root hash of the tree so far."""
        return fold(self.hashes)

    def copy(self) -> CompactRange:
        """One that grows by itself."""
        return CompactRange(self.size, list(self.hashes))


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root hash over these leaf hashes."""
    return CompactRange().extend(leaves).root()


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash over neighbouring perfect subtrees of falling size, which are given from left to right."""
    if not hashes:
        return EMPTY_ROOT
    top = hashes[-1]
    for each in reversed(hashes[:-1]):
        top = node_hash(each, top)
    return top


def subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """(height, index) of the perfect subtrees that a range of a proof consists of, from left to right."""
    found = []
    while start < end:
        aligned = (start & -start).bit_length() - 1 if start else end.bit_length()
        height = min(aligned, (end - start).bit_length() - 1)
        found.append((height, start >> height))
        start += 1 << height
    return found


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The ranges of leaves whose hashes prove that entry ``index`` is in a tree of ``size`` (RFC 9162 §2.1.3.1)."""
    if not 0 <= index < size:
        raise MerkleError(f"there is no entry {index} in a tree of {size}")
    found, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    return found[::-1]


def consistency_ranges(size1: int, size2: int) -> list[tuple[int, int]]:
    """The ranges whose hashes prove that a tree of ``size2`` began as the one of ``size1`` (RFC 9162 §2.1.4.1)."""
    if not 0 < size1 <= size2:
        raise MerkleError(f"a tree of {size2} cannot be shown to begin with one of {size1}")
    found, start, end, whole = [], 0, size2, True
    while size1 != end:
        middle = start + _split(end - start)
        if size1 <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start, whole = middle, False
    if not whole:
        found.append((start, end))
    return found[::-1]


def prove(ranges: Iterable[tuple[int, int]], node: Node) -> list[bytes]:
    """The proof that consists of these ranges, from the hashes of perfect subtrees."""
    return [fold([node(height, index) for height, index in subtrees(start, end)]) for start, end in ranges]


def needed(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """(height, index) of everything that ``prove`` will ask for."""
    return [each for start, end in ranges for each in subtrees(start, end)]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that ``leaf`` is entry ``index`` of the tree of ``size`` with this root (RFC 9162 §2.1.3.2).

    Raises MerkleError when it is not proven.
    """
    if not 0 <= index < size:
        raise MerkleError(f"there is no entry {index} in a tree of {size}")
    _lengths(leaf, root, *proof)
    fn, sn, result = index, size - 1, leaf
    for each in proof:
        if sn == 0:
            raise MerkleError("the proof is too long")
        if fn & 1 or fn == sn:
            result = node_hash(each, result)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            result = node_hash(result, each)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise MerkleError("the proof is too short")
    if result != root:
        raise MerkleError("the entry is not in the tree with this root")


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of ``size2`` began as the one of ``size1`` (RFC 9162 §2.1.4.2).

    Raises MerkleError when it is not proven. Every tree begins as the empty one; of that only the root is checked.
    """
    if not 0 <= size1 <= size2:
        raise MerkleError(f"a tree of {size2} cannot begin with one of {size1}")
    _lengths(root1, root2, *proof)
    if size1 in {0, size2}:
        _nothing_between(size1, size2, root1, root2, proof)
        return
    steps = list(proof)
    if size1 & (size1 - 1) == 0:
        steps.insert(0, root1)
    if not steps:
        raise MerkleError("the proof is too short")
    fn, sn = size1 - 1, size2 - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = steps[0]
    for each in steps[1:]:
        if sn == 0:
            raise MerkleError("the proof is too long")
        if fn & 1 or fn == sn:
            first, second = node_hash(each, first), node_hash(each, second)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, each)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise MerkleError("the proof is too short")
    if (first, second) != (root1, root2):
        raise MerkleError("the later tree did not begin as the earlier one")


def _nothing_between(size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise MerkleError("the proof is too long")
    if root1 != (root2 if size1 == size2 else EMPTY_ROOT) or (size2 == 0 and root2 != EMPTY_ROOT):
        raise MerkleError("the roots are not those of one growing tree")


def _split(count: int) -> int:
    """The largest power of two smaller than ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _lengths(*hashes: bytes) -> None:
    if any(len(each) != HASH_LENGTH for each in hashes):
        raise MerkleError("a hash has 32 bytes")
