"""Frames sealed as browsers seal them: SFrame (RFC 9605), AES_128_GCM_SHA256_128, bound to leaf, kind and source."""

from __future__ import annotations

import itertools
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

SUITE, KEY, NONCE = 4, 16, 12
KINDS = {"audio": 0, "video": 1}
SOURCES = {"microphone": 0, "camera": 1, "screen": 2}


def encode_header(kid: int, ctr: int) -> bytes:
    """RFC 9605 section 4.3."""
    first, more = 0, b""
    for shift, value in ((4, kid), (0, ctr)):
        if value < 8:
            first |= value << shift
        else:
            spelt = value.to_bytes((value.bit_length() + 7) // 8, "big")
            first |= (8 | len(spelt) - 1) << shift
            more += spelt
    return bytes([first]) + more


def decode_header(data: bytes) -> tuple[int, int, int]:
    """KID, CTR and the header's length. Raises ValueError when the bytes end too early."""
    values, at = [], 1
    for bits in (data[0] >> 4, data[0] & 15) if data else ():
        length = (bits & 7) + 1 if bits & 8 else 0
        values.append(int.from_bytes(data[at : at + length], "big") if length else bits)
        at += length
    if not values or at > len(data):
        raise ValueError("no SFrame header")
    return values[0], values[1], at


class FrameKey:
    """The key of one KID, RFC 9605 section 4.4."""

    def __init__(self, kid: int, base_key: bytes) -> None:
        extract = hmac.HMAC(bytes(hashes.SHA256.digest_size), hashes.SHA256())
        extract.update(base_key)
        secret, about = extract.finalize(), struct.pack(">QH", kid, SUITE)
        self.kid = kid
        self._cipher = AESGCM(HKDFExpand(hashes.SHA256(), KEY, b"SFrame 1.0 Secret key " + about).derive(secret))
        salt = HKDFExpand(hashes.SHA256(), NONCE, b"SFrame 1.0 Secret salt " + about).derive(secret)
        self._salt = int.from_bytes(salt, "big")

    def seal(self, ctr: int, metadata: bytes, plain: bytes) -> bytes:
        """Header, ciphertext and tag. A counter must never come twice."""
        header = encode_header(self.kid, ctr)
        return header + self._cipher.encrypt(self._nonce(ctr), plain, header + metadata)

    def open(self, metadata: bytes, data: bytes) -> bytes:
        """The plaintext. Raises InvalidTag."""
        _, ctr, length = decode_header(data)
        return self._cipher.decrypt(self._nonce(ctr), data[length:], data[:length] + metadata)

    def _nonce(self, ctr: int) -> bytes:
        return (self._salt ^ ctr).to_bytes(NONCE, "big")


def clear_bytes(kind: str, data: bytes) -> int:
    """How many first bytes stay readable: of VP8 ten in a key frame and one in others, of sound none."""
    if kind == "audio" or not data:
        return 0
    return min(len(data), 1 if data[0] & 1 else 10)


def metadata(leaf: int, kind: str, source: str, clear: bytes) -> bytes:
    """What a frame is bound to beside its bytes."""
    return b"poruch" + struct.pack(">HBB", leaf, KINDS[kind], SOURCES[source]) + clear


@dataclass(frozen=True)
class Stream:
    """Whose frames, and what of theirs."""

    seat: str
    kind: str
    source: str


@dataclass
class _Epoch:
    base_key: bytes
    seats: Mapping[int, str]
    own: int
    keys: dict[int, FrameKey] = field(default_factory=dict)

    def key(self, epoch: int, leaf: int) -> FrameKey:
        return self.keys.setdefault(leaf, FrameKey(leaf << 8 | epoch & 255, self.base_key))


class FrameKeys:
    """The keys of one participant, as the group's epochs bring them. Frames without a fitting key end here."""

    def __init__(self) -> None:
        self.opened: Counter[Stream] = Counter()
        self.refused: Counter[str] = Counter()
        self.sealed = 0
        self.sending: int | None = None
        self._epochs: dict[int, _Epoch] = {}
        self._send: tuple[int, FrameKey, Iterator[int]] | None = None
        self._seen: set[tuple[int, int]] = set()

    def install(self, epoch: int, base_key: bytes, seats: Mapping[int, str], own: int) -> None:
        """Open frames of this epoch from now on, and of the one before."""
        self._epochs[epoch] = _Epoch(base_key, seats, own)
        self._epochs.pop(epoch - 2, None)

    def base_key(self) -> bytes:
        """The newest epoch's."""
        return self._epochs[max(self._epochs)].base_key

    def reseat(self, seats: Mapping[int, str]) -> None:
        """Take the newest epoch's leaves to be these seats'."""
        self._epochs[max(self._epochs)].seats = seats

    def send_with(self, epoch: int) -> None:
        """Seal with this epoch's key from now on."""
        found = self._epochs[epoch]
        self._send = (found.own, found.key(epoch, found.own), itertools.count())
        self.sending = epoch

    def mislead(self, base_key: bytes) -> None:
        """Seal with a key that nobody else has, under the true key's id."""
        assert self._send is not None
        leaf, key, counter = self._send
        self._send = (leaf, FrameKey(key.kid, base_key), counter)

    def clear(self) -> None:
        """Forget everything: nothing leaves and nothing is opened any more."""
        self._epochs.clear()
        self._seen.clear()
        self._send = self.sending = None

    def seal(self, kind: str, source: str, data: bytes) -> bytes | None:
        """The frame as it may leave; None while there is no key."""
        if self._send is None:
            self.refused["no_key"] += 1
            return None
        leaf, key, counter = self._send
        clear = data[: clear_bytes(kind, data)]
        self.sealed += 1
        return clear + key.seal(next(counter), metadata(leaf, kind, source, clear), data[len(clear) :])

    def open(self, stream: Stream, data: bytes) -> bytes | None:
        """The frame as that person's device had it; None for everything else."""
        clear = data[: clear_bytes(stream.kind, data)]
        try:
            kid, ctr, _ = decode_header(data[len(clear) :])
            plain = self._open(stream, kid, clear, data[len(clear) :])
        except (ValueError, InvalidTag):
            self.refused["tampered"] += 1
            return None
        if isinstance(plain, bytes) and (kid, ctr) not in self._seen:
            self._seen.add((kid, ctr))
            self.opened[stream] += 1
            return clear + plain
        self.refused["replayed" if isinstance(plain, bytes) else plain] += 1
        return None

    def _open(self, stream: Stream, kid: int, clear: bytes, sealed: bytes) -> bytes | str:
        leaf, newest = kid >> 8, max(self._epochs, default=None)
        epoch = next((each for each in sorted(self._epochs, reverse=True) if each & 255 == kid & 255), None)
        if newest is None or epoch is None:
            return "no_key" if newest is None else "unknown_epoch"
        if {self._epochs[each].seats.get(leaf) for each in (epoch, newest)} != {stream.seat}:
            return "wrong_sender"
        about = metadata(leaf, stream.kind, stream.source, clear)
        return self._epochs[epoch].key(epoch, leaf).open(about, sealed)
