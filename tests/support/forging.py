"""A server that was taken over: what it says of whom to trust is its own, and it certifies whoever asks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Page, Route

from consent.policy import Role
from server.devices.certificates import VALID, Body, issue
from server.devices.signatures import fingerprint
from tests.support.staff_device import Organisation


@dataclass
class ForgingServer:
    """Stands between one browser and the true server."""

    role: Role
    organisation: Organisation = field(default_factory=Organisation)
    issued: list[str] = field(default_factory=list)
    """The bodies of the certificates that it has handed out."""

    async def stand_before(self, page: Page) -> None:
        """From its next request on, the browser hears the forger about trust and devices."""
        await page.route("**/api/trust", self._trust)
        await page.route("**/api/devices", self._devices)

    async def call_staff(self, page: Page) -> None:
        """It also says that whoever came by a link is a member of the team, and calls the appointment otherwise."""

        async def lie(route: Route) -> None:
            answer = await route.fetch()
            said: dict[str, Any] = await answer.json()
            said["you"] |= {"kind": "staff", "role": self.role.value}
            said["appointment"]["id"] = "f" * 16
            await route.fulfill(response=answer, json=said)

        await page.route("**/api/seat", lie)

    async def _trust(self, route: Route) -> None:
        key = self.organisation.public
        named = {"key": key, "fingerprint": fingerprint(key)}
        await route.fulfill(json={"organisation": named, "revoked": [], "for_good": []})

    async def _devices(self, route: Route) -> None:
        if route.request.method == "GET":
            account = {"id": "a" * 16, "name": "Somebody", "role": self.role.value}
            return await route.fulfill(json={"csrf": "x", "account": account, "devices": []})
        asked, now = json.loads(route.request.post_data or "{}"), datetime.now(UTC)
        body = Body(
            organisation=fingerprint(self.organisation.public),
            account="a" * 16,
            name="Somebody",
            role=self.role,
            sign=asked["sign"],
            seal=asked["seal"],
            issued=now - timedelta(seconds=1),
            expires=now + VALID,
        )
        certificate = issue(self.organisation.key, body)
        self.issued.append(certificate.body)
        known = {"id": "d" * 16, "fingerprint": body.device, "state": "certified", "asked_at": "", "expires_at": None}
        return await route.fulfill(json=known | {"certificate": certificate.model_dump()})
