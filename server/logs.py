"""Structured logs: one JSON object a line, made of fields that cannot carry personal data.

A request is logged by the pattern of its route, never by its path or query, because links are secrets; no address, no
name, no account. Texts of exceptions may quote what people typed, so only the places where they happened are kept.
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from server.http.context import REQUEST_ID
from server.http.errors import Handler

FIELDS = ("request_id", "method", "route", "status", "duration_ms", "event", "code", "worker", "room", "count")
"""What ``extra=`` may add; anything else is left out."""

OWN = {"poruch", "server", "signaling", "rooms", "media", "consent"}

access = logging.getLogger("poruch.access")


class JsonLines(logging.Formatter):
    """Formats a record as JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """One line without line breaks inside."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            # Other libraries put addresses and paths into their arguments: their pattern says enough.
            "message": record.getMessage() if record.name.split(".")[0] in OWN else str(record.msg),
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])
            line["trace"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        return json.dumps(line, ensure_ascii=False)


def configure(level: int = logging.INFO) -> None:
    """Send all logs to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Their lines carry addresses, paths and queries, or say nothing; ours replace them.
    for name in ("aiohttp.access", "alembic", "socketio", "engineio", "poruch.engineio"):
        logging.getLogger(name).setLevel(logging.WARNING)


def route_of(request: web.Request) -> str:
    """The pattern that a request matched: ``/cases/{case_id}``; never the path itself."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, answer with it, and log how it went."""
    request_id = request[REQUEST_ID] = secrets.token_hex(8)
    started, status = time.perf_counter(), 500
    try:
        response = await handler(request)
        status = response.status
        if not response.prepared:
            response.headers["X-Request-Id"] = request_id
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        fields = {
            "request_id": request_id,
            "method": request.method,
            "route": route_of(request),
            "status": status,
            "duration_ms": round((time.perf_counter() - started) * 1000, 1),
        }
        access.info("request", extra=fields)
