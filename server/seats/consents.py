"""Consent over HTTP: ``POST /api/consent`` and ``POST /api/consent/withdraw``, from the pages of a seat."""

from __future__ import annotations

from signaling.errors import CONSENT_TEXTS

STATUS = dict.fromkeys(CONSENT_TEXTS, 409)
"""HTTP status of the codes that only consent knows."""
