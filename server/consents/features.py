"""The pages of consent as one feature: all their routes, and what is told at the start."""

from __future__ import annotations

from aiohttp import web

from server.consents import arranging, deciding, editing, entering, papers, representing, upkeep, views

__all__ = ["install", "routes"]


def install(app: web.Application) -> None:
    """What happens at the start, and from time to time."""
    views.install(app)
    upkeep.install(app)


def routes() -> list[web.RouteDef]:
    """All pages of this folder; those with a fixed last part come before those with an id in it."""
    return [
        *views.routes(),
        *deciding.routes(),
        *arranging.routes(),
        *entering.routes(),
        *representing.routes(),
        *papers.routes(),
        *editing.routes(),
    ]
