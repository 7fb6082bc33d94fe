"""Prometheus metrics: how much, how fast, how often it fails; no label says who or which case."""

from __future__ import annotations

import hmac
import time

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


METRICS = web.AppKey("metrics", Metrics)

_METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"}


def routes() -> list[web.RouteDef]:
    """What this module answers to."""
    return [web.get("/metrics", show)]


async def show(request: web.Request) -> web.Response:
    """All metrics, for loopback or for whoever has the token."""
    token = request.app[SETTINGS].metrics_token.get_secret_value()
    if token:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise Forbidden
    elif not is_loopback(client_address(request)) or (
        # A proxy on this machine also comes from loopback: without a token nothing tells it from Prometheus.
        "X-Forwarded-For" in request.headers
    ):
        raise Forbidden
    body = generate_latest(request.app[METRICS].registry)
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
