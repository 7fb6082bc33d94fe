"""docs/standards.md: every test that it leans on exists, and what has none is said to be not met."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
LINES = (ROOT / "docs" / "standards.md").read_text("utf-8").splitlines()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_named_test_exists() -> None:
    named = [found for line in LINES for found in NAMED.findall(line)]
    assert len(named) > 20
    for file, name in named:
        assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE), f"{file}::{name}"


def test_every_clause_has_a_test_or_is_not_met() -> None:
    rows = [line for line in LINES if line.startswith("| ") and not line.startswith("| clause")]
    assert len(rows) > 30
    for row in rows:
        assert NAMED.search(row) or "**not met**" in row, row
