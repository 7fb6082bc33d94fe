"""How often something may be tried: token buckets by client address or by account."""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass, field

from aiohttp import web

from server.http.context import SETTINGS
from server.http.errors import TooManyRequests

MAX_KEYS = 20_000


@dataclass(frozen=True, slots=True)
class Rule:
    """A bucket's size, and how fast it fills again."""

    burst: int
    per_minute: float


RULES = {
    "sign_in_address": Rule(20, 10),
    "sign_in_account": Rule(8, 1),
    "password_link": Rule(20, 10),
    "language": Rule(60, 60),
    "demo_sign_in": Rule(120, 120),
    "seat": Rule(60, 60),
    "consent": Rule(60, 60),
    "device": Rule(30, 30),
    "vault": Rule(60, 60),
    "emergency": Rule(6, 1),
    "upload": Rule(30, 10),
    "person": Rule(60, 60),
    "person_pin": Rule(8, 2),
    "consent_media": Rule(240, 240),
}
"""One rule for each thing that is limited; a household or an office shares one address, so these are not tight."""


@dataclass(slots=True)
class Buckets:
    """The state of one rule ◇: whoever took less than the rule gives may take on."""

    rule: Rule
    _state: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, key: str, now_s: float) -> float:
        """Take one token; returns 0 when there was one, else the seconds until there is."""
        tokens, at = self._state.get(key, (float(self.rule.burst), now_s))
        per_s = self.rule.per_minute / 60
        tokens = min(float(self.rule.burst), tokens + max(0.0, now_s - at) * per_s)
        if tokens < 1:
            self._state[key] = (tokens, now_s)
            return (1 - tokens) / per_s
        self._state[key] = (tokens - 1, now_s)
        if len(self._state) > MAX_KEYS:
            self._forget(now_s)
        return 0.0

    def _forget(self, now_s: float) -> None:
        """Drop buckets that are full again, then the oldest half: memory stays bounded whoever knocks."""
        full_after_s = self.rule.burst / (self.rule.per_minute / 60)
        self._state = {key: value for key, value in self._state.items() if now_s - value[1] < full_after_s}
        for key in list(self._state)[: max(0, len(self._state) - MAX_KEYS // 2)]:
            del self._state[key]


class Limits:
    """All buckets of one process."""

    def __init__(self) -> None:
        self._buckets = {name: Buckets(rule) for name, rule in RULES.items()}

    def take(self, name: str, key: str) -> float:
        """As ``Buckets.take``, by the rule's name."""
        return self._buckets[name].take(key, time.monotonic())


LIMITS = web.AppKey("limits", Limits)


def client_address(request: web.Request) -> str:
    """The address that a limit counts: the one our outermost proxy saw; an IPv6 client is its /64 network.

    Only as many entries of X-Forwarded-For are believed as there are proxies of ours, counted from the right.
    """
    proxies = request.app[SETTINGS].behind_proxy
    address = request.remote or ""
    if proxies:
        forwarded = [part.strip() for part in ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")]
        if len(forwarded) >= proxies and forwarded[-proxies]:
            address = forwarded[-proxies]
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def spend(request: web.Request, name: str, key: str | None = None) -> None:
    """Count one try against the rule ``name``, by client address or by ``key``; raises TooManyRequests."""
    wait_s = request.app[LIMITS].take(name, key if key is not None else client_address(request))
    if wait_s:
        raise TooManyRequests(wait_s)
