"""The server of an operator who cannot be trusted: ``python -m tests.support.curious_server demo …`` (tests alone)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from aiohttp import web

from media import child
from server import cli, trial
from server.app import build
from server.files import DIST as DIST_KEY
from server.http.context import JINJA
from server.http.render import Assets
from server.secrets import Secrets
from server.settings import Settings

DIST = "CURIOUS_DIST"
"""Names the environment's variable with another build of the client, if there is to be one."""


def _build(settings: Settings, secrets: Secrets) -> web.Application:
    app = build(settings, secrets)
    if DIST in os.environ:
        app[DIST_KEY] = Path(os.environ[DIST])
        app[JINJA].globals["asset"] = Assets(app[DIST_KEY])
    return app


if __name__ == "__main__":
    child.WORKER = "tests.support.curious_worker"
    trial.build = _build  # type: ignore[attr-defined] # who runs a server runs what they like
    sys.exit(cli.main())
