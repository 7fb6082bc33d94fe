"""Certificates that do not fit are refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from server import lan, tls
from server.settings import SettingsError


def test_it_refuses_a_key_of_another_certificate(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    cert, _ = lan.certificate(tmp_path / "a", ["192.0.2.1"])
    _, key = lan.certificate(tmp_path / "b", ["192.0.2.1"])
    with pytest.raises(SettingsError, match="cannot be used"):
        tls.context(cert, key)


def test_it_refuses_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be used"):
        tls.context(tmp_path / "cert", tmp_path / "key")
