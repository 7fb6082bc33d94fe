"""A copy of the whole log as files or HTTP resources (C2SP tlog-tiles): checkpoint, tiles of hashes, entry bundles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from consent.canonical import CanonicalError, parse
from consent.checkpoint import Checkpoint, Verifier
from consent.evidence import EvidenceError, Header, Kind, Line
from consent.leaf import Leaf, LeafError

WIDTH = 256
KEY_FILE, CHECKPOINT_FILE = "log-key", "checkpoint"
_PATH = re.compile(r"tile/(entries|\d{1,2})/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?")


@dataclass(frozen=True, slots=True)
class Tile:
    """One resource: the first ``width`` hashes of a tile of a level, or as many entries (level -1)."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it lies under the log's prefix."""
        name, rest = f"{self.index % 1000:03d}", self.index // 1000
        while rest:
            name, rest = f"x{rest % 1000:03d}/{name}", rest // 1000
        partial = f".p/{self.width}" if self.width < WIDTH else ""
        return f"tile/{'entries' if self.level < 0 else self.level}/{name}{partial}"

    @classmethod
    def read(cls, path: str) -> Tile | None:
        """The resource of a path; None for paths that name none."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        level = -1 if match[1] == "entries" else int(match[1])
        found = cls(level, int(match[2].replace("x", "").replace("/", "")), int(match[3] or WIDTH))
        return found if found.path == path and found.width <= WIDTH and level < 64 else None


def tiles_of(size: int, old: int = 0) -> Iterator[Tile]:
    """Every resource of a log of this size, without those that were full at the ``old`` size already."""
    for level in (-1, *range(8)):
        hashes, before = (each >> (8 * max(level, 0)) for each in (size, old))
        for index in range(before // WIDTH, -(-hashes // WIDTH)):
            yield Tile(level, index, min(WIDTH, hashes - index * WIDTH))


def bundle(leaves: list[bytes]) -> bytes:
    """Entries one after the other, each with its length in two bytes before it."""
    return b"".join(len(each).to_bytes(2) + each for each in leaves)


def unbundle(data: bytes) -> list[bytes]:
    """The entries of a bundle. Raises EvidenceError."""
    found, place = [], 0
    while place < len(data):
        end = place + 2 + int.from_bytes(data[place : place + 2])
        if place + 2 > len(data) or end > len(data):
            raise EvidenceError("an entry bundle ends in the middle of an entry")
        found.append(data[place + 2 : end])
        place = end
    return found


def lines(folder: Path) -> Iterator[str]:
    """A copy in a folder as the lines of an export of the whole log. Raises EvidenceError, OSError."""
    try:
        log = Verifier.read((folder / KEY_FILE).read_text())
        checkpoint = Checkpoint.read((folder / CHECKPOINT_FILE).read_bytes())
    except ValueError as error:
        raise EvidenceError(f"the folder is no copy of a log: {error}") from None
    yield Header(Kind.LOG, log.name, log, "as a copy of tiles", checkpoint.size, (checkpoint,)).spelt()
    for tile in tiles_of(checkpoint.size):
        if tile.level >= 0:
            return
        try:
            data = (folder / tile.path).read_bytes()
        except FileNotFoundError:
            return  # the entries end before the checkpoint, which is found
        for each in unbundle(data):
            try:
                leaf = Leaf.read(parse(each))
            except (LeafError, CanonicalError) as error:
                yield f"{error}\n"  # a line that is no entry, which is found, too
                continue
            yield Line(leaf, leaf.hash()).spelt()
