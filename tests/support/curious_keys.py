"""Everything a server ever held, tried as a key: every 16 and every 32 bytes of it, at whatever place they stand.

A frame's key could be there as it is, or as any secret from which RFC 9420 and RFC 9605 derive it; or the private half
of some key that has travelled.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.support.curious import Stream
from tests.support.sframe import KEY, NONCE, SUITE, FrameKey, clear_bytes, decode_header, metadata

SECRET = 32
BASE_LABEL = "SFrame 1.0 Base Key"
TEXT = re.compile(rb"[A-Za-z0-9+/_=-]{16,}")
LONGEST = 1 << 18
"""Of a longer value only the beginning is tried."""


@dataclass(frozen=True)
class Sample:
    """One frame of one sender's key: whoever opens it can open all that this key has sealed."""

    kid: int
    ctr: int
    about: bytes
    sealed: bytes


def samples(streams: Iterable[Stream]) -> dict[tuple[str, int], Sample]:
    """The first frame of sound that each sender has sealed with each key, by connection and key id."""
    found: dict[tuple[str, int], Sample] = {}
    for stream in streams:
        for frame in stream.frames() if stream.kind == "audio" else ():
            try:
                kid, ctr, length = decode_header(frame)
            except ValueError:
                continue
            about = frame[:length] + metadata(kid >> 8 & 0xFFFF, "audio", "microphone", b"")
            found.setdefault((stream.peer, kid), Sample(kid, ctr, about, frame[length:]))
    return found


class Bag:
    """Byte strings that the server held, whatever they mean."""

    def __init__(self) -> None:
        self.values: set[bytes] = set()

    def add(self, value: object) -> None:
        """Take something in, with everything inside of it: JSON, base64 and hexadecimal are looked through."""
        if isinstance(value, Mapping):
            for each in (*value.keys(), *value.values()):
                self.add(each)
        elif isinstance(value, list | tuple):
            for each in value:
                self.add(each)
        elif isinstance(value, str):
            self._add_text(value)
        elif isinstance(value, bytes):
            self._add_bytes(value)

    def add_database(self, path: Path) -> None:
        """Every value of every table."""
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
            for table in tables:
                for row in database.execute(f'select * from "{table}"'):
                    self.add(list(row))

    def _add_text(self, text: str) -> None:
        start = text.lstrip("0123456789")
        if start[:1] in {"{", "["}:
            try:
                self.add(json.loads(start))
            except ValueError:
                self._add_bytes(text.encode())
        else:
            self._add_bytes(text.encode())

    def _add_bytes(self, value: bytes) -> None:
        if len(value) < KEY or value in self.values:
            return
        self.values.add(value)
        for word in TEXT.findall(value[:LONGEST]):
            for decoded in _decoded(word):
                if len(decoded) >= KEY:
                    self.values.add(decoded)

    def pieces(self, length: int) -> set[bytes]:
        """Every string of so many bytes, at every place."""
        return {value[at : at + length] for value in self.values for at in range(min(len(value), LONGEST) - length + 1)}


def _decoded(word: bytes) -> Iterator[bytes]:
    bare = word.rstrip(b"=").translate(bytes.maketrans(b"+/", b"-_"))
    with suppress(binascii.Error):
        yield base64.urlsafe_b64decode(bare + b"=" * (-len(bare) % 4))
    if re.fullmatch(rb"([0-9a-f]{2})+", word):
        yield bytes.fromhex(word.decode())


def expand(secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand with SHA-256 (RFC 5869) for up to 32 bytes."""
    return hmac.digest(secret, info + b"\x01", "sha256")[:length]


def derive(secret: bytes, label: str, context: bytes = b"", length: int = SECRET) -> bytes:
    """ExpandWithLabel (RFC 9420 section 8)."""
    spelt = b"MLS 1.0 " + label.encode()
    return expand(secret, struct.pack(">HB", length, len(spelt)) + spelt + bytes([len(context)]) + context, length)


def exported(exporter_secret: bytes) -> bytes:
    """The base key of SFrame: MLS-Exporter (RFC 9420 section 8.5) with an empty context."""
    nothing = hashlib.sha256(b"").digest()
    return derive(derive(exporter_secret, BASE_LABEL), "exported", nothing, KEY)


def opens(bag: Bag, wanted: Mapping[tuple[str, int], Sample]) -> dict[tuple[str, int], bytes]:
    """Which senders' keys the bag opens, and by which bytes."""
    found: dict[tuple[str, int], bytes] = {}
    for piece in bag.pieces(KEY):
        _try_base(piece, piece, wanted, found)
    for piece in bag.pieces(KEY + NONCE):
        for name, sample in wanted.items():
            if _opens(AESGCM(piece[:KEY]), piece[KEY:], sample):
                found[name] = piece
    for piece in bag.pieces(SECRET):
        _try_secret(piece, piece, wanted, found)
        _try_base(piece, piece, wanted, found)
        _try_base(exported(piece), piece, wanted, found)
        _try_base(exported(derive(piece, "exporter")), piece, wanted, found)
    return found


def opened(stream: Stream, base_key: bytes) -> int:
    """How many of a microphone's or a camera's frames this base key opens."""
    source = "microphone" if stream.kind == "audio" else "camera"
    keys: dict[int, FrameKey] = {}
    count = 0
    for frame in stream.frames():
        clear = frame[: clear_bytes(stream.kind, frame)]
        try:
            kid, _, _ = decode_header(frame[len(clear) :])
            key = keys.setdefault(kid, FrameKey(kid, base_key))
            key.open(metadata(kid >> 8 & 0xFFFF, stream.kind, source, clear), frame[len(clear) :])
        except (ValueError, InvalidTag):
            continue
        count += 1
    return count


def private_halves(bag: Bag) -> set[bytes]:
    """Whatever is the private half of an X25519 key that is also in the bag, as those are that MLS is sealed to."""
    pieces = bag.pieces(SECRET)
    return {
        piece
        for piece in pieces
        if X25519PrivateKey.from_private_bytes(piece).public_key().public_bytes_raw() in pieces
    }


def _try_base(
    base: bytes, by: bytes, wanted: Mapping[tuple[str, int], Sample], found: dict[tuple[str, int], bytes]
) -> None:
    _try_secret(hmac.digest(bytes(SECRET), base, "sha256"), by, wanted, found)


def _try_secret(
    secret: bytes, by: bytes, wanted: Mapping[tuple[str, int], Sample], found: dict[tuple[str, int], bytes]
) -> None:
    keys: dict[int, tuple[AESGCM, bytes]] = {}
    for name, sample in wanted.items():
        if sample.kid not in keys:
            about = struct.pack(">QH", sample.kid, SUITE)
            key = expand(secret, b"SFrame 1.0 Secret key " + about, KEY)
            keys[sample.kid] = AESGCM(key), expand(secret, b"SFrame 1.0 Secret salt " + about, NONCE)
        cipher, salt = keys[sample.kid]
        if _opens(cipher, salt, sample):
            found[name] = by


def _opens(cipher: AESGCM, salt: bytes, sample: Sample) -> bool:
    nonce = (int.from_bytes(salt, "big") ^ sample.ctr).to_bytes(NONCE, "big")
    try:
        cipher.decrypt(nonce, sample.sealed, sample.about)
    except InvalidTag:
        return False
    return True
