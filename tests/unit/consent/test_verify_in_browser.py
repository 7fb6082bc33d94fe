"""The browser's verifier and ours were written apart: of every tampered export they must say the same."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from consent.database import Database
from consent.evidence import EvidenceError
from tests.support.evidence import LATER, OTHER, WITNESS, House, verdict

ROOT = Path(__file__).resolve().parents[3]
Lines = list[str]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The browser's modules as one script for node."""
    made = tmp_path_factory.mktemp("node") / "verify.mjs"
    bundling = "import {build} from 'esbuild'; await build(JSON.parse(process.argv[1]))"
    options = {
        "entryPoints": [str(ROOT / "tests" / "support" / "verify_in_node.ts")],
        "outfile": str(made),
        "bundle": True,
        "platform": "node",
        "format": "esm",
        "nodePaths": [str(ROOT / "web" / "node_modules")],
        "logLevel": "warning",
    }
    command = ["node", "--input-type=module", "-e", bundling, json.dumps(options)]
    subprocess.run(command, cwd=ROOT / "web", check=True)
    return made


@pytest.fixture
async def exports(tmp_path: Path, database: Database) -> list[Lines]:
    house = House(tmp_path, database)
    await house.tell(3)
    await house.sign()
    await house.tell(2, case_id=OTHER, session_id=LATER)
    await house.sign()
    await house.witness()
    await house.tell(4)
    await house.sign()
    return [await house.session_export(), await house.session_export(None), await house.log_export()]


def browser(script: Path, exports: list[Lines]) -> list[Any]:
    given = json.dumps({"witness": WITNESS.verifier.spelt, "exports": exports})
    done = subprocess.run(["node", str(script)], input=given.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def ours(lines: Lines) -> Any:
    try:
        report = verdict(lines, witness=True)
    except EvidenceError:
        return "unreadable"
    first = report.first
    place = [first.wrong.value, first.sequence, first.line] if first else [None] * 3
    return [*place, report.entries, report.sealed, report.unwitnessed]


def tampered(lines: Lines, dice: random.Random) -> Lines:
    """One change of the kind that somebody might make, or that happens by itself."""
    made, place = list(lines), dice.randrange(1, len(lines))
    match dice.randrange(7):
        case 0:
            del made[place]
        case 1:
            made.insert(place, made[dice.randrange(1, len(lines))])
        case 2:
            other = dice.randrange(1, len(lines))
            made[place], made[other] = made[other], made[place]
        case 3:
            made = made[:place]
        case _:
            number = dice.randrange(len(lines))
            line = list(made[number])
            at = dice.randrange(len(line) - 1)
            line[at] = chr((ord(line[at]) ^ 1 << dice.randrange(6)) or 32)
            made[number] = "".join(line).replace("\n", "") + "\n"
    return made


def test_they_agree_about_honest_exports(script: Path, exports: list[Lines]) -> None:
    told = browser(script, exports)
    assert told == [ours(lines) for lines in exports]
    assert [each[:2] for each in told] == [[None, None]] * 3
    assert [each[5] for each in told] == [4, 4, 4]


@pytest.mark.parametrize("seed", range(4))
def test_they_agree_about_tampered_exports(script: Path, exports: list[Lines], seed: int) -> None:
    dice = random.Random(seed)
    changed = [tampered(lines, dice) for lines in exports * 60]
    mine, theirs = [ours(lines) for lines in changed], browser(script, changed)
    differing = [(one, other, lines) for one, other, lines in zip(mine, theirs, changed, strict=True) if one != other]
    assert differing == []
    assert len({str(each[0]) for each in mine}) >= 5


@pytest.mark.embedded
async def test_they_agree_about_a_database_that_was_changed(script: Path, tmp_path: Path, database: Database) -> None:
    house = House(tmp_path, database)
    await house.tell(6)
    await house.sign()
    await house.witness()
    made = []
    for change in (
        "UPDATE ledger_entries SET tag = 'room:seat:left' WHERE sequence = 2",
        "UPDATE ledger_entries SET sealed = zeroblob(99) WHERE sequence = 1",
        "UPDATE ledger_entries SET sequence = -1 WHERE sequence = 3; "
        "UPDATE ledger_entries SET sequence = 3 WHERE sequence = 4; "
        "UPDATE ledger_entries SET sequence = 4 WHERE sequence = -1",
        "DELETE FROM ledger_entries WHERE sequence = 0",
    ):
        house.sql(*change.split("; "))
        made += [await house.session_export(), await house.log_export()]
    assert browser(script, made) == [ours(lines) for lines in made]
