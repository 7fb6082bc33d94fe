"""``poruch verify``: checks an export offline and says what it found; imports no database code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from consent import tiles
from consent.checkpoint import Checkpoint, CheckpointError, Verifier
from consent.evidence import HEADER_FACTOR, LONGEST_LINE, EvidenceError, Kind
from consent.verify import EXIT, Report, Wrong, verify

UNREADABLE = 2


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "export", metavar="EXPORT", help="a file that was exported, a copy of tiles, or - for standard input"
    )
    parser.add_argument("--witness", action="append", default=[], metavar="KEY", help="who must have co-signed")
    parser.add_argument("--log-key", metavar="KEY", help="the log's key, if you know it from elsewhere")
    parser.add_argument(
        "--since",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a checkpoint that you kept from earlier",
    )
    parser.add_argument("--all", action="store_true", help="print everything that is wrong, not only the first")
    parser.epilog = "Exit codes: 0 intact, 2 unreadable, " + ", ".join(
        f"{code} {wrong.value}" for wrong, code in EXIT.items()
    )


def run(arguments: argparse.Namespace) -> int:
    """Verify and print; returns the exit status."""
    try:
        log = Verifier.read(arguments.log_key) if arguments.log_key else None
        witnesses = [Verifier.read(_key(text)) for text in arguments.witness]
        known = [Checkpoint.read(path.read_bytes()) for path in arguments.since]
        report = verify(_lines(arguments.export), log=log, witnesses=witnesses, known=known)
    except (EvidenceError, CheckpointError) as error:
        print(f"Unreadable: {error}.", file=sys.stderr)
        return UNREADABLE
    except OSError as error:
        print(f"Unreadable: {error.filename}: {error.strerror}.", file=sys.stderr)
        return UNREADABLE
    for line in told(report, everything=arguments.all):
        print(line)
    return report.exit_code


def told(report: Report, *, everything: bool = False) -> list[str]:
    """The verdict in sentences."""
    header, first = report.header, report.first
    what = {Kind.SESSION: "session", Kind.CASE: "case", Kind.LOG: "whole log"}[header.kind]
    lines = [f"{report.entries} entries of {what} {header.subject}, exported {header.made_at}."]
    if first is None:
        lines.insert(0, "INTACT")
    elif first.wrong in {Wrong.UNWITNESSED, Wrong.UNPROVEN}:
        lines.insert(0, f"NOT PROVEN: {first.text}.")
    else:
        place = f" at entry {first.sequence}" if first.sequence is not None else ""
        line = f" (line {first.line})" if first.line is not None else ""
        lines.insert(0, f"BROKEN: {first.wrong.value}{place}{line}: {first.text}.")
    if header.checkpoints:
        newest = header.checkpoints[-1]
        lines.append(f"Signed by {header.log.name} up to {newest.size} entries.")
    lines += [f"Witnessed by {name} up to {size} entries at {at.isoformat()}." for name, size, at in report.witnessed]
    if report.unwitnessed:
        lines.append(f"{report.unwitnessed} entries are newer than that: no witness has seen them yet.")
    if report.sealed:
        lines.append(
            f"The content of {report.sealed} entries was not given; their place in the log is proven all the same."
        )
    if everything:
        lines += [
            f"- {each.wrong.value}: {'' if each.sequence is None else f'entry {each.sequence}: '}{each.text}"
            for each in report.findings
        ]
    return lines


def _lines(name: str) -> Iterator[str | bytes]:
    if Path(name).is_dir():
        yield from tiles.lines(Path(name))
        return
    if name == "-":
        yield from iter(lambda: sys.stdin.buffer.readline(LONGEST_LINE * HEADER_FACTOR + 1), b"")
        return
    with Path(name).open("rb") as file:
        yield from iter(lambda: file.readline(LONGEST_LINE * HEADER_FACTOR + 1), b"")


def _key(text: str) -> str:
    """A key, or a file that holds one."""
    path = Path(text)
    return path.read_text() if "+" not in text or path.is_file() else text


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m consent.verdict EXPORT``: for a computer that has these few files and no server."""
    parser = argparse.ArgumentParser(prog="poruch verify", description="Check an export of the ledger.")
    options(parser)
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
