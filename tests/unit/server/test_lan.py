"""The demo's own certificate for the local network."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from server import lan, tls

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def names(path: Path) -> set[str]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(each) for each in extension.get_values_for_type(x509.IPAddress)}


def test_it_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    cert, key = lan.certificate(tmp_path, ["192.0.2.1", "192.0.2.2"], NOW)
    before = cert.read_bytes()
    assert names(cert) == {"192.0.2.1", "192.0.2.2"}
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    lan.certificate(tmp_path, ["192.0.2.2"], NOW + timedelta(days=300))
    assert cert.read_bytes() == before
    tls.context(cert, key)


def test_it_is_made_anew_for_another_address_or_when_it_is_old(tmp_path: Path) -> None:
    cert, _ = lan.certificate(tmp_path, ["192.0.2.1"], NOW)
    lan.certificate(tmp_path, ["192.0.2.9"], NOW)
    assert names(cert) == {"192.0.2.9"}
    before = cert.read_bytes()
    lan.certificate(tmp_path, ["192.0.2.9"], NOW + timedelta(days=395))
    assert cert.read_bytes() != before


def test_it_is_made_anew_when_the_file_is_broken(tmp_path: Path) -> None:
    cert, _ = lan.certificate(tmp_path, ["192.0.2.1"], NOW)
    cert.write_bytes(b"broken")
    lan.certificate(tmp_path, ["192.0.2.1"], NOW)
    assert names(cert) == {"192.0.2.1"}


def test_the_code_for_phones_is_made_of_blocks() -> None:
    drawn = lan.terminal_code("https://192.0.2.1:8443/call#i=abc")
    assert set(drawn) <= set("█▀▄ \n") | set("\x1b[0123456789;m")
    assert len(drawn.splitlines()) > 10
