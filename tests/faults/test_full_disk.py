"""A disk that is full: nothing is half written, and what happens meanwhile is not lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SMALL = "mount -t tmpfs -o size=10m none {folder} && exec {python} -m tests.faults.full_disk {folder}"


def test_facts_and_entries_stop_together_and_the_spool_goes_on(tmp_path: Path) -> None:
    command = SMALL.format(folder=tmp_path, python=sys.executable)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "unshare failed" in done.stderr or "permission denied" in done.stderr.lower():
        pytest.skip("this user may not mount a small disk")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "full" in found["refused"]
    facts, entries, pairs = found["at_full"]
    assert facts == entries == pairs > 10
    assert not found["room_left"]
    assert found["spooled"] == 50
    assert found["after"] == [facts + 50] * 3
    assert found["signed"] == found["audited"] == facts + 50
