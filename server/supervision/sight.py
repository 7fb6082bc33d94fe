"""Writes docs/sight.md from the policy's table: `python -m server.supervision.sight > docs/sight.md`."""

from __future__ import annotations

import sys

from consent.policy import EMERGENCY_ACTIONS, TABLE, Action, reach
from server.cases.words import ROLES
from server.supervision.words import ACTIONS, REACHES

HEAD = """# Who may see and do what

Made from `consent/policy.py` by `python -m server.supervision.sight`; a test compares both. Signed-in staff read the
same table at `/sight`.

*cases of their team*: only cases, and meetings, to whose team the person belongs. *named cases, for a time*: only cases
that a supervisor has named to the person, until a date. *their own*: only what concerns the person themself. Case
managers and social workers have the same sight. Administrators run the system and read no case. Everybody who reads
consents or the record, or is in the meeting, sees *that* a client said no or took something back. A copy with proof
holds every entry whole, because it can be proven in no other way: whoever may take one finds there what it was, and
taking it is an entry.
"""
TAIL = """
Breaking the glass opens {emergency} of one case
to the person who did it, for 1, 4 or 12 hours, and nothing else. Supervisors see it on every page until one of them
says that they know of it, with the reason; the client's list of readers says that it was an emergency.

A supervisor belongs to no team. To be present in a conversation they are invited to it by name and by a link of their
own, as a guest from another service is, and wait until every client has agreed to that very person.
"""


def document() -> str:
    """The whole page as Markdown, in English."""
    head = ["", *(ROLES[role] for role in TABLE)]
    rows = [[ACTIONS[action], *(REACHES[reach(role, action)] for role in TABLE)] for action in Action]
    lines = [_line(head), _line(["---"] * len(head)), *map(_line, rows)]
    emergency = ", ".join(f"“{ACTIONS[action]}”" for action in Action if action in EMERGENCY_ACTIONS)
    return HEAD + "\n" + "\n".join(lines) + "\n" + TAIL.format(emergency=emergency)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join("–" if cell == "no" else cell for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(document())
