"""Lock files name packages and hashes, never the host of a registry."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST = re.compile(r"[a-z][a-z+]*://|--(index-url|extra-index-url|find-links|trusted-host)|^-i\s")


def faults_of_requirements(path: Path) -> list[str]:
    """Lines that name a host, and pinned packages that carry no hash."""
    faults = [
        f"{path}:{number}: names a host: {line.strip()}"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if HOST.search(line)
    ]
    pins = path.read_text().replace("\\\n", " ").splitlines()
    unproven = [pin for pin in pins if pin and not pin.startswith("#") and "--hash=" not in pin]
    return faults + [f"{path}: no hash for {pin.strip()}" for pin in unproven]


def faults_of_npm(path: Path) -> list[str]:
    """Packages of the npm lock that name a host or carry no integrity hash."""
    faults = []
    for name, package in json.loads(path.read_text())["packages"].items():
        if "resolved" in package:
            faults.append(f"{path}: {name} names a host (npm config omit-lockfile-registry-resolved)")
        if name and "integrity" not in package:
            faults.append(f"{path}: {name} has no integrity hash")
    return faults


def main() -> int:
    """Print every fault; 0 when there is none."""
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    faults = [fault for path in locks for fault in faults_of_requirements(path)]
    faults += faults_of_npm(ROOT / "web" / "package-lock.json")
    for fault in faults:
        print(fault)
    print(f"{len(locks) + 1} lock files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
