"""The written table of sight: it says what the policy does, cell by cell, and nothing is without words."""

from __future__ import annotations

from pathlib import Path

from consent.policy import TABLE, Action, Reach, Role, reach
from server.cases.words import ROLES
from server.supervision.sight import document
from server.supervision.words import ACTIONS, REACHES

DOCUMENT = Path(__file__).parents[3] / "docs" / "sight.md"


def test_everything_has_words() -> None:
    assert set(ACTIONS) == set(Action)
    assert set(REACHES) == set(Reach)
    assert len(set(ACTIONS.values())) == len(Action)


def test_the_document_is_made_from_the_policy() -> None:
    assert DOCUMENT.read_text("utf-8") == document(), "renew it: python -m server.supervision.sight > docs/sight.md"


def test_each_cell_of_the_document_is_the_policys() -> None:
    lines = [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| ")]
    head, _rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    columns = {label: role for role, label in ROLES.items()}
    seen: set[tuple[Role, Action]] = set()
    for action_words, *cells in rows:
        (action,) = [each for each, words in ACTIONS.items() if words == action_words]
        for label, cell in zip(head[1:], cells, strict=True):
            role = columns[label]
            assert cell == (REACHES[reach(role, action)] if reach(role, action) is not Reach.NOWHERE else "–")
            seen.add((role, action))
    assert seen == {(role, action) for role in TABLE for action in Action}
