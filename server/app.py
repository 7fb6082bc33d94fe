"""Composition: the one place where the features are wired together."""

from __future__ import annotations

from aiohttp import web

from server import files, health, live, logs, metrics, purge
from server.accounts import admin
from server.accounts import demo as demo_sign_in
from server.accounts import sessions as sign_ins
from server.accounts import views as accounts
from server.accounts.passwords import Passwords
from server.appointments import door, invitations
from server.appointments import views as appointments
from server.cases import views as cases
from server.cases.service import team_role
from server.consents import features as consents
from server.devices import api as device_api
from server.devices import views as devices
from server.erasure import views as erasure
from server.evidence import views as evidence
from server.files import DIST
from server.health import DRAIN, Drain
from server.http import cors, csrf, problems, security, uploads
from server.http.context import CATALOGS, DATABASE, JINJA, SECRETS, SETTINGS, TEAM_ROLE
from server.http.guard import RefusalRecorder
from server.http.limits import LIMITS, Limits
from server.http.render import environment
from server.i18n import Catalogs
from server.metrics import METRICS, Metrics
from server.opening import open_database
from server.person import managing as person_pages
from server.person import views as person
from server.seats import views as seats
from server.secrets import Secrets
from server.sessions import views as records
from server.settings import ROOT, Settings
from server.supervision import job as supervision_job
from server.supervision import notices
from server.supervision import views as supervision
from server.vault import views as vault

WEB = ROOT / "web"
MAX_BODY = 256 * 1024
PAGES = (files, health, metrics, accounts, admin, cases, appointments, door, invitations, devices, records, supervision)
FEATURES = (*PAGES, erasure, consents, person, person_pages, seats, device_api, vault, evidence)


def build(settings: Settings, secrets: Secrets) -> web.Application:
    """The whole application; nothing runs before its startup."""
    app = web.Application(
        client_max_size=MAX_BODY,
        middlewares=[
            logs.middleware,
            metrics.middleware,
            cors.middleware,
            problems.middleware(RefusalRecorder()),
            sign_ins.middleware,
            uploads.middleware,
            csrf.middleware,
            notices.middleware,
            door.middleware,
        ],
    )
    app[SETTINGS] = settings
    app[SECRETS] = secrets
    app[DATABASE] = open_database(settings)
    app[CATALOGS] = Catalogs(WEB / "locale", settings.languages, settings.default_language)
    app[DIST] = WEB / "dist"
    app[JINJA] = environment(WEB, app)
    app[LIMITS] = Limits()
    app[METRICS] = Metrics()
    app[DRAIN] = Drain()
    app[sign_ins.PASSWORDS] = Passwords()
    app[TEAM_ROLE] = team_role
    security.install(app)
    for feature in FEATURES:
        app.add_routes(feature.routes())
    if settings.demo:
        app.add_routes(demo_sign_in.routes())
    consents.install(app)
    live.compose(app)
    purge.install(app)
    supervision_job.install(app)
    return app
