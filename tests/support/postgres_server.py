"""The demo on the database of ``PORUCH_DATABASE_URL``: ``python -m tests.support.postgres_server demo …``.

For tests alone: the product's own demo takes no database but a file of its own, because it opens everything to whoever
is at the machine.
"""

from __future__ import annotations

import sys
from typing import Any

from server import cli, trial
from server.settings import Settings, load


def _load(**given: Any) -> Settings:
    return load(**{name: value for name, value in given.items() if name != "database_url"})


if __name__ == "__main__":
    trial.load = _load
    sys.exit(cli.main())
