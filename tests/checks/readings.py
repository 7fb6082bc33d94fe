"""Who reads without leaving an entry: the few places where the server itself opens a case, each with its reason."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNSEEN = re.compile(r"Purpose\.SYSTEM|\bdata_keys?(?:_now)?\(")
FOLDERS = ("server", "signaling", "rooms", "media")
ALLOWED = {
    "server/appointments/service.py": "tells a live meeting and a link's page who is invited; coming is an entry",
    "server/consents/entering.py": "finds what a worker's form takes back; shows nothing",
    "server/consents/upkeep.py": "offers another way when a guardian's word has ended; shows nothing",
    "server/demo.py": "finds the invented cases by their names",
    "server/demo_consent.py": "answers for the invented people",
    "server/person/service.py": "looks whether a tap on their own page is theirs, before media ends; shows nothing",
    "server/seats/consents.py": "asks the person themself, by their own link",
    "server/seats/meeting.py": "tells a live meeting what its clients agree to; coming is an entry",
    "server/seats/service.py": "asks the person themself, by their own link",
    "server/sessions/summaries.py": "counts, and keeps nothing personal",
    "server/supervision/emergency.py": "compares the name that was typed with the cases' names; shows none",
    "server/withdrawals.py": "writes what a person took back, perhaps later; shows nothing",
}


def main() -> int:
    """Print what is wrong; 1 when something is."""
    found = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if UNSEEN.search(path.read_text("utf-8"))
    }
    for path in sorted(found - ALLOWED.keys()):
        print(f"{path} opens a case without an entry: let the reader open it, or give the reason in {__file__}")
    for path in sorted(ALLOWED.keys() - found):
        print(f"{path} opens no case without an entry any more: take it off the list in {__file__}")
    return 1 if found != set(ALLOWED) else 0


if __name__ == "__main__":
    sys.exit(main())
