"""What the browser's code is tested with (tests/client/server-formats.test.ts) is what this code makes and takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from server import orgkey
from server.demo_keys import DemoKeys
from server.devices import certificates
from server.devices.certificates import Certificate
from server.devices.signatures import spki
from server.secrets import Secrets
from server.vault import entries
from server.vault.entries import Entry

MADE = json.loads((Path(__file__).parents[2] / "data" / "encryption" / "server-made.json").read_text())
KEYS = DemoKeys(Secrets(bytes(range(32))))


def test_the_keys_are_those_that_the_demo_derives() -> None:
    assert MADE["organisation"] == spki(KEYS.organisation().public_key())
    assert MADE["deviceFragment"] == KEYS.device_fragment(MADE["account"])
    assert MADE["linkFragment"].endswith(KEYS.link_fragment("a" * 16, "b" * 16, 1))
    opened = orgkey.unseal(MADE["organisationKeyFile"], MADE["passphrase"])
    assert opened.private_numbers() == KEYS.organisation().private_numbers()


def test_certificate_and_entry_hold() -> None:
    certificate = Certificate.model_validate(MADE["certificate"])
    body = certificates.check(certificate, MADE["organisation"], datetime(2026, 6, 1, tzinfo=UTC))
    entry = Entry.model_validate(MADE["entry"])
    assert entries.read(entry).recipients == {body.device}
    entries.check_signature(entry, body.sign)
