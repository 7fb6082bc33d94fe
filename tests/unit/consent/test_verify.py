"""Exports that were tampered with after they were made: every byte counts, and the entry is named."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consent.checkpoint import Checkpoint, Signer
from consent.database import Database
from consent.evidence import EvidenceError
from consent.verdict import main
from consent.verify import EXIT, Wrong
from tests.support.evidence import LATER, NOON, OTHER, WITNESS, House, verdict

Lines = list[str]


@pytest.fixture
async def house(tmp_path: Path, database: Database) -> House:
    house = House(tmp_path, database)
    await house.tell(3)
    await house.sign()
    await house.tell(2, case_id=OTHER, session_id=LATER)
    await house.tell(4)
    await house.sign()
    await house.witness()
    return house


@pytest.fixture
async def session(house: House) -> Lines:
    return await house.session_export()


@pytest.fixture
async def log(house: House) -> Lines:
    return await house.log_export()


def changed(line: str, change: Callable[[dict[str, Any]], object]) -> str:
    plain = json.loads(line)
    change(plain)
    return json.dumps(plain, ensure_ascii=False) + "\n"


def told(lines: Lines) -> tuple[Wrong, int | None] | None:
    first = verdict(lines).first
    return (first.wrong, first.sequence) if first else None


def test_it_says_intact(session: Lines, log: Lines) -> None:
    assert verdict(session, witness=True).intact
    assert verdict(log, witness=True).intact
    assert len(session) == 8
    assert [json.loads(line)["leaf"]["sequence"] for line in session[1:]] == [0, 1, 2, 5, 6, 7, 8]


def test_one_flipped_byte_anywhere_is_found(session: Lines, log: Lines) -> None:
    dice = random.Random(4)
    for lines in (session, log):
        for number, line in enumerate(lines):
            raw = line.encode()
            for _ in range(10):
                place = dice.randrange(len(raw) - 1)
                flipped = raw[:place] + bytes([raw[place] ^ 1 << dice.randrange(7)]) + raw[place + 1 :]
                assert flipped != raw
                bad: list[Any] = [*lines[:number], flipped, *lines[number + 1 :]]
                try:
                    report = verdict(bad, witness=True)
                except EvidenceError:
                    assert number == 0
                    continue
                if flipped_only_the_date(flipped, raw):
                    continue
                assert not report.intact, (number, flipped)
                if number:
                    assert report.first is not None
                    assert report.first.line == number + 1


def flipped_only_the_date(flipped: bytes, raw: bytes) -> bool:
    """When an export was made is a remark in its header, which nothing proves."""
    try:
        now, before = json.loads(flipped), json.loads(raw)
    except ValueError:
        return False
    return "made_at" in before and {**now, "made_at": 0} == {**before, "made_at": 0}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda lines: lines[:3] + lines[4:], (Wrong.MISSING, 5)),
        (lambda lines: lines[:1] + lines[2:], (Wrong.MISSING, 1)),
        (lambda lines: lines[:-1], (Wrong.MISSING, None)),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], (Wrong.MISSING, 2)),
        (lambda lines: [*lines[:5], lines[4], *lines[5:]], (Wrong.INSERTED, 5)),
        (lambda lines: [*lines, lines[-1]], (Wrong.INSERTED, 8)),
    ],
    ids=["one", "the first", "the last", "two swapped", "one twice", "the last twice"],
)
def test_a_session_is_whole_and_in_order(
    session: Lines, change: Callable[[Lines], Lines], expected: tuple[Wrong, int | None]
) -> None:
    assert told(change(session)) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda lines: lines[:3] + lines[4:], (Wrong.MISSING, 2)),
        (lambda lines: lines[:1] + lines[2:], (Wrong.MISSING, 0)),
        (lambda lines: lines[:-1], (Wrong.MISSING, 8)),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], (Wrong.REORDERED, 1)),
        (lambda lines: [*lines[:5], lines[4], *lines[5:]], (Wrong.INSERTED, 3)),
        (lambda lines: [*lines, lines[-1]], (Wrong.INSERTED, 8)),
    ],
    ids=["one", "the first", "the last", "two swapped", "one twice", "the last twice"],
)
def test_a_log_is_whole_and_in_order(
    log: Lines, change: Callable[[Lines], Lines], expected: tuple[Wrong, int | None]
) -> None:
    assert told(change(log)) == expected


def test_a_last_entry_cut_off_together_with_its_count_is_a_rollback(log: Lines) -> None:
    shorter = [changed(log[0], lambda plain: plain.update(entries=8)), *log[1:-1]]
    assert told(shorter) == (Wrong.ROLLED_BACK, 8)


async def test_an_entry_of_another_session_does_not_belong(house: House, session: Lines) -> None:
    other = await house.session_export(LATER, OTHER)
    assert told([*session[:4], other[1], *session[4:]]) == (Wrong.INSERTED, 3)


async def test_an_entry_of_another_log_does_not_belong(house: House, session: Lines, tmp_path: Path) -> None:
    foreign = [changed(session[1], lambda plain: plain["leaf"].update(log="0" * 32)), *session[2:]]
    report = verdict([session[0], *foreign])
    assert Wrong.INSERTED in {each.wrong for each in report.findings if each.sequence == 0}


def test_content_is_bound_to_its_commitment(session: Lines) -> None:
    for change in (
        lambda plain: plain["content"]["details"].update(name="Оксана"),
        lambda plain: plain["content"].update(actor="seat:9"),
        lambda plain: plain.update(salt="AAAA" * 10 + "AAA="),
        lambda plain: (plain.pop("content"), plain.pop("salt")),
    ):
        assert told([*session[:3], changed(session[3], change), *session[4:]]) == (Wrong.EDITED, 2)


async def test_signatures_are_checked(house: House, session: Lines, log: Lines) -> None:
    stranger = Signer((await house.signer()).verifier.name, b"x" * 32)
    for lines in (session, log):
        other_key = changed(lines[0], lambda plain: plain.update(log=stranger.verifier.spelt))
        assert told([other_key, *lines[1:]]) == (Wrong.FORGED, None)
        mine = changed(lines[0], lambda plain: _resign(plain, stranger))
        assert told([mine, *lines[1:]]) is None  # whose key it is, the reader has to know
        assert verdict([mine, *lines[1:]], witness=True).first is not None
    known = Checkpoint.read(json.loads(session[0])["checkpoints"][-1])
    report = verdict([mine, *log[1:]], known=(known,))
    assert Wrong.FORGED in {each.wrong for each in report.findings}


def _resign(plain: dict[str, Any], signer: Signer) -> None:
    plain["log"] = signer.verifier.spelt
    notes = [Checkpoint.read(note) for note in plain["checkpoints"]]
    plain["checkpoints"] = [signer.sign(Checkpoint(each.origin, each.size, each.root)).note for each in notes]


async def test_two_histories_of_one_size_are_a_fork(house: House, session: Lines, log: Lines) -> None:
    signer = await house.signer()
    other = signer.sign(Checkpoint(signer.verifier.name, 9, b"r" * 32))
    for lines in (session, log):
        first = verdict(lines, known=(other,)).first
        assert first is not None
        assert first.wrong is Wrong.FORKED


async def test_a_known_larger_log_is_a_rollback(house: House, session: Lines, log: Lines) -> None:
    signer = await house.signer()
    larger = signer.sign(Checkpoint(signer.verifier.name, 20, b"r" * 32))
    for lines in (session, log):
        first = verdict(lines, known=(larger,)).first
        assert first is not None
        assert first.wrong is Wrong.ROLLED_BACK


async def test_a_known_smaller_log_needs_the_whole_log_to_compare(house: House, session: Lines, log: Lines) -> None:
    known = Checkpoint.read(json.loads(log[0])["checkpoints"][0])
    assert known.size == 3
    assert verdict(log, known=(known,)).intact
    assert verdict(session, known=(known,)).exit_code == EXIT[Wrong.UNPROVEN]


def test_a_session_without_checkpoint_or_proof_is_not_proven(session: Lines) -> None:
    bare = changed(session[0], lambda plain: plain.update(checkpoints=[], growth=[]))
    assert told([bare, *session[1:]]) is not None
    naked = changed(session[2], lambda plain: (plain.pop("size"), plain.pop("proof")))
    assert told([*session[:2], naked, *session[3:]]) == (Wrong.UNPROVEN, 1)


@pytest.mark.parametrize(
    "line", ["", "{", "[]\n", '{"format":"other"}\n', '{"format":"poruch-evidence","version":2}\n']
)
def test_what_is_no_export_is_refused(line: str) -> None:
    with pytest.raises(EvidenceError):
        verdict([line])


@pytest.mark.parametrize("line", ["", "{", "null\n", "{}\n", '{"leaf":{},"hash":""}\n', "[" * 5000, "\x00"])
def test_a_line_that_is_no_entry_is_named(session: Lines, line: str) -> None:
    first = verdict([*session[:3], line, *session[4:]]).first
    assert first is not None
    assert (first.wrong, first.line) == (Wrong.EDITED, 4)


def test_the_command_tells_and_exits(
    session: Lines, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    export = tmp_path / "session.jsonl"
    export.write_text("".join(session))
    assert main([str(export), "--witness", WITNESS.verifier.spelt]) == 0
    out = capsys.readouterr().out
    assert out.startswith("INTACT\n7 entries of session eeeeeeeeeeeeeeee")
    assert "Witnessed by witness.example/w up to 9 entries" in out
    raw = bytearray(export.read_bytes())
    raw[raw.index(b'"n":1') + 4] = ord("2")
    export.write_bytes(raw)
    assert main([str(export)]) == EXIT[Wrong.EDITED] == 10
    assert capsys.readouterr().out.startswith("BROKEN: edited at entry 1 (line 3): what the entry says")
    key = tmp_path / "witness.key"
    key.write_text(WITNESS.verifier.spelt.replace("w+", "v+"))
    assert main([str(export), "--witness", str(key)]) == 2
    assert main([str(tmp_path / "absent")]) == 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("".join(session).encode())))
    assert main(["-"]) == 0


def test_it_needs_no_database_code(session: Lines, tmp_path: Path) -> None:
    export = tmp_path / "session.jsonl"
    export.write_text("".join(session))
    script = (
        "import sys; from consent.verdict import main; code = main([sys.argv[1]]); "
        "bad = {'sqlalchemy', 'aiohttp', 'asyncio', 'sqlite3', 'consent.tables', 'server'} & set(sys.modules); "
        "assert not bad, bad; sys.exit(code)"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", script, str(export)], cwd=root, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert NOON.isoformat()[:10].encode() in done.stdout
