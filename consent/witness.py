"""A witness: co-signs the checkpoints of other organisations' logs when they only ever grow (C2SP tlog-witness)."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from consent.canonical import LARGEST
from consent.checkpoint import COSIGNATURE_V1, LONGEST, Checkpoint, CheckpointError, Signer, Verifier
from consent.leaf import LeafError, from_base64, to_base64
from consent.merkle import EMPTY_ROOT, MerkleError, verify_consistency

LONGEST_REQUEST = LONGEST + 8 * 1024
MOST_STEPS = 63
SIZE_TYPE = "text/x.tlog.size"
_OLD = re.compile(r"old (0|[1-9]\d{0,15})")


class WitnessError(Exception):
    """A witness that cannot be opened; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Request:
    """One ``add-checkpoint``."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint

    @property
    def spelt(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old}", *map(to_base64, self.proof), "", self.checkpoint.note]
        return "\n".join(lines).encode()

    @classmethod
    def read(cls, body: bytes) -> Request:
        """Raises CheckpointError."""
        if len(body) > LONGEST_REQUEST:
            raise CheckpointError("the request is too long")
        head, found, note = body.partition(b"\n\n")
        try:
            first, *steps = head.decode("ascii").split("\n")
            proof = tuple(from_base64(step) for step in steps)
        except (UnicodeDecodeError, LeafError):
            raise CheckpointError("the proof is not lines of base64") from None
        old = _OLD.fullmatch(first)
        if not found or old is None or int(old[1]) > LARGEST or len(proof) > MOST_STEPS:
            raise CheckpointError("a request is “old N”, a proof, an empty line and a checkpoint")
        return cls(int(old[1]), proof, Checkpoint.read(note))


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over HTTP."""

    status: int
    text: str
    content_type: str = "text/plain"


class Witness:
    """One witness in its own folder: its key, the logs that it watches, and the last checkpoint of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            name, seed = (folder / "witness.key").read_text().split()
            self._signer = Signer(name, bytes.fromhex(seed), COSIGNATURE_V1)
            keys = [Verifier.read(line) for line in (folder / "logs").read_text().splitlines() if line.strip()]
        except FileNotFoundError as error:
            raise WitnessError(f"{error.filename} is missing. Make the witness first, with --name.") from None
        except (ValueError, CheckpointError) as error:
            raise WitnessError(f"The witness in {folder} cannot be opened: {error}.") from None
        self.logs = {key.name: key for key in keys}

    @classmethod
    def make(cls, folder: Path, name: str) -> Witness:
        """A new witness with a key of its own. Raises WitnessError when there is one already."""
        try:
            Verifier(name, bytes(32), COSIGNATURE_V1)
        except CheckpointError as error:
            raise WitnessError(f"“{name}” cannot be the name of a witness: {error}.") from None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(folder / "witness.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise WitnessError(f"There is a witness in {folder} already; its name cannot be changed.") from None
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{name} {secrets.token_hex(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        (folder / "logs").touch(mode=0o600)
        return cls(folder)

    @property
    def verifier(self) -> Verifier:
        """The public key, to be given to whoever verifies."""
        return self._signer.verifier

    def watch(self, log: Verifier) -> None:
        """Co-sign for this log from now on; a new key for the same name replaces the old one."""
        self.logs[log.name] = log
        self._put("logs", "".join(f"{each.spelt}\n" for each in self.logs.values()))

    def last(self, origin: str) -> Checkpoint | None:
        """The largest checkpoint of a log that was co-signed here."""
        try:
            return Checkpoint.read((self.folder / self._file(origin)).read_bytes())
        except FileNotFoundError:
            return None

    def add(self, body: bytes, now: datetime) -> Answer:  # noqa: PLR0911 - one for each answer of the specification
        """Answer one ``add-checkpoint``; what is co-signed was put down durably before."""
        try:
            request = Request.read(body)
        except CheckpointError as error:
            return Answer(400, f"{error}\n")
        fresh = request.checkpoint
        log = self.logs.get(fresh.origin)
        if log is None:
            return Answer(404, "this witness does not know the log\n")
        if not fresh.signed_by(log):
            return Answer(403, "the checkpoint is not signed by the log\n")
        if request.old > fresh.size:
            return Answer(400, "the old size is larger than the new one\n")
        with self._alone():
            last = self.last(fresh.origin)
            size, root = (last.size, last.root) if last else (0, EMPTY_ROOT)
            if request.old != size or (fresh.size == size and fresh.root != root):
                return Answer(409, f"{size}\n", SIZE_TYPE)
            try:
                verify_consistency(size, fresh.size, root, fresh.root, request.proof)
            except MerkleError as error:
                return Answer(422, f"{error}\n")
            cosignature = self._signer.cosign(fresh, now)
            signed = [each for each in fresh.signatures if each.by(log)]
            kept = Checkpoint(fresh.origin, fresh.size, fresh.root, tuple(signed), fresh.extensions)
            self._put(self._file(fresh.origin), kept.with_signatures([cosignature]).note)
        return Answer(200, cosignature.line)

    def _file(self, origin: str) -> str:
        return hashlib.sha256(origin.encode()).hexdigest() + ".checkpoint"

    def _put(self, name: str, text: str) -> None:
        fresh = self.folder / f".{name}.{os.getpid()}.new"
        with fresh.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.folder / name)
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Looking at the last checkpoint and putting down the next is one step, also between processes."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
