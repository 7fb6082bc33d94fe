"""Browser and server speak of the same bytes: what each has made (tests/data/encryption), the other takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from server import orgkey
from server.demo_keys import DemoKeys
from server.devices import certificates, service
from server.devices.certificates import Certificate
from server.devices.signatures import spki, verify
from server.devices.words import code_of
from server.secrets import Secrets
from server.vault import entries
from server.vault.entries import Entry

DATA = Path(__file__).parents[2] / "data" / "encryption"
SERVER, BROWSER = (json.loads((DATA / f"{name}-made.json").read_text()) for name in ("server", "browser"))
CODE = "GbG3 vPhL HfT7 fR2J"
"""The same as in tests/client."""
KEYS = DemoKeys(Secrets(bytes(range(32))))


def test_the_keys_are_those_that_the_demo_derives() -> None:
    assert SERVER["organisation"] == spki(KEYS.organisation().public_key())
    assert SERVER["deviceFragment"] == KEYS.device_fragment(SERVER["account"])
    assert SERVER["linkFragment"].endswith(KEYS.link_fragment("a" * 16, "b" * 16, 1))
    opened = orgkey.unseal(SERVER["organisationKeyFile"], SERVER["passphrase"])
    assert opened.private_numbers() == KEYS.organisation().private_numbers()


@pytest.mark.parametrize("made", [SERVER, BROWSER], ids=["the server's", "the browser's"])
def test_certificate_and_entry_hold(made: dict[str, Any]) -> None:
    certificate = Certificate.model_validate(made["certificate"])
    body = certificates.check(certificate, SERVER["organisation"], datetime(2026, 6, 1, tzinfo=UTC))
    entry = Entry.model_validate(made["entry"])
    assert entries.read(entry).recipients == {body.device}
    entries.check_signature(entry, body.sign)


def test_the_code_that_two_people_compare_is_of_both_keys() -> None:
    sign, seal = (BROWSER["asking"][key] for key in ("sign", "seal"))
    assert code_of(sign, seal) == CODE
    assert code_of(sign, SERVER["organisation"]) != CODE
    assert code_of(SERVER["organisation"], seal) != CODE


def test_a_browser_shows_that_its_keys_are_its_own() -> None:
    asking = BROWSER["asking"]
    statement = service.statement(SERVER["account"], asking["sign"], asking["seal"])
    assert verify(asking["sign"], service.LABEL, statement, asking["proof"])
