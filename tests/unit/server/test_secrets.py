"""The master secret and the keys derived from it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from server import secrets
from server.secrets import SecretsError


def test_it_makes_the_secret_once_for_the_owner_alone(tmp_path: Path) -> None:
    first = secrets.load(tmp_path / "data")
    file = tmp_path / "data" / secrets.FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secrets.load(tmp_path / "data").derive("link") == first.derive("link")
    assert [each.name for each in (tmp_path / "data").iterdir()] == [secrets.FILE_NAME]


def test_it_derives_another_key_for_each_purpose(tmp_path: Path) -> None:
    keys = secrets.load(tmp_path)
    assert len({keys.derive(purpose) for purpose in ("link", "ticket", "csrf")}) == 3
    assert len(keys.derive("link")) == 32


def test_it_refuses_a_secret_that_others_can_read(tmp_path: Path) -> None:
    secrets.load(tmp_path)
    (tmp_path / secrets.FILE_NAME).chmod(0o640)
    with pytest.raises(SecretsError, match="chmod 600"):
        secrets.load(tmp_path)


def test_it_refuses_a_secret_of_the_wrong_length(tmp_path: Path) -> None:
    file = tmp_path / secrets.FILE_NAME
    file.touch(mode=0o600)
    with pytest.raises(SecretsError, match="32 bytes"):
        secrets.load(tmp_path)


def test_it_does_not_print_itself(tmp_path: Path) -> None:
    assert repr(secrets.load(tmp_path)) == "Secrets(…)"
