"""The demo with another build of the client: ``python -m bench.other_client demo …`` (measurements alone)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from aiohttp import web

from server import cli, trial
from server.app import build
from server.files import DIST as DIST_KEY
from server.http.context import JINJA
from server.http.render import Assets
from server.secrets import Secrets
from server.settings import Settings

DIST = "BENCH_DIST"
"""Names the environment's variable with the build."""


def _build(settings: Settings, secrets: Secrets) -> web.Application:
    app = build(settings, secrets)
    app[DIST_KEY] = Path(os.environ[DIST])
    app[JINJA].globals["asset"] = Assets(app[DIST_KEY])
    return app


if __name__ == "__main__":
    trial.build = _build
    sys.exit(cli.main())
