"""Verification of an export ◇: offline, against checkpoints and witnesses, without any database.

What it can and cannot show is in docs/evidence.md. Nothing here needs the server that made the export.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from consent.checkpoint import Checkpoint, Verifier
from consent.evidence import EvidenceError, Header, Kind, Line, origin_of
from consent.leaf import Leaf
from consent.merkle import CompactRange, MerkleError, verify_consistency, verify_inclusion

MOST_FINDINGS, MOST_SUSPECTS = 500, 100
"""What is remembered of a file in which everything is wrong."""


class Wrong(StrEnum):
    """What can be wrong, from the worst of one place to what is merely not shown."""

    EDITED = "edited"
    MISSING = "missing"
    INSERTED = "inserted"
    REORDERED = "reordered"
    ROLLED_BACK = "rolled back"
    FORKED = "forked"
    FORGED = "forged"
    UNPROVEN = "unproven"
    UNWITNESSED = "unwitnessed"


EXIT = {
    Wrong.UNWITNESSED: 3,
    Wrong.UNPROVEN: 4,
    Wrong.EDITED: 10,
    Wrong.MISSING: 11,
    Wrong.INSERTED: 12,
    Wrong.REORDERED: 13,
    Wrong.ROLLED_BACK: 14,
    Wrong.FORKED: 15,
    Wrong.FORGED: 16,
}
"""Exit codes of ``poruch verify``; 0 is intact, 2 a file or an argument that cannot be read."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; ``sequence`` is the entry's place in the log, ``line`` its line in the file."""

    wrong: Wrong
    text: str
    sequence: int | None = None
    line: int | None = None
    by_itself: bool = True
    """Whether the entry itself shows it; a proof that fails only says that something nearby is wrong."""


@dataclass
class Report:
    """What was found."""

    header: Header
    entries: int = 0
    sealed: int = 0
    """Entries whose content was not given."""
    findings: list[Finding] = field(default_factory=list)
    witnessed: list[tuple[str, int, datetime]] = field(default_factory=list)
    """Name, size and time of the largest checkpoint that each demanded witness co-signed."""
    unwitnessed: int = 0
    """Entries that came after what all demanded witnesses have seen."""

    @property
    def intact(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.findings

    @property
    def first(self) -> Finding | None:
        """The first broken entry that shows it by itself; else the first thing that is wrong at all."""
        own = [each for each in self.findings if each.by_itself and each.sequence is not None]
        placed = own or [each for each in self.findings if each.sequence is not None]
        if placed:
            return min(placed, key=lambda each: (each.line or 0, each.sequence or 0))
        return self.findings[0] if self.findings else None

    @property
    def exit_code(self) -> int:
        """0, or the code of ``first``."""
        return EXIT[self.first.wrong] if self.first else 0

    def add(
        self, wrong: Wrong, text: str, sequence: int | None = None, line: int | None = None, *, by_itself: bool = True
    ) -> None:
        """Note something wrong."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(wrong, text, sequence, line, by_itself))


def verify(
    lines: Iterable[str | bytes],
    *,
    log: Verifier | None = None,
    witnesses: Sequence[Verifier] = (),
    known: Sequence[Checkpoint] = (),
) -> Report:
    """Check an export line by line. Raises EvidenceError where its first line is no header.

    ``log`` is the key that must have signed (else the one the export names is believed), ``witnesses`` are those who
    must have co-signed, ``known`` are checkpoints of the same log that were kept from earlier.
    """
    rest = iter(lines)
    report = Report(Header.read(next(rest, b"")))
    _check_checkpoints(report, log, witnesses)
    checker = _WholeLog(report, known) if report.header.kind is Kind.LOG else _Part(report, known)
    for number, line in _entries(report, rest):
        checker.take(number, line)
    if report.entries < report.header.entries:
        last = checker.last + 1 if report.header.kind is Kind.LOG else None
        text = f"the file says that it has {report.header.entries} entries, but it ends after {report.entries}"
        report.add(Wrong.MISSING, text, last, report.entries + 2)
    elif report.entries > report.header.entries:
        text = f"the file says that it has {report.header.entries} entries, but it has {report.entries}"
        report.add(Wrong.INSERTED, text, checker.last, report.entries + 1)
    checker.finish()
    return report


def _entries(report: Report, rest: Iterator[str | bytes]) -> Iterator[tuple[int, Line]]:
    """The entries that can be read and are what they committed to, with their line numbers; others are found wrong."""
    log_id = report.header.log.name
    for number, text in enumerate(rest, 2):
        report.entries += 1
        try:
            line = Line.read(text, number)
        except EvidenceError as error:
            report.add(Wrong.EDITED, str(error), report.entries - 1, number)
            continue
        leaf = line.leaf
        if origin_of(leaf.log) != log_id:
            report.add(Wrong.INSERTED, "the entry belongs to another log", leaf.sequence, number)
        if leaf.hash() != line.hash:
            report.add(Wrong.EDITED, "the entry is not the one whose hash the log has stored", leaf.sequence, number)
        if not line.opens():
            report.add(Wrong.EDITED, "what the entry says is not what it committed to", leaf.sequence, number)
        report.sealed += line.content is None
        yield number, line


def _check_checkpoints(report: Report, log: Verifier | None, witnesses: Sequence[Verifier]) -> None:
    header = report.header
    if log is not None and log != header.log:
        report.add(Wrong.FORGED, "the export names another log key than the one that was asked for")
    if header.kind is Kind.LOG and header.subject != header.log.name:
        report.add(Wrong.FORGED, "the export is said to be of another log than the one whose key it names")
    if not header.checkpoints:
        report.add(Wrong.UNPROVEN, "the export holds no checkpoint")
    for each in header.checkpoints:
        if each.origin != header.log.name or not each.signed_by(log or header.log):
            report.add(Wrong.FORGED, f"the checkpoint of size {each.size} is not signed by the log")
    for before, after in pairwise(header.checkpoints):
        if before.size == after.size and before.root != after.root:
            report.add(Wrong.FORKED, f"the log signed two histories of {after.size} entries", after.size - 1)
        elif before.size >= after.size:
            report.add(Wrong.FORGED, "the checkpoints are not in the order of their size")
    for witness in witnesses:
        seen = [(each.size, at) for each in header.checkpoints if (at := each.cosigned_by(witness)) is not None]
        if seen:
            report.witnessed.append((witness.name, *max(seen)))
        else:
            report.add(Wrong.UNWITNESSED, f"no checkpoint in the export is co-signed by {witness.name}")


def _witnessed_size(report: Report) -> int | None:
    return min((size for _, size, _ in report.witnessed), default=None)


class _Part:
    """The entries of one session or case: each proven to be in the log, counted without gaps."""

    def __init__(self, report: Report, known: Sequence[Checkpoint]) -> None:
        self.report = report
        self.last = -1
        self._nth = 0
        self._suspects: list[tuple[int, Line]] = []
        self._roots = {each.size: each.root for each in report.header.checkpoints}
        self._check_growth(known)

    def take(self, number: int, line: Line) -> None:
        """The next entry of the file."""
        leaf, report = line.leaf, self.report
        if leaf.hash() != line.hash and len(self._suspects) < MOST_SUSPECTS:
            self._suspects.append((number, line))
        if line.content is None:
            report.add(Wrong.EDITED, "what was sealed with the entry does not open", leaf.sequence, number)
        self._check_place(number, leaf)
        root = self._roots.get(line.size) if line.size is not None else None
        if root is None or line.size is None:
            beyond = not self._roots or leaf.sequence < max(self._roots)
            wrong, text = (
                (Wrong.UNPROVEN, "no checkpoint in the export covers the entry")
                if beyond
                else (Wrong.INSERTED, "the entry lies beyond the end of the log that was signed")
            )
            report.add(wrong, text, leaf.sequence, number, by_itself=not beyond)
        else:
            try:
                verify_inclusion(leaf.sequence, line.size, leaf.hash(), line.proof, root)
            except MerkleError as error:
                text = f"the log that was signed does not hold this entry at this place ({error})"
                wrong = Wrong.INSERTED if leaf.sequence >= line.size else Wrong.EDITED
                report.add(wrong, text, leaf.sequence, number, by_itself=False)
        witnessed = _witnessed_size(report)
        report.unwitnessed += witnessed is not None and leaf.sequence >= witnessed

    def finish(self) -> None:
        """After the last entry: entries that were edited in the same way as others have changed places with them."""
        stored = {line.hash for _, line in self._suspects}
        for number, line in self._suspects:
            for _, other in self._suspects:
                elsewhere = replace(line.leaf, sequence=other.leaf.sequence)
                if other is not line and elsewhere.hash() in stored:
                    text = f"entries {line.leaf.sequence} and {other.leaf.sequence} have changed places"
                    _instead(self.report, number, Wrong.REORDERED, text)

    def _check_place(self, number: int, leaf: Leaf) -> None:
        report, kind = self.report, self.report.header.kind
        name, nth = (leaf.session, leaf.session_nth) if kind is Kind.SESSION else (leaf.case, leaf.case_nth)
        if name != report.header.subject or nth is None:
            report.add(Wrong.INSERTED, f"the entry belongs to another {kind.value}", leaf.sequence, number)
            return
        if leaf.sequence == self.last or nth == self._nth:
            report.add(Wrong.INSERTED, "the entry is there twice", leaf.sequence, number)
        elif leaf.sequence < self.last or nth < self._nth:
            report.add(Wrong.REORDERED, "the entry stands behind later ones", leaf.sequence, number)
        elif nth > self._nth + 1:
            count = nth - self._nth - 1
            missing = f"{count} entries are" if count > 1 else "one entry is"
            text = f"before entry {leaf.sequence}, {missing} missing: the {self._nth + 1}. of this {kind.value}"
            report.add(Wrong.MISSING, text, leaf.sequence, number)
        self.last, self._nth = max(self.last, leaf.sequence), max(self._nth, nth)

    def _check_growth(self, known: Sequence[Checkpoint]) -> None:
        header, report = self.report.header, self.report
        proofs = {(each.start, each.to): each.proof for each in header.growth}
        for before, after in pairwise(header.checkpoints):
            try:
                proof = proofs.get((before.size, after.size), ())
                verify_consistency(before.size, after.size, before.root, after.root, proof)
            except MerkleError:
                text = f"it is not shown that the log of {after.size} entries began as the one of {before.size}"
                report.add(Wrong.FORKED, text)
        for each in known:
            _check_known(report, each)
            if each.size not in self._roots and each.size <= max(self._roots, default=0):
                text = f"the known checkpoint of size {each.size} can be compared with an export of the whole log only"
                report.add(Wrong.UNPROVEN, text)


class _WholeLog:
    """Every entry from the first on: the tree is built again and compared with each checkpoint."""

    def __init__(self, report: Report, known: Sequence[Checkpoint]) -> None:
        self.report = report
        self.last = -1
        self._tree = CompactRange()
        self._lines: list[int] = []
        """The sequence on each line, as far as they matter: from the first that is out of place on."""
        self._whole = True
        self._good = 0
        self._differs: list[tuple[int, int]] = []
        self._agrees = [0]
        self._known = {each.size for each in known}
        roots = [(each.size, each.root) for each in (*report.header.checkpoints, *known)]
        self._roots: dict[int, set[bytes]] = {}
        for size, root in roots:
            self._roots.setdefault(size, set()).add(root)
        for each in known:
            _check_known(report, each)

    def take(self, number: int, line: Line) -> None:
        """The next entry of the file."""
        leaf, position = line.leaf, number - 2
        if self._whole and leaf.sequence == position == self._tree.size:
            self._tree.append(leaf.hash())
            self.last = position
            self._compare()
        else:
            self._whole = False
            self._lines.append(leaf.sequence)
        witnessed = _witnessed_size(self.report)
        self.report.unwitnessed += witnessed is not None and leaf.sequence >= witnessed

    def finish(self) -> None:
        """After the last entry."""
        if self._lines:
            self._name_misplaced()
        elif self._whole:
            ahead = max(self._roots, default=0)
            if ahead > self._tree.size and self._tree.size == self.report.header.entries:
                text = f"the log once had {ahead} entries, and this export ends with {self._tree.size}"
                self.report.add(Wrong.ROLLED_BACK, text, self._tree.size)
            elif not ahead or self._tree.size > ahead:
                text = "no checkpoint covers the entries from here on"
                self.report.add(Wrong.UNPROVEN, text, ahead, by_itself=False)
        for good, size in self._differs:
            later = max(self._agrees) >= size or size in self._known
            text = f"the entries from {good} to {size - 1} are not those that were signed"
            wrong = Wrong.FORKED if later else Wrong.EDITED
            self.report.add(wrong, text, good, good + 2, by_itself=False)

    def _compare(self) -> None:
        size = self._tree.size
        for root in self._roots.get(size, ()):
            if root == self._tree.root():
                self._agrees.append(size)
            else:
                self._differs.append((self._good, size))
        if size in self._roots and (not self._differs or self._differs[-1][1] != size):
            self._good = size

    def _name_misplaced(self) -> None:
        wanted, found = self._tree.size, self._lines[0]
        line = wanted + 2
        if found < wanted:
            self.report.add(Wrong.INSERTED, "the entry is there twice", found, line)
        elif wanted not in self._lines:
            text = f"entry {wanted} is missing: entry {found} follows at once"
            self.report.add(Wrong.MISSING, text, wanted, line)
        elif found >= max(self._roots, default=0) or self._lines.count(found) > 1:
            self.report.add(Wrong.INSERTED, "the entry is not part of the log that was signed", found, line)
        else:
            text = f"entry {found} stands where entry {wanted} belongs"
            self.report.add(Wrong.REORDERED, text, wanted, line)


def _check_known(report: Report, known: Checkpoint) -> None:
    header = report.header
    if known.origin != header.log.name or not known.signed_by(header.log):
        report.add(Wrong.FORGED, f"the known checkpoint of size {known.size} is not signed by the log of the export")
        return
    if known.size > max((each.size for each in header.checkpoints), default=0):
        text = f"the log once had {known.size} entries, and the export knows fewer"
        report.add(Wrong.ROLLED_BACK, text)
    for each in header.checkpoints:
        if each.size == known.size and each.root != known.root:
            report.add(Wrong.FORKED, f"the log signed two histories of {each.size} entries", each.size - 1)


def _instead(report: Report, line: int, wrong: Wrong, text: str) -> None:
    """Say better what is wrong with the entry of a line."""
    for index, each in enumerate(report.findings):
        if each.line == line and each.wrong is Wrong.EDITED and each.by_itself:
            report.findings[index] = replace(each, wrong=wrong, text=text)
