"""The demo on the local network: this machine's addresses, a certificate of its own, a code for phones to scan."""

from __future__ import annotations

import io
import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import segno
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=398)
"""Phones refuse certificates that last much longer."""


def certificate(data_dir: Path, addresses: list[str], now: datetime | None = None) -> tuple[Path, Path]:
    """Certificate and key for these addresses, kept in the data directory; made anew when they no longer fit."""
    now = now or datetime.now(UTC)
    cert_path, key_path = data_dir / "lan.crt", data_dir / "lan.key"
    if not (cert_path.exists() and key_path.exists() and _fits(cert_path, addresses, now)):
        _make(cert_path, key_path, addresses, now)
    return cert_path, key_path


def terminal_code(link: str) -> str:
    """The link as a QR code of block characters."""
    drawn = io.StringIO()
    segno.make(link, error="l").terminal(out=drawn, compact=True)
    return drawn.getvalue()


def _fits(path: Path, addresses: list[str], now: datetime) -> bool:
    try:
        known = x509.load_pem_x509_certificate(path.read_bytes())
        names = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    covered = {str(each) for each in names.get_values_for_type(x509.IPAddress)}
    return covered >= set(addresses) and known.not_valid_after_utc > now + timedelta(days=7)


def _make(cert_path: Path, key_path: Path, addresses: list[str], now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Poruch demo")])
    names: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([*names, x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, SHA256())
    )
    _write(key_path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write(cert_path, cert.public_bytes(Encoding.PEM))


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
