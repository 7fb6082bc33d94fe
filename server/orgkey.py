"""The organisation's key: made once, kept by an administrator in a file under a passphrase, never by the server.

The file is JSON that a browser's WebCrypto opens as well: ``{"v":1,"public":SPKI,"kdf":"PBKDF2-SHA256",
"iterations":600000,"salt":…,"iv":…,"ciphertext":AES-256-GCM(PKCS#8)}``, binary values in base64url. The additional
data of the encryption is the public key as it is written, so that a file cannot show another key than it holds.
"""

from __future__ import annotations

import os
import secrets
import unicodedata
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from server.devices.signatures import KeyTextError, from_base64url, public_key, spki, to_base64url

ITERATIONS = 600_000
"""OWASP's figure for PBKDF2 with SHA-256."""
MIN_PASSPHRASE = 12
MAX_FILE = 16 * 1024
_SALT, _IV = 16, 12

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class OrgKeyError(Exception):
    """A key file that cannot be made or used; the text says what to do."""


class KeyFile(BaseModel):
    """The file's content."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    v: Literal[1]
    public: Text
    kdf: Literal["PBKDF2-SHA256"]
    iterations: Annotated[int, Field(ge=ITERATIONS, le=10_000_000)]
    salt: Text
    iv: Text
    ciphertext: Text


def make() -> ec.EllipticCurvePrivateKey:
    """A new key."""
    return ec.generate_private_key(ec.SECP256R1())


def seal(key: ec.EllipticCurvePrivateKey, passphrase: str) -> str:
    """The text of a key file."""
    salt, iv, public = secrets.token_bytes(_SALT), secrets.token_bytes(_IV), spki(key.public_key())
    pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    ciphertext = AESGCM(_stretch(passphrase, salt, ITERATIONS)).encrypt(iv, pkcs8, public.encode())
    content = KeyFile(
        v=1,
        public=public,
        kdf="PBKDF2-SHA256",
        iterations=ITERATIONS,
        salt=to_base64url(salt),
        iv=to_base64url(iv),
        ciphertext=to_base64url(ciphertext),
    )
    return content.model_dump_json(indent=1) + "\n"


def unseal(text: str, passphrase: str) -> ec.EllipticCurvePrivateKey:
    """The key of a key file. Raises OrgKeyError."""
    content = read(text)
    try:
        salt, iv, sealed = (from_base64url(each) for each in (content.salt, content.iv, content.ciphertext))
        pkcs8 = AESGCM(_stretch(passphrase, salt, content.iterations)).decrypt(iv, sealed, content.public.encode())
    except (InvalidTag, ValueError) as error:
        raise OrgKeyError("The passphrase does not open this key file, or the file is damaged.") from error
    key = load_der_private_key(pkcs8, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or spki(key.public_key()) != content.public:
        raise OrgKeyError("The key file holds another key than it shows.")
    return key


def read(text: str) -> KeyFile:
    """What a key file shows without its passphrase. Raises OrgKeyError."""
    try:
        content = KeyFile.model_validate_json(text)
        public_key(content.public)
    except (ValidationError, KeyTextError) as error:
        raise OrgKeyError("This is not an organisation's key file.") from error
    return content


def write_new(path: Path, text: str) -> None:
    """Write a key file, readable by its owner alone. Raises OrgKeyError when there is something already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise OrgKeyError(f"{path} exists already. A key is never overwritten: choose another name.") from None
    except OSError as error:
        raise OrgKeyError(f"{path} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def public_of(given: str) -> str:
    """The public key that a person names: itself, or a key file. Raises OrgKeyError."""
    try:
        public_key(given)
    except KeyTextError:
        return _public_in(Path(given))
    return given


def _public_in(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_FILE)
    except (OSError, ValueError) as error:
        raise OrgKeyError("This is neither a public key nor a key file that can be read.") from error
    try:
        public_key(text.strip())
    except KeyTextError:
        return read(text).public
    return text.strip()


def weakness(passphrase: str) -> str | None:
    """Why a new passphrase is refused, or None."""
    if len(passphrase) < MIN_PASSPHRASE:
        return f"Use at least {MIN_PASSPHRASE} characters. Four words that do not belong together are good."
    return None


def _stretch(passphrase: str, salt: bytes, iterations: int) -> bytes:
    # The same passphrase from every keyboard; the browser normalises alike.
    given = unicodedata.normalize("NFKC", passphrase).encode()
    return PBKDF2HMAC(algorithm=SHA256(), length=32, salt=salt, iterations=iterations).derive(given)
