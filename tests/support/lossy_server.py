"""The server with a bad line before its media: ``python -m tests.support.lossy_server demo …`` (tests alone)."""

from __future__ import annotations

import sys

from media import child
from server import cli

if __name__ == "__main__":
    child.WORKER = "tests.support.lossy_worker"
    sys.exit(cli.main())
