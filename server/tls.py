"""TLS: the context that this server speaks HTTPS with."""

from __future__ import annotations

import ssl
from pathlib import Path

from server.settings import SettingsError


def context(cert: Path, key: Path) -> ssl.SSLContext:
    """A server context, TLS 1.2 and newer. Raises SettingsError when certificate and key do not fit."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(cert, key)
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise SettingsError(f"The certificate {cert} and the key {key} cannot be used: {reason}.") from None
    return made
