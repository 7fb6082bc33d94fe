"""One-click sign-in of the demo's people; its route exists only where ``settings.demo`` is on."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

from aiohttp import web

from server.accounts import sessions
from server.accounts.tables import Account
from server.demo_keys import DemoKeys
from server.devices import service as devices
from server.devices.signatures import spki
from server.http.context import database, secrets, settings
from server.http.errors import NotFound
from server.http.limits import spend
from server.http.render import render
from server.secrets import Secrets

MAC_LENGTH = 32


def routes() -> list[web.RouteDef]:
    """What this feature answers to."""
    return [web.get("/demo/sign-in/{token}", sign_in)]


def sign_in_url(base_url: str, keys: Secrets, account_id: str) -> str:
    """The link that signs in as this account."""
    return f"{base_url}/demo/sign-in/{account_id}{_mac(keys, account_id)}"


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Sign in and go to where this person's work begins."""
    spend(request, "demo_sign_in")
    token = request.match_info["token"]
    account_id, mac = token[:-MAC_LENGTH], token[-MAC_LENGTH:]
    if not hmac.compare_digest(mac.encode(), _mac(secrets(request), account_id).encode()):
        raise NotFound
    conf, now = settings(request), datetime.now(UTC)
    async with database(request).write() as session:
        account = await session.get(Account, account_id)
        if account is None or account.disabled_at is not None:
            raise NotFound
        started = await sessions.start(session, account.id, conf, now)
        own = await devices.certified(session, [account.id], now)
    sign_key = spki(DemoKeys(secrets(request)).signing(account_id).public_key())
    certificate = next((each.certificate for each in own if each.device.sign_key == sign_key), None)
    # The page's script takes the device's keys out of the fragment, which redirects would carry on to the next page.
    response = render(request, "accounts/demo.html", certificate=certificate)
    sessions.give_cookie(response, conf, started)
    return response


def _mac(keys: Secrets, account_id: str) -> str:
    return hmac.new(keys.derive("demo-sign-in"), account_id.encode(), hashlib.sha256).hexdigest()[:MAC_LENGTH]
