"""Prometheus metrics: how much, how fast, how often it fails; no label says who or which case."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from server.http.context import SETTINGS
from server.http.errors import Forbidden, Handler
from server.http.limits import client_address
from server.logs import route_of
from server.settings import is_loopback


class Metrics:
    """The numbers of one process; others may add their own to ``registry``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "poruch_http_requests_total", "Answered requests", ["method", "route", "status"], registry=self.registry
        )
        self.duration_s = Histogram(
            "poruch_http_request_seconds", "Time to answer", ["method", "route"], registry=self.registry
        )
        self.draining = Gauge("poruch_draining", "1 while the server is stopping", registry=self.registry)
        self.sockets = Gauge("poruch_sockets", "Open sockets of calls", registry=self.registry)
        self.media = Gauge(
            "poruch_media", "Counters of the media workers", ["worker", "counter"], registry=self.registry
        )


METRICS = web.AppKey("metrics", Metrics)
CALLS: web.AppKey[Callable[[], int]] = web.AppKey("calls")
"""How many sockets of calls are open."""
MEDIA_STATS: web.AppKey[Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]] = web.AppKey("media_stats")
"""One mapping of counters for each media worker that runs; of one that is stuck only that it does not answer."""

NOT_COUNTERS = {"worker", "port", "pid"}

_METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"}


def routes() -> list[web.RouteDef]:
    """What this module answers to."""
    return [web.get("/metrics", show)]


async def show(request: web.Request) -> web.Response:
    """All metrics, for loopback or for whoever has the token."""
    token = request.app[SETTINGS].metrics_token.get_secret_value()
    if token:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(errors="surrogateescape"), f"Bearer {token}".encode()):
            raise Forbidden
    elif not is_loopback(client_address(request)) or (
        # A proxy on this machine also comes from loopback: without a token nothing tells it from Prometheus.
        "X-Forwarded-For" in request.headers
    ):
        raise Forbidden
    metrics = request.app[METRICS]
    metrics.sockets.set(request.app[CALLS]())
    metrics.media.clear()
    for worker in await request.app[MEDIA_STATS]():
        for name, value in worker.items():
            if name not in NOT_COUNTERS and isinstance(value, int | float):
                metrics.media.labels(str(worker["worker"]), name).set(value)
    body = generate_latest(metrics.registry)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count and time every request by its route's pattern."""
    metrics, started, status = request.app[METRICS], time.perf_counter(), 500
    method = request.method if request.method in _METHODS else "other"
    try:
        response = await handler(request)
        status = response.status
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        route = route_of(request)
        metrics.requests.labels(method, route, str(status)).inc()
        if not request.path.startswith("/socket"):  # a socket lasts as long as a call
            metrics.duration_s.labels(method, route).observe(time.perf_counter() - started)
