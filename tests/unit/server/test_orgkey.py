"""The organisation's key file: what opens it, what does not, and that nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from server import orgkey
from server.devices.signatures import spki

PASSPHRASE = "correct horse battery staple"
KEY = orgkey.make()
FILE = orgkey.seal(KEY, PASSPHRASE)


def changed(**fields: object) -> str:
    return json.dumps(json.loads(FILE) | fields)


def test_it_opens_with_its_passphrase_alone() -> None:
    assert orgkey.unseal(FILE, PASSPHRASE).private_numbers() == KEY.private_numbers()
    with pytest.raises(orgkey.OrgKeyError, match="passphrase"):
        orgkey.unseal(FILE, PASSPHRASE + "!")


def test_it_shows_its_public_key_without_a_passphrase_and_never_the_private_one() -> None:
    assert orgkey.read(FILE).public == spki(KEY.public_key())
    assert set(json.loads(FILE)) == {"v", "public", "kdf", "iterations", "salt", "iv", "ciphertext"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        changed(v=2),
        changed(iterations=1000),
        changed(iterations=10**9),
        changed(kdf="scrypt"),
        changed(public="no key"),
        changed(more=1),
    ],
)
def test_it_refuses_what_is_no_key_file(text: str) -> None:
    with pytest.raises(orgkey.OrgKeyError, match="not an organisation"):
        orgkey.unseal(text, PASSPHRASE)


@pytest.mark.parametrize(
    "text",
    [changed(public=spki(orgkey.make().public_key())), changed(salt="AAAA"), changed(iv="AAAA"), changed(iv="!")],
)
def test_it_refuses_a_file_that_was_changed(text: str) -> None:
    with pytest.raises(orgkey.OrgKeyError, match="does not open"):
        orgkey.unseal(text, PASSPHRASE)


def test_it_overwrites_nothing_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    orgkey.write_new(path, FILE)
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(orgkey.OrgKeyError, match="exists already"):
        orgkey.write_new(path, FILE)
    assert path.read_text() == FILE


def test_it_finds_the_public_key_in_what_people_name(tmp_path: Path) -> None:
    public, path, text = spki(KEY.public_key()), tmp_path / "key.json", tmp_path / "public.txt"
    path.write_text(FILE)
    text.write_text(public + "\n")
    assert {orgkey.public_of(given) for given in (public, str(path), str(text))} == {public}
    for wrong in ("AAAA", str(tmp_path / "nowhere"), str(tmp_path)):
        with pytest.raises(orgkey.OrgKeyError):
            orgkey.public_of(wrong)


def test_it_refuses_a_short_passphrase() -> None:
    assert orgkey.weakness("short")
    assert orgkey.weakness(PASSPHRASE) is None
