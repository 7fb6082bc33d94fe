"""Security headers on every answer: a strict content policy without inline script or style."""

from __future__ import annotations

from aiohttp import web

from server.http.context import SETTINGS
from server.settings import Settings

ONE_YEAR_S = 31_536_000


def content_policy(settings: Settings) -> str:
    """The Content-Security-Policy of all pages."""
    # Older Safari does not count a WebSocket of the same origin as 'self', so it is named.
    sockets = " ".join(sorted(origin.replace("http", "ws", 1) for origin in settings.origins))
    # Browsers hold a form's redirects to the same rule, and "Join" leads to the call page.
    forms = " ".join(["'self'", *sorted(settings.call_hosts)])
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob: mediastream:",
            f"connect-src 'self' {sockets}",
            "font-src 'self'",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            f"form-action {forms}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def headers(settings: Settings) -> dict[str, str]:
    """The headers that every answer carries."""
    always = {
        "Content-Security-Policy": content_policy(settings),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), screen-wake-lock=(self), "
        "fullscreen=(self), geolocation=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        # Links are secrets and people are clients: nothing of this belongs into a search engine.
        "X-Robots-Tag": "noindex, nofollow",
    }
    if settings.secure:
        always["Strict-Transport-Security"] = f"max-age={ONE_YEAR_S}"
    return always


def install(app: web.Application) -> None:
    """Put the headers on everything that this application answers, errors and files included."""
    always = headers(app[SETTINGS])

    async def on_prepare(_request: web.Request, response: web.StreamResponse) -> None:
        for name, value in always.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.pop("Server", None)

    app.on_response_prepare.append(on_prepare)
