"""Checkpoints ◇: signed statements about the whole ledger (C2SP signed-note, tlog-checkpoint, tlog-cosignature)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from consent.canonical import LARGEST
from consent.leaf import LeafError, from_base64, to_base64
from consent.merkle import HASH_LENGTH

LONGEST = 64 * 1024
"""Bytes of a note that is read at all."""
MOST_SIGNATURES = 100

ED25519 = 0x01
COSIGNATURE_V1 = 0x04

_DECIMAL = re.compile(r"0|[1-9]\d{0,15}")
_DASH = "\N{EM DASH}"


class CheckpointError(ValueError):
    """A note, a checkpoint, a key or a signature that is not what it should be; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A name with a public key, spelt as C2SP vkey: of a log (kind 1) or of a witness (kind 4)."""

    name: str
    public: bytes
    kind: int = ED25519

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(each.isspace() for each in self.name):
            raise CheckpointError("the name of a key holds a space or a plus, or is empty")
        if self.kind not in {ED25519, COSIGNATURE_V1}:
            raise CheckpointError("a key of an unknown kind")
        if len(self.public) != 32:
            raise CheckpointError("an Ed25519 key has 32 bytes")

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart (C2SP signed-note)."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def spelt(self) -> str:
        """As people pass it on: ``name+id+key``."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes([self.kind]) + self.public)}"

    @classmethod
    def read(cls, text: str) -> Verifier:
        """A key from its spelling. Raises CheckpointError."""
        try:
            name, key_id, rest = text.strip().split("+", 2)
            data = from_base64(rest)
        except (ValueError, LeafError):
            raise CheckpointError("a key is spelt name+id+base64") from None
        if not data:
            raise CheckpointError("a key is spelt name+id+base64")
        found = cls(name, data[1:], data[0])
        if found.key_id.hex() != key_id:
            raise CheckpointError("the key does not have the id that its spelling names")
        return found

    def check(self, signature: bytes, message: bytes) -> bool:
        """Whether this is our signature over the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note, not checked yet."""

    name: str
    key_id: bytes
    data: bytes

    @property
    def line(self) -> str:
        """As it stands in the note, with its newline."""
        return f"{_DASH} {self.name} {to_base64(self.key_id + self.data)}\n"

    @classmethod
    def read(cls, line: str) -> Signature:
        """A signature from its line, without newline. Raises CheckpointError."""
        parts = line.split(" ")
        try:
            dash, name, rest = parts
            data = from_base64(rest)
        except (ValueError, LeafError):
            raise CheckpointError("a signature line is not “— name base64”") from None
        if dash != _DASH or not name or len(data) < 5:
            raise CheckpointError("a signature line is not “— name base64”")
        return cls(name, data[:4], data[4:])

    def by(self, verifier: Verifier) -> bool:
        """Whether it says that it is this key's."""
        return (self.name, self.key_id) == (verifier.name, verifier.key_id)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says about itself: so many entries, this root (C2SP tlog-checkpoint), and the signatures on it."""

    origin: str
    size: int
    root: bytes
    signatures: tuple[Signature, ...] = ()
    extensions: tuple[str, ...] = field(default=())

    @property
    def body(self) -> bytes:
        """What is signed."""
        lines = (self.origin, str(self.size), to_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines).encode()

    @property
    def note(self) -> str:
        """The whole signed note."""
        return self.body.decode() + "\n" + "".join(each.line for each in self.signatures)

    @classmethod
    def read(cls, note: str | bytes) -> Checkpoint:
        """A checkpoint from its note; its signatures are not checked yet. Raises CheckpointError."""
        try:
            text = note.decode() if isinstance(note, bytes) else note
        except UnicodeDecodeError:
            raise CheckpointError("a note is UTF-8") from None
        if len(text) > LONGEST:
            raise CheckpointError(f"a note is longer than {LONGEST} bytes")
        if any(each < " " and each != "\n" for each in text):
            raise CheckpointError("a note holds control characters")
        body, found, rest = text.rpartition("\n\n")
        if not found or not rest.endswith("\n"):
            raise CheckpointError("a note is a text, an empty line and signature lines")
        signatures = tuple(Signature.read(line) for line in rest[:-1].split("\n"))
        if len(signatures) > MOST_SIGNATURES:
            raise CheckpointError("a note has too many signatures")
        origin, *others = body.split("\n")
        try:
            size, root, *extensions = others
            root_hash = from_base64(root)
        except (ValueError, LeafError):
            raise CheckpointError("a checkpoint is an origin, a size and a root") from None
        if not origin or not _DECIMAL.fullmatch(size) or int(size) > LARGEST or len(root_hash) != HASH_LENGTH:
            raise CheckpointError("a checkpoint is an origin, a size and a root")
        if not all(extensions):
            raise CheckpointError("a checkpoint holds an empty line")
        return cls(origin, int(size), root_hash, signatures, tuple(extensions))

    def signed_by(self, log: Verifier) -> bool:
        """Whether the log with this key signed it. False for keys of witnesses, which say something else."""
        if log.kind != ED25519:
            return False
        return any(each.by(log) and log.check(each.data, self.body) for each in self.signatures)

    def cosigned_by(self, witness: Verifier) -> datetime | None:
        """When the witness with this key co-signed it (its own clock, UTC); None when it did not."""
        if witness.kind != COSIGNATURE_V1:
            return None
        for each in self.signatures:
            if each.by(witness) and len(each.data) == 72:
                seconds = int.from_bytes(each.data[:8])
                if seconds <= LARGEST and witness.check(each.data[8:], _cosigned(self.body, seconds)):
                    return _moment(seconds)
        return None

    def with_signatures(self, more: Iterable[Signature]) -> Checkpoint:
        """The same with further signatures; those that it carries already are not doubled."""
        return replace(self, signatures=tuple(dict.fromkeys((*self.signatures, *more))))


class Signer:
    """The private half: of a log, or of a witness (kind 4)."""

    def __init__(self, name: str, seed: bytes, kind: int = ED25519) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw(), kind)

    def sign(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint with the log's signature on it."""
        if self.verifier.kind != ED25519:
            raise CheckpointError("a witness does not sign for a log")
        data = self._key.sign(checkpoint.body)
        return checkpoint.with_signatures([Signature(self.verifier.name, self.verifier.key_id, data)])

    def cosign(self, checkpoint: Checkpoint, now: datetime) -> Signature:
        """The witness's statement that it has seen this as the log's largest tree by ``now``."""
        if self.verifier.kind != COSIGNATURE_V1:
            raise CheckpointError("a log does not co-sign")
        seconds = int(now.timestamp())
        data = seconds.to_bytes(8) + self._key.sign(_cosigned(checkpoint.body, seconds))
        return Signature(self.verifier.name, self.verifier.key_id, data)

    def __repr__(self) -> str:
        return f"Signer({self.verifier.name!r})"


def _cosigned(body: bytes, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n".encode() + body


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
