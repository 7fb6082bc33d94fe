"""Where and with what something was measured: kept beside every figure."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

Figures = dict[str, object]


def machine(**with_what: object) -> Figures:
    """Describe this machine before a measurement; ``with_what`` names what else matters to it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": next((line.split(":")[1].strip() for line in lines if "model name" in line), ""),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "commit": says("git", "rev-parse", "--short", "HEAD"),
        **with_what,
    }


def says(*command: str) -> str:
    """Return what a program prints, or nothing where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    return done.stdout.strip()
